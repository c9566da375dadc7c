// #region paging
import type { ObservableQuery } from "@apollo/client";
import type { MyInterestsQuery, MyInterestsQueryVariables } from "./gen/graphql";

/** Asks for the page behind the last one; the cache puts it behind the others. False where there is none. */
export async function nextPage(list: ObservableQuery<MyInterestsQuery, MyInterestsQueryVariables>): Promise<boolean> {
  const { dataState, data } = list.getCurrentResult();
  const page = dataState === "complete" ? data.me.interests?.pageInfo : undefined;
  if (!page?.hasNextPage) return false;
  await list.fetchMore({ variables: { after: page.endCursor ?? null } });
  return true;
}
// #endregion
