package main

import (
	"profileql/internal/playground"
	"profileql/internal/sandbox"
)

// tabs are what the playground opens with.
var tabs = []playground.Tab{
	{
		Query: `# Changes an interest: the button runs it.
# Left out stays, null clears, [] empties.
mutation Update($input: UpdatePersonInterestInput!) {
  updatePersonInterest(input: $input) {
    personInterest {
      id
      itemId
      displayName
      description
      categories
      allowedAudiences
      lastModifiedDateTime
      profileSource { name }
    }
  }
}
`,
		Variables: `{
  "input": {
    "id": "` + sandbox.SampleInterest + `",
    "patch": {
      "displayName": "Chess by correspondence",
      "description": null,
      "categories": ["games"]
    }
  }
}
`,
	},
	{
		Query: `# Your interests, a page at a time. For the
# next one, put endCursor into "after".
query Mine($first: Int!, $after: String) {
  me {
    id
    interests(first: $first, after: $after, orderBy: {field: CREATED_DATE_TIME, direction: DESC}) {
      nodes { id itemId displayName createdDateTime profileSource { name } }
      pageInfo { hasNextPage endCursor }
      totalCount
    }
  }
}
`,
		Variables: `{"first": 5, "after": null}
`,
	},
}
