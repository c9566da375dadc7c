package main

import (
	"profileql/internal/playground"
	"profileql/internal/sandbox"
)

// tabs are what the playground opens with.
var tabs = []playground.Tab{
	{
		Query: `# Change an interest. What the patch leaves out stays as it is, null clears, [] empties.
# Press the run button, then look at what came back from the source.
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
		Query: `# Everything that you are interested in, a page at a time.
# Put pageInfo.endCursor into the variable "after" for the next page.
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
