package e2e

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const mergedQuery = `query($first: Int!, $after: String, $field: ItemOrderField!, $direction: OrderDirection!) {
  me { interests(first: $first, after: $after, orderBy: {field: $field, direction: $direction}) {
    nodes { itemId profileSource { name } } pageInfo { hasNextPage endCursor } failedSources { source { name } code message }
  } }
}`

type mergedPage struct {
	Nodes []struct {
		ItemID        string
		ProfileSource struct{ Name string }
	}
	PageInfo struct {
		HasNextPage bool
		EndCursor   *string
	}
	FailedSources []failedSource
}

type failedSource struct {
	Source        struct{ Name string }
	Code, Message string
}

// place identifies an item by its source and id. Sources may have different items with the same id.
type place struct{ source, id string }

// mergeSource is one of several sources that a test implements.
type mergeSource struct {
	*pagingSource
	name string
	down atomic.Bool // responds with 500
}

func (s *mergeSource) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.down.Load() {
		answerJSON(500, `{"error": {"code": "InternalServerError", "message": "down"}}`)(w, r)
		return
	}
	s.pagingSource.ServeHTTP(w, r)
}

// chain is a list that is read page by page, and the expected result.
type chain struct {
	*rapid.T
	facade  *facade
	sources []*mergeSource
	order   listOrder
	first   int

	items  map[place]listItem // all items that ever existed
	stays  map[place]bool     // items that must be returned
	last   *place             // the last item that was returned
	came   map[place]bool
	failed map[string]bool // sources that the list has reported as failed
	news   int
}

// compare orders items of several sources as ProfileQL documents: by instant, nulls last, then by source and id.
func (c *chain) compare(a, b place) int {
	x, y := c.items[a], c.items[b]
	x.ID, y.ID = "", ""
	return cmp.Or(c.order.compare(x, y), cmp.Compare(a.source, b.source), cmp.Compare(a.id, b.id))
}

func (c *chain) request(after *string) (mergedPage, reply) {
	r := c.facade.do(mergedQuery, map[string]any{
		"first": c.first, "after": after, "field": c.order.field, "direction": c.order.direction,
	})
	var data struct {
		Me struct{ Interests *mergedPage }
	}
	withoutErrors := r
	withoutErrors.Errors = nil
	withoutErrors.Into(c.facade.t, &data)
	if data.Me.Interests == nil {
		return mergedPage{}, r
	}
	return *data.Me.Interests, r
}

// walk reads the list to its end, changing the sources between pages.
func (c *chain) walk() {
	var after *string
	for range 500 {
		before := maps.Clone(c.failed)
		p, r := c.request(after)
		c.check(p, r, before)
		if !p.PageInfo.HasNextPage {
			return
		}
		after = p.PageInfo.EndCursor
		c.change()
	}
	c.Fatalf("the pages do not end")
}

// check checks one page.
func (c *chain) check(p mergedPage, r reply, before map[string]bool) {
	now := make(map[string]bool)
	for i, f := range p.FailedSources {
		now[f.Source.Name] = true
		e := r.Errors[i]
		if e.Extensions["source"] != f.Source.Name || e.Extensions["code"] != f.Code || fmt.Sprint(e.Path) != "[me interests]" {
			c.Fatalf("failedSources says %v, errors %v", f, e)
		}
	}
	if len(p.FailedSources) != len(r.Errors) || len(now) != len(r.Errors) {
		if len(r.Errors) != len(c.sources) { // if all sources failed: null and their errors
			c.Fatalf("failed %v, errors %s", p.FailedSources, r.Body)
		}
		for _, e := range r.Errors {
			now[e.Extensions["source"].(string)] = true
		}
	}
	for name := range before {
		if !now[name] {
			c.Fatalf("%s has failed before, and nothing is said of it any more", name)
		}
	}
	for _, s := range c.sources {
		if now[s.name] && !before[s.name] && !s.down.Load() {
			c.Fatalf("%s is healthy, and has failed: %s", s.name, r.Body)
		}
	}
	c.failed = now
	if len(p.Nodes) > c.first {
		c.Fatalf("%d nodes, asked for %d", len(p.Nodes), c.first)
	}
	for _, node := range p.Nodes {
		at := place{node.ProfileSource.Name, node.ItemID}
		switch {
		case now[at.source]:
			c.Fatalf("%v is of a source that has failed", at)
		case c.came[at]:
			c.Fatalf("%v came twice", at)
		case c.last != nil && c.compare(*c.last, at) >= 0:
			c.Fatalf("%v %v comes before %v %v", *c.last, c.items[*c.last], at, c.items[at])
		}
		c.came[at], c.last = true, &at
		delete(c.stays, at)
	}
}

// change adds and removes items, and makes sources fail or recover.
func (c *chain) change() {
	for _, s := range c.sources {
		if rapid.IntRange(0, 9).Draw(c.T, "fail") == 0 {
			s.down.Store(!s.down.Load())
		}
		s.change(func(items []listItem) []listItem {
			if len(items) > 0 && rapid.IntRange(0, 3).Draw(c.T, "remove") == 0 {
				i := rapid.IntRange(0, len(items)-1).Draw(c.T, "which")
				delete(c.stays, place{s.name, items[i].ID})
				items = slices.Delete(items, i, i+1)
			}
			if c.news < 30 && rapid.IntRange(0, 3).Draw(c.T, "add") == 0 {
				c.news++
				like := rapid.SampledFrom(sampleItems(9)).Draw(c.T, "like")
				like.ID = fmt.Sprintf("%d new", 9-c.news%10*100+c.news)
				at := place{s.name, like.ID}
				c.items[at] = like
				// An item added after the last returned one must still be returned.
				c.stays[at] = c.last == nil || c.compare(*c.last, at) < 0
				items = append(items, like)
			}
			return items
		})
	}
}

// ended checks that every item that must be returned was.
func (c *chain) ended() {
	for at, stays := range c.stays {
		if stays && !c.failed[at.source] {
			c.Fatalf("%v %v never came", at, c.items[at])
		}
	}
}

// TestMergedPages reads lists of several random sources, which change and fail between pages. Every item of a source
// that does not fail is returned exactly once, in one order. A source that fails is reported on every page from then
// on, and the list continues with the others. A new list asks all sources again.
func TestMergedPages(t *testing.T) {
	t.Parallel()
	kinds := slices.Sorted(maps.Keys(pagingSources()))
	rapid.Check(t, func(r *rapid.T) {
		c := &chain{
			T: r, order: rapid.SampledFrom(listOrders).Draw(r, "order"), first: rapid.IntRange(1, 9).Draw(r, "first"),
			items: make(map[place]listItem), stays: make(map[place]bool), came: make(map[place]bool),
		}
		var described []source
		for i := range rapid.IntRange(2, 4).Draw(r, "sources") {
			s := &mergeSource{name: string(rune('d' - i)), pagingSource: pagingSources()[rapid.SampledFrom(kinds).Draw(r, "kind")]}
			s.Spells = drawSpelling(r)
			s.items = sampleItems(rapid.IntRange(s.fewest(), 20).Draw(r, "length"))
			for _, item := range s.items {
				c.items[place{s.name, item.ID}], c.stays[place{s.name, item.ID}] = item, true
			}
			c.sources = append(c.sources, s)
			described = append(described, serveSource(perCheck{t, r}, s.name, s))
		}
		c.facade = newFacadeOf(perCheck{t, r}, described...)
		c.walk()
		c.ended()

		for _, s := range c.sources {
			s.down.Store(false)
		}
		if p, answer := c.request(nil); len(p.FailedSources) > 0 || len(answer.Errors) > 0 {
			r.Fatalf("a new list does not ask all anew: %s", answer.Body)
		}
	})
}

// TestMergedPagesCost tests the requests for a page of four long lists of sources that can filter and order: one for
// each source, for at most one item more than the page size.
func TestMergedPagesCost(t *testing.T) {
	t.Parallel()
	var long []*pagingSource
	var described []source
	for i := range 4 {
		s := &pagingSource{items: sampleItems(10_000)}
		long = append(long, s)
		one := serveSource(t, string(rune('a'+i)), s)
		one.Timeout = 30 * time.Second // with the race detector, ordering takes longer
		described = append(described, one)
	}
	f := newFacadeOf(t, described...)
	var after *string
	for page := range 3 {
		var data struct {
			Me struct{ Interests mergedPage }
		}
		f.do(mergedQuery, map[string]any{
			"first": 20, "after": after, "field": "CREATED_DATE_TIME", "direction": "DESC",
		}).Into(t, &data)
		after = data.Me.Interests.PageInfo.EndCursor
		for i, s := range long {
			requests := s.take()
			if len(requests) != 1 || requests[0].Get("$top") != "21" || requests[0].Has("$skip") {
				t.Errorf("page %d asked source %d for %v", page+1, i, requests)
			}
		}
	}
}
