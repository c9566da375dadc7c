package edm

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// UnknownFutureValue is the member that evolvable enumerations answer instead of one that the client cannot know
// (Microsoft Graph best practices, "Handling future members in evolvable enumerations").
const UnknownFutureValue = "unknownFutureValue"

// unknownOrdinal stands for whatever is no member and no number. It comes behind everything else.
const unknownOrdinal = math.MaxInt64

// EnumType is an enumeration (CSDL XML 4.01, section 10); of one with flags, several members can be set at a time.
type EnumType struct {
	Name    string // qualified
	Flags   bool
	members map[string]int64
	order   []string // their names
}

func newEnumType(name string, e enumElement) *EnumType {
	t := &EnumType{Name: name, Flags: e.IsFlags, members: make(map[string]int64, len(e.Members))}
	for _, m := range e.Members {
		t.members[m.Name] = m.Value
		t.order = append(t.order, m.Name)
	}
	return t
}

// Value is a text as a value of the enumeration, whether it names members or not: real data has numbers and unknown names.
func (t *EnumType) Value(text string) Value {
	return Value{Kind: KindEnum, Text: text, ordinal: t.ordinal(text)}
}

// names splits a value into names of members, which a flags value separates by commas (OData JSON Format 4.01,
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

// Known tells whether a text names members and nothing else.
func (t *EnumType) Known(text string) bool {
	for _, name := range t.names(text) {
		if _, ok := t.members[name]; !ok {
			return false
		}
	}
	return true
}

// writable tells whether a client may send text. The sentinel of an evolvable enumeration is for answers only.
func (t *EnumType) writable(text string) bool {
	for _, name := range t.names(text) {
		if _, ok := t.members[name]; !ok || name == UnknownFutureValue {
			return false
		}
	}
	return true
}

// canonical is a writable value as it is kept: of flags, each that is set, once, in the order of the type. A member
// without a bit of its own, such as me of allowedAudiences, goes with no other.
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

// ordinal is the numeric value of text, which may also be a number: the service has answered "8" for organization
// (microsoft-graph-docs#10162).
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

// Number is how the service has written a value now and then: its number, as a string (microsoft-graph-docs#10162). The
// value comes as JSON; for what is not a string, the number is empty.
func (t *EnumType) Number(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return ""
	}
	return strconv.FormatInt(t.ordinal(text), 10)
}
