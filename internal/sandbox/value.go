package sandbox

import (
	"cmp"
	"encoding/json"
	"strings"
	"time"
)

// The primitive types of the profile API.
const (
	edmString         = "Edm.String"
	edmBoolean        = "Edm.Boolean"
	edmDouble         = "Edm.Double"
	edmInt32          = "Edm.Int32"
	edmDate           = "Edm.Date"
	edmDateTimeOffset = "Edm.DateTimeOffset"
)

// kind says which values can be compared with one another.
type kind int

const (
	kindNull kind = iota
	kindString
	kindBoolean
	kindNumber
	kindDate
	kindInstant
	kindEnum
	kindStructured // complex values and collections, which can only be compared with null
)

// String is the type's name in messages.
func (k kind) String() string {
	return [...]string{
		"null", edmString, edmBoolean, edmDouble, edmDate, edmDateTimeOffset, "Edm.EnumType", "Edm.ComplexType",
	}[k]
}

// kind is that of the property's values.
func (p *property) kind() kind {
	switch {
	case p.collection || p.typ.structured != nil:
		return kindStructured
	case p.typ.enum != nil:
		return kindEnum
	}
	switch p.typ.name {
	case edmBoolean:
		return kindBoolean
	case edmDouble, edmInt32:
		return kindNumber
	case edmDate:
		return kindDate
	case edmDateTimeOffset:
		return kindInstant
	}
	return kindString
}

// value is one value that can be compared; the zero value is null.
type value struct {
	kind    kind
	text    string    // of strings and enumerations
	number  float64   // of numbers; 1 and 0 for true and false
	ordinal int64     // of enumerations
	instant time.Time // of dates too
}

func booleanValue(b bool) value {
	if b {
		return value{kind: kindBoolean, number: 1}
	}
	return value{kind: kindBoolean}
}

// isTrue is what a filter keeps an item for.
func (v value) isTrue() bool { return v.kind == kindBoolean && v.number == 1 }

// isFalse is not the opposite of isTrue: there is null, too.
func (v value) isFalse() bool { return v.kind == kindBoolean && v.number == 0 }

// has tells whether all flags of another value are set in this one; both are of one enumeration.
func (v value) has(flags value) bool {
	return v.ordinal != unknownOrdinal && v.ordinal&flags.ordinal == flags.ordinal
}

// compare orders two values of one kind, and null before everything. Strings are compared by their bytes.
func compare(a, b value) int {
	if a.kind == kindNull || b.kind == kindNull {
		return cmp.Compare(a.kind, b.kind)
	}
	switch a.kind {
	case kindBoolean, kindNumber:
		return cmp.Compare(a.number, b.number)
	case kindDate, kindInstant:
		return a.instant.Compare(b.instant)
	case kindEnum:
		if a.ordinal != b.ordinal || a.ordinal != unknownOrdinal {
			return cmp.Compare(a.ordinal, b.ordinal)
		}
	}
	return strings.Compare(a.text, b.text)
}

// valueOf reads a property's value from JSON. One that is not of its type, as real data has now and then, is null.
func valueOf(p *property, raw json.RawMessage) value {
	switch k := p.kind(); k {
	case kindStructured:
		if string(raw) != "null" {
			return value{kind: kindStructured}
		}
	case kindBoolean:
		var b *bool
		if json.Unmarshal(raw, &b) == nil && b != nil {
			return booleanValue(*b)
		}
	case kindNumber:
		if n, ok := parseNumber(strings.Trim(string(raw), `"`)); ok {
			return value{kind: k, number: n}
		}
	default:
		var text *string
		if json.Unmarshal(raw, &text) == nil && text != nil {
			return textValue(p, k, *text)
		}
	}
	return value{}
}

func textValue(p *property, k kind, text string) value {
	switch k {
	case kindEnum:
		return p.typ.enum.value(text)
	case kindDate:
		if t, ok := parseDate(text); ok {
			return value{kind: k, instant: t}
		}
		return value{}
	case kindInstant:
		if t, ok := parseInstant(text); ok {
			return value{kind: k, instant: t}
		}
		return value{}
	}
	return value{kind: k, text: text}
}
