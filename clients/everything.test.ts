// Operations that leave nothing out: every field of every facet in one query, and both mutations of each facet with every
// property. They are made from the schema, so a facet or a property that is added is in them.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { generate } from "@graphql-codegen/cli";
import { getNamedType, type GraphQLInterfaceType, isLeafType } from "graphql";
import ts from "typescript";
import { afterAll, beforeAll, expect, test } from "vitest";
import config from "./codegen";
import { everything, facets, sample, schema } from "./facets";
import { start, type ProfileQL } from "./profileql";

/** What all items have is a fragment of its own, because a document may have 2,000 tokens. */
const common = schema.getType("ItemFacet") as GraphQLInterfaceType;
const fragments = new Map([common, ...facets.map(({ item }) => item)].map((type) => {
  const rest = type === common ? [] : Object.keys(common.getFields());
  const spread = type === common ? "" : "...ItemFacetAll ";
  return [type.name, `fragment ${type.name}All on ${type.name} { ${spread}${everything(type, rest).slice(1)}`] as const;
}));
const lists = facets.map(({ name, item }) => {
  const failed = "failedSources { source { name } code message }";
  return `${name} { edges { cursor node { ...${item.name}All } } pageInfo { hasNextPage endCursor } totalCount ${failed} }`;
});
const query = `query Everything { me { id ${lists.join(" ")} } }`;
const mutations = facets.flatMap(({ item, member }) =>
  ["Create", "Update"].map(
    (write) => `mutation ${write}${item.name}($input: ${write}${item.name}Input!) {
      ${write.toLowerCase()}${item.name}(input: $input) { ${member} { ...${item.name}All } }
    }`,
  ),
);

/** What TypeScript says of code that uses the generated types. */
async function complaints(code: string): Promise<string[]> {
  const folder = join(import.meta.dirname, "__generated__/everything");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const { "request/gen/": target } = config.generates;
  const documents = [query, ...mutations, ...fragments.values()].join("\n");
  const generates = { [`${folder}/`]: { ...target!, documents } };
  const files = await generate({ schema: join(import.meta.dirname, "../schema.graphqls"), generates, silent: true }, false);
  for (const { filename, content } of files as { filename: string; content: string }[]) {
    mkdirSync(dirname(filename), { recursive: true });
    writeFileSync(filename, content);
  }
  const main = join(folder, "use.ts");
  writeFileSync(main, code);
  const { config: json } = ts.readConfigFile(join(import.meta.dirname, "tsconfig.json"), ts.sys.readFile) as { config: object };
  const { options } = ts.parseJsonConfigFileContent(json, ts.sys, import.meta.dirname);
  expect(options.strict).toBe(true);
  const found = ts.getPreEmitDiagnostics(ts.createProgram([main], options));
  rmSync(folder, { recursive: true }); // so that nothing else compiles it
  return found.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"));
}

/** What each leaf of an item is in TypeScript. */
const inTypeScript: Record<string, string> = {
  Boolean: "boolean", Date: "string", DateTime: "string", Float: "number", ID: "string", Int: "number", String: "string",
};

/** Code that takes every leaf of every item for what it is; wrong is what one of them is taken for in its place. */
function uses(wrong: Record<string, string> = {}): string {
  const lines = facets.flatMap(({ item, name }) =>
    Object.values(item.getFields()).flatMap((field) => {
      if (!isLeafType(getNamedType(field.type))) return [];
      const scalar = getNamedType(field.type).name;
      const one = wrong[scalar] ?? inTypeScript[scalar] ?? `All.${scalar}`;
      const type = /^\[/.test(String(field.type)) ? `${one}[]` : one;
      const all = `NonNullable<All.EverythingQuery["me"]["${name}"]>["edges"][number]["node"]["${field.name}"]`;
      return `export const ${item.name}_${field.name}: Same<${all}, ${type}${String(field.type).endsWith("!") ? "" : " | null"}> = true;`;
    }),
  );
  const inputs = facets.map(
    ({ item, input }) => `export const new${item.name}: All.Create${item.name}Input = { item: ${JSON.stringify(sample(input, "x"))} };`,
  );
  const same = "type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;";
  return [`import type * as All from "./graphql";`, same, ...lines, ...inputs].join("\n");
}

test("the types of every field of every facet compile, and are what the schema says", async () => {
  expect(await complaints(uses())).toEqual([]);
  const dates = facets.flatMap(({ item }) => Object.values(item.getFields()).filter(({ type }) => String(type) === "Date"));
  expect(dates.length).toBeGreaterThan(0);
  expect(await complaints(uses({ Date: "Date" }))).toHaveLength(dates.length);
});

let profileql: ProfileQL;
beforeAll(async () => void (profileql = await start()));
afterAll(() => profileql.stop());

async function ask<Data>(query: string, variables = {}): Promise<Data> {
  const answer = await fetch(profileql.url, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = (await answer.json()) as { data: Data; errors?: unknown };
  expect(errors).toBeUndefined();
  return data;
}

type Item = Record<string, unknown> & { id: string };

test.each(facets)("$name: every property that can be written is read as it was written", async ({ name, item, input, member }) => {
  const run = async (write: "Create" | "Update", input: object) => {
    const mutation = mutations.find((text) => text.startsWith(`mutation ${write}${item.name}(`));
    const document = [mutation, fragments.get(item.name), fragments.get(common.name)].join(" ");
    const data = await ask<Record<string, Record<string, Item>>>(document, { input });
    return data[`${write.toLowerCase()}${item.name}`]?.[member] as Item;
  };
  /** Sources set these themselves, or leave them as they are. */
  const own = new Set(["createdBy", "createdDateTime", "lastModifiedBy", "lastModifiedDateTime", "source"]);
  const written = (word: string) =>
    Object.fromEntries(Object.entries(sample(input, word) as object).filter(([property]) => !own.has(property)));

  const created = await run("Create", { item: sample(input, "one") });
  expect(created).toMatchObject(written("one"));
  const updated = await run("Update", { id: created.id, patch: written("two") });
  expect(updated).toMatchObject({ id: created.id, ...written("two") });
  const { me } = await ask<{ me: Record<string, { edges: { node: Item }[]; totalCount: number }> }>([query, ...fragments.values()].join(" "));
  expect(me[name]?.edges.map(({ node }) => node)).toContainEqual(updated);
});
