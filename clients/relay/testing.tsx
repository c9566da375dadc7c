// What the tests of this folder share. Their page is of another origin than ProfileQL, as it is while an app is
// developed. That happy-dom keeps no rule of origins itself lets the tests speak to the sandbox, too.
import { cleanup, render } from "@testing-library/react";
import type { ReactElement } from "react";
import { afterEach, beforeEach, expect } from "vitest";
import { recorder, start, type ProfileQL } from "../profileql";
import type { ItemOrder } from "./__generated__/MyInterestsQuery.graphql";
import { App } from "./App";

export { interest, names, press } from "../screen";

export let profileql: ProfileQL;
beforeEach(async () => {
  profileql = await start("--cors-origin", location.origin);
});
afterEach(async () => {
  cleanup();
  await profileql.stop();
});

/** A session whose operations are noted. The sandbox takes a person's name for their token. */
export function signIn(person = "ada@example.com") {
  const { fetch, operations } = recorder();
  return { session: { url: profileql.url, person, token: () => person, fetch }, operations };
}

/** Shows something to a person who has just signed in, and returns the operations that it takes. */
export function show(ui: ReactElement, { session, operations } = signIn()): string[] {
  // What the boundary shows need not be in the log.
  render(<App session={session}>{ui}</App>, { onCaughtError: () => undefined });
  return operations;
}

/** Asks behind Relay's back. */
export async function ask<T>(query: string, variables = {}): Promise<T> {
  const response = await fetch(profileql.url, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = (await response.json()) as { data: T; errors?: unknown };
  expect(errors).toBeUndefined();
  return data;
}

/** Changes an interest behind Relay's back. */
export async function change(id: string, patch: object): Promise<void> {
  const mutation = `mutation ($input: UpdatePersonInterestInput!) {
    updatePersonInterest(input: $input) { __typename }
  }`;
  await ask(mutation, { input: { id, patch } });
}

export interface Item {
  id: string;
  itemId: string;
  displayName: string | null;
  description: string | null;
  categories: string[] | null;
}

/** All interests as they are at the source, newest first unless asked for otherwise. */
export async function stored(orderBy: ItemOrder = { field: "CREATED_DATE_TIME", direction: "DESC" }, sources?: string[]) {
  const query = `query ($orderBy: ItemOrder!, $sources: [String!]) {
    me { interests(first: 100, orderBy: $orderBy, sources: $sources) { nodes { id itemId displayName description categories } } }
  }`;
  return (await ask<{ me: { interests: { nodes: Item[] } } }>(query, { orderBy, sources })).me.interests.nodes;
}
