// #region create
import type { ApolloCache, ApolloClient, Reference } from "@apollo/client";
import { CreateInterest, DeleteItem, Interest, MyInterests, UpdateInterest } from "./operations";
import { problemOf } from "./problem";
import type { PersonInterestInput } from "./gen/graphql";

/** A list of interests as relayStylePagination keeps it. */
interface StoredList {
  edges: { __typename: "PersonInterestEdge"; cursor: string; node: Reference }[];
  totalCount?: number | null;
}

/** Changes every list of a profile's interests that is in the cache. */
function changeLists(cache: ApolloCache, profile: { id: string }, change: (list: StoredList) => StoredList): void {
  const id = cache.identify({ __typename: "Profile", id: profile.id });
  if (id) cache.modify<Record<string, StoredList>>({ id, fields: { interests: (list) => change(list as StoredList) } });
}

const longer = (count: number | null | undefined, by: number) => (count == null ? null : count + by);

export function createInterest(client: ApolloClient, profile: { id: string }, item: PersonInterestInput) {
  return client.mutate({
    mutation: CreateInterest,
    variables: { input: { item } },
    update(cache, { data }) {
      const interest = data?.createPersonInterest?.personInterest;
      const id = interest && cache.identify(interest);
      if (!id) return;
      changeLists(cache, profile, (list) => ({
        ...list,
        edges: [{ __typename: "PersonInterestEdge", cursor: "", node: { __ref: id } }, ...list.edges],
        totalCount: longer(list.totalCount, 1),
      }));
    },
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
      const deleted = cache.identify({ __typename: "PersonInterest", id: data.deleteProfileItem.deletedId });
      changeLists(cache, profile, (list) => {
        const edges = list.edges.filter(({ node }) => node.__ref !== deleted);
        return { ...list, edges, totalCount: longer(list.totalCount, edges.length - list.edges.length) };
      });
      if (deleted) cache.evict({ id: deleted });
      cache.gc();
    },
  });
}
// #endregion

// #region update
/** Changes an interest: sends what patch names and nothing else. Lists that show it change with the answer. */
export async function updateInterest(client: ApolloClient, id: string, patch: PersonInterestInput): Promise<void> {
  try {
    await client.mutate({ mutation: UpdateInterest, variables: { input: { id, patch } } });
  } catch (error) {
    // It may have been done: what is shown has to come from the source, before anybody tries again.
    if (problemOf(error).action === "look first") await client.refetchQueries({ include: [MyInterests] });
    throw error;
  }
}
// #endregion

// #region optimistic
/** Shows the new name at once, and takes it back if the source refuses. */
export function renameInterest(client: ApolloClient, interest: { id: string }, displayName: string) {
  return client.mutate({
    mutation: UpdateInterest,
    variables: { input: { id: interest.id, patch: { displayName } } },
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
