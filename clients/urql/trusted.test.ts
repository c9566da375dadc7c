import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Client } from "urql";
import { afterAll, beforeAll, expect, test } from "vitest";
import { start, type ProfileQL } from "../profileql";
import { createClient } from "./client";
import { Interests } from "./operations";
import { problemOf } from "./problem";
import { schema } from "./testing";
import { trustedDocuments, type Manifest } from "./trusted";
import { update } from "./writes";

const manifest = join(import.meta.dirname, "gen/persisted-documents.json");
let profileql: ProfileQL;
let client: Client;
const bodies: Record<string, unknown>[] = [];

beforeAll(async () => {
  profileql = await start("--operations", manifest);
  client = createClient({
    url: profileql.url,
    schema,
    exchanges: [trustedDocuments(JSON.parse(readFileSync(manifest, "utf8")) as Manifest)],
    fetch: (input, init) => {
      bodies.push(JSON.parse(String(init?.body)) as Record<string, unknown>);
      return fetch(input, init);
    },
  });
});
afterAll(() => profileql.stop());

test("listed documents are run by their ids alone, and the cache knows what comes", async () => {
  const list = async () => {
    const { data } = await client.query(Interests, { first: 100 }).toPromise();
    return data?.me.interests?.edges.map(({ node }) => node) ?? [];
  };
  const chess = (await list()).find(({ displayName }) => displayName === "Chess");
  expect(await update(client, chess?.id ?? "", { displayName: "Chess by post" })).toBeUndefined();
  expect((await list()).find(({ id }) => id === chess?.id)?.displayName).toBe("Chess by post");
  expect(bodies.map(({ operationName }) => operationName)).toEqual(["Interests", "Update"]);
  for (const body of bodies) expect(body).not.toHaveProperty("query");
});

test("any other is refused", async () => {
  // As a mere text, or the generator would list it.
  const asked = client.query("query Unlisted { me { id } }", {}, { requestPolicy: "network-only" });
  const { error } = await asked.toPromise();
  expect(error && problemOf(error)).toMatchObject({ code: "PERSISTED_QUERY_NOT_SUPPORTED" });
});
