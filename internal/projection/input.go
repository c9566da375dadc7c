package projection

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"profileql/internal/instant"
	"profileql/internal/jsontape"
)

// Input values are as encoding/json (with json.Number) and gqlparser represent them: nil, bool, string, json.Number, int64,
// float64, []any and map[string]any.

// InputError is an invalid input value. Its message is for the caller, and does not contain the value.
type InputError struct {
	Message   string
	WrongType bool // the value is not of its type; otherwise it is, but not allowed
}

func (e *InputError) Error() string { return e.Message }

// badValuef returns the error for a value of the right type that is not allowed.
func badValuef(format string, args ...any) error {
	return &InputError{Message: fmt.Sprintf(format, args...)}
}

// wrongTypef returns the error for a value of the wrong type.
func wrongTypef(format string, args ...any) error {
	return &InputError{Message: fmt.Sprintf(format, args...), WrongType: true}
}

// CheckLiteral checks a literal of an input type, with variables already replaced by their values. Path is where it fails. The
// error is an [*InputError].
func (s *Schema) CheckLiteral(t *ast.Type, v any) (path []string, err error) {
	return s.walkLiteral(t, v, s.checkLeaf)
}

// walkLiteral calls check for each leaf of a value that is not null.
func (s *Schema) walkLiteral(t *ast.Type, v any, check func(t *ast.Type, v any) error) (path []string, err error) {
	switch {
	case v == nil && t.NonNull:
		return nil, badValuef("must not be null")
	case v == nil:
		return nil, nil
	case s.isLeaf(t):
		return nil, check(t, v)
	case t.Elem != nil:
		return s.walkList(t, v, check)
	}
	return s.walkObject(s.schema.Types[t.NamedType], v, check)
}

func (s *Schema) walkList(t *ast.Type, v any, check func(*ast.Type, any) error) (path []string, err error) {
	list, isList := v.([]any)
	if !isList {
		return s.walkLiteral(t.Elem, v, check) // list coercion of a single value (GraphQL, section 3.11)
	}
	for i, entry := range list {
		if path, err = s.walkLiteral(t.Elem, entry, check); err != nil {
			return append([]string{strconv.Itoa(i)}, path...), err
		}
	}
	return nil, nil
}

func (s *Schema) walkObject(def *ast.Definition, v any, check func(*ast.Type, any) error) (path []string, err error) {
	object, isObject := v.(map[string]any)
	if !isObject {
		return nil, badValuef("must be an input object")
	}
	for _, field := range def.Fields {
		value, given := object[field.Name]
		if !given {
			continue
		}
		if path, err = s.walkLiteral(field.Type, value, check); err != nil {
			return append([]string{field.Name}, path...), err
		}
	}
	return nil, nil
}

// isLeaf reports whether checkLeaf checks values of an input type as a whole: scalars, enums, and lists of flags.
func (s *Schema) isLeaf(t *ast.Type) bool {
	k := s.kindOf(t)
	return k == kindFlags || t.Elem == nil && k != kindObject
}

// checkLeaf checks a non-null value of a leaf type. The error is an [*InputError].
func (s *Schema) checkLeaf(t *ast.Type, v any) error {
	switch s.kindOf(t) {
	case kindEnum:
		return s.enums[t.Name()].check(t.Name(), v)
	case kindFlags:
		return s.enums[t.Name()].checkFlags(t.Name(), v)
	case kindAny:
		return nil
	default:
		return checkScalar(t.Name(), v)
	}
}

// checkType checks only that a value is of a leaf type, not whether it is allowed. Validation has already checked that enum
// values are members and not strings.
func (s *Schema) checkType(t *ast.Type, v any) error {
	values := []any{v}
	if s.kindOf(t) == kindFlags {
		values = entries(v)
	}
	for _, value := range values {
		_, isText := value.(string)
		switch k := s.kindOf(t); {
		case k == kindAny, isText && (k == kindDateTime || k == kindDate || k == kindEnum || k == kindFlags):
		case k == kindEnum || k == kindFlags:
			return wrongTypef("%s cannot be %s", t.Name(), describe(value))
		default:
			if err := checkScalar(t.Name(), value); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkScalar is as strict as the specification (GraphQL, section 3.5): it does not convert between types.
func checkScalar(name string, v any) error {
	switch _, isText := v.(string); name {
	case "String":
		if isText {
			return nil
		}
	case "ID":
		if _, isInt := wholeNumber(v); isText || isInt {
			return nil
		}
	case "Boolean":
		if _, ok := v.(bool); ok {
			return nil
		}
	case "DateTime":
		return checkFormat(name, v, instant.Valid[string], "an RFC 3339 timestamp such as 2017-01-01T00:00:46.1697867+03:00")
	case "Date":
		return checkFormat(name, v, instant.ValidDate[string], "a day such as 2017-01-31")
	default:
		return checkNumber(name, v)
	}
	return wrongTypef("%s cannot be %s", name, describe(v))
}

// checkFormat checks a scalar that is a string of a format. Validation of documents does not check even that it is a string.
func checkFormat(name string, v any, isValid func(string) bool, format string) error {
	switch text, isText := v.(string); {
	case !isText:
		return badValuef("%s cannot be %s", name, describe(v))
	case !isValid(text):
		return badValuef("%s must be %s", name, format)
	}
	return nil
}

// checkNumber checks an Int, a 32-bit integer, or a Float, a 64-bit number.
func checkNumber(name string, v any) error {
	f, isNumber := number(v)
	switch {
	case !isNumber, name == "Int" && f != math.Trunc(f):
		return wrongTypef("%s cannot be %s", name, describe(v))
	case name == "Int" && (f < math.MinInt32 || f > math.MaxInt32):
		return wrongTypef("Int is out of its range of 32 bits")
	case math.IsInf(f, 0) || math.IsNaN(f):
		return wrongTypef("%s is out of its range of 64 bits", name)
	}
	return nil
}

func number(v any) (f float64, isNumber bool) {
	switch v := v.(type) {
	case json.Number:
		f, _ = v.Float64() // infinite where it is out of range
		return f, true
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

func wholeNumber(v any) (text string, ok bool) {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return strconv.FormatInt(n, 10), true
		}
		// 3.0 is an integer in JSON, as long as a float64 is exact.
		f, err := v.Float64()
		return strconv.FormatInt(int64(f), 10), err == nil && f == math.Trunc(f) && math.Abs(f) < 1<<53
	case int64:
		return strconv.FormatInt(v, 10), true
	}
	return "", false
}

// describe names the type of a value for an error message.
func describe(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return "a String"
	case bool:
		return "a Boolean"
	case map[string]any:
		return "an input object"
	case []any:
		return "a list"
	default:
		if _, whole := wholeNumber(v); whole {
			return "an Int"
		}
		return "a Float"
	}
}

// check accepts only the names of members, except unknownFutureValue.
func (e *enum) check(name string, v any) error {
	member, ok := v.(string)
	if !ok {
		return wrongTypef("%s cannot be %s", name, describe(v))
	}
	if _, known := e.byName[member]; !known {
		return wrongTypef("%s has no such value; it is one of %s", name, e.writable())
	}
	if member == unknownFutureValue {
		return badValuef("%s can be read but not written; %s is one of %s", member, name, e.writable())
	}
	return nil
}

func (e *enum) writable() string {
	names := slices.DeleteFunc(slices.Clone(e.names), func(name string) bool { return name == unknownFutureValue })
	return strings.Join(names, ", ")
}

// checkFlags rejects invalid members, and what cannot be sent: an empty list, and the member whose number is 0 together with
// others.
func (e *enum) checkFlags(name string, v any) error {
	list := entries(v)
	if len(list) == 0 {
		return badValuef("a list of %s must have at least one value; null clears it", name)
	}
	for _, entry := range list {
		if err := e.check(name, entry); err != nil {
			return err
		}
	}
	for _, entry := range list {
		if entry != list[0] && slices.Contains(list, any(e.names[0])) {
			return badValuef("%s cannot be combined with other values", e.names[0])
		}
	}
	return nil
}

// entries returns the entries of a list, or a single value as a list of one (GraphQL, section 3.11).
func entries(v any) []any {
	if list, ok := v.([]any); ok {
		return list
	}
	return []any{v}
}

// AppendInput writes an input object as the source's JSON: omitted fields are omitted, null, empty strings and empty lists are
// written, at every depth. The value must have passed the checks; fields are in the order of the schema.
func (s *Schema) AppendInput(dst []byte, typeName string, object map[string]any) []byte {
	dst = append(dst, '{')
	begin := len(dst)
	for _, field := range s.schema.Types[typeName].Fields {
		value, given := object[field.Name]
		if !given {
			continue
		}
		if len(dst) > begin {
			dst = append(dst, ',')
		}
		dst = append(jsontape.AppendString(dst, field.Name), ':')
		dst = s.appendInputValue(dst, field.Type, value)
	}
	return append(dst, '}')
}

func (s *Schema) appendInputValue(dst []byte, t *ast.Type, v any) []byte {
	switch k := s.kindOf(t); {
	case v == nil:
		return append(dst, "null"...)
	case k == kindFlags:
		return s.enums[t.Name()].appendWireFlags(dst, v)
	case t.Elem != nil:
		dst = append(dst, '[')
		for i, entry := range entries(v) {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = s.appendInputValue(dst, t.Elem, entry)
		}
		return append(dst, ']')
	case k == kindObject:
		object, _ := v.(map[string]any)
		return s.AppendInput(dst, t.Name(), object)
	case k == kindEnum:
		name, _ := v.(string)
		e := s.enums[t.Name()]
		return jsontape.AppendString(dst, e.wire[e.byName[name]])
	}
	return appendInputScalar(dst, v)
}

// appendInputScalar writes a scalar. A number keeps its digits.
func appendInputScalar(dst []byte, v any) []byte {
	switch v := v.(type) {
	case string:
		return jsontape.AppendString(dst, v)
	case bool:
		return strconv.AppendBool(dst, v)
	case json.Number:
		return append(dst, v...)
	case int64:
		return strconv.AppendInt(dst, v, 10)
	case float64:
		return strconv.AppendFloat(dst, v, 'g', -1, 64)
	}
	return append(dst, "null"...)
}

// appendWireFlags writes the names of flags as one comma-separated string, each once.
func (e *enum) appendWireFlags(dst []byte, v any) []byte {
	list := entries(v)
	dst = append(dst, '"')
	begin := len(dst)
	for i, entry := range list {
		if slices.Contains(list[:i], entry) {
			continue
		}
		if len(dst) > begin {
			dst = append(dst, ',')
		}
		name, _ := entry.(string)
		dst = append(dst, e.wire[e.byName[name]]...)
	}
	return append(dst, '"')
}
