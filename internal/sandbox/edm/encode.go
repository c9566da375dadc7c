package edm

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
)

// Encode writes a document as it is stored and answered: every declared property in the order of the type, absent
// ones as null or [], at every depth, and behind them what an open type holds besides.
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

// WriteName writes the name of a member of a JSON object, and the colon behind it.
func WriteName(b *bytes.Buffer, name string) {
	WriteJSON(b, name)
	b.WriteByte(':')
}

// WriteJSON writes a value that has been read from JSON, or a text. It leaves <, > and & as they are: nothing here goes
// into a page.
func WriteJSON(b *bytes.Buffer, v any) {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v)         // it has been read from JSON
	b.Truncate(b.Len() - 1) // the line feed
}
