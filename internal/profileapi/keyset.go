package profileapi

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"profileql/internal/profile"
)

// keyset says, in OData's terms, which part of a list comes behind a position. OData puts nulls first in ascending
// order (OData URL Conventions 4.01, section 5.1.1.4), our lists have them last; so an ascending list is read in two
// parts, first the items with a value, then those without.
type keyset struct {
	order   profile.Order
	after   *profile.Position // nil for the beginning
	nulls   bool              // the second part of an ascending list
	atLeast int               // items wanted
}

// options returns the query options, without $select.
func (k keyset) options() []string {
	orderBy := k.order.Property + ",id"
	switch {
	case k.nulls:
		orderBy = "id"
	case k.order.Descending:
		orderBy = k.order.Property + " desc,id"
	}
	options := []string{option("$orderby", orderBy), option("$top", strconv.Itoa(k.atLeast))}
	if filter := k.filter(); filter != "" {
		options = append(options, option("$filter", filter))
	}
	return options
}

func (k keyset) filter() string {
	p := k.order.Property
	if k.nulls {
		return join(" and ", p+" eq null", k.behindID())
	}
	if k.after == nil {
		if k.order.Descending {
			return ""
		}
		return p + " ne null"
	}
	if k.after.Instant == "" {
		return join(" and ", p+" eq null", k.behindID())
	}
	at := instantLiteral(k.after.Instant)
	behind, nulls := p+" gt "+at, ""
	if k.order.Descending {
		behind, nulls = p+" lt "+at, p+" eq null"
	}
	return join(" or ", behind, "("+p+" eq "+at+" and "+k.behindID()+")", nulls)
}

// admits tells whether an item belongs to the part of the list that was asked for.
func (k keyset) admits(p profile.Position) bool {
	return k.order.Descending || (p.Instant == "") == k.nulls
}

// behindID is empty where every id comes behind the position.
func (k keyset) behindID() string {
	if k.after == nil || k.after.Instant != "" && k.nulls {
		return ""
	}
	return "id gt '" + strings.ReplaceAll(k.after.ID, "'", "''") + "'"
}

// instantLiteral writes an instant in UTC, because not every server takes another offset, with all its digits.
func instantLiteral(instant string) string {
	t, _ := time.Parse(time.RFC3339, instant) // a Position holds nothing else
	return t.UTC().Format("2006-01-02T15:04:05.999999999Z07:00")
}

func join(word string, parts ...string) string {
	kept := parts[:0]
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, word)
}

// withOptions appends query options to an address that has none.
func withOptions(address string, options []string) (*url.URL, error) {
	if len(options) > 0 {
		address += "?" + strings.Join(options, "&")
	}
	return url.Parse(address)
}
