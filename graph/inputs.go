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
	schema  *ast.Schema
	leaves  *projection.Schema
	objects map[string]func(value map[string]any) error // what an input object must hold beyond its types
}

func newInputs(schema *ast.Schema, r *Resolver) inputs {
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
	return inputs{schema: schema, leaves: r.schema, objects: objects}
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
	coerced   bool            // whether the argument is a variable, whose leaves are known to be good
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
		def := f.Definition.Arguments.ForName(argument.Name)
		w.coerced = argument.Value.Kind == ast.Variable
		if _, given := w.variables[argument.Value.Raw]; w.coerced && !given {
			continue // left out: the argument's default holds
		}
		value, err := argument.Value.Value(w.variables)
		if errors.Is(err, strconv.ErrRange) {
			err = &projection.InputError{Message: "a number is out of range"}
		}
		if err == nil {
			err = w.value(def.Type, value, []string{argument.Name})
		}
		if err != nil {
			return inputErrorAt(f, err)
		}
	}
	return w.selections(f.SelectionSet)
}

// value checks one value. Path leads to it, for the message.
func (w inputWalk) value(t *ast.Type, v any, path []string) error {
	if v == nil {
		if t.NonNull {
			return at(path, &projection.InputError{Message: "must not be null"})
		}
		return nil
	}
	if w.leaves.IsLeafInput(t) {
		if w.coerced {
			return nil
		}
		return at(path, w.leaves.CheckInput(t, v))
	}
	if t.Elem != nil {
		return w.list(t, v, path)
	}
	return w.object(w.schema.Types[t.NamedType], v, path)
}

func (w inputWalk) list(t *ast.Type, v any, path []string) error {
	entries, ok := v.([]any)
	if !ok {
		return w.value(t.Elem, v, path) // one value in place of a list of one (GraphQL, section 3.11)
	}
	for i, entry := range entries {
		if err := w.value(t.Elem, entry, append(path, strconv.Itoa(i))); err != nil {
			return err
		}
	}
	return nil
}

func (w inputWalk) object(def *ast.Definition, v any, path []string) error {
	object, ok := v.(map[string]any)
	if !ok {
		return at(path, &projection.InputError{Message: "must be an input object"})
	}
	for _, field := range def.Fields {
		if value, given := object[field.Name]; given {
			if err := w.value(field.Type, value, append(path, field.Name)); err != nil {
				return err
			}
		}
	}
	if check := w.objects[def.Name]; check != nil {
		return at(path, check(object))
	}
	return nil
}

// inputError is an error about one value of an operation's inputs.
type inputError struct {
	field *ast.Field
	path  []string
	cause error
}

func (e *inputError) Error() string { return e.cause.Error() }

func (e *inputError) Unwrap() error { return e.cause }

func at(path []string, cause error) error {
	if cause == nil {
		return nil
	}
	return &inputError{path: path, cause: cause}
}

func inputErrorAt(f *ast.Field, err error) error {
	var located *inputError
	if !errors.As(err, &located) {
		located = &inputError{cause: err}
	}
	located.field = f
	return located
}
