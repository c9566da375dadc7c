// #region update
import type { ApolloCache, ApolloClient, Reference, TypedDocumentNode } from "@apollo/client";
import { CreateInterest, DeleteItem, Interest, OneItem, UpdateInterest } from "./operations";
import { problemOf } from "./problem";
import type { ItemOrder, PersonInterestInput, UpdateInterestMutation } from "./gen/graphql";

type Optimistic = Pick<ApolloClient.MutateOptions<UpdateInterestMutation>, "optimisticResponse">;

/** Changes an interest: sends what patch names and nothing else. Lists that show it change with the answer. */
export async function updateInterest(
  client: ApolloClient,
  id: string,
  patch: PersonInterestInput,
  optimistic: Optimistic = {},
): Promise<void> {
  try {
    await client.mutate({ mutation: UpdateInterest, variables: { input: { id, patch } }, ...optimistic });
  } catch (error) {
    await lookUp(client, id, error);
    throw error;
  }
}

/**
 * Where an update may have been done, what is shown has to come from the source before anybody tries again. If that
 * cannot be had either, the first error is still the one to tell.
 */
export async function lookUp(client: ApolloClient, id: string, error: unknown): Promise<void> {
  if (problemOf(error).action !== "look first") return;
  await client.query({ query: OneItem, variables: { id }, fetchPolicy: "network-only" }).catch(() => undefined);
}
// #endregion

// #region create
/** An item as an answer has it, of any facet. */
interface Item {
  __typename?: string;
  id: string;
}

/** A list as relayStylePagination keeps it. */
interface StoredList {
  __typename: string;
  edges: { __typename: string; cursor: string; node: Reference }[];
  pageInfo: { hasNextPage: boolean };
  totalCount?: number | null;
}

/** What makes a list another one. The cache has it in the list's name. */
interface ListArguments {
  orderBy?: ItemOrder;
  sources?: string[] | null;
}

/** Changes every list of a profile that is in the cache and has, or is to have, the item. */
function changeLists(
  cache: ApolloCache,
  profile: { id: string },
  { __typename: type = "", id }: Item,
  change: (list: StoredList, item: Reference, orderBy: ItemOrder | undefined) => StoredList,
): void {
  const item = { __ref: `${type}:${id}` };
  cache.modify<Record<string, StoredList>>({
    id: `Profile:${profile.id}`,
    fields(list, { fieldName, storeFieldName, readField }) {
      if (readField("__typename", list) !== `${type}Connection`) return list;
      const { orderBy, sources } = JSON.parse(storeFieldName.slice(fieldName.length + 1) || "{}") as ListArguments;
      const source = readField<string>("name", readField<Reference>("profileSource", item));
      return sources && !sources.includes(source ?? "") ? list : change(list as StoredList, item, orderBy);
    },
  });
}

const longer = (count: number | null | undefined, by: number) => (count == null ? null : count + by);

/** Creates an item of any facet. Where that may have been done or not, what is on the screen is read anew. */
export async function createItem<Data extends object, Variables extends { input: object }>(
  client: ApolloClient,
  profile: { id: string },
  mutation: TypedDocumentNode<Data, Variables>,
  variables: Variables,
) {
  const created = client.mutate<Data, { input: object }>({
    mutation,
    variables,
    update(cache, { data }) {
      const [payload] = Object.values(data ?? {}) as (Record<string, Item> | null)[];
      const item = Object.values(payload ?? {}).find((member) => typeof member === "object");
      if (!item) return;
      changeLists(cache, profile, item, ({ edges, ...list }, node, orderBy) => {
        const edge = { __typename: `${item.__typename}Edge`, cursor: "", node };
        const newestFirst = !orderBy || orderBy.direction === "DESC";
        // The newest end of a list that begins with the oldest is its last page, which may still be to come.
        const atTheEnd = list.pageInfo.hasNextPage ? edges : [...edges, edge];
        return {
          ...list,
          edges: newestFirst ? [edge, ...edges] : atTheEnd,
          totalCount: longer(list.totalCount, 1),
        };
      });
    },
  });
  return created.catch(async (error: unknown) => {
    if (problemOf(error).action === "look first") {
      await Promise.resolve(client.refetchQueries({ include: "active" })).catch(() => undefined);
    }
    throw error;
  });
}

export const createInterest = (client: ApolloClient, profile: { id: string }, item: PersonInterestInput) =>
  createItem(client, profile, CreateInterest, { input: { item } });
// #endregion

// #region delete
/** Deletes an item of any facet, of which the cache has the type. */
export function deleteItem(client: ApolloClient, profile: { id: string }, item: Item) {
  return client.mutate({
    mutation: DeleteItem,
    variables: { input: { id: item.id } },
    update(cache, { data }) {
      if (!data?.deleteProfileItem) return;
      changeLists(cache, profile, item, (list, { __ref: deleted }) => ({
        ...list,
        edges: list.edges.filter(({ node }) => node.__ref !== deleted),
        totalCount: longer(list.totalCount, -1),
      }));
      cache.evict({ id: `${item.__typename}:${item.id}` });
      cache.gc();
    },
  });
}
// #endregion

// #region optimistic
/** Shows the new name at once, and takes it back if the source refuses. */
export function renameInterest(client: ApolloClient, interest: { id: string }, displayName: string) {
  return updateInterest(client, interest.id, { displayName }, {
    optimisticResponse: (_, { IGNORE }) => {
      const shown = client.cache.readFragment({
        id: `PersonInterest:${interest.id}`,
        fragment: Interest,
        fragmentName: "Interest",
      });
      return shown
        ? { updatePersonInterest: { personInterest: { ...shown, displayName } } }
        : IGNORE;
    },
  });
}
// #endregion
