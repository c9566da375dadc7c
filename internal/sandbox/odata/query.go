package odata

import (
	"maps"
	"slices"

	"profileql/internal/sandbox/edm"
)

// defaultPage and maxPage are the most items that one page holds, without and with $top. What the real limits are is
// not documented.
const (
	DefaultPageSize = 100
	MaxPageSize     = 1000
)

// query is what a list is asked for.
type Query struct {
	options   Options
	Selection Selection
	Filter    Expression
	order     order
	after     []edm.Value // the position that $skiptoken stands for; nil for the beginning
	skip      int
	size      int // how many items one answer may hold
	Count     bool
}

// listOptions are those that a list takes.
var listOptions = []string{"$select", "$filter", "$orderby", "$top", "$skip", "$skiptoken", "$count"}

// parseQuery reads the options of a list of entities of type t, and refuses those that lists do not take.
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

// page is what one answer holds of a list.
type Page struct {
	Entities []*edm.Entity
	Total    int  // items that the filter keeps, on all pages
	More     bool // whether there is another page; none is behind a page of no items, which would lead to itself
}

// cut orders the items that the filter keeps, and cuts the page out of them that the query is for.
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

// next are the options of the page behind another one: those that were given, with the position of the last item
// instead of $skip.
func (q Query) Next(p Page) string {
	next := make(Options, len(q.options)+1)
	maps.Copy(next, q.options)
	delete(next, "$skip")
	next["$skiptoken"] = q.order.token(p.Entities[len(p.Entities)-1])
	return next.encode()
}
