// #region suspended
import { Problem } from "../Problem";
import { InterestItem } from "./InterestItem";
import { useApolloClient, useSuspenseQuery } from "@apollo/client/react";
import { Component, Suspense, useState, useTransition, type ReactNode } from "react";
import { MyInterests } from "./operations";
import { problemOf } from "./problem";

function List({ attempt }: { attempt: number }) {
  const client = useApolloClient();
  // Without a key of its own, another attempt gets the error of the last one: Apollo keeps it for half a minute.
  const { data } = useSuspenseQuery(MyInterests, { variables: {}, queryKey: attempt });
  const [isPending, startTransition] = useTransition();
  const [pageError, setPageError] = useState<unknown>();
  const list = data.me.interests;
  const more = () =>
    startTransition(async () => {
      setPageError(undefined);
      // This hook's own fetchMore gives the whole list to the boundary where one page fails.
      const variables = { after: list?.pageInfo.endCursor ?? null };
      await client.query({ query: MyInterests, variables, fetchPolicy: "network-only" }).catch(setPageError);
    });
  return (
    <section>
      <h2>{list?.edges.length} interests</h2>
      <ol>{list?.edges.map(({ node }) => <InterestItem key={node.id} interest={node} />)}</ol>
      {list?.pageInfo.hasNextPage && (
        <button disabled={isPending} onClick={more}>
          More
        </button>
      )}
      <Problem problem={pageError ? problemOf(pageError) : undefined} />
    </section>
  );
}

interface Failure {
  error?: unknown;
}

class Boundary extends Component<{ retry: () => void; children: ReactNode }, Failure> {
  override state: Failure = {};

  static getDerivedStateFromError(error: unknown): Failure {
    return { error };
  }

  override render() {
    if (!this.state.error) return this.props.children;
    return (
      <>
        <Problem problem={problemOf(this.state.error)} />
        <button onClick={this.props.retry}>Try again</button>
      </>
    );
  }
}

export function Suspended() {
  const [attempt, setAttempt] = useState(0);
  return (
    <Boundary key={attempt} retry={() => setAttempt(attempt + 1)}>
      <Suspense fallback="Loading…">
        <List attempt={attempt} />
      </Suspense>
    </Boundary>
  );
}
// #endregion
