package edm

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
)

// Encode writes a document in the form in which it is stored and returned to clients: every declared property in the
// order of the type, at every depth, absent ones as null or [], followed by the dynamic properties of an open type.
func (t *StructuredType) Encode(v map[string]any) []byte {
	var b bytes.Buffer
	t.encodeTo(&b, v)
	return b.Bytes()
}

func (t *StructuredType) encodeTo(b *bytes.Buffer, v map[string]any) {
	separator := byte('{')
	for _, p := range t.Properties {
		b.WriteByte(separator)
		separator = ','
		WriteName(b, p.Name)
		p.encodeTo(b, v)
	}
	for _, name := range slices.Sorted(maps.Keys(v)) {
		if t.Property(name) == nil {
			b.WriteByte(separator)
			separator = ','
			WriteName(b, name)
			WriteJSON(b, v[name])
		}
	}
	if separator == '{' {
		b.WriteByte('{')
	}
	b.WriteByte('}')
}

func (p *Property) encodeTo(b *bytes.Buffer, of map[string]any) {
	v, given := of[p.Name]
	if !given {
		b.Write(p.Absent())
		return
	}
	entries, isCollection := v.([]any)
	if !isCollection {
		p.Type.encodeTo(b, v)
		return
	}
	b.WriteByte('[')
	for i, entry := range entries {
		if i > 0 {
			b.WriteByte(',')
		}
		p.Type.encodeTo(b, entry)
	}
	b.WriteByte(']')
}

func (t *Type) encodeTo(b *bytes.Buffer, v any) {
	if object, ok := v.(map[string]any); ok && t.Structured != nil {
		t.Structured.encodeTo(b, object)
		return
	}
	WriteJSON(b, v)
}

// WriteName writes the name of a member of a JSON object, and a colon.
func WriteName(b *bytes.Buffer, name string) {
	WriteJSON(b, name)
	b.WriteByte(':')
}

// WriteJSON writes a value that was read from JSON, or a string. It does not escape <, > and &, since the output is
// not embedded in HTML.
func WriteJSON(b *bytes.Buffer, v any) {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v)         // cannot fail for a value read from JSON
	b.Truncate(b.Len() - 1) // the line feed
}
