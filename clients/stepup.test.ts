import type { AccountInfo, IPublicClientApplication } from "@azure/msal-browser";
import { expect, test } from "vitest";
import { claimsOf, withStepUp } from "./stepup";

const claims = '{"access_token":{"acrs":{"essential":true,"value":"c1"}}}';
const demand = { errors: [{ extensions: { code: "FORBIDDEN" } }, { extensions: { code: "UNAUTHENTICATED", claims } }] };

/** An MSAL that records what it is asked for. */
function recording() {
  const asked: unknown[] = [];
  const msal = {
    acquireTokenSilent: async (request: object) => (asked.push(["silent", request]), { accessToken: "old" }),
    acquireTokenPopup: async (request: object) => (asked.push(["popup", request]), { accessToken: "new" }),
  } as unknown as IPublicClientApplication;
  return { asked, msal };
}

const account = { homeAccountId: "a" } as AccountInfo;

test("a demand is met by a token with the claims, once", async () => {
  const { asked, msal } = recording();
  const tokens: string[] = [];
  const response = await withStepUp(msal, account, ["s"], async (token) => (tokens.push(token), demand));
  expect(response).toBe(demand);
  expect(tokens).toEqual(["old", "new"]);
  expect(asked).toEqual([["silent", { scopes: ["s"], account }], ["popup", { scopes: ["s"], account, claims }]]);
});

test("other responses are handed on", async () => {
  const { asked, msal } = recording();
  for (const response of [{ data: {} }, { errors: [{}] }, { errors: [{ extensions: { code: "UNAUTHENTICATED" } }] }, { errors: [{ extensions: { claims: 5 } }] }]) {
    expect(claimsOf(response)).toBeUndefined();
    expect(await withStepUp(msal, account, [], async () => response)).toBe(response);
  }
  expect(asked.every((a) => (a as string[])[0] === "silent")).toBe(true);
});
