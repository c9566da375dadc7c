package profileapi

import (
	"strings"

	"profileql/internal/jsontape"
)

// texts makes strings of the short texts of a response. Many of them share one allocation.
type texts struct{ chunk strings.Builder }

const sizeOfChunk = 2 << 10

// of returns a decoded string; empty for other kinds of values.
func (t *texts) of(v jsontape.Value) string {
	text, _ := v.TextBytes()
	if t.chunk.Cap()-t.chunk.Len() < len(text) {
		t.chunk.Reset() // earlier strings keep their memory
		t.chunk.Grow(max(len(text), sizeOfChunk))
	}
	start := t.chunk.Len()
	_, _ = t.chunk.Write(text)
	return t.chunk.String()[start:]
}
