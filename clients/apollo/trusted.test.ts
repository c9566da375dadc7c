import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ApolloClient } from "@apollo/client";
import { afterAll, beforeAll, expect, test } from "vitest";
import { start, type ProfileQL } from "../profileql";
import { createClient } from "./client";
import { graphql } from "./gen";
import { MyInterests } from "./operations";
import { problemOf } from "./problem";
import { trustedDocuments, type Manifest } from "./trusted";

const manifest = join(import.meta.dirname, "gen/manifest.json");
let profileql: ProfileQL;
let client: ApolloClient;
const bodies: Record<string, unknown>[] = [];

beforeAll(async () => {
  execFileSync("npx", ["generate-persisted-query-manifest", "--config", "apollo/manifest.config.json"], {
    cwd: join(import.meta.dirname, ".."),
    stdio: "pipe",
  });
  profileql = await start("--operations", manifest);
  client = createClient({
    uri: profileql.url,
    links: [trustedDocuments(JSON.parse(readFileSync(manifest, "utf8")) as Manifest)],
    fetch: (input, init) => {
      bodies.push(JSON.parse(String(init?.body)) as Record<string, unknown>);
      return fetch(input, init);
    },
  });
});
afterAll(() => profileql.stop());

test("a listed document is run by its id alone", async () => {
  const { data } = await client.query({ query: MyInterests, variables: { first: 1 } });
  expect(data?.me.interests?.edges).toHaveLength(1);
  expect(bodies).toEqual([expect.not.objectContaining({ query: expect.anything() as unknown })]);
});

const Unlisted = graphql(`
  query Unlisted {
    me {
      id
    }
  }
`);

test("any other is refused", async () => {
  const asked = client.query({ query: Unlisted, fetchPolicy: "no-cache" });
  await expect(asked).rejects.toSatisfy((error) => problemOf(error).code === "OPERATION_NOT_LISTED");
});
