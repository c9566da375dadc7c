// Answers are what graphql-js makes of the same document and the same answer of a source, whatever either looks like, for all facets.
//
// PROJECTION_SEED repeats a run, and PROJECTION_PAIRS says how many there are.
import { randomInt, randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getNamedType, type GraphQLOutputType, isObjectType } from "graphql";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Random } from "../coercion/random";
import { globalID } from "../coercion/wire";
import { facetsOf } from "../facets";
import { start, type ProfileQL } from "../profileql";
import { itemOf } from "./answers";
import { documentOf, everythingOf } from "./documents";
import { judge, readSchema, source } from "./judge";

const schema = readSchema(readFileSync(join(import.meta.dirname, "../../schema.graphqls"), "utf8"));
const facets = facetsOf(schema);
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
    const isList = request.method === "GET" && /\/profile\/\w+$/.test(url.pathname);
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

/** The fields of items whose values were shown, such as positions.detail.layer. */
const shown = new Set<string>();

function note(path: string, value: unknown): void {
  if (value === null || value === undefined) return;
  if (Array.isArray(value)) return value.forEach((entry) => note(path, entry));
  shown.add(path);
  if (typeof value === "object") for (const [name, member] of Object.entries(value)) note(`${path}.${name}`, member);
}

/** The fields that an item has, at every depth. */
function fieldsOf(path: string, type: GraphQLOutputType): string[] {
  const named = getNamedType(type);
  const below = isObjectType(named) ? Object.values(named.getFields()) : [];
  return [path, ...below.flatMap((field) => fieldsOf(`${path}.${field.name}`, field.type))];
}

/** The first place where two values differ. */
function different(path: string, want: unknown, got: unknown): string {
  const [some, other] = [want, got].map((value) => (typeof value === "object" && value !== null ? value : undefined)) as Record<string, unknown>[];
  if (!some || !other) return `${path} is ${JSON.stringify(got)}, not ${JSON.stringify(want)}`;
  const names = [...new Set([...Object.keys(some), ...Object.keys(other)])];
  const name = names.find((name) => JSON.stringify(some[name]) !== JSON.stringify(other[name]));
  return name === undefined ? `the order of ${path}` : different(`${path}.${name}`, some[name], other[name]);
}

/**
 * What is wrong with an answer, if anything is. The first documents have everything of each facet, about answers that have
 * everything too, and then about answers of which much is odd. All others are random, as are their answers.
 */
async function complaint(random: Random, i: number): Promise<string | undefined> {
  const facet = facets[i % facets.length]!;
  const round = Math.floor(i / facets.length);
  const oddness = (["full", "much", "much", "much"] as const)[round] ?? "some";
  const made = oddness === "some" ? documentOf(schema, random, facet) : everythingOf(facet);
  const document = made.document.replaceAll("ITEM", globalID(source, "", facet.name, "i0"));
  const isList = document.includes(` me { ${facet.name} `);
  const items = isList
    ? Array.from({ length: oddness === "some" ? random.below(5) : 4 }, (_, i) =>
        itemOf(facet.item, random, oddness, `i${i}`, `2020-01-0${9 - i}T00:00:00Z`),
      )
    : [itemOf(facet.item, random, oddness, "i0")];
  const parsed = items.map((text, i) => ({ json: JSON.parse(text) as Record<string, unknown>, id: `i${i}` }));
  const want = judge(schema, facet, { ...made, document }, parsed);
  if (oddness === "full") note(facet.name, (want as { me: Record<string, { nodes: unknown }> }).me[facet.name]?.nodes);
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
  return `${different("data", want, data)}: ${document}\n  ${JSON.stringify(made.variables)}\n  source: ${items.join(", ")}\n  graphql-js: ${JSON.stringify(want)}\n  ProfileQL: ${text}`;
}

test(`${count} random documents and answers`, { timeout: 300_000 + count * 100 }, async () => {
  const complaints: string[] = [];
  let next = 0;
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (next < count) {
        const i = next++;
        const what = await complaint(new Random(seed, i), i);
        if (what) complaints.push(what);
      }
    }),
  );
  expect(complaints.slice(0, Number(process.env["PROJECTION_SHOW"] ?? 3)), `PROJECTION_SEED=${seed} repeats it; ${complaints.length} of ${count}`).toEqual([]);
  expect(limited, "documents that met a limit").toBeLessThan(count / 20);
  const all = facets.flatMap(({ name, item }) => fieldsOf(name, item));
  const never = ["profileSource.throttledUntil"]; // a source that is throttled gives no answer
  expect(all.filter((field) => !shown.has(field) && !never.some((name) => field.endsWith(name)))).toEqual([]);
});
