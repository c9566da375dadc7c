package jsontape

import (
	"bytes"
	"encoding/json"
	"slices"
	"unicode/utf8"
)

// Value is one value of a [Tape]. The zero Value is absent.
type Value struct {
	tape *Tape
	at   uint32
}

func (v Value) node() *node { return &v.tape.nodes[v.at] }

// Kind returns the kind of the value.
func (v Value) Kind() Kind {
	if v.tape == nil {
		return Absent
	}
	return v.node().kind
}

// Raw returns the value's JSON text; nil if it is absent.
func (v Value) Raw() []byte {
	if v.tape == nil {
		return nil
	}
	n := v.node()
	return v.tape.text[n.start:n.end]
}

// Child is an element of an array, or a member of an object.
type Child struct {
	Value
	name uint32 // index of the member's name; 0 for an element
	end  uint32 // index after the parent
}

// First returns the first child of an array or object. It is not ok if there is none, or v is of another kind.
func (v Value) First() (c Child, ok bool) {
	k := v.Kind()
	if k != Array && k != Object || v.at+1 >= v.node().next {
		return Child{}, false
	}
	c = Child{Value: Value{v.tape, v.at + 1}, end: v.node().next}
	if k == Object {
		c.name = c.at
		c.at++
	}
	return c, true
}

// Next makes c the child after it. It is not ok if there is none.
func (c *Child) Next() (ok bool) {
	at := c.node().next
	if at >= c.end {
		return false
	}
	if c.name > 0 {
		c.name = at
		at++
	}
	c.at = at
	return true
}

// Name returns the decoded name of a member.
func (c *Child) Name() []byte {
	if n := &c.tape.nodes[c.name]; !n.escaped && !n.lossy { // as nearly all
		return c.tape.text[n.start+1 : n.end-1]
	}
	text, _ := Value{c.tape, c.name}.TextBytes()
	return text
}

// Member returns the member of an object with a name, the last one of duplicates as in encoding/json; absent if there is none.
func (v Value) Member(name string) (found Value) {
	if v.Kind() != Object {
		return Value{}
	}
	for c, ok := v.First(); ok; ok = c.Next() {
		if string(c.Name()) == name {
			found = c.Value
		}
	}
	return found
}

// Members is [Value.Member] for two names at once.
func (v Value) Members(name, other string) (found, foundOther Value) {
	if v.Kind() != Object {
		return Value{}, Value{}
	}
	for c, ok := v.First(); ok; ok = c.Next() {
		// Most names are told apart by their length.
		if n := &c.tape.nodes[c.name]; !n.escaped && int(n.end-n.start) != len(name)+2 && int(n.end-n.start) != len(other)+2 {
			continue
		}
		switch text := c.Name(); string(text) {
		case name:
			found = c.Value
		case other:
			foundOther = c.Value
		}
	}
	return found, foundOther
}

// HasDuplicateNames reports whether any object on the tape has two members of the same name, of which JSON parsers silently
// keep only one.
func (t *Tape) HasDuplicateNames() bool {
	for i := range t.nodes {
		if t.nodes[i].kind == Object && (Value{t, uint32(i)}).hasDuplicateNames() {
			return true
		}
	}
	return false
}

// maxLinearNames is how many names are compared one by one; more are put into a map.
const maxLinearNames = 16

func (v Value) hasDuplicateNames() bool {
	var buf [maxLinearNames][]byte
	names := buf[:0]
	var seen map[string]bool
	for c, ok := v.First(); ok; ok = c.Next() {
		name := c.Name()
		if slices.ContainsFunc(names, func(other []byte) bool { return bytes.Equal(other, name) }) || seen[string(name)] {
			return true
		}
		if len(names) < maxLinearNames {
			names = append(names, name)
			continue
		}
		if seen == nil {
			seen = make(map[string]bool)
		}
		seen[string(name)] = true
	}
	return false
}

// Text returns a decoded string; invalid Unicode is replaced by U+FFFD. It is not ok for other kinds.
func (v Value) Text() (text string, ok bool) {
	if v.Kind() != String {
		return "", false
	}
	n, raw := v.node(), v.Raw()
	if !n.escaped && !n.lossy {
		return string(raw[1 : len(raw)-1]), true
	}
	return text, json.Unmarshal(raw, &text) == nil
}

// IsUnicode reports whether a string is valid UTF-8 without unpaired surrogates.
func (v Value) IsUnicode() bool {
	if v.Kind() != String || !v.node().lossy {
		return v.Kind() == String
	}
	raw := v.Raw()
	return utf8.Valid(raw) && hasWholePairs(raw)
}

// hasWholePairs reports whether all escaped surrogates in a JSON string are paired.
func hasWholePairs(raw []byte) bool {
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		_, half := escapeLength(raw[i:])
		switch {
		case raw[i+1] != 'u':
			i++
		case !half:
			i += 5
		case raw[i+3]|0x20 >= 'c' || !isLowSurrogate(raw[i+6:]): // a low surrogate alone, or a high one without it
			return false
		default:
			i += 11
		}
	}
	return true
}

func isLowSurrogate(text []byte) bool {
	_, half := escapeLength(text)
	return half && text[0] == '\\' && text[3]|0x20 >= 'c'
}

// TextBytes is [Value.Text] without a copy, if nothing has to be decoded. The bytes must not be modified.
func (v Value) TextBytes() (text []byte, ok bool) {
	if v.Kind() != String {
		return nil, false
	}
	if n := v.node(); n.escaped || n.lossy {
		decoded, ok := v.Text()
		return []byte(decoded), ok
	}
	raw := v.Raw()
	return raw[1 : len(raw)-1], true
}

// AppendText appends a string as JSON, unchanged except that invalid Unicode is replaced by U+FFFD.
func (v Value) AppendText(dst []byte) []byte {
	if !v.node().lossy {
		return append(dst, v.Raw()...)
	}
	text, _ := v.Text()
	return AppendString(dst, text)
}

const hexDigits = "0123456789abcdef"

// AppendString appends text as a JSON string. Invalid UTF-8 is replaced by U+FFFD.
func AppendString(dst []byte, text string) []byte {
	dst = append(dst, '"')
	begin := 0
	for i := 0; i < len(text); {
		c := text[i]
		switch classes[c] {
		case plainByte:
			i++
			continue
		case wideByte:
			r, size := utf8.DecodeRuneInString(text[i:])
			if r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
			dst = append(append(dst, text[begin:i]...), "\ufffd"...)
		default:
			dst = appendEscape(append(dst, text[begin:i]...), c)
		}
		i++
		begin = i
	}
	return append(append(dst, text[begin:]...), '"')
}

func appendEscape(dst []byte, c byte) []byte {
	if i := bytes.IndexByte([]byte("\"\\\b\f\n\r\t"), c); i >= 0 {
		return append(dst, '\\', `"\bfnrt`[i])
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}
