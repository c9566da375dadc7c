package graphqlhttp

import (
	"fmt"

	"github.com/vektah/gqlparser/v2/gqlerror"

	"profileql/internal/profile"
)

// limit is a limit of a request. docs/limits.md describes each.
type limit struct {
	name  string // in extensions.limit
	value int
	what  string // what is counted, for the message
}

// The limits of a request, in the order in which they are checked. The largest useful operation is within them: all
// facets of the profile API with all properties and 20 items each, in one query.
var (
	maxAddress      = limit{"addressBytes", 16 << 10, "bytes in the query of the address"}
	maxBody         = limit{"bodyBytes", 1 << 20, "bytes in the body"}
	maxJSONValues   = limit{"jsonValues", 10_000, "values in the body's JSON"}
	maxJSONDepth    = limit{"jsonDepth", 32, "levels in the body's JSON"}
	maxTokens       = limit{"tokens", 3_500, "tokens in the document"}
	maxNameBytes    = limit{"nameBytes", 256, "bytes in one name of the document"}
	maxDirectives   = limit{"directives", 50, "directives in the document"}
	maxAliases      = limit{"aliases", 100, "aliases in the document"}
	maxSelections   = limit{"selections", 2_000, "selections in the document, fragments put in where they are spread"}
	maxDepth        = limit{"depth", 20, "levels of selections in the document"}
	maxRootFields   = limit{"rootFields", 20, "fields at the root of an operation"}
	maxMutations    = limit{"mutations", 10, "fields at the root of a mutation"}
	maxSameField    = limit{"sameField", 20, "selections of one field in one selection set"}
	maxErrors       = limit{"errors", 20, "errors"}
	maxMessageBytes = 500 // of an error's message, and of a name in its path; longer ones are truncated
)

// exceeded returns the error for a request over the limit.
func (l limit) exceeded() *gqlerror.Error {
	return &gqlerror.Error{
		Message:    fmt.Sprintf("There are more than %d %s.", l.value, l.what),
		Extensions: map[string]any{"code": string(profile.LimitExceeded), "limit": l.name, "value": l.value},
	}
}
