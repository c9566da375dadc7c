// Package graph is ProfileQL's GraphQL schema in Go.
//
// The resolvers in schema.resolvers.go are one or two lines each and call a [Facet], the one mechanism that serves all
// facets: facet.go, with ids (id.go), connections (connection.go) and cursors (cursor.go). Where the items of a facet live
// is behind the interface [Collection]; they stay JSON, which package projection writes. Before an operation runs, its
// inputs are checked (inputs.go), and so is what it would cost (cost.go). What goes wrong is put into words for the caller
// in errors.go.
//
// [New] puts all of it together for package graphqlhttp, which serves it. generated.go is gqlgen's and never edited; the
// types it works with are in package model. It does not hold the schema, which comes with [Options].
package graph
