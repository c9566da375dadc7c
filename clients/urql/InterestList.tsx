// #region list
import { Problem } from "../Problem";
import { InterestItem } from "./InterestItem";
import { useState } from "react";
import { useClient, useQuery, type CombinedError } from "urql";
import type { InterestsQueryVariables } from "./gen/graphql";
import { Interests } from "./operations";
import { problemOf } from "./problem";

interface Page {
  after: string | null;
  error?: CombinedError;
}

export function InterestList(variables: InterestsQueryVariables) {
  const client = useClient();
  const [{ data, error, fetching }, readAgain] = useQuery({ query: Interests, variables });
  const [last, setLast] = useState<Page>();
  const [loading, setLoading] = useState(false);
  const list = data?.me.interests;
  // Pages are asked for beside the list, and come to it through the cache: it stays as it is where one fails.
  const more = async (after: string | null) => {
    setLoading(true);
    const page = await client.query(Interests, { ...variables, after }, { requestPolicy: "network-only" }).toPromise();
    setLast(page.error ? { after, error: page.error } : { after });
    setLoading(false);
  };
  const failed = last?.error && last;
  const failure = error ?? failed?.error;
  const tryAgain = () => (failed ? void more(failed.after) : readAgain({ requestPolicy: "network-only" }));
  return (
    <section>
      {list ? <h2>{list.edges.length} interests</h2> : fetching && "Loading…"}
      <ol>{list?.edges.map(({ node }) => <InterestItem key={node.id} interest={node} />)}</ol>
      {list?.pageInfo.hasNextPage && !failure && (
        <button disabled={loading} onClick={() => void more(list.pageInfo.endCursor ?? null)}>
          More
        </button>
      )}
      <Problem problem={failure && problemOf(failure)} />
      {failure && (
        <button disabled={loading} onClick={tryAgain}>
          Try again
        </button>
      )}
    </section>
  );
}
// #endregion
