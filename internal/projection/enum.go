package projection

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"profileql/internal/jsontape"
)

// unknownFutureValue is the member that evolvable enums of Microsoft Graph have for members yet to come.
const unknownFutureValue = "UNKNOWN_FUTURE_VALUE"

// flagsEnums are the enums whose members can be combined (OData JSON Format 4.01, section 7.1). Their numbers are 0 for
// the first member, and then the powers of two.
var flagsEnums = map[string]bool{"AllowedAudience": true}

// enum translates between the three forms of an enum's members: GraphQL's GROUP_MEMBERS, the wire's groupMembers, and
// the wire's number, which follows the order of the schema.
type enum struct {
	flags   bool
	names   []string // GraphQL's, in the order of the schema
	wire    []string
	byName  map[string]int
	byWire  map[string]int
	unknown int // index of unknownFutureValue; -1 where the enum has no such member
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

// ordinal is the number of a member.
func (e *enum) ordinal(i int) int64 {
	if e.flags && i > 0 {
		return 1 << (i - 1)
	}
	return int64(i)
}

// member is the index of the member that a text names, by name or number; that of the unknown one where it is none.
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
	n, err := strconv.ParseInt(string(text), 10, 64)
	return n, err == nil
}

// enumText is the text or the whole number that an enum's value is. An empty text says nothing, as null does.
func enumText(v jsontape.Value) (text []byte, ok bool) {
	switch v.Kind() {
	case jsontape.String:
		text, _ = v.TextBytes()
		return text, len(text) > 0
	case jsontape.Number:
		_, ok = parseOrdinal(v.Raw())
		return v.Raw(), ok
	}
	return nil, false
}

// appendMember writes the member that a source means; it writes nothing, and is not ok, where there is none.
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

// appendFlags writes the list of members that a source's comma-separated text means, each once.
func (e *enum) appendFlags(dst []byte, v jsontape.Value) ([]byte, bool) {
	text, ok := enumText(v)
	if !ok {
		return dst, false
	}
	if i, ok := e.byWire[string(text)]; ok { // one alone, as nearly always
		return append(e.appendName(append(dst, '['), i), ']'), true
	}
	var members []int
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

// combination adds the members that a name, or a number that is the sum of their numbers, stands for.
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
