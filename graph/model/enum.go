package model

import (
	"bytes"
	"encoding/json"
	"io"
	"strconv"
	"strings"

	"github.com/99designs/gqlgen/graphql"
)

// unknownFutureValue is the member that evolvable enums of Microsoft Graph have for members yet to come.
const unknownFutureValue = "UNKNOWN_FUTURE_VALUE"

// ordinals are the numbers of the members of the wire's enums, in the order of the schema: sources have been seen to
// send a number, as such or as a text, in place of a name. Enums that are not on the wire have none.
var ordinals = map[string][]int64{
	"AllowedAudience": {0, 1, 2, 4, 8, 16, 32, 64},
}

// enumTable translates one enum between its three forms: GraphQL's GROUP_MEMBERS, the wire's groupMembers, and the
// wire's number.
type enumTable[E ~string] struct {
	name     string
	members  []E
	wire     map[E]string
	byName   map[string]E
	ordinals map[E]int64
	unknown  E // unknownFutureValue, or empty where the enum has no such member
}

func newEnumTable[E ~string](name string, members []E) *enumTable[E] {
	t := &enumTable[E]{
		name: name, members: members,
		wire: make(map[E]string), byName: make(map[string]E), ordinals: make(map[E]int64),
	}
	for i, m := range members {
		t.wire[m] = wireName(string(m))
		t.byName[t.wire[m]] = m
		if i < len(ordinals[name]) {
			t.ordinals[m] = ordinals[name][i]
		}
		if m == unknownFutureValue {
			t.unknown = m
		}
	}
	return t
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

// fromGraphQL is strict: exactly a member's name, and not the one that stands for what is not known.
func (t *enumTable[E]) fromGraphQL(v any) (E, error) {
	s, ok := v.(string)
	if !ok {
		return "", inputErrorf("%s cannot be %s", t.name, describe(v))
	}
	if _, known := t.wire[E(s)]; !known {
		return "", inputErrorf("%s has no such value; it is one of %s", t.name, t.writable())
	}
	if s == unknownFutureValue {
		return "", inputErrorf("%s can be read but not written; %s is one of %s", s, t.name, t.writable())
	}
	return E(s), nil
}

func (t *enumTable[E]) writable() string {
	names := make([]string, 0, len(t.members))
	for _, m := range t.members {
		if m != unknownFutureValue {
			names = append(names, string(m))
		}
	}
	return strings.Join(names, ", ")
}

// fromWire is lenient: a name, a number, or a number as a text. What is none of these is unknown; what cannot be a
// member at all is the empty member, which shows as null.
func (t *enumTable[E]) fromWire(b []byte) E {
	text, ok := enumText(b)
	if !ok {
		return ""
	}
	return t.member(text)
}

func (t *enumTable[E]) member(text string) E {
	if m, ok := t.byName[text]; ok {
		return m
	}
	if n, ok := parseOrdinal(text); ok {
		for m, ordinal := range t.ordinals {
			if ordinal == n {
				return m
			}
		}
	}
	return t.unknown
}

// toWire gives the name that the source knows; null for the empty member.
func (t *enumTable[E]) toWire(e E) ([]byte, error) {
	if e == "" {
		return []byte("null"), nil
	}
	return json.Marshal(t.wire[e])
}

// enumText takes the text or the whole number out of a JSON value. An empty text says nothing, as null does.
func enumText(b []byte) (text string, ok bool) {
	b = bytes.TrimSpace(b)
	if len(b) > 0 && b[0] == '"' {
		return text, json.Unmarshal(b, &text) == nil && text != ""
	}
	_, ok = parseOrdinal(string(b))
	return string(b), ok
}

func writeEnum(w io.Writer, name string) {
	if name == "" {
		_, _ = io.WriteString(w, "null")
		return
	}
	graphql.MarshalString(name).MarshalGQL(w)
}

func parseOrdinal(text string) (n int64, ok bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil
}
