import { startTransition, useState } from "react";
import { graphql, usePaginationFragment } from "react-relay";
import type { InterestListPageQuery, ItemOrder } from "./__generated__/InterestListPageQuery.graphql";
import type { InterestList_profile$key } from "./__generated__/InterestList_profile.graphql";
import { Interest } from "./Interest";
import { NewInterest } from "./NewInterest";
import { Boundary, Problem } from "./Problem";

interface Props {
  profile: InterestList_profile$key;
  orderBy: ItemOrder;
  /** Where new interests go, for a list of just some sources. */
  source: string | undefined;
}

export function InterestList({ profile, orderBy, source }: Props) {
  // #region page
  const { data, loadNext, hasNext, isLoadingNext, refetch } = usePaginationFragment<
    InterestListPageQuery,
    InterestList_profile$key
  >(
    graphql`
      fragment InterestList_profile on Profile
      @refetchable(queryName: "InterestListPageQuery")
      @argumentDefinitions(
        first: { type: "Int", defaultValue: 20 }
        after: { type: "String" }
        orderBy: { type: "ItemOrder", defaultValue: { field: CREATED_DATE_TIME, direction: DESC } }
        sources: { type: "[String!]" }
      ) {
        interests(first: $first, after: $after, orderBy: $orderBy, sources: $sources)
          @connection(key: "InterestList_interests", filters: ["orderBy", "sources"]) {
          __id
          totalCount
          edges {
            node {
              id
              ...Interest_interest
            }
          }
        }
      }
    `,
    profile,
  );
  const [error, setError] = useState<Error>();
  const more = () => loadNext(20, { onComplete: (failure) => setError(failure ?? undefined) });
  const readAgain = () => startTransition(() => void refetch({}, { fetchPolicy: "network-only" }));
  // #endregion

  if (!data.interests) return null;
  const { __id: connection, totalCount, edges } = data.interests;
  const [newestFirst, newestLast] = orderBy.direction === "DESC" ? [[connection], []] : [[], [connection]];
  return (
    <section>
      <NewInterest source={source} newestFirst={newestFirst} newestLast={newestLast} readListAgain={readAgain} />
      <h2>
        {edges.length} of {totalCount} interests
      </h2>
      <ol>
        {edges.map(
          ({ node }) =>
            // Null where the interest was deleted in another list.
            node && (
              <Boundary key={node.id}>
                <Interest interest={node} connection={connection} readListAgain={readAgain} />
              </Boundary>
            ),
        )}
      </ol>
      <button onClick={readAgain}>Read all again</button>
      {hasNext && (
        <button disabled={isLoadingNext} onClick={more}>
          More
        </button>
      )}
      <Problem error={error} />
    </section>
  );
}
