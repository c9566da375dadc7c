// #region list
import { Problem } from "../Problem";
import { InterestItem } from "./InterestItem";
import { NetworkStatus } from "@apollo/client";
import { useQuery } from "@apollo/client/react";
import { useState } from "react";
import type { MyInterestsQueryVariables } from "./gen/graphql";
import { MyInterests } from "./operations";
import { problemOf } from "./problem";

export function InterestList(variables: MyInterestsQueryVariables) {
  const { data, error, networkStatus, fetchMore, refetch } = useQuery(MyInterests, { variables });
  const [pageError, setPageError] = useState<unknown>();
  const list = data?.me.interests;
  const more = () => {
    setPageError(undefined);
    fetchMore({ variables: { after: list?.pageInfo.endCursor ?? null } }).catch(setPageError);
  };
  const failure = error ?? pageError;
  return (
    <section>
      {list ? <h2>{list.edges.length} interests</h2> : !error && "Loading…"}
      <ol>{list?.edges.map(({ node }) => <InterestItem key={node.id} interest={node} />)}</ol>
      {list?.pageInfo.hasNextPage && (
        <button disabled={networkStatus === NetworkStatus.fetchMore} onClick={more}>
          More
        </button>
      )}
      <Problem problem={failure ? problemOf(failure) : undefined} />
      {error && <button onClick={() => void refetch()}>Try again</button>}
    </section>
  );
}
// #endregion
