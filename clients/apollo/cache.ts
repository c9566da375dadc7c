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
      // Its id is the directory's, and its name the one of that time: items may tell the same identity differently.
      Identity: { keyFields: false },
    },
  });
}
// #endregion
