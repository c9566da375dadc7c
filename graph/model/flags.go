package model

import (
	"encoding/json"
	"io"
	"slices"
	"strings"
)

// Flags is an OData enum whose members can be combined: a list in GraphQL, one comma-separated text on the wire
// (OData JSON Format 4.01, section 7.1). Nil shows as null.
type Flags[E flag[E]] []E

type flag[E ~string] interface {
	~string
	table() *enumTable[E]
}

func (f Flags[E]) table() *enumTable[E] { return E("").table() }

// MarshalGQL writes the list of names.
func (f Flags[E]) MarshalGQL(w io.Writer) {
	if f == nil {
		_, _ = io.WriteString(w, "null")
		return
	}
	for i, e := range f {
		_, _ = io.WriteString(w, "[,"[min(i, 1):min(i, 1)+1])
		writeEnum(w, string(e))
	}
	_, _ = io.WriteString(w, "]")
}

// UnmarshalGQL takes a list of members, or one member in place of a list of one (GraphQL, section 3.11). What the
// wire has no form for is refused: no member at all, and the member whose number is 0 together with others.
func (f *Flags[E]) UnmarshalGQL(v any) error {
	t := f.table()
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	if len(list) == 0 {
		return inputErrorf("a list of %s must have at least one value; null clears it", t.name)
	}
	flags := make(Flags[E], 0, len(list))
	for _, entry := range list {
		e, err := t.fromGraphQL(entry)
		if err != nil {
			return err
		}
		flags = append(flags, e)
	}
	if zero := slices.IndexFunc(flags, func(e E) bool { return t.ordinals[e] == 0 }); zero >= 0 && len(flags) > 1 {
		return inputErrorf("%s cannot be combined with other values", flags[zero])
	}
	*f = flags
	return nil
}

// UnmarshalJSON takes names or a number, lenient as for a single enum. It never fails.
func (f *Flags[E]) UnmarshalJSON(b []byte) error {
	*f = nil
	t := f.table()
	text, ok := enumText(b)
	if !ok {
		return nil
	}
	for name := range strings.SplitSeq(text, ",") {
		for _, e := range t.combination(strings.TrimSpace(name)) {
			if e != "" && !slices.Contains(*f, e) {
				*f = append(*f, e)
			}
		}
	}
	return nil
}

// MarshalJSON writes the comma-separated names; null for nil.
func (f Flags[E]) MarshalJSON() ([]byte, error) {
	if f == nil {
		return []byte("null"), nil
	}
	names := make([]string, len(f))
	for i, e := range f {
		names[i] = f.table().wire[e]
	}
	return json.Marshal(strings.Join(names, ","))
}

// combination takes a name, or a number that is the sum of the members' numbers.
func (t *enumTable[E]) combination(text string) []E {
	n, numeric := parseOrdinal(text)
	if !numeric || n <= 0 {
		return []E{t.member(text)}
	}
	var members []E
	for _, m := range t.members {
		if bit := t.ordinals[m]; bit != 0 && n&bit == bit {
			members = append(members, m)
			n &^= bit
		}
	}
	if n != 0 {
		members = append(members, t.unknown)
	}
	return members
}
