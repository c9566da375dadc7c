// ProfileQL as a subgraph, with a sandbox of its own inside, over HTTP. PROFILEQL is the binary.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

const binary = process.env.PROFILEQL;
if (!binary) throw new Error("PROFILEQL must be the path of the binary");

/** The schema for composition. */
export const subgraphSchema = () => execFileSync(binary, ["schema", "--federation"], { encoding: "utf8" });

/** Starts ProfileQL, and returns once it listens. */
export async function startProfileQL(...options) {
  const child = spawn(binary, ["--federation", "--listen", "127.0.0.1:0", ...options], { stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text) => (log += text));
  let banner = "";
  for await (const line of createInterface({ input: child.stdout })) {
    banner += `${line}\n`;
    if (/^ *Source /.test(line)) break;
  }
  const url = /^ *GraphQL *(\S+)/m.exec(banner)?.[1];
  const source = /^ *Source .*?(https?:\/\/[^/\s]+)/m.exec(banner)?.[1];
  if (!url || !source) {
    child.kill();
    throw new Error(`ProfileQL did not start: ${banner}${log}`);
  }
  return {
    url,
    /** Lets the sandbox misbehave by these rules from now on; by none, behave again. */
    async faults(...rules) {
      const response = await fetch(`${source}/faults`, { method: "PUT", body: JSON.stringify({ rules }) });
      if (!response.ok) throw new Error(`faults: ${response.status} ${await response.text()}`);
    },
    async stop() {
      if (child.exitCode !== null) return;
      child.kill("SIGINT");
      await once(child, "exit");
    },
  };
}

/** Sends an operation as the person with a token. */
export async function send(url, query, variables = {}, token = "yuki@example.com") {
  const headers = { "Content-Type": "application/json" };
  if (token) headers.Authorization = `Bearer ${token}`;
  const response = await fetch(url, { method: "POST", headers, body: JSON.stringify({ query, variables }) });
  return response.json();
}
