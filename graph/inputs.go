package graph

import (
	"context"
	"errors"
	"strconv"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"profileql/internal/profile"
	"profileql/internal/projection"
)

// inputs checks every input of an operation before its first field runs. gqlgen checks an argument when its field
// runs: a bad date in a second mutation would be found after the first has written.
type inputs struct {
	schema  *projection.Schema
	objects map[string]func(value map[string]any) error // what the input object of an argument must hold beyond its types
}

func newInputs(r *Resolver) inputs {
	objects := map[string]func(map[string]any) error{
		"DeleteProfileItemInput": func(v map[string]any) error {
			_, err := r.parseDeletable(textOf(v["id"]))
			return err
		},
	}
	for _, f := range r.facets {
		name, typeName := f.name, f.typeName
		objects["Update"+typeName+"Input"] = func(v map[string]any) error {
			if _, err := r.parseItemID(textOf(v["id"]), name); err != nil {
				return err
			}
			if patch, ok := v["patch"].(map[string]any); ok && len(patch) == 0 {
				return profile.BadInput("The patch is empty: name at least one property to change.")
			}
			return nil
		}
		objects["Create"+typeName+"Input"] = func(v map[string]any) error {
			if _, err := r.sourceNamed(textOrNil(v["source"])); err != nil {
				return err
			}
			_, err := userNamed(textOrNil(v["user"]))
			return err
		}
	}
	return inputs{schema: r.schema, objects: objects}
}

func textOf(v any) string {
	s, _ := graphql.UnmarshalID(v) // checked as an ID before
	return s
}

func textOrNil(v any) *string {
	if s, ok := v.(string); ok {
		return &s
	}
	return nil
}

func (c inputs) check(ctx context.Context, op *graphql.OperationContext) *gqlerror.Error {
	walk := inputWalk{inputs: c, variables: op.Variables, seen: make(map[string]bool)}
	if err := walk.selections(op.Operation.SelectionSet); err != nil {
		return present(ctx, err)
	}
	return nil
}

// inputWalk goes through the arguments of one operation.
type inputWalk struct {
	inputs
	variables map[string]any
	seen      map[string]bool // fragments
}

func (w inputWalk) selections(set ast.SelectionSet) error {
	for _, selection := range set {
		var err error
		switch s := selection.(type) {
		case *ast.Field:
			err = w.field(s)
		case *ast.InlineFragment:
			err = w.selections(s.SelectionSet)
		case *ast.FragmentSpread:
			if !w.seen[s.Name] {
				w.seen[s.Name] = true
				err = w.selections(s.Definition.SelectionSet)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w inputWalk) field(f *ast.Field) error {
	for _, argument := range f.Arguments {
		if err := w.argument(f, argument); err != nil {
			return err
		}
	}
	return w.selections(f.SelectionSet)
}

// argument checks the value of one argument. That of a variable was coerced before: it may be null where none can be, and
// no more is wrong with its types.
func (w inputWalk) argument(f *ast.Field, argument *ast.Argument) error {
	isVariable := argument.Value.Kind == ast.Variable
	if _, given := w.variables[argument.Value.Raw]; isVariable && !given {
		return nil // left out: the argument's default holds
	}
	value, err := argument.Value.Value(w.variables)
	if errors.Is(err, strconv.ErrRange) {
		err = &projection.InputError{Message: "a number is out of range"}
	}
	if err != nil {
		return &inputError{field: f, cause: err}
	}
	t := f.Definition.Arguments.ForName(argument.Name).Type
	var path []string
	if !isVariable || value == nil {
		path, err = w.schema.CheckLiteral(t, value)
	}
	if object, ok := value.(map[string]any); ok && err == nil && w.objects[t.Name()] != nil {
		err = w.objects[t.Name()](object)
	}
	if err != nil {
		return &inputError{field: f, path: append([]string{argument.Name}, path...), cause: err}
	}
	return nil
}

// inputError is an error about one value of an operation's inputs.
type inputError struct {
	field *ast.Field
	path  []string // to the value
	cause error
}

func (e *inputError) Error() string { return e.cause.Error() }

func (e *inputError) Unwrap() error { return e.cause }
