// Relay's compiler and store know every facet: its lists, its items, and what is embedded in them.
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  commitMutation,
  ConnectionHandler,
  createOperationDescriptor,
  fetchQuery,
  type ConcreteRequest,
  type Environment,
  type MutationParameters,
} from "relay-runtime";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { everything, facets, listOf, newest, plain, writable, type Facet, type Item, type ListData } from "../facets";
import { recorder, start, type ProfileQL } from "../profileql";
import { createEnvironment } from "./environment";

const clients = join(import.meta.dirname, "..");
const folder = join(import.meta.dirname, "__generated__/facets");
const artifacts = join(folder, "artifacts");

/** The documents that an app has for a facet, with everything in them. */
const documentsOf = ({ name, item, member }: Facet) => `
  graphql\`query All${item.name}Query($first: Int!, $after: String, $orderBy: ItemOrder!) {
    me { id ${name}(first: $first, after: $after, orderBy: $orderBy) @connection(key: "All_${name}", filters: ["orderBy"]) {
      edges { node ${everything(item)} }
    } }
  }\`;
  graphql\`mutation All${item.name}CreateMutation($input: Create${item.name}Input!, $connections: [ID!]!) {
    create${item.name}(input: $input) {
      ${member} @prependNode(connections: $connections, edgeTypeName: "${item.name}Edge") ${everything(item)}
    }
  }\`;
  graphql\`mutation All${item.name}UpdateMutation($input: Update${item.name}Input!) {
    update${item.name}(input: $input) { ${member} ${everything(item)} }
  }\`;`;

let profileql: ProfileQL;
beforeAll(async () => {
  profileql = await start();
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(artifacts, { recursive: true });
  const remove = `graphql\`mutation AllDeleteMutation($input: DeleteProfileItemInput!, $connections: [ID!]!) {
    deleteProfileItem(input: $input) { deletedId @deleteEdge(connections: $connections) }
  }\`;`;
  const documents = ['import { graphql } from "relay-runtime";', ...facets.map(documentsOf), remove];
  writeFileSync(join(folder, "All.ts"), documents.join("\n"));
  const usual = JSON.parse(readFileSync(join(import.meta.dirname, "relay.config.json"), "utf8")) as object;
  const src = "relay/__generated__/facets";
  const customErrorType = { name: "FieldError", path: "../../../errors" };
  const config = { ...usual, src, excludes: [], artifactDirectory: `${src}/artifacts`, customErrorType };
  writeFileSync(join(folder, "config.json"), JSON.stringify(config));
  execFileSync("npx", ["relay-compiler", join(folder, "config.json")], { cwd: clients, stdio: "pipe" });
});
afterAll(async () => {
  await profileql.stop();
  rmSync(folder, { recursive: true }); // so that nothing else compiles it
});

async function artifact(name: string): Promise<ConcreteRequest> {
  return ((await import(join(artifacts, `${name}.graphql.ts`))) as { default: ConcreteRequest }).default;
}

const write = (environment: Environment, mutation: ConcreteRequest, variables: Record<string, unknown>) =>
  new Promise<Record<string, Record<string, unknown>>>((resolve, reject) => {
    commitMutation<MutationParameters>(environment, { mutation, variables, onCompleted: (data) => resolve(data as never), onError: reject });
  });

test("every scalar has a type in TypeScript", () => {
  const files = readdirSync(artifacts);
  expect(files).toHaveLength(3 * facets.length + 1);
  for (const file of files) expect(readFileSync(join(artifacts, file), "utf8"), file).not.toMatch(/: any\b/);
});

describe.each(facets)("$name", (facet) => {
  test("is paged, and what is created, updated and deleted is in the list at once", async () => {
    const { fetch, operations } = recorder();
    const person = "ada@example.com";
    const environment = createEnvironment({ url: profileql.url, person, token: () => person, fetch });
    const name = `All${facet.item.name}`;
    const query = await artifact(`${name}Query`);
    const read = () => {
      const { fragment } = createOperationDescriptor(query, { first: 2, orderBy: newest });
      return environment.lookup(fragment).data as unknown as ListData;
    };
    const items = () => plain((listOf(facet, read())?.edges ?? []).map(({ node }) => node));

    for (let after: string | null = null, more = true; more; ) {
      await fetchQuery(environment, query, { first: 2, after, orderBy: newest }).toPromise();
      const { hasNextPage, endCursor } = listOf(facet, read())!.pageInfo;
      expect(endCursor).not.toBe(after);
      [after, more] = [endCursor, hasNextPage];
    }
    environment.retain(createOperationDescriptor(query, { first: 2, orderBy: newest }));
    const before = items();
    expect(new Set(before.map(({ id }) => id)).size).toBe(before.length);
    expect(operations).toHaveLength(Math.ceil(before.length / 2));
    expect(before.length).toBeGreaterThan(2);
    operations.length = 0;

    const connections = [ConnectionHandler.getConnectionID(read().me.id, `All_${facet.name}`, { orderBy: newest })];
    const made = await write(environment, await artifact(`${name}CreateMutation`), {
      input: { item: writable(facet, "one") },
      connections,
    });
    const { id } = made[`create${facet.item.name}`]?.[facet.member] as Item;
    expect(items()).toMatchObject([{ id, ...writable(facet, "one") }, ...before]);
    await write(environment, await artifact(`${name}UpdateMutation`), { input: { id, patch: writable(facet, "two") } });
    expect(items()).toMatchObject([{ id, ...writable(facet, "two") }, ...before]);
    await write(environment, await artifact("AllDeleteMutation"), { input: { id }, connections });
    expect(items()).toEqual(before);
    expect(operations).toEqual([`${name}CreateMutation`, `${name}UpdateMutation`, "AllDeleteMutation"]);
  });
});
