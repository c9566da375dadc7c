// #region client
import { createCache } from "./cache";
import { Client, fetchExchange, type Exchange } from "urql";
import type { IntrospectionQuery } from "graphql";

interface Options {
  url: string;
  schema: IntrospectionQuery;
  /** The bearer token of the person. Make a new client when somebody else signs in: this one knows what is theirs. */
  token?: string;
  /** What every operation passes before it is sent. */
  exchanges?: Exchange[];
  fetch?: typeof fetch;
}

export function createClient({ url, schema, token, exchanges = [], fetch = globalThis.fetch }: Options): Client {
  return new Client({
    url,
    fetch,
    preferGetMethod: false, // addresses, and the variables in them, are in the logs of proxies
    fetchOptions: token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } },
    exchanges: [createCache(schema), ...exchanges, fetchExchange],
  });
}
// #endregion
