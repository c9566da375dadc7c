import { graphql, useLazyLoadQuery } from "react-relay";
import type { MyInterestsQuery } from "./__generated__/MyInterestsQuery.graphql";
import { InterestList } from "./InterestList";

const newestFirst = { field: "CREATED_DATE_TIME", direction: "DESC" } as const;

interface Props {
  first?: number;
  orderBy?: MyInterestsQuery["variables"]["orderBy"];
  sources?: string[];
}

export function MyInterests({ first = 20, orderBy = newestFirst, sources }: Props) {
  const { me } = useLazyLoadQuery<MyInterestsQuery>(
    graphql`
      query MyInterestsQuery($first: Int!, $orderBy: ItemOrder!, $sources: [String!]) {
        me {
          ...InterestList_profile @arguments(first: $first, orderBy: $orderBy, sources: $sources)
        }
      }
    `,
    { first, orderBy, sources },
  );
  return <InterestList profile={me} orderBy={orderBy} source={sources?.[0]} />;
}
