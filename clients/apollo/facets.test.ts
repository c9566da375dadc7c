// The cache knows every facet: its lists, its items, and what is embedded in them.
import { gql, type ApolloClient, type TypedDocumentNode } from "@apollo/client";
import { isObjectType } from "graphql";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { facets, listOf, newest, oldest, operationsOf, plain, schema, writable, type Facet, type Item, type ListData } from "../facets";
import { eventually, recorder, start, type ProfileQL } from "../profileql";
import { createClient } from "./client";
import { possibleTypes } from "./gen/cache";
import { createItem, deleteItem } from "./writes";

let profileql: ProfileQL;
let client: ApolloClient;
let sent: string[];
const told = (["warn", "error"] as const).map((level) => vi.spyOn(console, level));

beforeAll(async () => void (profileql = await start()));
afterAll(() => profileql.stop());
beforeEach(() => {
  const { operations, fetch } = recorder();
  sent = operations;
  client = createClient({ uri: profileql.url, fetch });
});
afterEach(() => {
  client.stop();
  for (const log of told) expect(log).not.toHaveBeenCalled(); // Apollo warns where it loses data of the cache
});

test("every type that an interface can be is known", () => {
  for (const name of ["Node", "ItemFacet"] as const) {
    const objects = Object.values(schema.getTypeMap()).filter(isObjectType);
    const possible = objects.filter((type) => type.getInterfaces().some((one) => one.name === name));
    expect([...possibleTypes[name]].sort()).toEqual(possible.map((type) => type.name).sort());
  }
});

/** A list that is on somebody's screen, with all of its pages. */
async function show(facet: Facet, orderBy: typeof newest | typeof oldest) {
  const query = client.watchQuery<ListData>({ query: gql(operationsOf(facet).list), variables: { first: 2, orderBy } });
  query.subscribe(() => undefined);
  const list = () => listOf(facet, query.getCurrentResult().data as ListData | undefined);
  await eventually(() => expect(list()).toBeDefined());
  for (let page = list()?.pageInfo; page?.hasNextPage; page = list()?.pageInfo) {
    const { endCursor } = page;
    await query.fetchMore({ variables: { after: endCursor } });
    await eventually(() => expect(list()?.pageInfo.endCursor).not.toBe(endCursor));
  }
  return {
    me: () => (query.getCurrentResult().data as ListData).me,
    count: () => list()?.totalCount,
    items: () => plain(list()?.edges.map(({ node }) => node) ?? []),
  };
}

type Write = TypedDocumentNode<Record<string, Record<string, Item>>, { input: object }>;

describe.each(facets)("$name", (facet) => {
  const { create, update, one } = operationsOf(facet);

  test("is paged, and what is created, updated and deleted is in every list at once", async () => {
    const [down, up, other] = [await show(facet, newest), await show(facet, oldest), await show(facets.at(facets.indexOf(facet) - 1)!, newest)];
    const [before, others] = [down.items(), other.items()];
    expect(before).toHaveLength(down.count() ?? 0);
    expect(new Set(before.map(({ id }) => id)).size).toBe(before.length);
    expect(before.length).toBeGreaterThan(2);
    expect(new Set(up.items().map(({ id }) => id))).toEqual(new Set(before.map(({ id }) => id)));
    sent.length = 0;

    const { data } = await createItem(client, down.me(), gql(create) as Write, { input: { item: writable(facet, "one") } });
    const item = data![`create${facet.item.name}`]![facet.member] as Item;
    const { id } = item;
    await eventually(() => expect(down.items()[0]).toMatchObject({ id, ...writable(facet, "one") }));
    await eventually(() => expect(up.items().at(-1)).toEqual(down.items()[0]));
    expect([down.count(), up.count()]).toEqual([before.length + 1, before.length + 1]);
    expect(other.items()).toEqual(others);

    await client.mutate({ mutation: gql(update), variables: { input: { id, patch: writable(facet, "two") } } });
    await eventually(() => expect(down.items()[0]).toMatchObject({ id, ...writable(facet, "two") }));
    await eventually(() => expect(up.items().at(-1)).toEqual(down.items()[0]));

    await deleteItem(client, down.me(), item);
    await eventually(() => expect(down.items()).toEqual(before));
    await eventually(() => expect(up.items().some((one) => one.id === id)).toBe(false));
    expect([down.count(), up.count()]).toEqual([before.length, before.length]);
    expect(sent).toEqual(["Create", "Update", "DeleteItem"]);
    expect(Object.keys(client.cache.extract() as object).filter((key) => key.endsWith(id))).toEqual([]);
  });

  test("an item is found by fragments on what it implements", async () => {
    const [item] = (await show(facet, newest)).items();
    const { data } = await client.query({ query: gql(one), variables: { id: item?.id } });
    expect(data).toMatchObject({ node: { __typename: facet.item.name, itemId: item?.["itemId"] } });
  });
});
