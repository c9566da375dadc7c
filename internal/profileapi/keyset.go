package profileapi

import (
	"strconv"
	"strings"
	"time"

	"profileql/internal/profile"
)

// keyset says, in OData's terms, which part of a list comes behind a position. OData puts nulls first in ascending
// order (OData URL Conventions 4.01, section 5.1.1.4), our lists have them last; so an ascending list is read in two
// parts, first the items with a value, then those without.
type keyset struct {
	source      string // whose list it is; the position may be an item's of another one
	order       profile.Order
	after       *profile.Position // nil for the beginning
	nullsOnly   bool              // the second part of an ascending list
	nonNullOnly bool              // only items with a value
	top         int               // items wanted
}

// options returns the query options, without $select.
func (k keyset) options() []string {
	options := []string{k.orderBy(), option("$top", strconv.Itoa(k.top))}
	if filter := k.filter(); filter != "" {
		options = append(options, option("$filter", filter))
	}
	return options
}

func (k keyset) orderBy() string {
	orderBy := k.order.Property + ",id"
	switch {
	case k.nullsOnly:
		orderBy = "id"
	case k.order.Descending:
		orderBy = k.order.Property + " desc,id"
	}
	return option("$orderby", orderBy)
}

func (k keyset) filter() string {
	p := k.order.Property
	switch {
	case k.nullsOnly && (k.after == nil || k.after.Instant != ""):
		return p + " eq null"
	case k.after == nil && k.order.Descending && !k.nonNullOnly:
		return ""
	case k.after == nil:
		return p + " ne null"
	case k.after.Instant == "":
		return join(" and ", p+" eq null", k.idFilter())
	}
	at := instantLiteral(k.after.Instant)
	after, orEqual, nulls := " gt ", " ge ", ""
	if k.order.Descending {
		after, orEqual, nulls = " lt ", " le ", p+" eq null"
	}
	if k.nonNullOnly {
		nulls = ""
	}
	switch c := strings.Compare(k.source, k.after.Source); {
	case c < 0: // what this source has at the same instant comes before
		return join(" or ", p+after+at, nulls)
	case c > 0: // … and behind
		return join(" or ", p+orEqual+at, nulls)
	}
	return join(" or ", p+after+at, "("+p+" eq "+at+" and "+k.idFilter()+")", nulls)
}

// isEmpty tells whether no item of the source can come behind the position: only items without a value do, and this
// source's come before.
func (k keyset) isEmpty() bool {
	return k.after != nil && k.after.Instant == "" && k.source < k.after.Source
}

// contains tells whether an item belongs to the part of the list that was asked for.
func (k keyset) contains(p profile.Position) bool {
	return k.order.Descending || (p.Instant == "") == k.nullsOnly
}

// isNullBeforeEnd tells whether the item is without a value and, in OData, can only come here if none with one is left. Null
// is the lowest value there, but not in every database: then a descending list begins with the nulls.
func (k keyset) isNullBeforeEnd(p profile.Position) bool {
	return k.order.Descending && p.Instant == "" && (k.after == nil || k.after.Instant != "")
}

// idFilter says which of the items with the position's value come behind it; it is empty where all do.
func (k keyset) idFilter() string {
	if k.source != k.after.Source {
		return ""
	}
	return "id gt " + textLiteral(k.after.ID)
}

func textLiteral(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

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
