package playground

// Guide returns the tabs that the playground opens with. Source is the name of the source in the example operations,
// item the id of an interest that can be changed, and locked the id of an interest that its source refuses to change.
func Guide(source, item, locked string) []Tab {
	return []Tab{
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
    "id": "` + item + `",
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
			Query: `# Run Create, and then Delete, with the
# new id in the variables, under "old".
mutation Create($new: CreatePersonInterestInput!) {
  createPersonInterest(input: $new) {
    personInterest { id displayName }
  }
}

mutation Delete($old: DeleteProfileItemInput!) {
  deleteProfileItem(input: $old) { deletedId }
}
`,
			Variables: `{
  "new": {
    "item": {"displayName": "Bell ringing"}
  },
  "old": {"id": ""}
}
`,
		},
		{
			Query: `# Your interests, a page at a time. For the
# next one, put endCursor into "after".
query Mine($first: Int!, $after: String) {
  me {
    id
    interests(first: $first, after: $after) {
      nodes {
        id
        displayName
        createdDateTime
        profileSource { name }
      }
      pageInfo { hasNextPage endCursor }
      totalCount
    }
  }
}
`,
			Variables: `{"first": 5, "after": null}
`,
		},
		{
			Query: `# All sources as one list, in one order. A
# source that fails is in failedSources.
query Merged($first: Int!) {
  me {
    interests(first: $first) {
      nodes {
        displayName
        createdDateTime
        profileSource { name }
      }
      totalCount
      failedSources {
        source { name }
        code
        message
      }
    }
  }
}
`,
			Variables: `{"first": 20}
`,
		},
		{
			Query: `# A whole profile: all 19 facets, the first
# items of each, and what is missing of them.
query Profile($first: Int!) {
  me {
    names(first: $first) {
      nodes { displayName first last }
      failedSources { source { name } code }
    }
    account(first: $first) {
      nodes { userPrincipalName countryCode }
    }
    emails(first: $first) {
      nodes { type address }
    }
    phones(first: $first) {
      nodes { type number }
    }
    addresses(first: $first) {
      nodes {
        displayName
        detail { city countryOrRegion }
      }
    }
    positions(first: $first) {
      nodes {
        isCurrent
        detail {
          jobTitle
          startMonthYear
          company { displayName }
        }
        manager { displayName }
      }
    }
    projects(first: $first) {
      nodes {
        displayName
        client { displayName }
        colleagues { displayName relationship }
      }
    }
    skills(first: $first) {
      nodes { displayName proficiency }
    }
    languages(first: $first) {
      nodes { displayName tag spoken written }
    }
    educationalActivities(first: $first) {
      nodes {
        completionMonthYear
        institution { displayName }
        program { displayName }
      }
    }
    certifications(first: $first) {
      nodes { displayName issuedDate endDate }
    }
    awards(first: $first) {
      nodes { displayName issuedDate }
    }
    patents(first: $first) {
      nodes { displayName number isPending }
    }
    publications(first: $first) {
      nodes { displayName publishedDate }
    }
    interests(first: $first) {
      nodes { displayName categories }
    }
    anniversaries(first: $first) {
      nodes { type date }
    }
    notes(first: $first) {
      nodes { displayName detail { content } }
    }
    webAccounts(first: $first) {
      nodes { userId service { name } }
    }
    websites(first: $first) {
      nodes { displayName webUrl }
    }
  }
}
`,
			Variables: `{"first": 3}
`,
		},
		{
			Query: `# Four reads, sent to each source as one
# $batch: see below the answer.
query Batch($first: Int!) {
  me {
    interests(first: $first) {
      nodes { displayName }
      totalCount
    }
    skills(first: $first) {
      nodes { displayName proficiency }
    }
    projects(first: $first) {
      nodes { displayName }
    }
  }
}
`,
			Variables: `{"first": 3}
`,
		},
		{
			Query: `# Only the sources that are named. Which
# there are, and how they are doing:
query Named($sources: [String!]) {
  profileSources { name kind writable state }
  me {
    interests(first: 5, sources: $sources) {
      nodes {
        id
        displayName
        profileSource { name }
      }
      totalCount
    }
  }
}
`,
			Variables: `{"sources": ["` + source + `"]}
`,
		},
		{
			Query: `# An error on purpose: this is another
# system's. Programs read extensions.code.
mutation Refused($input: UpdatePersonInterestInput!) {
  updatePersonInterest(input: $input) {
    personInterest { id displayName }
  }
}
`,
			Variables: `{
  "input": {
    "id": "` + locked + `",
    "patch": {"displayName": "Mine now"}
  }
}
`,
		},
	}
}
