// The cache knows every facet: its lists, its items, and what is embedded in them.
import { gql, type Client } from "urql";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { facets, listOf, newest, oldest, operationsOf, plain, writable, type Facet, type Item, type ListData } from "../facets";
import { eventually, recorder, start, type ProfileQL } from "../profileql";
import { createClient } from "./client";
import { schema } from "./testing";

let profileql: ProfileQL;
let client: Client;
let sent: string[];
const told = (["warn", "error"] as const).map((level) => vi.spyOn(console, level));

beforeAll(async () => void (profileql = await start()));
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
async function show(facet: Facet, orderBy: typeof newest | typeof oldest) {
  const query = gql<ListData>(operationsOf(facet).list);
  const shown: Item[][] = [];
  let after: string | null | undefined;
  client.query(query, { first: 2, orderBy }).subscribe(({ data }) => {
    const list = listOf(facet, data);
    if (!list) return;
    shown.push(plain(list.edges.map(({ node }) => node)));
    after = list.pageInfo.hasNextPage ? list.pageInfo.endCursor : null;
  });
  await eventually(() => expect(after).toBeDefined());
  const pages = new Set<string>();
  while (after) {
    expect(pages.has(after)).toBe(false);
    pages.add(after);
    const read = after;
    await client.query(query, { first: 2, orderBy, after }, { requestPolicy: "network-only" }).toPromise();
    await eventually(() => expect(after).not.toBe(read));
  }
  return { shown, items: () => shown.at(-1) ?? [] };
}

const without = (items: Item[], id: string) => items.filter((item) => item.id !== id);

describe.each(facets)("$name", (facet) => {
  const { create, update, remove, one } = operationsOf(facet);

  test("is paged, and what is created, updated and deleted is in every list at once", async () => {
    const [down, up] = [await show(facet, newest), await show(facet, oldest)];
    const other = await show(facets.at(facets.indexOf(facet) - 1)!, newest);
    const others = other.items();
    const before = down.items();
    expect(new Set(before.map(({ id }) => id)).size).toBe(before.length);
    expect(before.length).toBeGreaterThan(2);
    expect(new Set(up.items().map(({ id }) => id))).toEqual(new Set(before.map(({ id }) => id)));
    sent.length = 0;

    const { data } = await client.mutation(create, { input: { item: writable(facet, "one") } }).toPromise();
    const { id } = (data as Record<string, Record<string, Item>>)[`create${facet.item.name}`]![facet.member]!;
    await eventually(() => expect(down.items()[0]).toMatchObject({ id, ...writable(facet, "one") }));
    await eventually(() => expect(up.items().at(-1)).toEqual(down.items()[0]));
    expect(down.items()).toHaveLength(before.length + 1);
    expect(other.items()).toEqual(others);

    await client.mutation(update, { input: { id, patch: writable(facet, "two") } }).toPromise();
    await eventually(() => expect(down.items()[0]).toMatchObject({ id, ...writable(facet, "two") }));
    await eventually(() => expect(up.items().at(-1)).toEqual(down.items()[0]));

    await client.mutation(remove, { input: { id } }).toPromise();
    await eventually(() => expect(down.items()).toEqual(before));
    await eventually(() => expect(without(up.items(), id)).toEqual(up.items()));
    expect(sent).toEqual(["Create", "Update", "Remove"]);
  });

  test("an update is shown at once, and taken back when it fails", async () => {
    const list = await show(facet, newest);
    const before = list.items();
    const { data } = await client.mutation(create, { input: { item: writable(facet, "one") } }).toPromise();
    const { id } = (data as Record<string, Record<string, Item>>)[`create${facet.item.name}`]![facet.member]!;
    await eventually(() => expect(list.items()).toHaveLength(before.length + 1));
    const [created] = list.items();
    await profileql.faults({ fault: "error", status: 429, retryAfter: 30, methods: ["PATCH"] });
    const { error } = await client.mutation(update, { input: { id, patch: writable(facet, "two") } }).toPromise();
    expect(error).toBeDefined();
    expect(list.shown).toContainEqual([{ ...created, ...writable(facet, "two") }, ...before]);
    await eventually(() => expect(list.items()).toEqual([created, ...before]));
    await client.mutation(remove, { input: { id } }).toPromise();
  });

  test("an item is found by fragments on what it implements", async () => {
    const [item] = (await show(facet, newest)).items();
    const { data } = await client.query(one, { id: item?.id }).toPromise();
    expect(data).toMatchObject({ node: { __typename: facet.item.name, itemId: item?.["itemId"] } });
  });
});
