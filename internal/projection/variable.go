package projection

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"profileql/internal/jsontape"
)

// VariableError is an invalid value of a variable. If Cause is an [*InputError], the JSON has the right structure, but a value
// in it is invalid.
type VariableError struct {
	Definition *ast.VariableDefinition
	Path       []string // the variable's name, then field names and list indices
	Cause      error
}

func (e *VariableError) Error() string {
	return fmt.Sprintf("$%s: %s", strings.Join(e.Path, "."), e.Cause)
}

func (e *VariableError) Unwrap() error { return e.Cause }

// CheckDefault checks that the default value of a variable is of its type: validation accepts lists and objects for scalars.
// Whether the value is allowed is checked only when it is used. The error is a [*VariableError].
func (s *Schema) CheckDefault(def *ast.VariableDefinition) error {
	if def.DefaultValue == nil {
		return nil
	}
	value, err := def.DefaultValue.Value(nil)
	if errors.Is(err, strconv.ErrRange) {
		err = badValuef("a number is out of range")
	}
	var path []string
	if err == nil {
		path, err = s.walkLiteral(def.Type, value, s.checkType)
	}
	if err != nil {
		return &VariableError{Definition: def, Path: append([]string{def.Variable}, path...), Cause: err}
	}
	return nil
}

// CoerceVariables coerces the JSON values of an operation's variables to input values (GraphQL, section 6.1.2): omitted values
// get their default or stay omitted; a single value becomes a list of one, at every depth. Undeclared variables are ignored.
// The error is a [*VariableError].
func (s *Schema) CoerceVariables(op *ast.OperationDefinition, given jsontape.Value) (map[string]any, error) {
	if len(op.VariableDefinitions) == 0 {
		return nil, nil
	}
	values := make(map[string]any, len(op.VariableDefinitions))
	for _, def := range op.VariableDefinitions {
		c := coercion{schema: s, path: append(make([]string, 0, 8), def.Variable)}
		value, present, err := c.field(def.Type, def.DefaultValue, given.Member(def.Variable))
		if err != nil {
			return nil, &VariableError{Definition: def, Path: c.path, Cause: err}
		}
		if present {
			values[def.Variable] = value
		}
	}
	return values, nil
}

// coercion coerces one variable. After an error, path is where it failed.
type coercion struct {
	schema *Schema
	path   []string
}

var (
	errMissing = errors.New("a value is required")
	errNull    = errors.New("must not be null")
)

// field coerces the value of a variable or input field, which may be omitted.
func (c *coercion) field(t *ast.Type, byDefault *ast.Value, v jsontape.Value) (value any, present bool, err error) {
	if v.Kind() != jsontape.Absent {
		value, err = c.value(t, v)
		return value, true, err
	}
	if byDefault != nil {
		if value, err = byDefault.Value(nil); err == nil {
			var path []string
			path, err = c.schema.CheckLiteral(t, value)
			c.path = append(c.path, path...)
		}
		return value, true, err
	}
	if t.NonNull {
		return nil, false, errMissing
	}
	return nil, false, nil
}

func (c *coercion) value(t *ast.Type, v jsontape.Value) (any, error) {
	switch k := c.schema.kindOf(t); {
	case v.Kind() == jsontape.Null:
		if t.NonNull {
			return nil, errNull
		}
		return nil, nil
	case t.Elem != nil:
		list, err := c.list(t, v)
		if err == nil && k == kindFlags {
			err = c.schema.checkLeaf(t, list)
		}
		return list, err
	case k == kindObject:
		return c.object(c.schema.schema.Types[t.NamedType], v)
	case k == kindAny:
		return decodeAny(v)
	}
	value, err := decode(v)
	if err == nil {
		err = c.schema.checkLeaf(t, value)
	}
	if number, isNumber := value.(json.Number); isNumber && err == nil {
		switch text, _ := wholeNumber(number); t.Name() {
		case "ID":
			value = text
		case "Int": // 7.0 is one too, but not to every source
			value = json.Number(text)
		}
	}
	return value, err
}

func (c *coercion) list(t *ast.Type, v jsontape.Value) (any, error) {
	if v.Kind() != jsontape.Array {
		value, err := c.value(t.Elem, v)
		return []any{value}, err
	}
	list := []any{}
	for child, ok := v.First(); ok; ok = child.Next() {
		c.path = append(c.path, strconv.Itoa(len(list)))
		value, err := c.value(t.Elem, child.Value)
		if err != nil {
			return nil, err
		}
		c.path = c.path[:len(c.path)-1]
		list = append(list, value)
	}
	return list, nil
}

func (c *coercion) object(def *ast.Definition, v jsontape.Value) (any, error) {
	if v.Kind() != jsontape.Object {
		return nil, fmt.Errorf("%s must be an input object", def.Name)
	}
	given := make([]jsontape.Value, len(def.Fields))
	for child, ok := v.First(); ok; ok = child.Next() {
		name := child.Name()
		i := slices.IndexFunc(def.Fields, func(f *ast.FieldDefinition) bool { return f.Name == string(name) })
		if i < 0 {
			c.path = append(c.path, string(name))
			return nil, fmt.Errorf("%s has no such field", def.Name)
		}
		given[i] = child.Value // the last of duplicate names wins
	}
	object := make(map[string]any)
	for i, field := range def.Fields {
		c.path = append(c.path, field.Name)
		value, present, err := c.field(field.Type, field.DefaultValue, given[i])
		if err != nil {
			return nil, err
		}
		c.path = c.path[:len(c.path)-1]
		if present {
			object[field.Name] = value
		}
	}
	return object, nil
}

// decode decodes the value of a leaf. Arrays and objects are decoded as empty ones, which the check rejects.
func decode(v jsontape.Value) (any, error) {
	switch v.Kind() {
	case jsontape.String:
		if !v.IsUnicode() {
			return nil, badValuef("the string is not valid Unicode: it contains half of a surrogate pair")
		}
		text, _ := v.Text()
		return text, nil
	case jsontape.Number:
		return json.Number(v.Raw()), nil
	case jsontape.True, jsontape.False:
		return v.Kind() == jsontape.True, nil
	case jsontape.Array:
		return []any{}, nil
	default:
		return map[string]any{}, nil
	}
}

// decodeAny decodes a value of any type.
func decodeAny(v jsontape.Value) (value any, err error) {
	decoder := json.NewDecoder(bytes.NewReader(v.Raw()))
	decoder.UseNumber()
	err = decoder.Decode(&value)
	return value, err
}
