package odata

import (
	"maps"
	"slices"

	"profileql/internal/sandbox/edm"
)

// DefaultPageSize and MaxPageSize are the most items that one page holds, without and with $top. What the real limits are is
// not documented.
const (
	DefaultPageSize = 100
	MaxPageSize     = 1000
)

// Query is what a list is asked for.
type Query struct {
	Selection Selection  // what is left of each entity
	Filter    Expression // which entities are in the list
	Count     bool       // whether the answer says how many there are on all pages

	options Options // as they were given
	order   order
	after   []edm.Value // the position that $skiptoken stands for; nil for the beginning
	skip    int
	size    int // how many items one answer may hold
}

// listOptions are those that a list takes.
var listOptions = []string{"$select", "$filter", "$orderby", "$top", "$skip", "$skiptoken", "$count"}

// ParseQuery reads the options of a list of entities of type t, and refuses those that lists do not take. The error is an
// [*edm.Error].
func ParseQuery(t *edm.StructuredType, o Options) (q Query, err error) {
	if err := o.Only(listOptions...); err != nil {
		return q, err
	}
	q.options = o
	if q.Selection, err = o.Select(t); err != nil {
		return q, err
	}
	if q.Filter, err = o.Filter(t); err != nil {
		return q, err
	}
	if q.order, err = parseOrder(t, o["$orderby"]); err != nil {
		return q, err
	}
	if token, ok := o["$skiptoken"]; ok {
		if q.after, err = q.order.position(token); err != nil {
			return q, err
		}
	}
	if q.skip, err = o.number("$skip", 0); err != nil {
		return q, err
	}
	if q.size, err = o.number("$top", DefaultPageSize); err != nil {
		return q, err
	}
	q.size = min(q.size, MaxPageSize)
	q.Count, err = o.boolean("$count")
	return q, err
}

// Page is what one answer holds of a list.
type Page struct {
	Entities []*edm.Entity
	Total    int  // items that the filter keeps, on all pages
	More     bool // whether there is another page; none is behind a page of no items, which would lead to itself
}

// Page orders the items that the filter keeps, which are all that there are in the list, and cuts the page out of them
// that the query is for.
func (q Query) Page(items []*edm.Entity) Page {
	sorted := q.order.sort(items)
	if q.after != nil {
		sorted = slices.DeleteFunc(sorted, func(k keyed) bool { return q.order.compare(k.key, q.after) <= 0 })
	}
	sorted = sorted[min(q.skip, len(sorted)):]
	n := min(q.size, len(sorted))
	p := Page{Entities: make([]*edm.Entity, n), Total: len(items), More: 0 < n && n < len(sorted)}
	for i := range p.Entities {
		p.Entities[i] = sorted[i].Entity
	}
	return p
}

// Next is the query, as it is in a URL, of the page behind p, which has to have one: the options that were given, with the
// position of the last item instead of $skip (OData Protocol 4.01, "Server-Driven Paging").
func (q Query) Next(p Page) string {
	next := make(Options, len(q.options)+1)
	maps.Copy(next, q.options)
	delete(next, "$skip")
	next["$skiptoken"] = q.order.token(p.Entities[len(p.Entities)-1])
	return next.encode()
}
