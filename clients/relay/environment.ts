// #region environment
import { Environment, Network, RecordSource, Store, type PayloadData, type PayloadError } from "relay-runtime";
import { ProfileQLError, type FieldError } from "./errors";

export interface Session {
  url: string;
  person: string;
  token: () => string | Promise<string>;
  fetch?: typeof fetch;
}

/** For one person: the id of `me` means whoever is signed in, so the next one gets an environment of their own. */
export function createEnvironment({ url, token, fetch = globalThis.fetch }: Session): Environment {
  const network = Network.create(async ({ id, text, name }, variables, { metadata }) => {
    const response = await fetch(url, {
      method: "POST",
      headers: { "Content-Type": "application/json", Authorization: `Bearer ${await token()}` },
      body: JSON.stringify({ ...(id ? { documentId: id } : { query: text }), operationName: name, variables }),
    });
    const answer = (await response.json()) as { data: PayloadData; errors?: (PayloadError & FieldError)[] };
    // Relay by itself takes what failed for null: a list whose next page failed would be gone.
    const tolerated = (metadata?.["tolerated"] ?? []) as string[];
    const error = answer.errors?.find(({ extensions }) => !tolerated.includes(extensions.code));
    if (error) throw new ProfileQLError(error);
    return answer;
  });
  return new Environment({ network, store: new Store(new RecordSource()) });
}
// #endregion

// #region tolerating
/** For a query of which a part may fail with these codes and be null; any other error fails the whole. */
export function tolerating(...codes: string[]) {
  return { networkCacheConfig: { force: true, metadata: { tolerated: codes } } };
}
// #endregion
