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

// inputs checks all arguments of an operation before its first field runs. gqlgen checks an argument only when its
// field runs, so the first mutation would already have written when the second fails because of an invalid date.
type inputs struct {
	schema  *projection.Schema
	objects map[string]func(value map[string]any) error // checks of input objects beyond their types, by type name
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
	s, _ := graphql.UnmarshalID(v) // it was already checked as an ID
	return s
}

func textOrNil(v any) *string {
	if s, ok := v.(string); ok {
		return &s
	}
	return nil
}

// of returns the check of an operation, or nil if no argument needs one.
func (c inputs) of(op *ast.OperationDefinition) check {
	walk := inputWalk{inputs: c, seen: make(map[string]bool)}
	walk.selections(op.SelectionSet)
	if len(walk.left) == 0 {
		return nil
	}
	return func(_ context.Context, op *graphql.OperationContext) *gqlerror.Error {
		for _, argument := range walk.left {
			if err := argument.check(op.Variables); err != nil {
				return Present(err)
			}
		}
		return nil
	}
}

// inputWalk visits the arguments of one operation, and collects those that contain variables or are invalid.
type inputWalk struct {
	inputs
	seen map[string]bool // fragments
	left []inputArgument
}

func (w *inputWalk) selections(set ast.SelectionSet) {
	for _, selection := range set {
		switch s := selection.(type) {
		case *ast.Field:
			w.field(s)
		case *ast.InlineFragment:
			w.selections(s.SelectionSet)
		case *ast.FragmentSpread:
			if !w.seen[s.Name] {
				w.seen[s.Name] = true
				w.selections(s.Definition.SelectionSet)
			}
		}
	}
}

func (w *inputWalk) field(f *ast.Field) {
	for _, argument := range f.Arguments {
		t := f.Definition.Arguments.ForName(argument.Name).Type
		a := inputArgument{argument, f, t, w.schema, w.objects[t.Name()]}
		if hasVariable(argument.Value) || a.check(nil) != nil {
			w.left = append(w.left, a)
		}
	}
	w.selections(f.SelectionSet)
}

// inputArgument is one argument of an operation.
type inputArgument struct {
	*ast.Argument
	field  *ast.Field
	t      *ast.Type
	schema *projection.Schema
	object func(value map[string]any) error // check of its input object beyond the types; nil for none
}

// check checks the argument's value. The value of a variable is already coerced, so its types are valid, except that it
// may be null for a non-null type.
func (a inputArgument) check(variables map[string]any) error {
	isVariable := a.Value.Kind == ast.Variable
	if _, given := variables[a.Value.Raw]; isVariable && !given {
		return nil // omitted: the argument has its default value
	}
	value, err := a.Value.Value(variables)
	if errors.Is(err, strconv.ErrRange) {
		err = &projection.InputError{Message: "a number is out of range"}
	}
	if err != nil {
		return &inputError{field: a.field, cause: err}
	}
	var path []string
	if !isVariable || value == nil {
		path, err = a.schema.CheckLiteral(a.t, value)
	}
	if object, ok := value.(map[string]any); ok && err == nil && a.object != nil {
		err = a.object(object)
	}
	if err != nil {
		return &inputError{field: a.field, path: append([]string{a.Name}, path...), cause: err}
	}
	return nil
}

// inputError is an error about one value in an operation's arguments.
type inputError struct {
	field *ast.Field
	path  []string // to the value
	cause error
}

func (e *inputError) Error() string { return e.cause.Error() }

func (e *inputError) Unwrap() error { return e.cause }
