// Package jsontape parses JSON into a tape: one flat list of all values, each a span of the text. Values are decoded on
// demand, so that one that is only copied costs no more than its bytes.
//
// [Parse] accepts exactly what encoding/json accepts. A [Value] is a position on the tape: its kind, its text, its members or
// elements.
package jsontape

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"sync"
	"unicode/utf8"
)

// maxDepth is the maximum nesting of objects and arrays, the same as in encoding/json.
const maxDepth = 10_000

// Kind is the kind of a JSON value.
type Kind uint8

// The kinds. Absent is the kind of the zero [Value].
const (
	Absent Kind = iota
	Null
	False
	True
	Number
	String
	Array
	Object
)

// node is one value. An array is followed by its elements, an object by the names and values of its members in turn.
type node struct {
	start, end uint32 // span of the text
	next       uint32 // index after the value and its children
	kind       Kind
	escaped    bool // a string with a backslash in it
	lossy      bool // a string that may not be Unicode: invalid UTF-8, or half of a surrogate pair
}

// Tape is a parsed JSON text. It refers to the text, which must not be modified.
type Tape struct {
	text  []byte
	nodes []node
}

// SyntaxError is a JSON syntax error.
type SyntaxError struct {
	Offset  int // bytes before the error
	message string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("%s at offset %d", e.message, e.Offset) }

var errTooLong = errors.New("JSON of 4 GiB or more")

// Limits limit the size of a text.
type Limits struct {
	Depth  int // nesting of objects and arrays
	Values int // names of members count too
}

// Errors for exceeded [Limits].
var (
	ErrTooDeep       = errors.New("JSON is nested too deeply")
	ErrTooManyValues = errors.New("JSON has too many values")
)

// Parse parses one JSON value with optional white space around it. The error is a [*SyntaxError], unless the text is 4 GiB or
// more.
func Parse(text []byte) (*Tape, error) {
	t, err := ParseWithin(text, Limits{Depth: maxDepth, Values: math.MaxInt})
	if errors.Is(err, ErrTooDeep) {
		err = &SyntaxError{Offset: len(text), message: "nested too deeply"}
	}
	return t, err
}

// ParseWithin is [Parse] for untrusted texts: it stops at the first exceeded limit with [ErrTooDeep] or [ErrTooManyValues].
func ParseWithin(text []byte, limits Limits) (*Tape, error) {
	if uint64(len(text)) >= math.MaxUint32 {
		return nil, errTooLong
	}
	// The profile API's JSON has a value or a name per 13 bytes.
	p := parser{text: text, limits: limits, nodes: newNodes(min(len(text)/12, limits.Values) + 4)}
	if err := p.parse(); err != nil {
		return nil, err
	}
	return &Tape{text: text, nodes: p.nodes}, nil
}

// nodePool has the nodes of released tapes.
var nodePool sync.Pool // of *[]node

// Slices of nodes of these lengths are kept for another tape: 16 KiB to 1 MiB. For a shorter one, an allocation is cheap.
const (
	minReused = 1 << 10
	maxReused = 1 << 16
)

func newNodes(size int) []node {
	if size < minReused {
		return make([]node, 0, size)
	}
	if nodes, ok := nodePool.Get().(*[]node); ok && cap(*nodes) >= size {
		return (*nodes)[:0]
	}
	return make([]node, 0, size)
}

// Release makes the memory of the tape, but not the text, available for other tapes. The tape and its values must not be
// used afterwards.
func (t *Tape) Release() {
	if nodes := t.nodes; cap(nodes) >= minReused && cap(nodes) <= maxReused {
		nodePool.Put(&nodes)
	}
	t.text, t.nodes = nil, nil
}

// Root returns the top-level value.
func (t *Tape) Root() Value { return Value{t, 0} }

// parser parses a text in one pass. The stack holds the indices of the enclosing arrays and objects.
type parser struct {
	text     []byte
	limits   Limits
	at       int
	nodes    []node
	stack    []uint32
	stackBuf [16]uint32
}

func (p *parser) parse() error {
	p.stack = p.stackBuf[:0]
	if err := p.value(); err != nil {
		return err
	}
	for len(p.stack) > 0 {
		if err := p.next(); err != nil {
			return err
		}
		if len(p.nodes) > p.limits.Values {
			return ErrTooManyValues
		}
	}
	if p.space(); p.at < len(p.text) {
		return p.syntaxError("data after the JSON value")
	}
	return nil
}

// next parses the next element or member of the innermost array or object, or its end.
func (p *parser) next() error {
	top := p.stack[len(p.stack)-1]
	isObject := p.nodes[top].kind == Object
	closing := byte(']')
	if isObject {
		closing = '}'
	}
	isFirst := int(top)+1 == len(p.nodes)
	c := p.space()
	switch {
	case c == closing:
		p.at++
		p.stack = p.stack[:len(p.stack)-1]
		p.nodes[top].end, p.nodes[top].next = uint32(p.at), uint32(len(p.nodes))
		return nil
	case isFirst:
	case c != ',':
		return p.syntaxError("missing comma")
	default:
		p.at++
		c = p.space()
	}
	if !isObject {
		return p.value()
	}
	if c != '"' {
		return p.syntaxError("missing member name")
	}
	if err := p.string(); err != nil {
		return err
	}
	if p.space() != ':' {
		return p.syntaxError("missing colon")
	}
	p.at++
	return p.value()
}

// space skips white space, and returns the byte after it; 0 at the end.
func (p *parser) space() byte {
	for p.at < len(p.text) {
		switch c := p.text[p.at]; c {
		case ' ', '\t', '\r', '\n':
			p.at++
		default:
			return c
		}
	}
	return 0
}

// value parses a value; of an array or object, only the opening bracket.
func (p *parser) value() error {
	switch c := p.space(); c {
	case '"':
		return p.string()
	case '{':
		return p.open(Object)
	case '[':
		return p.open(Array)
	case 'n':
		return p.word("null", Null)
	case 't':
		return p.word("true", True)
	case 'f':
		return p.word("false", False)
	default:
		if c == '-' || isDigit(c) {
			return p.number()
		}
		return p.syntaxError("missing value")
	}
}

func (p *parser) open(kind Kind) error {
	if len(p.stack) == p.limits.Depth {
		return ErrTooDeep
	}
	p.stack = append(p.stack, uint32(len(p.nodes)))
	p.nodes = append(p.nodes, node{start: uint32(p.at), kind: kind})
	p.at++
	return nil
}

func (p *parser) add(kind Kind, start int) *node {
	p.nodes = append(p.nodes, node{start: uint32(start), end: uint32(p.at), next: uint32(len(p.nodes) + 1), kind: kind})
	return &p.nodes[len(p.nodes)-1]
}

func (p *parser) word(word string, kind Kind) error {
	start := p.at
	if len(p.text)-start < len(word) || string(p.text[start:start+len(word)]) != word {
		return p.syntaxError("invalid literal")
	}
	p.at += len(word)
	p.add(kind, start)
	return nil
}

// Classes of bytes within a string.
const (
	plainByte   = iota
	quoteByte   // the end
	escapeByte  // a backslash
	controlByte // which must be escaped
	wideByte    // not ASCII
)

var classes = func() (table [256]uint8) {
	for c := range 0x20 {
		table[c] = controlByte
	}
	for c := 0x80; c < 0x100; c++ {
		table[c] = wideByte
	}
	table['"'], table['\\'] = quoteByte, escapeByte
	return table
}()

func (p *parser) string() error {
	start, text := p.at, p.text
	i := start + 1
	for len(text)-i >= 8 {
		n := plainBytes(text[i:])
		if i += n; n < 8 {
			break
		}
	}
	if i < len(text) && text[i] == '"' { // as in nearly all strings, all bytes are plain
		p.at = i + 1
		p.add(String, start)
		return nil
	}
	return p.specialString(i)
}

// specialString parses the rest of a string, which may have special bytes, from i.
func (p *parser) specialString(i int) error {
	start := p.at
	escaped, lossy, wide := false, false, false
	for ; i < len(p.text); i++ {
		if len(p.text)-i >= 8 {
			n := plainBytes(p.text[i:])
			if i += n; n == 8 {
				i--
				continue
			}
		}
		switch classes[p.text[i]] {
		case plainByte:
		case wideByte:
			wide = true
		case quoteByte:
			p.at = i + 1
			n := p.add(String, start)
			n.escaped, n.lossy = escaped, lossy || wide && !utf8.Valid(p.text[start:i])
			return nil
		case escapeByte:
			length, half := escapeLength(p.text[i:])
			if length == 0 {
				p.at = i
				return p.syntaxError("invalid escape in string")
			}
			escaped, lossy = true, lossy || half
			i += length - 1
		default:
			p.at = i
			return p.syntaxError("control character in string")
		}
	}
	p.at = len(p.text)
	return p.syntaxError("unterminated string")
}

// plainBytes returns how many of the first 8 bytes are plain before the first that is not: ASCII without control
// characters, quotes and backslashes. It looks at all 8 at once: subtracting from a byte sets its highest bit if the byte is
// smaller, and only bytes after the first can be affected by its carry.
func plainBytes(text []byte) int {
	const each, high = 0x0101010101010101, 0x8080808080808080
	word := binary.LittleEndian.Uint64(text)
	quote, escape := word^('"'*each), word^('\\'*each)
	special := ((word-' '*each)&^word | (quote-each)&^quote | (escape-each)&^escape | word) & high
	return bits.TrailingZeros64(special) / 8
}

// escapeLength returns the length of the escape sequence at the start of text, 0 if it is invalid, and whether it is half of
// a surrogate pair.
func escapeLength(text []byte) (length int, half bool) {
	if len(text) < 2 {
		return 0, false
	}
	switch text[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2, false
	case 'u':
		if len(text) < 6 || !isHex(text[2]) || !isHex(text[3]) || !isHex(text[4]) || !isHex(text[5]) {
			return 0, false
		}
		return 6, text[2]|0x20 == 'd' && text[3] >= '8'
	}
	return 0, false
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isHex(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }

// number parses a number (RFC 8259, section 6).
func (p *parser) number() error {
	start, text, i := p.at, p.text, p.at
	if text[i] == '-' {
		i++
	}
	digits := func() bool {
		first := i
		for i < len(text) && isDigit(text[i]) {
			i++
		}
		return i > first
	}
	ok := true
	if i < len(text) && text[i] == '0' {
		i++
	} else {
		ok = digits()
	}
	if ok && i < len(text) && text[i] == '.' {
		i++
		ok = digits()
	}
	if ok && i < len(text) && text[i]|0x20 == 'e' {
		if i++; i < len(text) && (text[i] == '+' || text[i] == '-') {
			i++
		}
		ok = digits()
	}
	p.at = i
	if !ok {
		return p.syntaxError("invalid number")
	}
	p.add(Number, start)
	return nil
}

func (p *parser) syntaxError(message string) error {
	return &SyntaxError{Offset: p.at, message: message}
}
