package odata

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"

	"profileql/internal/sandbox/edm"
)

// maxOrderings is the maximum number of properties in $orderby.
const maxOrderings = 10

// ordering is one property of $orderby. Nulls come first in ascending order and last in descending order (OData URL
// Conventions 4.01, section 5.1.1.4).
type ordering struct {
	path       edm.Path
	descending bool
}

// order is a total order of items, since it ends with the id.
type order []ordering

// parseOrder parses $orderby. The default is createdDateTime (documentation of listing a facet).
func parseOrder(t *edm.StructuredType, text string) (order, error) {
	if strings.TrimSpace(text) == "" {
		text = "createdDateTime"
	}
	parts := strings.Split(text, ",")
	if len(parts) > maxOrderings {
		return nil, edm.Errorf("The $orderby option can have %d parts at most.", maxOrderings)
	}
	var o order
	for _, part := range append(parts, "id") {
		by, err := parseOrdering(t, part)
		if err != nil {
			return nil, edm.Because("Parsing OData OrderBy failed", err)
		}
		o = append(o, by)
	}
	return o, nil
}

func parseOrdering(t *edm.StructuredType, text string) (ordering, error) {
	words := strings.Fields(text)
	if len(words) == 0 || len(words) > 2 || len(words) == 2 && words[1] != "asc" && words[1] != "desc" {
		return ordering{}, edm.Errorf("Syntax error in '%s'.", text)
	}
	p, err := edm.ParsePath(t, words[0])
	if err != nil {
		return ordering{}, err
	}
	if p.End().Kind() == edm.KindStructured {
		return ordering{}, edm.Errorf("The property '%s' is not one to order by.", p.Text)
	}
	return ordering{path: p, descending: len(words) == 2 && words[1] == "desc"}, nil
}

// keyed is an item with the values that it is ordered by.
type keyed struct {
	*edm.Entity
	key []edm.Value
}

func (o order) key(i *edm.Entity) []edm.Value {
	key := make([]edm.Value, len(o))
	for n, by := range o {
		key[n] = i.Value(by.path)
	}
	return key
}

func (o order) compare(a, b []edm.Value) int {
	for n, by := range o {
		if c := edm.Compare(a[n], b[n]); c != 0 {
			if by.descending {
				return -c
			}
			return c
		}
	}
	return 0
}

func (o order) sort(items []*edm.Entity) []keyed {
	sorted := make([]keyed, len(items))
	for n, i := range items {
		sorted[n] = keyed{i, o.key(i)}
	}
	slices.SortFunc(sorted, func(a, b keyed) int { return o.compare(a.key, b.key) })
	return sorted
}

// token returns a $skiptoken: the values that an item is ordered by, so that it stays valid while other items are
// added or removed.
func (o order) token(i *edm.Entity) string {
	raw := make([]json.RawMessage, len(o))
	for n, by := range o {
		raw[n] = json.RawMessage("null")
		if v := i.Value(by.path); v.Kind != edm.KindNull {
			raw[n] = i.RawValue(by.path)
		}
	}
	text, _ := json.Marshal(raw) // parts of a decoded document: cannot fail
	return base64.RawURLEncoding.EncodeToString(text)
}

// position decodes a token of a list in the same order.
func (o order) position(token string) ([]edm.Value, error) {
	text, err := base64.RawURLEncoding.DecodeString(token)
	var raw []json.RawMessage
	if err != nil || json.Unmarshal(text, &raw) != nil || len(raw) != len(o) {
		return nil, edm.Errorf("The $skiptoken query option is not one of this list.")
	}
	key := make([]edm.Value, len(o))
	for n, by := range o {
		key[n] = edm.ValueOf(by.path.End(), raw[n])
	}
	return key, nil
}
