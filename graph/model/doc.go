// Package model is the Go shape of schema.graphqls, and of the profile API at the same time: GraphQL field names
// are the API's property names, so the generated models are decoded straight from REST answers and the generated
// inputs are encoded straight into request bodies. There is no converter per facet.
//
// What the two sides write differently is done here, once for all types: scalars (scalar.go), enums and flags
// (enum.go, flags.go), ids (item.go) and pages (connection.go). models_gen.go is generated from the schema by
// models.gotpl, which is gqlgen's own template with the hooks for these.
//
// Reading is lenient, because one odd value must not lose the rest of an answer: what cannot be understood shows
// as null, and no UnmarshalJSON here ever returns an error. Writing is strict: what an operation gives for an input
// is either exactly a value of its type or an [InputError].
package model
