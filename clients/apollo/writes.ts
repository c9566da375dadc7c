// #region update
import type { ApolloCache, ApolloClient, Reference } from "@apollo/client";
import { CreateInterest, DeleteItem, Interest, MyInterests, OneItem, UpdateInterest } from "./operations";
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
/** A list of interests as relayStylePagination keeps it. */
interface StoredList {
  edges: { __typename: "PersonInterestEdge"; cursor: string; node: Reference }[];
  pageInfo: { hasNextPage: boolean };
  totalCount?: number | null;
}

/** What makes a list another one. The cache has it in the list's name. */
interface ListArguments {
  orderBy?: ItemOrder;
  sources?: string[] | null;
}

/** Changes every list of a profile that is in the cache and has, or is to have, the interest. */
function changeLists(
  cache: ApolloCache,
  profile: { id: string },
  interest: Reference,
  change: (list: StoredList, orderBy: ItemOrder | undefined) => StoredList,
): void {
  cache.modify<Record<string, StoredList>>({
    id: `Profile:${profile.id}`,
    fields: {
      interests(list, { storeFieldName, readField }) {
        const { orderBy, sources } = JSON.parse(storeFieldName.slice("interests:".length) || "{}") as ListArguments;
        const source = readField<string>("name", readField<Reference>("profileSource", interest));
        return sources && !sources.includes(source ?? "") ? list : change(list as StoredList, orderBy);
      },
    },
  });
}

const longer = (count: number | null | undefined, by: number) => (count == null ? null : count + by);

/** Creates an interest. Where that may have been done or not, the lists on the screen are read from their beginning. */
export async function createInterest(client: ApolloClient, profile: { id: string }, item: PersonInterestInput) {
  const created = client.mutate({
    mutation: CreateInterest,
    variables: { input: { item } },
    update(cache, { data }) {
      if (!data?.createPersonInterest) return;
      const node = { __ref: `PersonInterest:${data.createPersonInterest.personInterest.id}` };
      const edge = { __typename: "PersonInterestEdge", cursor: "", node } as const;
      changeLists(cache, profile, node, ({ edges, ...list }, orderBy) => {
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
      await Promise.resolve(client.refetchQueries({ include: [MyInterests] })).catch(() => undefined);
    }
    throw error;
  });
}
// #endregion

// #region delete
export function deleteInterest(client: ApolloClient, profile: { id: string }, id: string) {
  return client.mutate({
    mutation: DeleteItem,
    variables: { input: { id } },
    update(cache, { data }) {
      if (!data?.deleteProfileItem) return;
      const deleted = { __ref: `PersonInterest:${data.deleteProfileItem.deletedId}` };
      changeLists(cache, profile, deleted, (list) => ({
        ...list,
        edges: list.edges.filter(({ node }) => node.__ref !== deleted.__ref),
        totalCount: longer(list.totalCount, -1),
      }));
      cache.evict({ id: deleted.__ref });
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
