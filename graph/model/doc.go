// Package model has the Go types of the schema's types that gqlgen needs. Objects from a source are [JSON], and input
// objects for a source are [Patch]: gqlgen treats both as scalars.
//
// models_gen.go is generated.
package model
