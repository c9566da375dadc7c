package graph

import (
	"context"
	"maps"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"profileql/internal/projection"
)

// Options says what the API is made of.
type Options struct {
	Schema  *ast.Schema // that of schema.graphqls
	Sources Sources     // at least one
	Facets  Facets
}

// API is the GraphQL schema and what runs its operations.
type API struct {
	Executable graphql.ExecutableSchema
	Inputs     *projection.Schema // coerces variables
	Checkers   []checker          // make the checks of an operation, in this order; see [Present] for their errors
}

// check refuses an operation once its variables are known.
type check = func(context.Context, *graphql.OperationContext) *gqlerror.Error

// checker makes the check of one operation, once for all requests for it: what does not depend on variables is found out
// before. It is nil where there is nothing to check.
type checker = func(*ast.OperationDefinition) check

// New returns the API. It fails where the facets do not fit the schema.
func New(o Options) (*API, error) {
	resolver, err := newResolver(o.Schema, o.Sources, o.Facets)
	if err != nil {
		return nil, err
	}
	return &API{
		Executable: NewExecutableSchema(Config{Schema: withoutDefer(o.Schema), Resolvers: resolver}),
		Inputs:     resolver.schema,
		Checkers:   []checker{costLimits{resolver.facets}.of, newInputs(resolver).of},
	}, nil
}

// withoutDefer is a schema without @defer, which gqlparser declares for every one: answers come in one piece here, so
// introspection must not offer it.
func withoutDefer(schema *ast.Schema) *ast.Schema {
	s := *schema
	s.Directives = maps.Clone(s.Directives)
	delete(s.Directives, "defer")
	return &s
}
