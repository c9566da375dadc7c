import { graphql, useLazyLoadQuery } from "react-relay";
import type { BookmarksQuery } from "./__generated__/BookmarksQuery.graphql";
import { tolerating } from "./environment";

/** Interests whose ids were kept. */
export function Bookmarks({ ids }: { ids: readonly string[] }) {
  const { nodes } = useLazyLoadQuery<BookmarksQuery>(
    graphql`
      query BookmarksQuery($ids: [ID!]!) {
        nodes(ids: $ids) {
          ... on PersonInterest {
            displayName
          }
        }
      }
    `,
    { ids },
    tolerating("NOT_FOUND", "BAD_USER_INPUT"),
  );
  return (
    <ul>
      {nodes.map((node, i) => (
        <li key={ids[i]}>{node ? node.displayName : "No longer there"}</li>
      ))}
    </ul>
  );
}
