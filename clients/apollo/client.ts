// #region client
import { createCache } from "./cache";
import { ApolloClient, ApolloLink, HttpLink } from "@apollo/client";
import { SetContextLink } from "@apollo/client/link/context";

interface Options {
  uri: string;
  /** The bearer token of whoever is signed in at the moment. */
  token?: () => string | undefined;
  /** What every operation passes before it is sent. */
  links?: ApolloLink[];
  fetch?: typeof fetch;
}

export function createClient({ uri, token, links = [], fetch = globalThis.fetch }: Options): ApolloClient {
  const authorization = new SetContextLink(({ headers }) => {
    const bearer = token?.();
    return { headers: bearer ? { ...headers, authorization: `Bearer ${bearer}` } : headers };
  });
  return new ApolloClient({
    cache: createCache(),
    link: ApolloLink.from([authorization, ...links, new HttpLink({ uri, fetch })]),
  });
}
// #endregion

// #region signout
/** Ends a session: forgets what the person has seen, and drops the answers that are still to come. */
export async function signOut(client: ApolloClient): Promise<void> {
  await client.clearStore();
}

/** Begins the session of whoever the token is of now: what is still on the screen is read anew. */
export async function signIn(client: ApolloClient): Promise<void> {
  await client.resetStore();
}
// #endregion
