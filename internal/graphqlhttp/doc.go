// Package graphqlhttp serves an executable GraphQL schema over HTTP (https://graphql.github.io/graphql-over-http/draft/).
//
// request.go reads a request. Its document is looked up in the cache (documents.go), or in the persisted operations if
// only these are allowed (persisted.go). A new document is parsed, checked against the query limits (querylimits.go,
// limits.go) and validated. operation.go coerces the variables and runs the checks that depend on them. gqlgen's
// executor runs the operation. answer.go writes the answer, in the media type that negotiate.go chooses. requestlog.go
// logs a line for each request.
//
// [Options].Present converts the errors of resolvers, because they belong to the schema. errors.go converts all other
// errors.
package graphqlhttp
