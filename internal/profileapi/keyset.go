package profileapi

import (
	"strconv"
	"strings"
	"time"

	"profileql/internal/profile"
)

// keyset is a page of a list by keyset pagination: the OData query options for the items after a position. OData sorts nulls
// first in ascending order (OData URL Conventions 4.01, section 5.1.1.4), our lists have them last; so an ascending list is
// read in two parts, first the items with a value, then those without.
type keyset struct {
	source      string // whose list it is; the position may be of another source's item
	order       profile.Order
	after       *profile.Position // nil for the first page
	nullsOnly   bool              // the second part of an ascending list
	nonNullOnly bool              // only items with a value
	top         int               // $top
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
	case c < 0: // this source's items at the same instant come before
		return join(" or ", p+after+at, nulls)
	case c > 0: // … and after
		return join(" or ", p+orEqual+at, nulls)
	}
	return join(" or ", p+after+at, "("+p+" eq "+at+" and "+k.idFilter()+")", nulls)
}

// isEmpty reports whether no item of the source can come after the position: only items without a value do, and this
// source's come before it.
func (k keyset) isEmpty() bool {
	return k.after != nil && k.after.Instant == "" && k.source < k.after.Source
}

// contains reports whether an item belongs to the part of the list that was requested.
func (k keyset) contains(p profile.Position) bool {
	return k.order.Descending || (p.Instant == "") == k.nullsOnly
}

// isNullBeforeEnd reports whether an item has no value, so that in a descending list no item with a value may follow. Null is
// the lowest value in OData, but not in every database: there, a descending list begins with the nulls.
func (k keyset) isNullBeforeEnd(p profile.Position) bool {
	return k.order.Descending && p.Instant == "" && (k.after == nil || k.after.Instant != "")
}

// idFilter selects the items with the position's value that come after it; empty if all do.
func (k keyset) idFilter() string {
	if k.source != k.after.Source {
		return ""
	}
	return "id gt " + textLiteral(k.after.ID)
}

func textLiteral(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// instantLiteral writes an instant in UTC with all its digits: not every server accepts another offset.
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
