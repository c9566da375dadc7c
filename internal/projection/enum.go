package projection

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"profileql/internal/jsontape"
)

// unknownFutureValue is the member of Microsoft Graph's evolvable enums that stands for future members.
const unknownFutureValue = "UNKNOWN_FUTURE_VALUE"

// flagsEnums are the enums whose members can be combined (OData JSON Format 4.01, section 7.1). Their values are 0 for the
// first member, and then the powers of two.
var flagsEnums = map[string]bool{"AllowedAudience": true}

// enum translates between the three forms of an enum's members: GROUP_MEMBERS in GraphQL, groupMembers on the wire, and a
// number on the wire, which follows the order of the schema.
type enum struct {
	flags   bool
	names   []string // GraphQL's, in the order of the schema
	wire    []string
	byName  map[string]int
	byWire  map[string]int
	unknown int // index of unknownFutureValue; -1 if the enum has no such member
}

func newEnum(def *ast.Definition) *enum {
	e := &enum{flags: flagsEnums[def.Name], byName: make(map[string]int), byWire: make(map[string]int), unknown: -1}
	for i, member := range def.EnumValues {
		wire := wireName(member.Name)
		e.names, e.wire = append(e.names, member.Name), append(e.wire, wire)
		e.byName[member.Name], e.byWire[wire] = i, i
		if member.Name == unknownFutureValue {
			e.unknown = i
		}
	}
	return e
}

// wireName turns GROUP_MEMBERS into groupMembers.
func wireName(name string) string {
	words := strings.Split(strings.ToLower(name), "_")
	for i, w := range words[1:] {
		if w != "" {
			words[i+1] = strings.ToUpper(w[:1]) + w[1:]
		}
	}
	return strings.Join(words, "")
}

// ordinal returns the number of a member.
func (e *enum) ordinal(i int) int64 {
	if e.flags && i > 0 {
		return 1 << (i - 1)
	}
	return int64(i)
}

// member returns the index of a member by its name or number; that of unknownFutureValue if there is none.
func (e *enum) member(text []byte) int {
	if i, ok := e.byWire[string(text)]; ok {
		return i
	}
	if n, ok := parseOrdinal(text); ok {
		for i := range e.names {
			if e.ordinal(i) == n {
				return i
			}
		}
	}
	return e.unknown
}

func parseOrdinal(text []byte) (n int64, ok bool) {
	if len(text) == 0 || text[0] > '9' { // the name of a member: the error of ParseInt would cost more than the rest
		return 0, false
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	return n, err == nil
}

// enumText returns the string or integer of an enum's value. An empty string counts as null.
func enumText(v jsontape.Value) (text []byte, ok bool) {
	switch v.Kind() {
	case jsontape.String:
		text, _ = v.TextBytes()
		return text, len(text) > 0
	case jsontape.Number:
		n, ok := parseWhole(v)
		return strconv.AppendInt(nil, n, 10), ok
	}
	return nil, false
}

// appendMember writes the member that a source sent; it writes nothing, and is not ok, if there is none.
func (e *enum) appendMember(dst []byte, v jsontape.Value) ([]byte, bool) {
	text, ok := enumText(v)
	if !ok {
		return dst, false
	}
	i := e.member(text)
	if i < 0 {
		return dst, false
	}
	return e.appendName(dst, i), true
}

func (e *enum) appendName(dst []byte, i int) []byte {
	return append(append(append(dst, '"'), e.names[i]...), '"')
}

// appendFlags writes the members in a source's comma-separated string as a list, each once.
func (e *enum) appendFlags(dst []byte, v jsontape.Value) ([]byte, bool) {
	text, ok := enumText(v)
	if !ok {
		return dst, false
	}
	if i, ok := e.byWire[string(text)]; ok { // fast path: a single member
		return append(e.appendName(append(dst, '['), i), ']'), true
	}
	members := make([]int, 0, 8)
	for name := range bytes.SplitSeq(text, []byte(",")) {
		members = e.combination(members, bytes.TrimSpace(name))
	}
	dst = append(dst, '[')
	for i, member := range members {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = e.appendName(dst, member)
	}
	return append(dst, ']'), true
}

// combination adds the member with a name, or the members whose numbers add up to a number.
func (e *enum) combination(members []int, text []byte) []int {
	add := func(i int) {
		if i >= 0 && !slices.Contains(members, i) {
			members = append(members, i)
		}
	}
	n, numeric := parseOrdinal(text)
	if !numeric || n <= 0 {
		add(e.member(text))
		return members
	}
	for i := range e.names {
		if bit := e.ordinal(i); bit != 0 && n&bit == bit {
			add(i)
			n &^= bit
		}
	}
	if n != 0 {
		add(e.unknown)
	}
	return members
}
