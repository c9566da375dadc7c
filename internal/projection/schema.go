// Package projection translates between GraphQL and a source's JSON, driven by the schema alone: field names are the
// REST API's property names, so nothing is mapped by hand.
//
// A [Plan] is a selection compiled for one type: which properties it needs ([Plan.Properties]), and how an item is
// written from the source's bytes, in one pass and in the order of the selection ([Plan.Append]). [Schema.AppendInput]
// goes the other way: it writes an input value as the body of a request, with what was left out left out.
//
// Reading is lenient, per kind of value: what does not fit its type is null, entries of lists that do not fit are left
// out, and one value where a list belongs is a list of one. Writing is strict; what cannot be written was refused before,
// by [Schema.CheckLiteral], [Schema.CheckDefault] and [Schema.CoerceVariables].
//
// The package knows no source, no request and no facet. It is a pure function of a schema, a selection and bytes.
package projection

import (
	"fmt"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// Schema is what is known of a GraphQL schema whose types are those of a source's JSON. It may be used by many
// goroutines at once.
type Schema struct {
	schema     *ast.Schema
	isComputed func(def *ast.Definition, field string) bool
	enums      map[string]*enum
}

// New prepares a schema. Own tells which fields of an object are not properties of the source's JSON, but written by
// whoever calls [Plan.Append]. It fails where an output type has a scalar that nothing is known of.
func New(schema *ast.Schema, isComputed func(def *ast.Definition, field string) bool) (*Schema, error) {
	s := &Schema{schema: schema, isComputed: isComputed, enums: make(map[string]*enum)}
	for name, def := range schema.Types {
		switch {
		case def.Kind == ast.Enum && !strings.HasPrefix(name, "__"):
			s.enums[name] = newEnum(def)
		case def.Kind == ast.Scalar && scalars[name] == 0:
			return nil, fmt.Errorf("nothing is known of the scalar %s", name)
		}
	}
	return s, nil
}

// kind is how a value of a type is read and written.
type kind uint8

const (
	kindText kind = iota + 1 // String and ID
	kindBoolean
	kindInt
	kindFloat
	kindDateTime
	kindEnum
	kindFlags // a list in GraphQL, one text on the wire
	kindObject
)

var scalars = map[string]kind{
	"String": kindText, "ID": kindText, "Boolean": kindBoolean, "Int": kindInt, "Float": kindFloat, "DateTime": kindDateTime,
}

// kindOf is the kind of a type's values; of a list's entries, but for flags.
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
