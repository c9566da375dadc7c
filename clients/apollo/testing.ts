import type { ApolloClient } from "@apollo/client";
import { eventually } from "../profileql";
import type { ItemOrder } from "./gen/graphql";
import { MyInterests } from "./operations";

export const newest: ItemOrder = { field: "CREATED_DATE_TIME", direction: "DESC" };
export const oldest: ItemOrder = { field: "CREATED_DATE_TIME", direction: "ASC" };

/** A list that is on somebody's screen. */
export function show(client: ApolloClient, orderBy: ItemOrder = newest, first = 100) {
  const query = client.watchQuery({ query: MyInterests, variables: { first, orderBy } });
  const shown: string[][] = [];
  const subscription = query.subscribe(({ dataState, data }) => {
    if (dataState === "complete") shown.push(names(data.me.interests?.edges));
  });
  const now = () => query.getCurrentResult();
  return {
    query,
    /** All that the list has shown, one after the other. */
    shown,
    names: () => shown.at(-1) ?? [],
    list: () => {
      const { dataState, data } = now();
      return dataState === "complete" ? data.me.interests : undefined;
    },
    me: () => {
      const { dataState, data } = now();
      if (dataState !== "complete") throw new Error("nothing is shown yet");
      return data.me;
    },
    ready: () => eventually(() => { if (shown.length === 0) throw new Error("nothing is shown yet"); }),
    close: () => subscription.unsubscribe(),
  };
}

const names = (edges: { node: { displayName?: string | null } }[] | undefined) =>
  (edges ?? []).map(({ node }) => node.displayName ?? "");
