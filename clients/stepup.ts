// What an app does if the identity provider or a source wants more of the person, such as a second factor, with MSAL.
import type { AccountInfo, IPublicClientApplication } from "@azure/msal-browser";

// #region stepup
type Response = { errors?: readonly { extensions?: Record<string, unknown> | undefined }[] };

/** What a new token must satisfy, as JSON; undefined if no error of the response demands one. */
export function claimsOf({ errors }: Response): string | undefined {
  const claims = errors?.map((e) => e.extensions?.["claims"]).find((c) => typeof c === "string");
  return typeof claims === "string" ? claims : undefined;
}

/** Sends an operation, and again with a new token if one is demanded. Nothing was written by the first attempt. */
export async function withStepUp<R extends Response>(
  msal: IPublicClientApplication, account: AccountInfo, scopes: string[], send: (token: string) => Promise<R>,
): Promise<R> {
  const { accessToken } = await msal.acquireTokenSilent({ scopes, account });
  const response = await send(accessToken);
  const claims = claimsOf(response);
  if (claims === undefined) return response;
  // A window opens, so the call must follow a click; acquireTokenRedirect leaves the page instead.
  const stepped = await msal.acquireTokenPopup({ scopes, account, claims });
  return send(stepped.accessToken);
}
// #endregion
