// #region operations
import { graphql } from "./gen";

export const InterestNames = graphql(`
  query InterestNames($first: Int!, $orderBy: ItemOrder!) {
    me {
      interests(first: $first, orderBy: $orderBy) {
        nodes {
          id
          displayName
          createdDateTime
          allowedAudiences
        }
        totalCount
      }
    }
  }
`);

export const ChangeInterest = graphql(`
  mutation ChangeInterest($input: UpdatePersonInterestInput!) {
    updatePersonInterest(input: $input) {
      personInterest {
        id
        displayName
        description
        categories
        lastModifiedDateTime
      }
    }
  }
`);
// #endregion

export const Items = graphql(`
  query Items($ids: [ID!]!) {
    nodes(ids: $ids) {
      id
    }
  }
`);
