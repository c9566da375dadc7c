import { print } from "graphql";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { locked, sample, start, type ProfileQL } from "../profileql";
import { createClient } from "./client";
import type { ItemsQuery, PersonInterestInput } from "./gen/graphql";
import { ChangeInterest, InterestNames, Items } from "./operations";
import { problemOf } from "./problem";

let profileql: ProfileQL;
beforeAll(async () => void (profileql = await start()));
afterEach(() => profileql.faults());
afterAll(() => profileql.stop());

const client = () => createClient({ url: profileql.url });

async function change(id: string, patch: PersonInterestInput) {
  const { updatePersonInterest } = await client().request(ChangeInterest, { input: { id, patch } });
  return updatePersonInterest?.personInterest;
}

test("what is left out stays, null clears, and a value is set", async () => {
  await change(sample, { displayName: "Go", description: "A board", categories: ["games"] });
  expect(await change(sample, { displayName: "Weiqi" })).toMatchObject({ description: "A board", categories: ["games"] });
  expect(await change(sample, { description: null })).toMatchObject({ description: null, categories: ["games"] });
  expect(await change(sample, { description: "", categories: [] })).toMatchObject({ description: "", categories: [] });
});

test("a DateTime comes with every digit", async () => {
  const changed = await change(sample, { displayName: "Go" });
  expect(changed?.lastModifiedDateTime).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z$/);
});

test.each([
  ["THROTTLED", "try again", sample, { displayName: "x" }, [{ fault: "error", status: 429, retryAfter: 30.5 }], 30.5],
  ["NOT_FOUND", "reload", locked, { displayName: "x" }, [], undefined],
  ["BAD_USER_INPUT", "correct", sample, {}, [], undefined],
  ["OUTCOME_UNKNOWN", "look first", sample, { displayName: "x" }, [{ fault: "drop", after: true }], undefined],
])("%s is read from the error", async (code, action, id, patch, faults, retryAfter) => {
  await profileql.faults(...faults);
  const error: unknown = await change(id, patch).catch((reason: unknown) => reason);
  const problem = problemOf(error);
  expect(problem).toMatchObject({ code, action });
  expect(problem.retryAfter).toBe(retryAfter);
});

test("a request can have a deadline", async () => {
  await profileql.faults({ fault: "delay", seconds: 5, methods: ["GET"] });
  const variables = { first: 1, orderBy: { field: "CREATED_DATE_TIME" as const } };
  // #region deadline
  const asked = client().request({ document: InterestNames, variables, signal: AbortSignal.timeout(300) });
  // #endregion
  const error: unknown = await asked.catch((reason: unknown) => reason);
  expect(problemOf(error)).toEqual({ action: "look first", message: "There was no answer." });
});

test("errorPolicy all keeps what there is", async () => {
  const changed = await change(sample, { displayName: "Go" });
  const variables = { ids: [changed?.id ?? "", "pq1.none"] };
  // #region partial
  const tolerant = createClient({ url: profileql.url });
  tolerant.requestConfig.errorPolicy = "all";
  const { data, errors } = await tolerant.rawRequest<ItemsQuery>(print(Items), variables);
  // #endregion
  expect(data.nodes.map((node) => node?.id)).toEqual([changed?.id, undefined]);
  expect(errors?.[0]?.extensions["code"]).toBe("BAD_USER_INPUT");
  await expect(client().request(Items, variables)).rejects.toSatisfy((error) => problemOf(error).code === "BAD_USER_INPUT");
});

test("a token says who is signed in", async () => {
  const variables = { first: 100, orderBy: { field: "CREATED_DATE_TIME" as const } };
  const lists = ["ada@example.com", "yuki@example.com"].map(async (person) => {
    const signedIn = createClient({ url: profileql.url, token: () => person });
    const { me } = await signedIn.request(InterestNames, variables);
    return me.interests?.totalCount;
  });
  const [ada, yuki] = await Promise.all(lists);
  expect(ada).toBeGreaterThan(yuki ?? Infinity);
});
