// A request to a source as a command for curl.

import { options } from "./request.js";

const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

/** The command for a request of a trace. Tokens and base URLs that the page does not know are variables of the shell. */
export function curl({ source, method, path, body }, authorized) {
  const base = options.sources[source];
  const lines = [`curl -X ${method} ${base === undefined ? `"$BASE_URL"${quoted(path)}` : quoted(base + path)}`];
  if (authorized) lines.push(`-H "Authorization: Bearer $TOKEN"`);
  if (body !== undefined) lines.push("-H 'Content-Type: application/json'", `--data-raw ${quoted(JSON.stringify(body))}`);
  return lines.join(" \\\n  ");
}
