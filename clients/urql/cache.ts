// #region cache
import { cacheExchange, type Cache, type Entity } from "@urql/exchange-graphcache";
import { relayPagination } from "@urql/exchange-graphcache/extras";
import { gql } from "urql";
import type { IntrospectionQuery } from "graphql";
import type { CreateMutation, InterestsQueryVariables } from "./gen/graphql";

const embedded = () => null; // what has no id of its own is a part of what it is in

/** Schema is what an introspection of ProfileQL answers; a build step keeps it in a file. */
export function createCache(schema: IntrospectionQuery) {
  return cacheExchange({
    schema,
    keys: {
      ProfileSource: ({ name }) => (name as string | undefined) ?? null,
      IdentitySet: embedded,
      Identity: embedded, // its id is the directory's, and may be null
      InferenceData: embedded,
      PersonDataSources: embedded,
      ProfileSourceAnnotation: embedded,
      FailedSource: embedded,
      PersonInterestConnection: embedded,
      PersonInterestEdge: ({ cursor }) => (cursor as string | undefined) ?? null,
      PageInfo: embedded,
    },
    resolvers: { Profile: { interests: relayPagination() } },
    updates: {
      Mutation: {
        createPersonInterest({ createPersonInterest: created }, _, cache) {
          if (created) add(cache, (created as NonNullable<CreateMutation["createPersonInterest"]>).personInterest);
        },
        deleteProfileItem({ deleteProfileItem: deleted }, _, cache) {
          if (deleted) remove(cache, (deleted as { deletedId: string }).deletedId);
        },
      },
    },
    optimistic: {
      updatePersonInterest(args, cache) {
        const { id, patch } = args["input"] as { id: string; patch: Record<string, string | null> };
        const interest = { __typename: "PersonInterest", id };
        const now = (field: string) => (field in patch ? patch[field] : cache.resolve(interest, field));
        return {
          __typename: "UpdatePersonInterestPayload",
          personInterest: {
            ...interest,
            displayName: now("displayName"),
            description: now("description"),
            createdDateTime: now("createdDateTime"),
          },
        };
      },
    },
  });
}

/** The pages of my interests that are in the cache. */
function pages(cache: Cache) {
  const me = cache.resolve("Query", "me") as Entity;
  return cache.inspectFields(me).flatMap(({ fieldName, arguments: list }) => {
    const page = fieldName === "interests" ? (cache.resolve(me, fieldName, list) as string | null) : null;
    if (!page) return [];
    const { after, orderBy, sources } = (list ?? {}) as InterestsQueryVariables;
    const edges = cache.resolve(page, "edges") as string[];
    return [{ page, edges, sources, isFirst: after == null, newestFirst: orderBy?.direction !== "ASC" }];
  });
}

/** Puts a new interest where a list of its source has its newest: at its beginning, or at its end if that is read. */
function add(cache: Cache, { id, profileSource }: { id: string; profileSource: { name: string } }): void {
  const edge = { __typename: "PersonInterestEdge", cursor: id, node: { __typename: "PersonInterest", id } };
  cache.writeFragment(gql`fragment New on PersonInterestEdge { cursor node { id } }`, edge);
  for (const { page, edges, sources, isFirst, newestFirst } of pages(cache)) {
    if (sources && !sources.includes(profileSource.name)) continue;
    const isLast = cache.resolve(cache.resolve(page, "pageInfo") as string, "hasNextPage") === false;
    if (newestFirst && isFirst) cache.link(page, "edges", [cache.keyOfEntity(edge), ...edges]);
    if (!newestFirst && isLast) cache.link(page, "edges", [...edges, cache.keyOfEntity(edge)]);
  }
}

/** Takes an item out of all lists. Its id does not tell its type: whatever has it is gone. */
function remove(cache: Cache, id: string): void {
  const gone = cache.keyOfEntity({ __typename: "PersonInterest", id });
  for (const { page, edges } of pages(cache)) {
    cache.link(page, "edges", edges.filter((edge) => cache.resolve(edge, "node") !== gone));
  }
  cache.invalidate(gone);
}
// #endregion
