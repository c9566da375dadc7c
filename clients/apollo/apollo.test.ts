import type { ApolloClient } from "@apollo/client";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { eventually, locked, recorder, sample, start, type ProfileQL } from "../profileql";
import { createClient, signIn, signOut } from "./client";
import { graphql } from "./gen";
import { OneItem, SeveralItems, UpdateInterest } from "./operations";
import { nextPage } from "./paging";
import { problemOf } from "./problem";
import { newest, oldest, show } from "./testing";
import { createInterest, deleteItem, renameInterest, updateInterest } from "./writes";

let profileql: ProfileQL;
let client: ApolloClient;
let sent: string[];

beforeAll(async () => void (profileql = await start()));
afterAll(() => profileql.stop());
beforeEach(() => {
  const { operations, fetch } = recorder();
  sent = operations;
  client = createClient({ uri: profileql.url, fetch });
});
afterEach(async () => {
  await profileql.faults();
  client.stop();
});

/** The global id of an interest of which only the source's own id is known. */
async function globalId(itemId: string): Promise<string> {
  const { data } = await client.mutate({
    mutation: UpdateInterest,
    variables: { input: { id: itemId, patch: { categories: ["games"] } } },
  });
  return data?.updatePersonInterest?.personInterest.id ?? "";
}

/** Two lists with other arguments, which show the same interests. */
async function twoLists() {
  const lists = [show(client, newest), show(client, oldest)] as const;
  await Promise.all(lists.map((list) => list.ready()));
  sent.length = 0;
  return lists;
}

test("an update's answer changes every list that shows the interest, and nothing is asked again", async () => {
  const id = await globalId(sample);
  const [one, other] = await twoLists();
  await updateInterest(client, id, { displayName: "Chess by post" });
  await eventually(() => {
    expect(one.names()).toContain("Chess by post");
    expect(other.names()).toContain("Chess by post");
  });
  expect(sent).toEqual(["UpdateInterest"]);
});

test("what is created and deleted comes into the lists and goes, and nothing is asked again", async () => {
  const [one, other] = await twoLists();
  const before = one.list()?.totalCount ?? 0;
  const { data } = await createInterest(client, one.me(), { displayName: "Bell ringing" });
  await eventually(() => {
    for (const list of [one, other]) {
      expect(list.names()).toContain("Bell ringing");
      expect(list.list()?.totalCount).toBe(before + 1);
    }
  });
  await deleteItem(client, one.me(), data?.createPersonInterest?.personInterest ?? { id: "" });
  await eventually(() => {
    for (const list of [one, other]) {
      expect(list.names()).not.toContain("Bell ringing");
      expect(list.list()?.totalCount).toBe(before);
    }
  });
  expect(sent).toEqual(["CreateInterest", "DeleteItem"]);
  expect(JSON.stringify(client.cache.extract())).not.toContain("Bell ringing");
});

/** Scrolls a list to its end; too many pages are an error, not a test that hangs. */
async function allPages(list: ReturnType<typeof show>) {
  for (let pages = 1; await nextPage(client, list.query); pages++) expect(pages).toBeLessThan(20);
  await eventually(() => expect(list.list()?.pageInfo.hasNextPage).toBe(false));
}

const idsOf = (list: ReturnType<typeof show>) => list.list()?.edges.map(({ node }) => node.id) ?? [];

test("a list that begins with the oldest gets what is new at its end, once", async () => {
  const list = show(client, oldest, 20);
  await list.ready();
  const first = idsOf(list);
  const { data } = await createInterest(client, list.me(), { displayName: "Juggling" });
  const created = data?.createPersonInterest?.personInterest.id ?? "";
  await eventually(() => expect(list.names()).not.toContain("Juggling"));
  await allPages(list);
  expect(idsOf(list).slice(0, 20)).toEqual(first);
  expect(idsOf(list).filter((id) => id === created)).toHaveLength(1);
  expect(idsOf(list)).toHaveLength(list.list()?.totalCount ?? 0);

  await createInterest(client, list.me(), { displayName: "Fencing" });
  await eventually(() => expect(list.names().at(-1)).toBe("Fencing"));
  expect(idsOf(list)).toHaveLength(list.list()?.totalCount ?? 0);
});

const OfSources = graphql(`
  query OfSources($sources: [String!]) {
    me {
      id
      interests(first: 100, sources: $sources) {
        edges {
          node {
            id
            ...Interest
          }
        }
        totalCount
      }
    }
  }
`);

test("a list of some sources changes with what is created and deleted there, and with nothing else", async () => {
  const ask = async (sources?: string[]) => {
    const { data } = await client.query({ query: OfSources, variables: sources ? { sources } : {} });
    return data?.me.interests?.edges.map(({ node }) => node.displayName);
  };
  const whole = show(client, oldest);
  await whole.ready();
  const lists = [undefined, ["sandbox"], ["lab"]];
  const before = await Promise.all(lists.map(ask));
  sent.length = 0;
  const { data } = await createInterest(client, whole.me(), { displayName: "Weaving" });
  const [all = [], sandbox = [], lab = []] = before;
  expect(await Promise.all(lists.map(ask))).toEqual([["Weaving", ...all], ["Weaving", ...sandbox], lab]);
  await deleteItem(client, whole.me(), data?.createPersonInterest?.personInterest ?? { id: "" });
  expect(await Promise.all(lists.map(ask))).toEqual(before);
  const counts = lists.map((sources) =>
    client.readQuery({ query: OfSources, variables: sources ? { sources } : {} })?.me.interests?.totalCount,
  );
  expect(counts).toEqual(before.map((names) => names?.length));
  expect(sent).toEqual(["CreateInterest", "DeleteItem"]);
});

test("a list without any arguments gets what is new, too", async () => {
  const Default = graphql(`
    query Default {
      me {
        id
        interests {
          edges {
            node {
              id
            }
          }
        }
      }
    }
  `);
  const { data: before } = await client.query({ query: Default });
  const { data } = await createInterest(client, before?.me ?? { id: "" }, { displayName: "Knitting" });
  const first = client.readQuery({ query: Default })?.me.interests?.edges[0];
  expect(first?.node.id).toBe(data?.createPersonInterest?.personInterest.id);
});

test("what is created and deleted is counted in a list that has not come to it", async () => {
  const list = show(client, oldest, 5);
  await list.ready();
  const count = list.list()?.totalCount ?? 0;
  const { data } = await createInterest(client, list.me(), { displayName: "Pottery" });
  await eventually(() => expect(list.list()?.totalCount).toBe(count + 1));
  const id = data?.createPersonInterest?.personInterest.id ?? "";
  await client.query({ query: OneItem, variables: { id } });
  await deleteItem(client, list.me(), { __typename: "PersonInterest", id });
  await eventually(() => expect(list.list()?.totalCount).toBe(count));
  expect(client.readQuery({ query: OneItem, variables: { id } })).toBeNull();
  await allPages(list);
  expect(idsOf(list)).toHaveLength(count);
});

test("pages of 9 have every interest exactly once", async () => {
  const list = show(client, newest, 9);
  await list.ready();
  sent.length = 0;
  await allPages(list);
  const ids = list.list()?.edges.map(({ node }) => node.id) ?? [];
  expect(ids.length).toBe(list.list()?.totalCount);
  expect(sent).toHaveLength(Math.ceil(ids.length / 9) - 1);
  expect(new Set(ids).size).toBe(ids.length);
  const whole = show(createClient({ uri: profileql.url }), newest, 100);
  await whole.ready();
  expect(ids).toEqual(whole.list()?.edges.map(({ node }) => node.id));
});

test.each([
  ["THROTTLED", "try again", sample, { displayName: "x" }, [{ fault: "error", status: 429, retryAfter: 30.5 }], 30.5],
  ["NOT_FOUND", "reload", locked, { displayName: "x" }, [], undefined],
  ["BAD_USER_INPUT", "correct", sample, {}, [], undefined],
  ["UNAUTHENTICATED", "sign in", sample, { displayName: "x" }, [{ fault: "error", status: 401 }], undefined],
])("%s is read from the error", async (code, action, id, patch, faults, retryAfter) => {
  await profileql.faults(...faults);
  const error: unknown = await updateInterest(client, id, patch).catch((reason: unknown) => reason);
  const problem = problemOf(error);
  expect(problem).toMatchObject({ code, action });
  expect(problem.retryAfter).toBe(retryAfter);
});

test("no answer at all may be a write that happened", async () => {
  const gone = createClient({ uri: "http://127.0.0.1:9/graphql" });
  const error: unknown = await createInterest(gone, { id: "x" }, { displayName: "x" }).catch((reason: unknown) => reason);
  expect(problemOf(error)).toEqual({ action: "look first", message: "There was no answer." });
});

test("an optimistic name is shown at once, and taken back when its source refuses", async () => {
  const list = show(client, newest);
  await list.ready();
  const interest = list.list()?.edges.map(({ node }) => node).find(({ id }) => atob(id.slice(4)).endsWith(locked));
  const name = interest?.displayName ?? "";
  const renamed = renameInterest(client, interest ?? { id: "" }, "Mine now");
  await expect(renamed).rejects.toSatisfy((error) => problemOf(error).code === "NOT_FOUND");
  expect(list.shown.some((names) => names.includes("Mine now"))).toBe(true);
  expect(list.names()).toContain(name);
  expect(list.names()).not.toContain("Mine now");
});

test("after OUTCOME_UNKNOWN, the list shows what the source has", async () => {
  const id = await globalId(sample);
  const list = show(client, newest);
  await list.ready();
  sent.length = 0;
  await profileql.faults({ fault: "drop", methods: ["PATCH"], after: true });
  const update = updateInterest(client, id, { displayName: "Chess in the dark" });
  await expect(update).rejects.toSatisfy((error) => problemOf(error).code === "OUTCOME_UNKNOWN");
  expect(sent).toEqual(["UpdateInterest", "OneItem"]);
  await eventually(() => expect(list.names()).toContain("Chess in the dark"));
});

test("after OUTCOME_UNKNOWN, a long list keeps its pages, and shows the name if it was written", async () => {
  const id = await globalId(sample);
  const list = show(client, newest, 20);
  await list.ready();
  await allPages(list);
  const before = idsOf(list);
  await profileql.faults({ fault: "drop", methods: ["PATCH"], after: true });
  const renamed = renameInterest(client, { id }, "Chess at noon");
  await expect(renamed).rejects.toSatisfy((error) => problemOf(error).code === "OUTCOME_UNKNOWN");
  await eventually(() => expect(list.names()).toContain("Chess at noon"));
  expect(idsOf(list)).toEqual(before);
});

test("after OUTCOME_UNKNOWN of a create, the list shows whether it was done", async () => {
  const list = show(client, newest, 20);
  await list.ready();
  sent.length = 0;
  await profileql.faults({ fault: "drop", methods: ["POST"], after: true });
  const created = createInterest(client, list.me(), { displayName: "Pottery at night" });
  await expect(created).rejects.toSatisfy((error) => problemOf(error).code === "OUTCOME_UNKNOWN");
  await eventually(() => expect(list.names()[0]).toBe("Pottery at night"));
  expect(sent).toEqual(["CreateInterest", "MyInterests"]);
});

test("OUTCOME_UNKNOWN is told even if the source cannot be read afterwards", async () => {
  const id = await globalId(sample);
  await profileql.faults(
    { fault: "drop", methods: ["PATCH"], after: true },
    { fault: "error", status: 429, retryAfter: 30, methods: ["GET"] },
  );
  const update = updateInterest(client, id, { displayName: "Chess at night" });
  await expect(update).rejects.toSatisfy((error) => problemOf(error).code === "OUTCOME_UNKNOWN");
});

test("left out, null and a value are three things", async () => {
  const id = await globalId(sample);
  const read = async () => {
    const { data } = await client.query({ query: OneItem, variables: { id }, fetchPolicy: "network-only" });
    return data?.node;
  };
  await updateInterest(client, id, { displayName: "Go", description: "A board", categories: ["games"] });
  expect(await read()).toMatchObject({ displayName: "Go", description: "A board", categories: ["games"] });
  const form: { description?: string } = {};
  await updateInterest(client, id, { displayName: "Weiqi", ...form });
  await updateInterest(client, id, { categories: ["games"], description: undefined });
  expect(await read()).toMatchObject({ displayName: "Weiqi", description: "A board" });
  await updateInterest(client, id, { description: null, categories: [] });
  expect(await read()).toMatchObject({ displayName: "Weiqi", description: null, categories: [] });
  await updateInterest(client, id, { description: "" });
  expect(await read()).toMatchObject({ description: "" });
});

test("errorPolicy all keeps what there is", async () => {
  const id = await globalId(sample);
  const variables = { ids: [id, `${id}x`] };
  // #region partial
  const { data, error } = await client.query({
    query: SeveralItems,
    variables,
    errorPolicy: "all",
    fetchPolicy: "network-only",
  });
  // #endregion
  expect(data?.nodes?.map((node) => node?.id)).toEqual([id, undefined]);
  expect(problemOf(error)).toMatchObject({ code: "BAD_USER_INPUT" });
  const again = await client.query({ query: SeveralItems, variables }); // from the cache, which keeps no errors
  expect(again.data?.nodes).toEqual(data?.nodes);
  expect(again.error).toBeUndefined();
  const without = client.query({ query: SeveralItems, variables, fetchPolicy: "network-only" });
  await expect(without).rejects.toSatisfy((reason) => problemOf(reason).code === "BAD_USER_INPUT");
});

test("who signs in next sees nothing of the person before, if the cache is emptied", async () => {
  let person = "ada@example.com";
  const shared = createClient({ uri: profileql.url, token: () => person });
  const see = async () => {
    const list = show(shared, newest);
    await list.ready();
    list.close();
    return { me: list.me().id, names: list.names() };
  };
  const ada = await see();
  person = "yuki@example.com";
  expect(await see()).toEqual(ada); // the ids of me are the same for everybody
  await signOut(shared);
  expect(shared.cache.extract()).toEqual({});
  const yuki = await see();
  expect(yuki.me).toBe(ada.me);
  expect(yuki.names).not.toEqual(ada.names);
});

test("a list that stays on the screen is the next person's when they sign in", async () => {
  let person = "ada@example.com";
  const shared = createClient({ uri: profileql.url, token: () => person });
  const list = show(shared, newest);
  await list.ready();
  const ada = list.names();
  const late = shared.query({ query: OneItem, variables: { id: list.me().id }, fetchPolicy: "network-only" });
  const dropped = expect(late).rejects.toThrow();
  await signOut(shared);
  await dropped;
  person = "yuki@example.com";
  await signIn(shared);
  await eventually(() => expect(list.names()).not.toEqual(ada));
  expect(list.names()).toHaveLength(list.list()?.totalCount ?? 0);
});

const Creator = graphql(`
  query Creator($id: ID!) {
    node(id: $id) {
      id
      ... on ItemFacet {
        createdBy {
          user {
            id
            displayName
          }
        }
      }
    }
  }
`);

test("two items may tell the same identity differently", async () => {
  const list = show(client, newest);
  await list.ready();
  const variables: { id: string }[] = [];
  for (const displayName of ["Ada before", "Ada since"]) {
    const createdBy = { user: { id: "7d0a5b1c-1111-4222-8333-944445555666", displayName } };
    const { data } = await createInterest(client, list.me(), { displayName: "Sailing", createdBy });
    variables.push({ id: data?.createPersonInterest?.personInterest.id ?? "" });
  }
  for (const one of variables) await client.query({ query: Creator, variables: one });
  const told = variables.map((one) => client.readQuery({ query: Creator, variables: one })?.node);
  expect(told).toMatchObject([
    { createdBy: { user: { displayName: "Ada before" } } },
    { createdBy: { user: { displayName: "Ada since" } } },
  ]);
});
