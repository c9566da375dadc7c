// #region fragment
import { graphql } from "./gen";

export const Interest = graphql(`
  fragment Interest on PersonInterest {
    id
    displayName
    description
    categories
    createdDateTime
    profileSource {
      name
    }
  }
`);
// #endregion

// #region list
export const MyInterests = graphql(`
  query MyInterests($first: Int! = 20, $after: String, $orderBy: ItemOrder! = { field: CREATED_DATE_TIME, direction: DESC }) {
    me {
      id
      interests(first: $first, after: $after, orderBy: $orderBy) {
        edges {
          cursor
          node {
            id
            ...Interest
          }
        }
        pageInfo {
          hasNextPage
          endCursor
        }
        totalCount
      }
    }
  }
`);
// #endregion

// #region writes
export const UpdateInterest = graphql(`
  mutation UpdateInterest($input: UpdatePersonInterestInput!) {
    updatePersonInterest(input: $input) {
      personInterest {
        id
        ...Interest
      }
    }
  }
`);

export const CreateInterest = graphql(`
  mutation CreateInterest($input: CreatePersonInterestInput!) {
    createPersonInterest(input: $input) {
      personInterest {
        id
        ...Interest
      }
    }
  }
`);

export const DeleteItem = graphql(`
  mutation DeleteItem($input: DeleteProfileItemInput!) {
    deleteProfileItem(input: $input) {
      deletedId
    }
  }
`);
// #endregion

// #region node
export const OneItem = graphql(`
  query OneItem($id: ID!) {
    node(id: $id) {
      id
      ... on ItemFacet {
        createdDateTime
      }
      ...Interest
    }
  }
`);

export const SeveralItems = graphql(`
  query SeveralItems($ids: [ID!]!) {
    nodes(ids: $ids) {
      id
      ...Interest
    }
  }
`);
// #endregion
