package graph

import (
	"bytes"
	"context"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"profileql/internal/profile"
)

// dispatching is an executable schema whose queries collect their reads, so that those of one source are sent together.
//
// The running tasks are resolvers. gqlgen starts those of a selection set concurrently, so they are announced before: the
// fields of the query here, the lists of a profile by the resolver of the profile ([Resolver.beginLists]). Each resolver
// ends its own task.
type dispatching struct{ graphql.ExecutableSchema }

// Exec implements gqlgen's ExecutableSchema.
func (s dispatching) Exec(ctx context.Context) graphql.ResponseHandler {
	op := graphql.GetOperationContext(ctx)
	execute := s.ExecutableSchema.Exec(ctx)
	if op.Operation.Operation != ast.Query {
		return execute
	}
	return func(ctx context.Context) *graphql.Response {
		tasks := 0
		for _, field := range graphql.CollectFields(op, op.Operation.SelectionSet, []string{"Query"}) {
			if !strings.HasPrefix(field.Name, "__") {
				tasks++
			}
		}
		return execute(profile.WithDispatcher(ctx, tasks))
	}
}

// newDataBuffer returns the buffer that the generated code writes an operation's data to. Its size is that of the lists,
// and some more for the rest.
func newDataBuffer(ctx context.Context) *bytes.Buffer {
	return bytes.NewBuffer(profile.NewBuffer(ctx, profile.Buffered(ctx)+512))
}

// beginLists announces the lists that are selected in the current field, which returns a profile.
func (r *Resolver) beginLists(ctx context.Context) {
	lists := 0
	for _, field := range graphql.CollectFields(graphql.GetOperationContext(ctx), graphql.GetFieldContext(ctx).Field.Selections, profileImplementors) {
		if r.facets[field.Name] != nil {
			lists++
		}
	}
	profile.DispatcherOf(ctx).Begin(lists)
}
