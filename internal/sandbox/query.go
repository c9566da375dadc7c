package sandbox

import (
	"maps"
	"slices"

	"profileql/internal/sandbox/edm"
)

// defaultPage and maxPage are the most items that one page holds, without and with $top. What the real limits are is
// not documented.
const (
	defaultPage = 100
	maxPage     = 1000
)

// query is what a list is asked for.
type query struct {
	options options
	chosen  selection
	filter  expression
	order   order
	behind  []edm.Value // the position that $skiptoken stands for; nil for the beginning
	skip    int
	page    int // how many items one answer may hold
	count   bool
}

// listOptions are those that a list takes.
var listOptions = []string{"$select", "$filter", "$orderby", "$top", "$skip", "$skiptoken", "$count"}

// parseQuery reads the options of a list of entities of type t, and refuses those that lists do not take.
func parseQuery(t *edm.StructuredType, o options) (q query, err error) {
	if err := o.only(listOptions...); err != nil {
		return q, err
	}
	q.options = o
	if q.chosen, err = o.selection(t); err != nil {
		return q, err
	}
	if q.filter, err = parseFilterOption(t, o); err != nil {
		return q, err
	}
	if q.order, err = parseOrder(t, o["$orderby"]); err != nil {
		return q, err
	}
	if token, ok := o["$skiptoken"]; ok {
		if q.behind, err = q.order.position(token); err != nil {
			return q, err
		}
	}
	if q.skip, err = o.number("$skip", 0); err != nil {
		return q, err
	}
	if q.page, err = o.number("$top", defaultPage); err != nil {
		return q, err
	}
	q.page = min(q.page, maxPage)
	q.count, err = o.boolean("$count")
	return q, err
}

// page is what one answer holds of a list.
type page struct {
	items []*edm.Entity
	total int  // items that the filter keeps, on all pages
	more  bool // whether there is another page; none is behind a page of no items, which would lead to itself
}

// cut orders the items that the filter keeps, and cuts the page out of them that the query is for.
func (q query) cut(items []*edm.Entity) page {
	sorted := q.order.sort(items)
	if q.behind != nil {
		sorted = slices.DeleteFunc(sorted, func(k keyed) bool { return q.order.compare(k.key, q.behind) <= 0 })
	}
	sorted = sorted[min(q.skip, len(sorted)):]
	n := min(q.page, len(sorted))
	p := page{items: make([]*edm.Entity, n), total: len(items), more: 0 < n && n < len(sorted)}
	for i := range p.items {
		p.items[i] = sorted[i].Entity
	}
	return p
}

// next are the options of the page behind another one: those that were given, with the position of the last item
// instead of $skip.
func (q query) next(p page) string {
	next := make(options, len(q.options)+1)
	maps.Copy(next, q.options)
	delete(next, "$skip")
	next["$skiptoken"] = q.order.token(p.items[len(p.items)-1])
	return next.encode()
}
