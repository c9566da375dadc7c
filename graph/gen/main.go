// Gen generates the Go code of the GraphQL schema with gqlgen and one plugin. `go generate` runs it at the root of the
// module.
//
// Package projection writes the objects from sources and the input objects for them, instead of generated code. For
// gqlgen, these types are leaves, like scalars. This does not affect introspection: the generated code contains no
// schema, and package graph serves the whole schema that it is given.
package main

import (
	"bytes"
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
	if err == nil {
		err = useDataBuffer(c.Exec.Filename)
	}
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

// useDataBuffer replaces the buffers that the generated code writes an operation's data to: they would start empty, and be
// copied each time that they grow.
func useDataBuffer(filename string) error {
	text, err := os.ReadFile(filename)
	if err != nil {
		return err
	}
	const declaration, argument = "var buf bytes.Buffer\n", "data.MarshalGQL(&buf)\n"
	if bytes.Count(text, []byte(declaration)) == 0 {
		return fmt.Errorf("%s has no %q", filename, declaration)
	}
	text = bytes.ReplaceAll(text, []byte(declaration), []byte("buf := newDataBuffer(ctx)\n"))
	text = bytes.ReplaceAll(text, []byte(argument), []byte("data.MarshalGQL(buf)\n"))
	text = bytes.Replace(text, []byte("\t\"bytes\"\n"), nil, 1)
	return os.WriteFile(filename, text, 0o600)
}

// leaves is a plugin that replaces types with scalars.
type leaves struct{ outputs, inputs []string }

// Name implements plugin.Plugin of gqlgen.
func (*leaves) Name() string { return "leaves" }

// MutateSchema replaces object types with scalars if they have no field with arguments, because they need no resolvers.
// It also replaces input object types that are not the type of an argument, because they are parts of request bodies.
// It deletes the types that only these used.
func (l *leaves) MutateSchema(schema *ast.Schema) error { //nolint:unparam // gqlgen's interface
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

// deleteUnused deletes the types that are not reachable from Query and Mutation.
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
			if def.Kind == ast.Object { // if all are leaves, the interface has no Go values
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

// MutateConfig maps the leaves to their Go types, and omits the schema's text from the generated code.
func (l *leaves) MutateConfig(c *config.Config) error { //nolint:unparam // gqlgen's interface
	for _, source := range c.Sources {
		source.Input = "" // already parsed
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
