// #region trusted
import type { ApolloLink } from "@apollo/client";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";

/** What generate-persisted-query-manifest writes. */
export interface Manifest {
  operations: { id: string; name: string }[];
}

/** Sends the id that the manifest has for an operation, in place of its text. It goes before the link that sends. */
export function trustedDocuments(manifest: Manifest): ApolloLink {
  const ids = new Map(manifest.operations.map(({ name, id }) => [name, id]));
  return new PersistedQueryLink({
    generateHash: (document) => {
      const operation = document.definitions.find((definition) => definition.kind === "OperationDefinition");
      return ids.get(operation?.name?.value ?? "") ?? "not in the manifest";
    },
  });
}
// #endregion
