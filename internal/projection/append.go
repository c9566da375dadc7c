package projection

import (
	"math"
	"strconv"

	"profileql/internal/instant"
	"profileql/internal/jsontape"
)

// Append writes an object of the source with the fields of the plan. AppendComputed writes the value of a computed field. If
// v is not an object, all of its properties are null.
func (p *Plan) Append(dst []byte, v jsontape.Value, appendComputed func(dst []byte, f *Field) []byte) []byte {
	var buf [32]jsontape.Value
	found := buf[:]
	if len(p.properties) > len(buf) {
		found = make([]jsontape.Value, len(p.properties))
	}
	if v.Kind() == jsontape.Object {
		for c, ok := v.First(); ok; ok = c.Next() {
			if i := p.index.find(c.Name()); i >= 0 { // the last of duplicate names wins
				found[i] = c.Value
			}
		}
	}
	dst = append(dst, '{')
	for i := range p.Fields {
		f := &p.Fields[i]
		dst = p.appendKey(dst, i)
		switch {
		case f.slot >= 0:
			dst = f.append(dst, found[f.slot])
		case f.Name == typeNameField:
			dst = p.appendTypeName(dst)
		default:
			dst = appendComputed(dst, f)
		}
	}
	return append(dst, '}')
}

// AppendFields writes an object whose values are written by value, except __typename.
func (p *Plan) AppendFields(dst []byte, value func(dst []byte, f *Field) []byte) []byte {
	dst = append(dst, '{')
	for i := range p.Fields {
		f := &p.Fields[i]
		if dst = p.appendKey(dst, i); f.Name == typeNameField {
			dst = p.appendTypeName(dst)
		} else {
			dst = value(dst, f)
		}
	}
	return append(dst, '}')
}

func (p *Plan) appendKey(dst []byte, i int) []byte {
	if i > 0 {
		dst = append(dst, ',')
	}
	return append(dst, p.Fields[i].Key...)
}

func (p *Plan) appendTypeName(dst []byte) []byte {
	return append(append(append(dst, '"'), p.typeName...), '"')
}

// append writes the source's value of the field; null if it is missing or of another type.
func (f *Field) append(dst []byte, v jsontape.Value) []byte {
	if f.list {
		return f.appendList(dst, v)
	}
	dst, ok := f.appendOne(dst, v)
	if !ok {
		dst = append(dst, "null"...)
	}
	return dst
}

// appendList writes a list without the entries of another type. A single value becomes a list of one: some properties have
// changed between the two in versions of the profile API.
func (f *Field) appendList(dst []byte, v jsontape.Value) []byte {
	before := len(dst)
	dst = append(dst, '[')
	if v.Kind() != jsontape.Array {
		dst, ok := f.appendOne(dst, v)
		if !ok {
			return append(dst[:before], "null"...)
		}
		return append(dst, ']')
	}
	for c, ok := v.First(); ok; ok = c.Next() {
		begin := len(dst)
		if begin > before+1 {
			dst = append(dst, ',')
		}
		var fits bool
		if dst, fits = f.appendOne(dst, c.Value); !fits {
			dst = dst[:begin]
		}
	}
	return append(dst, ']')
}

// appendOne writes one value; it is not ok if the value is of another type.
func (f *Field) appendOne(dst []byte, v jsontape.Value) ([]byte, bool) {
	switch f.kind {
	case kindText:
		if v.Kind() != jsontape.String {
			return dst, false
		}
		return v.AppendText(dst), true
	case kindBoolean:
		return appendAsIs(dst, v, v.Kind() == jsontape.True || v.Kind() == jsontape.False)
	case kindInt:
		n, ok := parseWhole(v)
		if !ok || n < math.MinInt32 || n > math.MaxInt32 {
			return dst, false
		}
		return strconv.AppendInt(dst, n, 10), true
	case kindFloat:
		return appendAsIs(dst, v, v.Kind() == jsontape.Number && isFinite(v.Raw()))
	case kindDateTime:
		text, ok := v.TextBytes()
		return appendAsIs(dst, v, ok && instant.Valid(text))
	case kindDate:
		text, ok := v.TextBytes()
		return appendAsIs(dst, v, ok && instant.ValidDate(text))
	case kindEnum:
		return f.enum.appendMember(dst, v)
	case kindFlags:
		return f.enum.appendFlags(dst, v)
	case kindObject:
		if v.Kind() != jsontape.Object {
			return dst, false
		}
		return f.Plan.Append(dst, v, nil), true
	}
	return dst, false
}

// appendAsIs copies a value from the source's text, if it fits.
func appendAsIs(dst []byte, v jsontape.Value, fits bool) ([]byte, bool) {
	if !fits {
		return dst, false
	}
	return append(dst, v.Raw()...), true
}

// parseWhole returns the integer that a JSON number is, also one that is written as 3.0 or 3e0.
func parseWhole(v jsontape.Value) (n int64, ok bool) {
	if v.Kind() != jsontape.Number {
		return 0, false
	}
	if n, ok = parseOrdinal(v.Raw()); ok {
		return n, true
	}
	f, err := strconv.ParseFloat(string(v.Raw()), 64)
	return int64(f), err == nil && f == math.Trunc(f) && math.Abs(f) < 1<<53
}

// isFinite reports whether a JSON number fits 64 bits. Only one with an exponent, or very many digits, may not.
func isFinite(text []byte) bool {
	if len(text) < 100 {
		short := true
		for _, c := range text {
			short = short && c|0x20 != 'e'
		}
		if short {
			return true
		}
	}
	f, err := strconv.ParseFloat(string(text), 64)
	return err == nil && !math.IsInf(f, 0)
}
