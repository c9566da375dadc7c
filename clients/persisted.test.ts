// Clients as they come out of the box, and with their own links for persisted queries at their defaults: queries may go by
// GET, mutations never do, and a hash is asked for once.
import { createHash } from "node:crypto";
import { mkdtempSync, writeFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql as apolloDocument } from "@apollo/client";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { persistedExchange } from "@urql/exchange-persisted";
import { Client, fetchExchange, type Exchange } from "urql";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { sample, start, type ProfileQL } from "./profileql";

const query = "query Mine($first: Int!) { me { interests(first: $first) { nodes { itemId } } } }";
const mutation = `mutation Rename($input: UpdatePersonInterestInput!) {
  updatePersonInterest(input: $input) { personInterest { displayName } }
}`;
const renamed = { input: { id: sample, patch: { displayName: "Chess" } } };

interface Sent {
  method: string;
  hash: boolean;
  text: boolean;
}
let sent: Sent[];
let profileql: ProfileQL;
let listed: ProfileQL;
const folder = mkdtempSync(join(tmpdir(), "profileql-persisted-"));

beforeAll(async () => {
  profileql = await start();
  const manifest = join(folder, "manifest.json");
  writeFileSync(manifest, JSON.stringify({ mine: "query Listed { me { id } }" }));
  listed = await start("--operations", manifest);
});
afterAll(async () => {
  await profileql.stop();
  await listed.stop();
  rmSync(folder, { recursive: true });
});
beforeEach(() => void (sent = []));

/** Notes how each request says what is to be run. */
const noting: typeof fetch = (input, init) => {
  const url = new URL(String(input));
  const method = init?.method ?? "GET";
  const members =
    method === "GET" ? Object.fromEntries(url.searchParams) : (JSON.parse(String(init?.body)) as Record<string, unknown>);
  sent.push({ method, hash: JSON.stringify(members["extensions"] ?? "").includes("sha256Hash"), text: Boolean(members["query"]) });
  return fetch(input, init);
};

const sha256 = async (text: string) => createHash("sha256").update(text).digest("hex");
const urql = (url: string, ...exchanges: Exchange[]) =>
  new Client({ url, fetch: noting, exchanges: [...exchanges, fetchExchange] });
const apollo = (uri: string, ...links: ApolloLink[]) =>
  new ApolloClient({ cache: new InMemoryCache(), link: ApolloLink.from([...links, new HttpLink({ uri, fetch: noting })]) });

test("urql sends queries by GET, and mutations by POST", async () => {
  const client = urql(profileql.url);
  expect((await client.query(query, { first: 3 }).toPromise()).data?.me.interests.nodes).toHaveLength(3);
  expect((await client.mutation(mutation, renamed).toPromise()).error).toBeUndefined();
  expect(sent.map(({ method }) => method)).toEqual(["GET", "POST"]);
});

test("urql's exchange for persisted queries sends a document once", async () => {
  const client = urql(profileql.url, persistedExchange());
  const own = query.replace("Mine", "MineByUrql"); // the server keeps the documents of the other tests
  for (const first of [3, 4]) {
    const { data, error } = await client.query(own, { first }).toPromise();
    expect(error).toBeUndefined();
    expect(data?.me.interests.nodes).toHaveLength(first);
  }
  expect((await client.mutation(mutation, renamed).toPromise()).error).toBeUndefined();
  expect(sent.filter(({ text, hash }) => text && hash)).toHaveLength(1);
  expect(sent.at(-1)).toMatchObject({ method: "POST", text: true });
});

test.each([false, true])("Apollo Client's link for persisted queries sends a document once (by GET: %s)", async (byGet) => {
  const links = new PersistedQueryLink({ sha256, useGETForHashedQueries: byGet });
  const client = apollo(profileql.url, links);
  const document = apolloDocument(`query MineBy${byGet ? "Get" : "Post"}($first: Int!) { me { interests(first: $first) { nodes { itemId } } } }`);
  for (const first of [3, 4]) {
    const { data } = await client.query<{ me: { interests: { nodes: unknown[] } } }>({
      query: document,
      variables: { first },
      fetchPolicy: "no-cache",
    });
    expect(data?.me.interests.nodes).toHaveLength(first);
  }
  expect(sent).toEqual([
    { method: byGet ? "GET" : "POST", hash: true, text: false },
    { method: "POST", hash: true, text: true },
    { method: byGet ? "GET" : "POST", hash: true, text: false },
  ]);
  sent = [];
  const { data } = await client.mutate({ mutation: apolloDocument(mutation), variables: renamed });
  expect(data).toMatchObject({ updatePersonInterest: { personInterest: { displayName: "Chess" } } });
  expect(sent.every(({ method }) => method === "POST")).toBe(true);
  client.stop();
});

test("where only listed documents run, clients do not ask by hash again", async () => {
  const client = apollo(listed.url, new PersistedQueryLink({ sha256 }));
  const unlisted = (name: string) => client.query({ query: apolloDocument(`query ${name} { me { id } }`), fetchPolicy: "no-cache" });
  for (const name of ["A", "B"]) {
    await expect(unlisted(name)).rejects.toThrow("Only persisted operations");
  }
  expect(sent.map(({ text }) => text)).toEqual([false, true, true]);
  client.stop();

  sent = [];
  const other = urql(listed.url, persistedExchange());
  for (const name of ["C", "D"]) {
    expect((await other.query(`query ${name} { me { id } }`, {}).toPromise()).error?.message).toContain("Only persisted operations");
  }
  expect(sent.map(({ text }) => text)).toEqual([false, true, true]);
});
