// Inputs are coerced as graphql-js coerces them: what it takes arrives at the sources exactly, and what it refuses is
// refused before any source is asked. What is refused besides is in purpose.ts.
//
// COERCION_SEED repeats a run, and COERCION_INPUTS says how many inputs there are.
import { readFileSync, writeFileSync, mkdtempSync, rmSync } from "node:fs";
import { randomInt, randomUUID } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { getNullableType, type GraphQLInputType, isInputObjectType, isListType } from "graphql";
import { afterAll, beforeAll, expect, test } from "vitest";
import { start, type ProfileQL } from "../profileql";
import { days, noDays, operation, operationOn, type Request, targets, ways } from "./inputs";
import { type Call, judge, readSchema, type Verdict } from "./judge";
import { onPurpose } from "./purpose";
import { Random } from "./random";
import { record, type Recorder } from "./recorder";
import { type Asked, facetOf, facetsOf, sources } from "./wire";

const schema = readSchema(readFileSync(join(import.meta.dirname, "../../schema.graphqls"), "utf8"));
const seed = Number(process.env["COERCION_SEED"] ?? randomInt(2 ** 31));
const count = Number(process.env["COERCION_INPUTS"] ?? 2000);

/** How many are under way at a time. */
const atOnce = 16;

let recorder: Recorder;
let profileql: ProfileQL;
let folder: string;
beforeAll(async () => {
  recorder = await record();
  folder = mkdtempSync(join(tmpdir(), "profileql-coercion-"));
  const config = join(folder, "config.yaml");
  const entries = sources.map(
    (name) => `{name: ${name}, kind: profile, url: "${recorder.url}/${name}", token: {from: nobody}, users: any, batch: false}`,
  );
  writeFileSync(config, `sources: [${entries.join(", ")}]`);
  profileql = await start("--config", config);
});
afterAll(async () => {
  await profileql.stop();
  await recorder.stop();
  rmSync(folder, { recursive: true });
});

interface Outcome {
  status: number;
  answer: string;
  codes: string[];
  asked: (Asked & { raw: string })[];
}

async function send({ document, variables }: Request): Promise<Outcome> {
  const id = randomUUID();
  const response = await fetch(profileql.url, {
    method: "POST",
    headers: { "Content-Type": "application/json", "client-request-id": id },
    body: `{"query": ${JSON.stringify(document)}, "variables": ${variables}}`,
  });
  const answer = await response.text();
  const { errors = [] } = JSON.parse(answer) as { errors?: { extensions: { code: string } }[] };
  // What a source without any items is asked to find those without a date.
  const asked = recorder.take(id).filter((one) => one.orderBy !== "id");
  return { status: response.status, answer, codes: errors.map((error) => error.extensions.code), asked };
}

/** The codes of what is wrong with a request. */
const refusals = ["BAD_REQUEST", "BAD_USER_INPUT", "GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED", "LIMIT_EXCEEDED"];

/** What is wrong with what came of a request, if anything is. */
function complaint(verdict: Verdict, outcome: Outcome): string | undefined {
  const inOrder = (asked: Asked[]) => asked.map((one) => JSON.stringify([one.source, one.method, one.path, one])).sort();
  const got = outcome.asked.map(({ raw: _, ...one }) => one);
  const isRefused = verdict.refused !== undefined || verdict.purposes.length > 0;
  if (isRefused && outcome.codes.length === 0) return "was not refused";
  if (!isRefused && outcome.codes.length > 0) return "was refused";
  if (outcome.codes.some((code) => !refusals.includes(code))) return "has another error";
  const key = (one: Asked) => `${one.source} ${one.method} ${one.path}`;
  const sorted = (asked: Asked[]) => [...asked].sort((a, b) => (key(a) < key(b) ? -1 : 1));
  if (!isDeepStrictEqual(sorted(got), sorted(verdict.asked))) return `asked ${inOrder(got).join("; ") || "nobody"}, not ${inOrder(verdict.asked).join("; ") || "nobody"}`;
  return;
}

test("every field with arguments can be in an operation", () => {
  const known = ["Mutation.deleteProfileItem", "Query.node", "Query.nodes", "Query.profile"];
  const others = targets(schema).filter((target) => !known.includes(target));
  const facets = others.map((target) => target.replace("Profile.", "")).map((name) => facetOf(schema, name.replace("Mutation.", "")) || name);
  expect(facets.sort()).toEqual(facetsOf(schema).flatMap((facet) => [facet, facet, facet]).sort());
});

test.each(onPurpose.map((purpose) => [purpose.name, purpose] as const))("on purpose: %s", async (_, purpose) => {
  const verdict = judge(schema, purpose.example);
  expect(verdict).toMatchObject({ purposes: [purpose] });
  expect(complaint(verdict, await send(purpose.example))).toBeUndefined();
});

test.each([...days, ...noDays])("the day %j, as a literal and as a variable", async (day) => {
  const field = "updateItemPatent(input: $input) { __typename }";
  const input = { id: "abc", patch: { issuedDate: day } };
  for (const request of [
    { document: `mutation($input: UpdateItemPatentInput!) { ${field} }`, variables: JSON.stringify({ input }) },
    { document: `mutation { ${field.replace("$input", `{id: "abc", patch: {issuedDate: ${JSON.stringify(day)}}}`)} }`, variables: "{}" },
  ]) {
    const verdict = judge(schema, request);
    expect(verdict.refused === undefined).toBe(days.some((one) => one === day));
    expect(complaint(verdict, await send(request))).toBeUndefined();
  }
});

/** Everything that a request can say, each with a right value and each with a wrong one, and then anything. */
function requestsOf(count: number): Request[] {
  const all = ways(schema);
  const said = [false, true].flatMap((wrong) => all.map((way, i) => operationOn(schema, new Random(seed, count + i), way, wrong)));
  return [...said, ...Array.from({ length: Math.max(count - said.length, count / 2) }, (_, i) => operation(schema, new Random(seed, i)))];
}

/** The arguments and the fields of inputs that operations had, at any depth. */
function saidBy(calls: Call[]): string[] {
  const fieldsOf = (type: GraphQLInputType, value: unknown): string[] => {
    const nullable = getNullableType(type);
    if (isListType(nullable)) return ((value ?? []) as unknown[]).flatMap((entry) => fieldsOf(nullable.ofType as GraphQLInputType, entry));
    if (!isInputObjectType(nullable)) return [];
    const fields = nullable.getFields();
    return Object.entries((value ?? {}) as object).flatMap(([name, member]) => {
      const field = fields[name];
      return field ? [`${nullable.name}.${name}`, ...fieldsOf(field.type, member)] : [];
    });
  };
  return calls.flatMap(({ field, args, types }) =>
    Object.entries(args).flatMap(([name, value]) => {
      const type = types[name];
      return type ? [`${field}(${name}:)`, ...fieldsOf(type, value)] : [];
    }),
  );
}

test(`${count} random inputs`, { timeout: 300_000 + count * 100 }, async () => {
  const requests = requestsOf(count);
  const said = new Set<string>();
  const complaints: string[] = [];
  const seen = { taken: 0, refused: 0 };
  const used = new Map<string, number>();
  const rest = requests.entries();
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (const [i, request] of rest) {
        const verdict = judge(schema, request);
        const outcome = await send(request);
        if (verdict.refused === undefined && verdict.purposes.length === 0) {
          seen.taken++;
          for (const one of saidBy(verdict.calls ?? [])) said.add(one);
        }
        if (verdict.refused !== undefined) seen.refused++;
        for (const { name } of verdict.purposes) used.set(name, (used.get(name) ?? 0) + 1);
        const what = complaint(verdict, outcome);
        if (what) {
          const why = verdict.refused ?? verdict.purposes.map(({ name }) => name).join(", ");
          complaints.push(
            `input ${i} ${what}\n  ${request.document}\n  ${request.variables}\n  graphql-js: ${why || "fine"}\n  ProfileQL: ${outcome.answer}`,
          );
        }
      }
    }),
  );
  if (process.env["COERCION_STATS"]) console.log(seed, seen, complaints.length, [...used.entries()]);
  expect(complaints.slice(0, Number(process.env["COERCION_SHOW"] ?? 5)), `COERCION_SEED=${seed} repeats it; ${complaints.length} of ${requests.length} inputs`).toEqual([]);
  expect(Math.min(seen.taken, seen.refused), "inputs of each kind").toBeGreaterThan(count / 5);
  // A cursor has to be one that was given out.
  const never = ways(schema).map(({ steps }) => steps.at(-1) ?? "").filter((step) => !said.has(step) && !step.endsWith("(after:)"));
  expect(never, "what was in no input that is taken").toEqual([]);
});
