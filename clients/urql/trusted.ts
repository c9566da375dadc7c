// #region trusted
import { persistedExchange } from "@urql/exchange-persisted";
import type { Exchange } from "urql";

/** What GraphQL Code Generator writes: the documents by their ids. */
export type Manifest = Record<string, string>;

/** Sends the id that the manifest has for an operation, in place of its text. It goes behind the cache. */
export function trustedDocuments(manifest: Manifest): Exchange {
  const ids = new Map(Object.entries(manifest).map(([id, text]) => [/\b(?:query|mutation) (\w+)/.exec(text)?.[1], id]));
  return persistedExchange({
    enforcePersistedQueries: true,
    enableForMutation: true,
    preferGetForPersistedQueries: false, // addresses, and the variables in them, are in the logs of proxies
    generateHash: async (_, document) => {
      const operation = document.definitions.find((definition) => definition.kind === "OperationDefinition");
      return ids.get(operation?.name?.value) ?? "not in the manifest";
    },
  });
}
// #endregion
