// #region list
import { graphql } from "./gen";

export const Interests = graphql(`
  query Interests(
    $first: Int! = 20
    $after: String
    $orderBy: ItemOrder! = { field: CREATED_DATE_TIME, direction: DESC }
    $sources: [String!]
  ) {
    me {
      id
      interests(first: $first, after: $after, orderBy: $orderBy, sources: $sources) {
        edges {
          cursor
          node {
            id
            displayName
            description
            createdDateTime
          }
        }
        pageInfo {
          hasNextPage
          endCursor
        }
      }
    }
  }
`);
// #endregion

// #region writes
export const Update = graphql(`
  mutation Update($input: UpdatePersonInterestInput!) {
    updatePersonInterest(input: $input) {
      personInterest {
        id
        displayName
        description
        createdDateTime
      }
    }
  }
`);

export const Create = graphql(`
  mutation Create($input: CreatePersonInterestInput!) {
    createPersonInterest(input: $input) {
      personInterest {
        id
        displayName
        description
        createdDateTime
        profileSource {
          name
        }
      }
    }
  }
`);

export const Delete = graphql(`
  mutation Delete($input: DeleteProfileItemInput!) {
    deleteProfileItem(input: $input) {
      deletedId
    }
  }
`);
// #endregion

// #region one
export const OneInterest = graphql(`
  query OneInterest($id: ID!) {
    node(id: $id) {
      id
      ... on PersonInterest {
        displayName
        description
        createdDateTime
      }
    }
  }
`);
// #endregion

export const Details = graphql(`
  query Details($id: ID!) {
    node(id: $id) {
      __typename
      id
      ... on PersonInterest {
        displayName
        webUrl
        inference {
          confidenceScore
        }
        createdBy {
          user {
            id
            displayName
          }
        }
        sources {
          sourceId
        }
        profileSource {
          name
          kind
        }
      }
    }
  }
`);

export const Several = graphql(`
  query Several($ids: [ID!]!) {
    nodes(ids: $ids) {
      id
    }
  }
`);
