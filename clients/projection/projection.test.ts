// Answers are what graphql-js makes of the same document and the same answer of a source, whatever either looks like.
//
// PROJECTION_SEED repeats a run, and PROJECTION_PAIRS says how many there are.
import { randomInt, randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Random } from "../coercion/random";
import { globalID } from "../coercion/wire";
import { start, type ProfileQL } from "../profileql";
import { itemOf } from "./answers";
import { documentOf } from "./documents";
import { judge, readSchema, source } from "./judge";

const schema = readSchema(readFileSync(join(import.meta.dirname, "../../schema.graphqls"), "utf8"));
const seed = Number(process.env["PROJECTION_SEED"] ?? randomInt(2 ** 31));
const count = Number(process.env["PROJECTION_PAIRS"] ?? 2000);

/** How many are under way at a time. */
const atOnce = 16;

/** The items that the source has for a request, by its client-request-id. */
const answers = new Map<string, string[]>();
let server: Server;
let profileql: ProfileQL;
let folder: string;
beforeAll(async () => {
  server = createServer((request, response) => {
    const items = answers.get(String(request.headers["client-request-id"])) ?? [];
    const url = new URL(request.url ?? "", "http://source");
    const isList = request.method === "GET" && url.pathname.endsWith("/interests");
    const page = url.searchParams.get("$orderby") === "id" ? [] : items; // those without a date are none
    request.resume().on("end", () => {
      response.setHeader("Content-Type", "application/json");
      response.end(isList ? `{"value": [${page.join(", ")}], "@odata.count": ${items.length}}` : items[0]);
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  folder = mkdtempSync(join(tmpdir(), "profileql-projection-"));
  const config = join(folder, "config.yaml");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  writeFileSync(config, `sources: [{name: ${source}, kind: profile, url: "${url}", token: {from: nobody}}]`);
  profileql = await start("--config", config);
});
afterAll(async () => {
  await profileql.stop();
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true });
});

/** How many documents met a limit. */
let limited = 0;

/** What is wrong with the answer to a random document and random items, if anything is. */
async function complaint(random: Random): Promise<string | undefined> {
  const made = documentOf(schema, random);
  const document = made.document.replaceAll("ITEM", globalID(source, "", "interests", "i0"));
  const items = /interests/.test(document)
    ? Array.from({ length: random.below(5) }, (_, i) => itemOf(schema, random, `i${i}`, `2020-01-0${9 - i}T00:00:00Z`))
    : [itemOf(schema, random, "i0")];
  const parsed = items.map((text, i) => ({ json: JSON.parse(text) as Record<string, unknown>, id: `i${i}` }));
  const want = judge(schema, { ...made, document }, parsed);
  const id = randomUUID();
  answers.set(id, items);
  const response = await fetch(profileql.url, {
    method: "POST",
    headers: { "Content-Type": "application/json", "client-request-id": id },
    body: JSON.stringify({ query: document, variables: made.variables }),
  });
  answers.delete(id);
  const text = await response.text();
  const { data, errors } = JSON.parse(text) as { data?: unknown; errors?: { extensions: { limit?: string } }[] };
  if (errors?.[0]?.extensions.limit) {
    limited++; // of which there is no telling before the fragments are in their places
    return;
  }
  // As texts, so that the order of the members counts.
  if (errors === undefined && JSON.stringify(data) === JSON.stringify(want)) return;
  return `${document}\n  ${JSON.stringify(made.variables)}\n  source: ${items.join(", ")}\n  graphql-js: ${JSON.stringify(want)}\n  ProfileQL: ${text}`;
}

test(`${count} random documents and answers`, { timeout: 300_000 + count * 100 }, async () => {
  const complaints: string[] = [];
  let next = 0;
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (next < count) {
        const what = await complaint(new Random(seed, next++));
        if (what) complaints.push(what);
      }
    }),
  );
  expect(complaints.slice(0, 3), `PROJECTION_SEED=${seed} repeats it; ${complaints.length} of ${count}`).toEqual([]);
  expect(limited, "documents that met a limit").toBeLessThan(count / 20);
});
