// The page is made from the schema and from one description; test/browser uses it in a browser.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { parse, print, validate, type DocumentNode } from "graphql";
import { expect, test } from "vitest";
import { facets as known, schema } from "../facets";
import { facets } from "./facets";
import { Delete, inputOf, operations, valueAt, WholeProfile } from "./operations";
import { shown, textOf, valueOf } from "./values";

test("every facet of the schema is described, and its operations are valid", () => {
  expect(facets.map(({ name, type, member }) => [name, type, member]).sort()).toEqual(
    known.map(({ name, item, member }) => [name, item.name, member]).sort(),
  );
  const documents = [WholeProfile, Delete, ...[...operations.values()].flatMap((all) => Object.values(all))];
  expect(documents).toHaveLength(2 + 4 * known.length);
  for (const document of documents) {
    const text = print(document as DocumentNode);
    expect(validate(schema, parse(text)), text).toEqual([]);
  }
});

test("what can be edited is what the inputs have", () => {
  const kinds = Object.fromEntries(facets.flatMap(({ name, fields }) => fields.map(({ path, kind }) => [[name, ...path].join("."), kind])));
  expect(kinds).toMatchObject({
    "names.first": { is: "text" },
    "positions.detail.company.displayName": { is: "text" },
    "positions.isCurrent": { is: "boolean" },
    "awards.issuedDate": { is: "date" },
    "interests.categories": { is: "list" },
    "anniversaries.type": { is: "enum", values: ["BIRTHDAY", "WEDDING", "WORK", "OTHER"] }, // not what can only be read
  });
  expect(Object.entries(kinds).filter(([, kind]) => !kind)).toEqual([["account.userPrincipalName", undefined]]);
});

test("labels are in words, and no two of a facet are the same", () => {
  for (const { name, fields } of facets) expect(new Set(fields.map(({ label }) => label)).size, name).toBe(fields.length);
  const labels = facets.find(({ name }) => name === "positions")?.fields.map(({ label }) => label);
  expect(labels).toEqual(["Job title", "Company", "Department", "Start", "Current"]);
});

test("an input has what was changed, and nothing else", () => {
  const path = ["detail", "company", "department"];
  expect(inputOf(path, null)).toEqual({ detail: { company: { department: null } } });
  expect(valueAt({ detail: { company: { department: "Maps" } } }, path)).toBe("Maps");
  expect(valueAt({ detail: null }, path)).toBeUndefined();
});

test.each([
  ["text", "", ""],
  ["text", "Chess", "Chess"],
  ["date", "", null],
  ["date", "2026-03-01", "2026-03-01"],
  ["list", "", []],
  ["list", "one\n\n two ", ["one", "two"]],
  ["boolean", "false", false],
  ["boolean", "", null],
] as const)("%s %j is %j", (is, text, value) => {
  expect(valueOf({ is }, text)).toEqual(value);
  expect(valueOf({ is }, textOf(value))).toEqual(value);
});

test("values are shown as words", () => {
  const kind = { is: "enum" as const, values: [] };
  expect([shown("FULL_PROFESSIONAL", kind), shown("ADA", { is: "text" }), shown(["a", "b"], { is: "list" }), shown(null, kind)]).toEqual([
    "Full professional", "ADA", "a, b", "",
  ]);
  expect(shown(true, { is: "boolean" })).toBe("Yes");
});

test("the page in the binary is built from these sources", () => {
  const folder = mkdtempSync(join(tmpdir(), "profileql-demo-"));
  execFileSync("npx", ["vite", "build", "demo", "--outDir", folder, "--logLevel", "error"], {
    cwd: join(import.meta.dirname, ".."),
    env: { ...process.env, NODE_ENV: "production" },
  });
  const files = (from: string) =>
    Object.fromEntries(readdirSync(from).filter((name) => name.endsWith(".gz")).map((name) => [name, gunzipSync(readFileSync(join(from, name))).toString()]));
  const [built, embedded] = [files(folder), files(join(import.meta.dirname, "../../internal/demo/dist"))];
  rmSync(folder, { recursive: true });
  expect(Object.keys(embedded)).toEqual(Object.keys(built));
  for (const [name, text] of Object.entries(built)) expect(embedded[name] === text, `${name}: run "npm run demo" in clients`).toBe(true);
});
