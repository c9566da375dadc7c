// Package profile holds the few small types that the GraphQL side and the sides that hold profiles share: which item
// is meant ([Ref]), which part of a list ([Query], [Position], [Page]), and what went wrong ([Error]). It imports
// nothing of ProfileQL's but package jsontape, so that none of them has to know another.
package profile

import (
	"cmp"
	"strings"
	"time"

	"profileql/internal/jsontape"
)

// Ref names one item of a facet.
type Ref struct {
	Source string // configured name of the source that holds it
	User   string // id or user principal name; empty for the signed-in person
	ID     string // the source's own id
}

// Query asks for one page of one person's items of a facet.
type Query struct {
	User       string    // as in [Ref]
	Order      Order     // total order of the list
	After      *Position // the page begins behind it; nil for the first page
	Limit      int       // most items wanted, at least 1
	Properties []string  // REST properties wanted; empty for all
	Count      bool      // whether [Page.Total] is wanted

	// Of lists that several sources make up.
	Sources []string // the only ones to ask; empty for all
	Failed  []*Error // one for each that failed on an earlier page: they are not asked again
}

// Page is the answer to a [Query].
type Page struct {
	Entries []Entry  // in the order that was asked for
	More    bool     // whether items follow behind the last entry
	Total   *int     // length of the whole list; nil where it was not asked for or cannot be told
	Flaws   []error  // what could not be shown, for an answer that is otherwise good
	Failed  []*Error // why items are missing: one for each source that failed, here or on an earlier page
}

// Item is one item of a facet.
type Item struct {
	ID   string         // the source's own id
	JSON jsontape.Value // the item as the source sent it; absent properties are null
}

// Entry is one item and its place in the list.
type Entry struct {
	Position Position
	JSON     jsontape.Value // the item as the source sent it
}

// Position is the place of one item in the total order of a list, whatever other items come and go.
type Position struct {
	Instant string // the ordering value as the source sent it, RFC 3339; empty for none
	Source  string
	ID      string // the source's own id

	// OrderedHere tells that the source's list was read whole and ordered here: items at one instant are then in the
	// order of their ids as bytes. Otherwise they are in the source's own.
	OrderedHere bool
}

// Order is the total order of a list: by an instant, items without one last, ties by source and then by id. What comes
// first of two ids, each source decides for itself, see [Position].
type Order struct {
	Property   string // createdDateTime or lastModifiedDateTime
	Descending bool   // turns the order of the instants only
}

// Compare returns a negative number when a comes before b, a positive one when it comes after it, and 0 when they
// are the same place. It takes ids as bytes.
func (o Order) Compare(a, b Position) int {
	if a.Instant != b.Instant {
		if c := compareInstants(a.Instant, b.Instant, o.Descending); c != 0 {
			return c
		}
	}
	return cmp.Or(strings.Compare(a.Source, b.Source), strings.Compare(a.ID, b.ID))
}

// Ties tells whether the ordering values are equal.
func (o Order) Ties(a, b Position) bool {
	return a.Instant == b.Instant || compareInstants(a.Instant, b.Instant, o.Descending) == 0
}

func compareInstants(a, b string, descending bool) int {
	ta, errA := time.Parse(time.RFC3339, a)
	tb, errB := time.Parse(time.RFC3339, b)
	switch {
	case errA != nil && errB != nil:
		return 0
	case errA != nil:
		return 1
	case errB != nil:
		return -1
	case descending:
		return tb.Compare(ta)
	}
	return ta.Compare(tb)
}
