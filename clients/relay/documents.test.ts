import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fetchQuery, type ConcreteRequest } from "relay-runtime";
import { afterAll, beforeAll, expect, test } from "vitest";
import { start, type ProfileQL } from "../profileql";
import type { MyInterestsQuery } from "./__generated__/MyInterestsQuery.graphql";
import { createEnvironment } from "./environment";

const clients = join(import.meta.dirname, "..");
const folder = join(import.meta.dirname, "__generated__/persisted");
const manifest = join(folder, "operations.json");
let profileql: ProfileQL;
let query: ConcreteRequest;

beforeAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(manifest, "{}");
  execFileSync("npx", ["relay-compiler", "relay/persisted.config.json"], { cwd: clients, stdio: "pipe" });
  const artifact = (await import(join(folder, "MyInterestsQuery.graphql.ts"))) as { default: ConcreteRequest };
  query = artifact.default;
  profileql = await start("--operations", manifest);
});
afterAll(() => profileql.stop());

function ask(request: ConcreteRequest) {
  const person = "ada@example.com";
  const environment = createEnvironment({ url: profileql.url, person, token: () => person });
  const orderBy = { field: "CREATED_DATE_TIME", direction: "DESC" } as const;
  return fetchQuery<MyInterestsQuery>(environment, request, { first: 1, orderBy }).toPromise();
}

test("a listed document is run by its id alone", async () => {
  expect(query.params).toMatchObject({ text: null });
  const texts = JSON.parse(readFileSync(manifest, "utf8")) as Record<string, string>;
  expect(texts[query.params.id ?? ""]).toMatch(/^query MyInterestsQuery\(/);
  expect(await ask(query)).toMatchObject({ me: { __id: "pq1.AAAA" } });
});

test.each([
  ["text", { id: null, cacheID: "other", text: "{ me { id } }" }],
  ["id", { id: "0".repeat(64), text: null }],
])("any other %s is refused", async (_, document) => {
  const other = { ...query, params: { ...query.params, ...document } } as ConcreteRequest;
  await expect(ask(other)).rejects.toMatchObject({ code: "OPERATION_NOT_LISTED" });
});
