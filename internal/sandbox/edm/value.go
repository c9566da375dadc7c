package edm

import (
	"cmp"
	"encoding/json"
	"strings"
	"time"
)

// The primitive types of the profile API, by their qualified names.
const (
	TypeString         = "Edm.String"
	TypeBoolean        = "Edm.Boolean"
	TypeDouble         = "Edm.Double"
	TypeInt32          = "Edm.Int32"
	TypeDate           = "Edm.Date"
	TypeDateTimeOffset = "Edm.DateTimeOffset"
)

// Kind is a class of values that can be compared with each other.
type Kind int

// The kinds of values. Dates and instants cannot be compared with each other; all numbers can.
const (
	KindNull Kind = iota
	KindString
	KindBoolean
	KindNumber
	KindDate
	KindDateTimeOffset
	KindEnum
	KindStructured // complex values and collections, which can only be compared with null
)

// String returns the name of the type for messages.
func (k Kind) String() string {
	return [...]string{
		"null", TypeString, TypeBoolean, TypeDouble, TypeDate, TypeDateTimeOffset, "Edm.EnumType", "Edm.ComplexType",
	}[k]
}

// Kind returns the kind of the property's values.
func (p *Property) Kind() Kind {
	switch {
	case p.Collection || p.Type.Structured != nil:
		return KindStructured
	case p.Type.Enum != nil:
		return KindEnum
	}
	switch p.Type.Name {
	case TypeBoolean:
		return KindBoolean
	case TypeDouble, TypeInt32:
		return KindNumber
	case TypeDate:
		return KindDate
	case TypeDateTimeOffset:
		return KindDateTimeOffset
	}
	return KindString
}

// Value is a value that can be compared. The zero value is null. Values of an enumeration are returned by
// [EnumType.Value].
type Value struct {
	Kind    Kind
	Text    string    // of strings and enumerations
	Number  float64   // of numbers; 1 for true and 0 for false
	ordinal int64     // of enumerations
	Time    time.Time // of dates and instants
}

// Boolean returns b as a value.
func Boolean(b bool) Value {
	if b {
		return Value{Kind: KindBoolean, Number: 1}
	}
	return Value{Kind: KindBoolean}
}

// IsTrue reports whether the value is true. A filter selects the entities for which it is true.
func (v Value) IsTrue() bool { return v.Kind == KindBoolean && v.Number == 1 }

// IsFalse reports whether the value is false. It is not the negation of IsTrue, since a value may be null (OData URL
// Conventions 4.01, section 5.1.1.1).
func (v Value) IsFalse() bool { return v.Kind == KindBoolean && v.Number == 0 }

// Has reports whether all flags of another value of the same enumeration are set in this one.
func (v Value) Has(flags Value) bool {
	return v.ordinal != unknownOrdinal && v.ordinal&flags.ordinal == flags.ordinal
}

// Compare compares two values of the same kind. Null is less than every other value. Strings are compared by their
// bytes.
func Compare(a, b Value) int {
	if a.Kind == KindNull || b.Kind == KindNull {
		return cmp.Compare(a.Kind, b.Kind)
	}
	switch a.Kind {
	case KindBoolean, KindNumber:
		return cmp.Compare(a.Number, b.Number)
	case KindDate, KindDateTimeOffset:
		return a.Time.Compare(b.Time)
	case KindEnum:
		if a.ordinal != b.ordinal || a.ordinal != unknownOrdinal {
			return cmp.Compare(a.ordinal, b.ordinal)
		}
	}
	return strings.Compare(a.Text, b.Text)
}

// ValueOf returns the value of a property from JSON. A value that does not match the type, which occurs in real data,
// is null.
func ValueOf(p *Property, raw json.RawMessage) Value {
	switch k := p.Kind(); k {
	case KindStructured:
		if string(raw) != "null" {
			return Value{Kind: KindStructured}
		}
	case KindBoolean:
		var b *bool
		if json.Unmarshal(raw, &b) == nil && b != nil {
			return Boolean(*b)
		}
	case KindNumber:
		if n, ok := ParseDouble(strings.Trim(string(raw), `"`)); ok {
			return Value{Kind: k, Number: n}
		}
	default:
		var text *string
		if json.Unmarshal(raw, &text) == nil && text != nil {
			return textValue(p, k, *text)
		}
	}
	return Value{}
}

func textValue(p *Property, k Kind, text string) Value {
	switch k {
	case KindEnum:
		return p.Type.Enum.Value(text)
	case KindDate:
		if t, ok := ParseDate(text); ok {
			return Value{Kind: k, Time: t}
		}
		return Value{}
	case KindDateTimeOffset:
		if t, ok := ParseDateTimeOffset(text); ok {
			return Value{Kind: k, Time: t}
		}
		return Value{}
	}
	return Value{Kind: k, Text: text}
}
