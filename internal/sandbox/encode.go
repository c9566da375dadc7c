package sandbox

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
)

// encode writes a document as it is stored and answered: every declared property in the order of the type, absent
// ones as null or [], at every depth, and behind them what an open type holds besides.
func (t *structuredType) encode(v map[string]any) []byte {
	var b bytes.Buffer
	t.encodeTo(&b, v)
	return b.Bytes()
}

func (t *structuredType) encodeTo(b *bytes.Buffer, v map[string]any) {
	separator := byte('{')
	for _, p := range t.properties {
		b.WriteByte(separator)
		separator = ','
		encodeName(b, p.name)
		p.encodeTo(b, v)
	}
	for _, name := range slices.Sorted(maps.Keys(v)) {
		if t.property(name) == nil {
			b.WriteByte(separator)
			separator = ','
			encodeName(b, name)
			encodeJSON(b, v[name])
		}
	}
	if separator == '{' {
		b.WriteByte('{')
	}
	b.WriteByte('}')
}

func (p *property) encodeTo(b *bytes.Buffer, of map[string]any) {
	v, given := of[p.name]
	if !given {
		b.Write(p.absent())
		return
	}
	entries, isCollection := v.([]any)
	if !isCollection {
		p.typ.encodeTo(b, v)
		return
	}
	b.WriteByte('[')
	for i, entry := range entries {
		if i > 0 {
			b.WriteByte(',')
		}
		p.typ.encodeTo(b, entry)
	}
	b.WriteByte(']')
}

func (t *edmType) encodeTo(b *bytes.Buffer, v any) {
	if object, ok := v.(map[string]any); ok && t.structured != nil {
		t.structured.encodeTo(b, object)
		return
	}
	encodeJSON(b, v)
}

func encodeName(b *bytes.Buffer, name string) {
	encodeJSON(b, name)
	b.WriteByte(':')
}

// encodeJSON leaves <, > and & as they are; nothing here goes into a page.
func encodeJSON(b *bytes.Buffer, v any) {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v)         // it has been read from JSON
	b.Truncate(b.Len() - 1) // the line feed
}
