// #region cache
import { cacheExchange, type Cache, type Entity } from "@urql/exchange-graphcache";
import { relayPagination } from "@urql/exchange-graphcache/extras";
import type { IntrospectionQuery } from "graphql";

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
      PersonInterestEdge: embedded,
      PageInfo: embedded,
    },
    resolvers: { Profile: { interests: relayPagination() } },
    updates: {
      Mutation: {
        createPersonInterest: (_, __, cache) => readAgain(cache, "interests"),
        deleteProfileItem(_, { input }, cache) {
          const { id } = input as { id: string };
          // An id does not tell its type: whatever has it is gone.
          cache.invalidate({ __typename: "PersonInterest", id });
          readAgain(cache, "interests");
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

/** Forgets a list in all its orders and pages; those that are shown are read again. */
function readAgain(cache: Cache, field: string): void {
  const me = cache.resolve("Query", "me") as Entity;
  for (const { fieldName, arguments: list } of cache.inspectFields(me)) {
    if (fieldName === field) cache.invalidate(me, fieldName, list);
  }
}
// #endregion
