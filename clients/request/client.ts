// #region client
import { GraphQLClient } from "graphql-request";

interface Options {
  url: string;
  /** The bearer token of whoever is signed in at the moment. */
  token?: () => string | undefined;
  fetch?: typeof fetch;
}

export function createClient({ url, token, fetch = globalThis.fetch }: Options): GraphQLClient {
  return new GraphQLClient(url, {
    fetch,
    headers: () => {
      const bearer = token?.();
      return bearer ? { authorization: `Bearer ${bearer}` } : {};
    },
  });
}
// #endregion
