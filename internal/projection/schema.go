// Package projection converts between GraphQL and a source's JSON, driven only by the schema: field names are the REST API's
// property names, so there is no mapping by hand.
//
// A [Plan] is a selection set compiled for one type: the properties that it needs ([Plan.Properties]), and how an item is
// written from the source's bytes, in one pass and in the order of the selection ([Plan.Append]). [Schema.AppendInput]
// does the reverse: it writes an input value as the body of a request, without omitted fields.
//
// Output is lenient: a value of the wrong type is null, list entries of the wrong type are left out, and a single value
// becomes a list of one. Input is strict: [Schema.CheckLiteral], [Schema.CheckDefault] and [Schema.CoerceVariables] reject
// invalid values before they are written.
//
// The package depends on no source, request or facet. It is a pure function of a schema, a selection and bytes.
package projection

import (
	"fmt"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// Schema is a GraphQL schema whose types are those of a source's JSON. It is safe for concurrent use.
type Schema struct {
	schema     *ast.Schema
	isComputed func(def *ast.Definition, field string) bool
	enums      map[string]*enum
}

// New prepares a schema. IsComputed reports which fields of an object are not properties of the source's JSON, but written by
// the caller of [Plan.Append]. It fails if the schema has an unknown scalar.
func New(schema *ast.Schema, isComputed func(def *ast.Definition, field string) bool) (*Schema, error) {
	s := &Schema{schema: schema, isComputed: isComputed, enums: make(map[string]*enum)}
	for name, def := range schema.Types {
		switch {
		case def.Kind == ast.Enum && !strings.HasPrefix(name, "__"):
			s.enums[name] = newEnum(def)
		case def.Kind == ast.Scalar && scalars[name] == 0:
			return nil, fmt.Errorf("unknown scalar %s", name)
		}
	}
	return s, nil
}

// kind is how values of a type are read and written.
type kind uint8

const (
	kindText kind = iota + 1 // String and ID
	kindBoolean
	kindInt
	kindFloat
	kindDateTime
	kindDate
	kindEnum
	kindFlags // a list in GraphQL, one text on the wire
	kindObject
	kindAny // any JSON, only in inputs
)

var scalars = map[string]kind{
	"String": kindText, "ID": kindText, "Boolean": kindBoolean, "Int": kindInt, "Float": kindFloat, "DateTime": kindDateTime,
	"Date": kindDate, "_Any": kindAny,
}

// kindOf returns the kind of a type's values; for a list, that of its entries, except for flags.
func (s *Schema) kindOf(t *ast.Type) kind {
	def := s.schema.Types[t.Name()]
	switch def.Kind {
	case ast.Scalar:
		return scalars[def.Name]
	case ast.Enum:
		if t.Elem != nil && s.enums[def.Name].flags {
			return kindFlags
		}
		return kindEnum
	default:
		return kindObject
	}
}
