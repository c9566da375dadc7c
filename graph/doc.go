// Package graph is ProfileQL's GraphQL side.
//
// A request comes in through handler.go (what the endpoint is made of), request.go and answer.go (GraphQL over HTTP).
// Once its document is known to be valid (documents.go), operation.go checks all that it asks for before anything runs:
// variables, inputs and price. The resolvers in schema.resolvers.go are one or two lines each and call a [Facet], the one
// mechanism that serves all facets: facet.go, with ids (id.go), connections (connection.go) and cursors (cursor.go). Where
// the items of a facet live is behind the interface [Collection]; they stay JSON, which package projection writes. What goes
// wrong on the way is put into words for the caller in errors.go, and only there.
//
// generated.go is gqlgen's and never edited; the types it works with are in package model. It does not hold the schema,
// which comes with [Options].
package graph
