package odata

import (
	"maps"
	"slices"

	"profileql/internal/sandbox/edm"
)

// DefaultPageSize is the page size without $top, MaxPageSize the maximum with it. The limits of the real API are not
// documented.
const (
	DefaultPageSize = 100
	MaxPageSize     = 1000
)

// Query is the parsed options of a list.
type Query struct {
	Selection Selection  // properties in the response
	Filter    Expression // selects the entities of the list
	Count     bool       // whether the response has the number of entities on all pages

	options Options // as given
	order   order
	after   []edm.Value // position of $skiptoken; nil for the beginning
	skip    int
	size    int // page size
}

// listOptions are the options that lists support.
var listOptions = []string{"$select", "$filter", "$orderby", "$top", "$skip", "$skiptoken", "$count"}

// ParseQuery parses the options of a list of entities of type t. The error is an [*edm.Error]; it includes options
// that lists do not support.
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

// Page is a page of a list.
type Page struct {
	Entities []*edm.Entity
	Total    int  // items that the filter selects, on all pages
	More     bool // whether there is another page; false for a page without items, whose link would be endless
}

// Page orders items, which are all that the filter selects, and returns the page that the query asks for.
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

// Next returns the encoded query of the page after p, which must have More: the given options, with the position of
// the last item instead of $skip (OData Protocol 4.01, "Server-Driven Paging").
func (q Query) Next(p Page) string {
	next := make(Options, len(q.options)+1)
	maps.Copy(next, q.options)
	delete(next, "$skip")
	next["$skiptoken"] = q.order.token(p.Entities[len(p.Entities)-1])
	return next.encode()
}
