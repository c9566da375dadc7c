package graph

import (
	"context"
	"maps"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"profileql/internal/projection"
)

// Schema is a GraphQL schema: its text, and what is served. They differ if it is a subgraph; see [LoadSubgraph].
type Schema struct {
	SDL    string
	Parsed *ast.Schema
}

// LoadSchema parses a schema.
func LoadSchema(sdl string) (Schema, error) {
	parsed, err := parseSchema(sdl)
	return Schema{SDL: sdl, Parsed: parsed}, err
}

func parseSchema(sdl string) (*ast.Schema, error) {
	return gqlparser.LoadSchema(&ast.Source{Name: "schema.graphqls", Input: sdl})
}

// Options are the options of [New].
type Options struct {
	Schema  Schema
	Sources Sources // at least one

	// Collection returns the items of a facet. It is called once for each field of Profile that returns a connection, with the
	// field's name, which is also the path segment of the REST API, and the REST properties of an item.
	Collection func(facet string, properties []string) Collection
}

// API is the executable GraphQL schema, with the checks of operations.
type API struct {
	Executable graphql.ExecutableSchema
	Inputs     *projection.Schema // coerces variables
	Checkers   []checker          // in the order of their checks; see [Present] for the errors
}

// check returns an error if an operation with its variables is not allowed to run.
type check = func(context.Context, *graphql.OperationContext) *gqlerror.Error

// checker returns the check of an operation, or nil if it needs none. It is called once for each cached operation, and
// does the work that does not depend on variables.
type checker = func(*ast.OperationDefinition) check

// New returns the API. It returns an error if the schema has unknown types.
func New(o Options) (*API, error) {
	resolver, err := newResolver(o)
	if err != nil {
		return nil, err
	}
	return &API{
		Executable: dispatching{NewExecutableSchema(Config{Schema: withoutDefer(o.Schema.Parsed), Resolvers: resolver})},
		Inputs:     resolver.schema,
		Checkers:   []checker{costLimits{resolver.facets}.of, newInputs(resolver).of},
	}, nil
}

// withoutDefer returns a copy of the schema without @defer. gqlparser adds @defer to every schema, but responses are
// not incremental here, so introspection must not list it.
func withoutDefer(schema *ast.Schema) *ast.Schema {
	s := *schema
	s.Directives = maps.Clone(s.Directives)
	delete(s.Directives, "defer")
	return &s
}
