// #region cache
import { InMemoryCache } from "@apollo/client";
import { relayStylePagination } from "@apollo/client/utilities";

export function createCache(): InMemoryCache {
  return new InMemoryCache({
    possibleTypes: { Node: ["Profile", "PersonInterest"], ItemFacet: ["PersonInterest"] },
    typePolicies: {
      Profile: {
        // Everything but first and after makes another list.
        fields: { interests: relayStylePagination(["orderBy", "sources"]) },
      },
      ProfileSource: { keyFields: ["name"] },
    },
  });
}
// #endregion
