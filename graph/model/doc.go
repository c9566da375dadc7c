// Package model holds the Go types of the schema's types that gqlgen works with. What comes from a source, and what goes
// to one, is no Go type but a leaf: [JSON] and [Patch].
//
// models_gen.go is generated.
package model
