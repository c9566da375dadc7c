// Gen generates the Go code of the GraphQL schema: gqlgen, with one plugin. `go generate` runs it at the root of the
// module.
//
// What comes from a source, and what goes to one, is written by package projection, not by generated code: to the
// generator, such objects and inputs are leaves, as scalars are. The schema that is served and introspected is the whole
// one all the same: package graph is given it, and the generated code holds none.
package main

import (
	"fmt"
	"os"
	"slices"

	"github.com/99designs/gqlgen/api"
	"github.com/99designs/gqlgen/codegen/config"
	"github.com/vektah/gqlparser/v2/ast"
)

func main() {
	c, err := config.LoadConfig("gqlgen.yml")
	if err == nil {
		err = api.Generate(c, api.PrependPlugin(&leaves{}))
	}
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

// leaves is a plugin that makes leaves of types.
type leaves struct{ outputs, inputs []string }

// Name implements gqlgen's plugin.Plugin.
func (*leaves) Name() string { return "leaves" }

// MutateSchema makes a leaf of each object that has no field with arguments, and so no resolver of its own, and of each
// input object that is part of another one, and so of a body. What only leaves use is taken out.
func (l *leaves) MutateSchema(schema *ast.Schema) error { //nolint:unparam // the form of a plugin
	arguments := make(map[string]bool)
	for _, def := range schema.Types {
		for _, field := range def.Fields {
			for _, argument := range field.Arguments {
				arguments[argument.Type.Name()] = true
			}
		}
	}
	for name, def := range schema.Types {
		isRoot := def == schema.Query || def == schema.Mutation
		hasArguments := slices.ContainsFunc(def.Fields, func(f *ast.FieldDefinition) bool { return len(f.Arguments) > 0 })
		switch {
		case def.BuiltIn || isRoot:
		case def.Kind == ast.Object && !hasArguments:
			l.outputs = append(l.outputs, name)
		case def.Kind == ast.InputObject && !arguments[name]:
			l.inputs = append(l.inputs, name)
		}
	}
	for _, name := range slices.Concat(l.outputs, l.inputs) {
		schema.Types[name] = &ast.Definition{Kind: ast.Scalar, Name: name}
	}
	for name, possible := range schema.PossibleTypes {
		schema.PossibleTypes[name] = slices.DeleteFunc(possible, func(def *ast.Definition) bool {
			return slices.Contains(l.outputs, def.Name)
		})
	}
	deleteUnused(schema)
	return nil
}

// deleteUnused takes out the types that nothing leads to any more.
func deleteUnused(schema *ast.Schema) {
	used := make(map[string]bool)
	var use func(name string)
	use = func(name string) {
		if used[name] {
			return
		}
		used[name] = true
		for _, field := range schema.Types[name].Fields {
			use(field.Type.Name())
			for _, argument := range field.Arguments {
				use(argument.Type.Name())
			}
		}
		for _, def := range schema.PossibleTypes[name] {
			if def.Kind == ast.Object { // an interface of leaves alone has no values in Go
				use(def.Name)
			}
		}
	}
	use(schema.Query.Name)
	use(schema.Mutation.Name)
	for name, def := range schema.Types {
		if !used[name] && !def.BuiltIn {
			delete(schema.Types, name)
			delete(schema.PossibleTypes, name)
			delete(schema.Implements, name)
		}
	}
	for name, possible := range schema.PossibleTypes {
		schema.PossibleTypes[name] = slices.DeleteFunc(possible, func(def *ast.Definition) bool { return !used[def.Name] })
	}
}

// MutateConfig binds the leaves that are left to their Go types, and keeps the schema's text out of the generated code.
func (l *leaves) MutateConfig(c *config.Config) error { //nolint:unparam // the form of a plugin
	for _, source := range c.Sources {
		source.Input = "" // it is parsed by now
	}
	for _, kind := range []struct {
		names []string
		model string
	}{{l.outputs, "profileql/graph/model.JSON"}, {l.inputs, "profileql/graph/model.Patch"}} {
		for _, name := range kind.names {
			if c.Schema.Types[name] != nil {
				c.Models.Add(name, kind.model)
			}
		}
	}
	return nil
}
