// Package graph is ProfileQL's GraphQL side.
//
// A request comes in through handler.go (what the endpoint is made of) and transport.go (GraphQL over HTTP). Once it
// is parsed and validated, inputs.go checks all its inputs before anything runs. The resolvers in
// schema.resolvers.go are one or two lines each and call a [Facet], the one mechanism that serves all facets:
// facet.go, with ids (id.go), cursors (cursor.go) and the REST properties to ask for (selection.go). Where the
// items of a facet live is behind the interface [Collection]. What goes wrong on the way is put into words for the
// caller in errors.go, and only there.
//
// generated.go is gqlgen's and never edited; the types it works with are in package model.
package graph
