package graphqlhttp

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"profileql/internal/profile"
	"profileql/internal/projection"
)

// Check returns an error if a valid operation with its variables is not allowed to run.
type Check = func(context.Context, *graphql.OperationContext) *gqlerror.Error

// Checker returns the check of an operation, or nil if it needs none. It is called once for each cached operation, and
// does the work that does not depend on variables.
type Checker = func(*ast.OperationDefinition) Check

// operation returns the operation of a request, ready to run, or the errors in its document, variables, inputs or cost.
// With an error, the operation is only for the log.
func (e *endpoint) operation(ctx context.Context, q request, entry *logEntry) (*graphql.OperationContext, *refusal, gqlerror.List) {
	op := &graphql.OperationContext{
		RawQuery: q.query, OperationName: q.operationName, Headers: q.header,
		DisableIntrospection: !e.introspectionAllowed(q.header),
		RecoverFunc:          recovered, ResolverMiddleware: resolve, RootResolverMiddleware: resolveRoot,
	}
	ctx = graphql.WithOperationContext(ctx, op)
	document, cached, list := e.documents.get(q.query, q.hash)
	entry.cached = lookup(cached)
	if list != nil {
		return op, nil, list
	}
	named := document.named(q.operationName)
	if named == nil {
		return op, nil, invalid(nil, "The document has no operation with this name, or has several and operationName is missing.")
	}
	op.Doc, op.Operation = named.document, named.OperationDefinition
	if q.method == http.MethodGet && op.Operation.Operation != ast.Query {
		return op, notAllowed("Mutations must be sent with POST.", "POST"), nil
	}
	variables, err := e.inputs.CoerceVariables(op.Operation, q.variables)
	if err != nil {
		return op, nil, gqlerror.List{presentVariable(err)}
	}
	op.Variables = variables
	for _, check := range named.checks {
		if err := check(ctx, op); err != nil {
			return op, nil, gqlerror.List{err}
		}
	}
	return op, nil, nil
}

func resolve(ctx context.Context, next graphql.Resolver) (any, error) { return next(ctx) }

func resolveRoot(ctx context.Context, next graphql.RootResolver) graphql.Marshaler { return next(ctx) }

// invalid returns a validation error.
func invalid(at *ast.Position, message string) gqlerror.List {
	return gqlerror.List{refused(at, message)}
}

// presentVariable converts an error about a variable. A value of the wrong type is a validation error, and an invalid
// value of the right type is bad user input.
func presentVariable(err error) *gqlerror.Error {
	shown := &gqlerror.Error{Message: err.Error()}
	code := errcode.ValidationFailed
	var ofVariable *projection.VariableError
	if errors.As(err, &ofVariable) {
		shown.Locations = locations(ofVariable.Definition.Position)
	}
	var ofValue *projection.InputError
	if errors.As(err, &ofValue) && !ofValue.WrongType {
		code = string(profile.BadUserInput)
	}
	errcode.Set(shown, code)
	return shown
}

// introspectionOf returns the check that rejects introspection if it is disabled. gqlgen would return an error that the
// presenter takes for an internal one.
func introspectionOf(op *ast.OperationDefinition) Check {
	if introspects(op.SelectionSet) {
		return checkIntrospection
	}
	return nil
}

// printedBy is the commands that print what the root fields with the schema return. With _service, subgraphs of Apollo
// Federation return it.
var printedBy = map[string]string{
	"__schema": "profileql schema", "__type": "profileql schema", "_service": "profileql schema --federation",
}

// introspects reports whether a selection set at the root of an operation contains a field with the schema. It ignores @skip
// and @include.
func introspects(set ast.SelectionSet) bool {
	return slices.ContainsFunc(set, func(selection ast.Selection) bool {
		switch s := selection.(type) {
		case *ast.Field:
			return printedBy[s.Name] != ""
		case *ast.InlineFragment:
			return introspects(s.SelectionSet)
		case *ast.FragmentSpread:
			return introspects(s.Definition.SelectionSet)
		}
		return false
	})
}

func checkIntrospection(_ context.Context, op *graphql.OperationContext) *gqlerror.Error {
	if !op.DisableIntrospection {
		return nil
	}
	for _, f := range graphql.CollectFields(op, op.Operation.SelectionSet, []string{"Query"}) {
		if command := printedBy[f.Name]; command != "" {
			return &gqlerror.Error{
				Message:    "Introspection is disabled. The command `" + command + "` prints the schema.",
				Locations:  locations(f.Position),
				Extensions: map[string]any{"code": codeBadRequest},
			}
		}
	}
	return nil
}
