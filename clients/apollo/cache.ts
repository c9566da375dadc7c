// #region cache
import { InMemoryCache } from "@apollo/client";
import { relayStylePagination } from "@apollo/client/utilities";
import { embedded, lists, possibleTypes } from "./gen/cache";

export function createCache(): InMemoryCache {
  return new InMemoryCache({
    possibleTypes,
    typePolicies: {
      Profile: {
        fields: Object.fromEntries(lists.map(({ name, keyArgs }) => [name, relayStylePagination(keyArgs)])),
      },
      ProfileSource: { keyFields: ["name"] },
      // The id of an Identity is the directory's, and its name the one of that time: items may tell the same one differently.
      ...Object.fromEntries(embedded.map((type) => [type, { keyFields: false as const }])),
    },
  });
}
// #endregion
