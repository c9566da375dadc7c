package edm

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// UnknownFutureValue is the member of evolvable enumerations that stands for members which the client does not know
// (Microsoft Graph best practices, "Handling future members in evolvable enumerations").
const UnknownFutureValue = "unknownFutureValue"

// unknownOrdinal is the ordinal of a text that is neither a member nor a number. It is ordered last.
const unknownOrdinal = math.MaxInt64

// EnumType is an enumeration (CSDL XML 4.01, section 10). A value of one with flags can have several members.
type EnumType struct {
	Name    string // qualified
	Flags   bool
	members map[string]int64
	order   []string // names of the members
}

func newEnumType(name string, e enumElement) *EnumType {
	t := &EnumType{Name: name, Flags: e.IsFlags, members: make(map[string]int64, len(e.Members))}
	for _, m := range e.Members {
		t.members[m.Name] = m.Value
		t.order = append(t.order, m.Name)
	}
	return t
}

// Value returns a text as a value of the enumeration. The text need not name members: real data has numbers and
// unknown names.
func (t *EnumType) Value(text string) Value {
	return Value{Kind: KindEnum, Text: text, ordinal: t.ordinal(text)}
}

// names splits a value into names of members, which are separated by commas in a flags value (OData JSON Format 4.01,
// section 7.1).
func (t *EnumType) names(text string) []string {
	if !t.Flags {
		return []string{text}
	}
	names := strings.Split(text, ",")
	for i, name := range names {
		names[i] = strings.TrimSpace(name)
	}
	return names
}

// Known reports whether a text consists of names of members.
func (t *EnumType) Known(text string) bool {
	for _, name := range t.names(text) {
		if _, ok := t.members[name]; !ok {
			return false
		}
	}
	return true
}

// writable reports whether a client may send the text. The sentinel of an evolvable enumeration is for responses
// only.
func (t *EnumType) writable(text string) bool {
	for _, name := range t.names(text) {
		if _, ok := t.members[name]; !ok || name == UnknownFutureValue {
			return false
		}
	}
	return true
}

// canonical returns the stored form of a writable value: for flags, each member once, in the order of the type. A
// member without a bit of its own, such as me of allowedAudiences, is not combined with others.
func (t *EnumType) canonical(text string) string {
	if !t.Flags {
		return text
	}
	bits := t.ordinal(text)
	var set []string
	for _, name := range t.order {
		if n := t.members[name]; n == bits || n != 0 && bits&n == n {
			set = append(set, name)
		}
	}
	return strings.Join(set, ",")
}

// ordinal returns the numeric value of a text, which may also be a number: the service has returned "8" for
// organization (microsoft-graph-docs#10162).
func (t *EnumType) ordinal(text string) int64 {
	var sum int64
	for _, name := range t.names(text) {
		n, ok := t.members[name]
		if !ok {
			var err error
			if n, err = strconv.ParseInt(name, 10, 32); err != nil {
				return unknownOrdinal
			}
		}
		sum |= n
	}
	return sum
}

// Number returns the number of an enumeration value as text, as the service has sometimes written it
// (microsoft-graph-docs#10162). The value is JSON; the result is empty if it is not a string.
func (t *EnumType) Number(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return ""
	}
	return strconv.FormatInt(t.ordinal(text), 10)
}
