// Package profile holds the types that GraphQL and the sources share: the key of an item ([Ref]), a page of a list
// ([Query], [Position], [Page]) and errors ([Error]). It imports no other package of ProfileQL except jsontape and
// instant, so that the two sides stay independent of each other.
package profile

import (
	"cmp"
	"strings"
	"time"

	"profileql/internal/instant"
	"profileql/internal/jsontape"
)

// Ref is the key of one item of a facet.
type Ref struct {
	Source string // configured name of the source that holds it
	User   string // id or user principal name; empty for the signed-in user
	ID     string // the source's own id
}

// Query selects one page of one user's items of a facet.
type Query struct {
	User       string    // as in [Ref]
	Order      Order     // total order of the list
	After      *Position // the page starts after it; nil for the first page
	Limit      int       // maximum number of items, at least 1
	Properties []string  // REST properties wanted; empty for all
	Count      bool      // whether [Page.Total] is wanted

	// For lists merged from several sources.
	Sources []string // the only ones to query; empty for all
	Failed  []*Error // one for each that failed on an earlier page: they are not queried again
}

// Page is the answer to a [Query].
type Page struct {
	Entries  []Entry  // in the requested order
	More     bool     // whether there are items after the last entry
	Total    *int     // length of the whole list; nil if not requested or not known
	Warnings []error  // what is missing or uncertain in a page that is otherwise good
	Failed   []*Error // one for each source that failed, on this page or an earlier one
}

// Item is one item of a facet.
type Item struct {
	ID   string         // the source's own id
	JSON jsontape.Value // the item as the source sent it; absent properties are null
}

// Entry is one item and its position in the list.
type Entry struct {
	Position Position
	JSON     jsontape.Value // the item as the source sent it
}

// Position is the place of one item in the total order of a list. It stays valid while other items are added or removed.
type Position struct {
	Instant string // the ordering value as the source sent it, RFC 3339; empty for none
	Source  string
	ID      string // the source's own id

	// OrderedLocally reports that the source's whole list was read and sorted by ProfileQL: items with equal instants are
	// then ordered by the bytes of their ids. Otherwise they are in the source's own order.
	OrderedLocally bool
}

// Order is the total order of a list: by an instant, items without one last, ties by source and then by id. Each source
// has its own order of ids, see [Position].
type Order struct {
	Property   string // createdDateTime or lastModifiedDateTime
	Descending bool   // reverses the order of the instants only
}

// Compare returns a negative number if a comes before b, a positive one if it comes after, and 0 if they are equal. It
// compares ids as bytes.
func (o Order) Compare(a, b Position) int {
	return cmp.Or(o.CompareInstants(a, b), strings.Compare(a.Source, b.Source), strings.Compare(a.ID, b.ID))
}

// CompareInstants is [Order.Compare] for the ordering values alone: items with equal ones are ties.
func (o Order) CompareInstants(a, b Position) int {
	if a.Instant == b.Instant {
		return 0
	}
	if c, ok := instant.Compare(a.Instant, b.Instant); ok {
		if o.Descending {
			return -c
		}
		return c
	}
	ta, errA := time.Parse(time.RFC3339, a.Instant)
	tb, errB := time.Parse(time.RFC3339, b.Instant)
	switch {
	case errA != nil && errB != nil:
		return 0
	case errA != nil:
		return 1
	case errB != nil:
		return -1
	case o.Descending:
		return tb.Compare(ta)
	}
	return ta.Compare(tb)
}
