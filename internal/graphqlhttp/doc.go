// Package graphqlhttp serves an executable GraphQL schema over HTTP (https://graphql.github.io/graphql-over-http/draft/).
//
// A request is read once (request.go), and its document looked up among those that are known (documents.go), or among the
// persisted operations where only these are run (persisted.go). A new document is parsed, held to the query limits
// (querylimits.go, limits.go) and validated. What is left to check once the variables are known is in operation.go; gqlgen's
// executor runs the operation. The answer is written by answer.go, in the media type that negotiate.go finds, and each
// request has a line in the log (requestlog.go).
//
// What an error of a resolver looks like is for the schema's owner to say ([Options].Present); every other error is turned
// into its form in errors.go.
package graphqlhttp
