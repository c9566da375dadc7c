// #region paging
import type { ApolloClient, ObservableQuery } from "@apollo/client";
import type { MyInterestsQuery, MyInterestsQueryVariables } from "./gen/graphql";
import { MyInterests } from "./operations";

type List = ObservableQuery<MyInterestsQuery, MyInterestsQueryVariables>;

/** Asks for the page behind the last one; the cache puts it behind the others. False where there is none. */
export async function nextPage(client: ApolloClient, list: List): Promise<boolean> {
  // The list itself shows a page some time after the cache has it. Until then it would ask for the same page again.
  const page = client.readQuery({ query: MyInterests, variables: list.variables })?.me.interests?.pageInfo;
  if (!page?.hasNextPage) return false;
  await list.fetchMore({ variables: { after: page.endCursor ?? null } });
  return true;
}
// #endregion
