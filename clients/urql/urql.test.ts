import type { Client } from "urql";
import { getIntrospectionQuery, type IntrospectionQuery } from "graphql";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { eventually, locked, recorder, sample, start, type ProfileQL } from "../profileql";
import { createClient } from "./client";
import type { InterestsQueryVariables } from "./gen/graphql";
import { Create, Delete, Details, Interests, OneInterest, Several } from "./operations";
import { problemOf } from "./problem";
import { update } from "./writes";

let profileql: ProfileQL;
let schema: IntrospectionQuery;
let client: Client;
let sent: string[];
const told = (["warn", "error"] as const).map((level) => vi.spyOn(console, level));

beforeAll(async () => {
  profileql = await start();
  const headers = { "content-type": "application/json" };
  const body = JSON.stringify({ query: getIntrospectionQuery() });
  const answer = await fetch(profileql.url, { method: "POST", headers, body });
  schema = ((await answer.json()) as { data: IntrospectionQuery }).data;
});
afterAll(() => profileql.stop());
beforeEach(() => {
  const { operations, fetch } = recorder();
  sent = operations;
  client = createClient({ url: profileql.url, schema, fetch });
});
afterEach(async () => {
  await profileql.faults();
  for (const log of told) expect(log).not.toHaveBeenCalled(); // graphcache warns of what it does not understand
});

/** A list that is on somebody's screen, and all that it has shown. */
async function show(variables: InterestsQueryVariables = {}) {
  const shown: string[][] = [];
  const subscription = client.query(Interests, variables).subscribe(({ data }) => {
    shown.push((data?.me.interests?.edges ?? []).map(({ node }) => node.displayName ?? ""));
  });
  await eventually(() => expect(shown.at(-1)?.length).toBeGreaterThan(0));
  return { shown, names: () => shown.at(-1) ?? [], close: () => subscription.unsubscribe() };
}

const newest = { first: 100, orderBy: { field: "CREATED_DATE_TIME", direction: "DESC" } } as const;
const oldest = { first: 100, orderBy: { field: "CREATED_DATE_TIME", direction: "ASC" } } as const;

/** The interests of a list by the sources' own ids. */
async function ids(of: Client = client): Promise<Map<string, string>> {
  const { data } = await of.query(Interests, newest).toPromise();
  const all = data?.me.interests?.edges.map(({ node }) => node.id) ?? [];
  return new Map(all.map((id) => [atob(id.slice(4).replace(/-/g, "+").replace(/_/g, "/")).split("\0")[3] ?? "", id]));
}

test("an update's answer changes every list that shows the interest, and nothing is asked again", async () => {
  const id = (await ids()).get(sample) ?? "";
  const lists = [await show(newest), await show(oldest)];
  sent.length = 0;
  expect(await update(client, id, { displayName: "Chess by post" })).toBeUndefined();
  for (const list of lists) await eventually(() => expect(list.names()).toContain("Chess by post"));
  expect(sent).toEqual(["Update"]);
});

test("what is created and deleted comes into the lists and goes, and nothing is asked again", async () => {
  const lists = [await show(newest), await show(oldest)];
  const before = lists.map((list) => list.names());
  for (const { shown } of lists) shown.splice(0, shown.length - 1);
  sent.length = 0;
  const { data } = await client.mutation(Create, { input: { item: { displayName: "Bell ringing" } } }).toPromise();
  for (const list of lists) await eventually(() => expect(list.names()).toContain("Bell ringing"));
  expect(lists[0]?.names()[0]).toBe("Bell ringing");
  expect(lists[1]?.names().at(-1)).toBe("Bell ringing");
  const id = data?.createPersonInterest?.personInterest.id ?? "";
  await client.mutation(Delete, { input: { id } }).toPromise();
  for (const [i, list] of lists.entries()) await eventually(() => expect(list.names()).toEqual(before[i]));
  expect(sent).toEqual(["Create", "Delete"]);
  for (const list of lists) expect(list.shown.every((names) => names.length > 0)).toBe(true);
});

test("a list of some sources changes with what is created there, and with nothing else", async () => {
  const lists = [await show(newest), await show({ ...newest, sources: ["sandbox"] }), await show({ ...newest, sources: ["lab"] })];
  const [all = [], sandbox = [], lab = []] = lists.map((list) => list.names());
  const { data } = await client.mutation(Create, { input: { item: { displayName: "Weaving" } } }).toPromise();
  const now = () => lists.map((list) => list.names());
  await eventually(() => expect(now()).toEqual([["Weaving", ...all], ["Weaving", ...sandbox], lab]));
  await client.mutation(Delete, { input: { id: data?.createPersonInterest?.personInterest.id ?? "" } }).toPromise();
  await eventually(() => expect(now()).toEqual([all, sandbox, lab]));
  for (const list of lists) list.close();
});

test("pages of 9 have every interest exactly once", async () => {
  const whole = [...(await ids()).values()];
  let seen: string[] = [];
  let page = { first: 9, orderBy: oldest.orderBy, after: null as string | null };
  for (let more = true; more; ) {
    const { data } = await client.query(Interests, page).toPromise();
    seen = data?.me.interests?.edges.map(({ node }) => node.id) ?? []; // all pages so far: relayPagination joins them
    more = data?.me.interests?.pageInfo.hasNextPage ?? false;
    page = { ...page, after: data?.me.interests?.pageInfo.endCursor ?? null };
  }
  expect(new Set(seen).size).toBe(seen.length);
  expect(new Set(seen)).toEqual(new Set(whole));
});

test("what the schema lets be null may be missing: what is known is shown while the rest is read", async () => {
  await ids();
  const results: { stale: boolean; me: string | undefined; length: number | undefined }[] = [];
  const changed = { first: 5, orderBy: { field: "LAST_MODIFIED_DATE_TIME" } } as const;
  const { unsubscribe } = client.query(Interests, changed).subscribe(({ data, stale }) => {
    results.push({ stale, me: data?.me.id, length: data?.me.interests?.edges.length });
  });
  await eventually(() => expect(results.at(-1)?.stale).toBe(false));
  unsubscribe();
  expect(results).toEqual([
    { stale: true, me: "pq1.AAAA", length: undefined },
    { stale: false, me: "pq1.AAAA", length: 5 },
  ]);
});

test("an optimistic name is shown at once, and taken back when its source refuses", async () => {
  const id = (await ids()).get(locked) ?? "";
  const list = await show(newest);
  const before = list.names();
  expect(await update(client, id, { displayName: "Mine now" })).toMatchObject({ code: "NOT_FOUND", action: "reload" });
  expect(list.shown.some((names) => names.includes("Mine now"))).toBe(true);
  await eventually(() => expect(list.names()).toEqual(before));
});

test.each([
  ["THROTTLED", "try again", { displayName: "x" }, [{ fault: "error", status: 429, retryAfter: 30.5 }], 30.5],
  ["BAD_USER_INPUT", "correct", {}, [], undefined],
  ["UNAUTHENTICATED", "sign in", { displayName: "x" }, [{ fault: "error", status: 401 }], undefined],
])("%s is read from the error", async (code, action, patch, faults, retryAfter) => {
  const id = (await ids()).get(sample) ?? "";
  await profileql.faults(...faults);
  const problem = await update(client, id, patch);
  expect(problem).toMatchObject({ code, action });
  expect(problem?.retryAfter).toBe(retryAfter);
});

test("after OUTCOME_UNKNOWN, the list shows what the source has", async () => {
  const id = (await ids()).get(sample) ?? "";
  const list = await show(newest);
  await profileql.faults({ fault: "drop", methods: ["PATCH"], after: true });
  sent.length = 0;
  expect(await update(client, id, { displayName: "In the dark" })).toMatchObject({ code: "OUTCOME_UNKNOWN" });
  expect(sent).toEqual(["Update", "OneInterest"]);
  await eventually(() => expect(list.names()).toContain("In the dark"));
  list.close();
});

test("what has no global id is kept inside of its item: two may tell the same identity differently", async () => {
  const told: object[] = [];
  const variables: { id: string }[] = [];
  for (const displayName of ["Ada before", "Ada since"]) {
    const createdBy = { user: { id: "7d0a5b1c-1111-4222-8333-944445555666", displayName } };
    const item = { displayName: "Sailing", createdBy, inference: { confidenceScore: 0.5 } };
    told.push({ createdBy, inference: item.inference, profileSource: { name: "sandbox" } });
    const { data } = await client.mutation(Create, { input: { item } }).toPromise();
    variables.push({ id: data?.createPersonInterest?.personInterest.id ?? "" });
  }
  const read = () => Promise.all(variables.map((one) => client.query(Details, one).toPromise()));
  await read();
  expect((await read()).map(({ data }) => data?.node)).toMatchObject(told);
  for (const input of variables) await client.mutation(Delete, { input }).toPromise();
});

test("left out, null and a value are three things", async () => {
  const id = (await ids()).get(sample) ?? "";
  const stored = async () => {
    const { data } = await client.query(OneInterest, { id }, { requestPolicy: "network-only" }).toPromise();
    return data?.node;
  };
  await update(client, id, { displayName: "Go", description: "A board" });
  await update(client, id, { displayName: "Weiqi", description: undefined });
  expect(await stored()).toMatchObject({ displayName: "Weiqi", description: "A board" });
  await update(client, id, { description: null });
  expect(await stored()).toMatchObject({ displayName: "Weiqi", description: null });
  await update(client, id, { description: "" });
  expect(await stored()).toMatchObject({ displayName: "Weiqi", description: "" });
});

test("what there is comes together with what went wrong", async () => {
  const id = (await ids()).get(sample) ?? "";
  const { data, error } = await client.query(Several, { ids: [id, `${id}x`] }).toPromise();
  expect(data?.nodes.map((node) => node?.id)).toEqual([id, undefined]);
  expect(error && problemOf(error)).toMatchObject({ code: "BAD_USER_INPUT" });
});

test("who signs in next gets a client of their own", async () => {
  const [ada, yuki] = ["ada@example.com", "yuki@example.com"].map((token) => createClient({ url: profileql.url, schema, token }));
  const hers = await ids(ada);
  expect([...(await ids(yuki)).keys()].some((id) => hers.has(id))).toBe(false);
  expect(await ids(ada)).toEqual(hers);
});
