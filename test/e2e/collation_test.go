package e2e

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// collations are orders of ids that sources use, besides that of bytes.
var collations = map[string]func(a, b string) int{
	"bytes": strings.Compare,
	"any case": func(a, b string) int {
		return cmp.Compare(strings.ToLower(a), strings.ToLower(b))
	},
	"small letters first": func(a, b string) int {
		return cmp.Or(cmp.Compare(strings.ToLower(a), strings.ToLower(b)), cmp.Compare(b, a))
	},
	"last byte first": func(a, b string) int { // as SQL Server orders parts of a GUID
		ra, rb := []byte(a), []byte(b)
		slices.Reverse(ra)
		slices.Reverse(rb)
		return slices.Compare(ra, rb)
	},
}

// mixedItems returns n items with few different instants, and ids of lower and upper case letters, in random order.
func mixedItems(n int) []listItem {
	instants := []string{"2024-02-29T12:00:00Z", "2024-02-29T13:00:00+01:00", "", "2019-01-01T00:00:00.1Z", "2024-02-29T12:00:00Z"}
	items := make([]listItem, n)
	for i := range items {
		k := i * 7919 % n
		id := fmt.Sprintf("%c%d", 'k'+k/10, k%10)
		if k%3 == 0 {
			id = strings.ToUpper(id)
		}
		items[i] = listItem{id, instants[i%len(instants)], instants[0]}
	}
	return items
}

// TestCollations reads lists of sources that order ids in their own way, page by page and through replicas that have
// learnt different facts about the source. Every item is returned exactly once. A list of a source that can filter
// and order never fails because of its order; a list of another source may have to be restarted, with an error that
// says so.
func TestCollations(t *testing.T) {
	t.Parallel()
	kinds := pagingSources()
	names := slices.Sorted(maps.Keys(kinds))
	one, other := &fresh{t: t}, &fresh{t: t}
	rapid.Check(t, func(r *rapid.T) {
		kind := rapid.SampledFrom(names).Draw(r, "kind")
		source := pagingSources()[kind]
		if !source.IgnoreOrder { // else it would be ordered sometimes, by chance
			source.Collate = collations[rapid.SampledFrom(slices.Sorted(maps.Keys(collations))).Draw(r, "collation")]
		}
		source.items, source.Spells = mixedItems(rapid.IntRange(source.fewest(), 40).Draw(r, "length")), drawSpelling(r)
		c := &collated{
			T: r, source: source, order: rapid.SampledFrom(listOrders).Draw(r, "order"), first: rapid.IntRange(1, 9).Draw(r, "first"),
			replicas: []*facade{one.serve(source), other.serve(source)},
		}
		able := !source.NoFilter && !source.NoOrder && !source.IgnoreFilter && !source.IgnoreOrder
		for begun := 0; !c.walk(); begun++ {
			if able || begun > 20 {
				r.Fatalf("%s: the list was begun anew %d times", kind, begun+1)
			}
		}
	})
}

// collated is a list of one source that orders ids in its own way.
type collated struct {
	*rapid.T
	source   *pagingSource
	order    listOrder
	first    int
	replicas []*facade
	added    int
}

// walk reads the list to its end. It returns false if the list has to be restarted.
func (c *collated) walk() (ended bool) {
	stays, known, came := make(map[string]bool), make(map[string]listItem), make(map[string]bool)
	for _, item := range c.source.items {
		stays[item.ID], known[item.ID] = true, item
	}
	var last string
	var after *string
	for {
		f := rapid.SampledFrom(c.replicas).Draw(c.T, "replica")
		answer := f.do(pageQuery, map[string]any{"first": c.first, "after": after, "field": c.order.field, "direction": c.order.direction, "sources": []string{f.only}})
		if len(answer.Errors) > 0 {
			if e := answer.Errors[0]; e.Extensions["code"] != "SOURCE_INVALID_RESPONSE" || !strings.Contains(e.Message, "Begin the list anew") {
				c.Fatalf("%s", answer.Body)
			}
			return false
		}
		var data struct{ Me struct{ Interests *page } }
		answer.Into(f.t, &data)
		for _, node := range data.Me.Interests.Nodes {
			a, b := known[last], known[node.ItemID]
			a.ID, b.ID = "", ""
			if came[node.ItemID] || last != "" && c.order.compare(a, b) > 0 {
				c.Fatalf("%v comes behind %v", known[node.ItemID], known[last])
			}
			last, came[node.ItemID] = node.ItemID, true
			delete(stays, node.ItemID)
		}
		if !data.Me.Interests.PageInfo.HasNextPage {
			break
		}
		after = data.Me.Interests.PageInfo.EndCursor
		c.change(func(item listItem) { known[item.ID] = item }, func(id string) { delete(stays, id) })
	}
	if len(stays) > 0 {
		c.Fatalf("%v never came; %v came", slices.Sorted(maps.Keys(stays)), slices.Sorted(maps.Keys(came)))
	}
	return true
}

// change adds and removes items.
func (c *collated) change(came func(listItem), went func(id string)) {
	c.source.change(func(items []listItem) []listItem {
		if len(items) > 0 && rapid.IntRange(0, 3).Draw(c.T, "remove") == 0 {
			i := rapid.IntRange(0, len(items)-1).Draw(c.T, "which")
			went(items[i].ID)
			items = slices.Delete(items, i, i+1)
		}
		if c.added < 30 && rapid.IntRange(0, 3).Draw(c.T, "add") == 0 {
			item := rapid.SampledFrom(mixedItems(40)).Draw(c.T, "like")
			c.added++
			item.ID += fmt.Sprint("x", c.added)
			came(item)
			items = slices.Insert(items, rapid.IntRange(0, len(items)).Draw(c.T, "where"), item)
		}
		return items
	})
}

// TestOrdersByInstantAlone has sources that return items of equal instants in stored order, and filter ids by some
// order. ProfileQL detects this on the first page, and orders the list itself.
func TestOrdersByInstantAlone(t *testing.T) {
	t.Parallel()
	for name, collate := range collations {
		source := &pagingSource{OrdersByInstant: true, Collate: collate, items: mixedItems(40)}
		for i := range source.items {
			source.items[i].Created = source.items[0].Created
		}
		f := newFacade(t, source)
		for _, first := range []int{7, 20, 1} {
			got := f.walk(t, first, listOrders[0], nothing)
			if want := listOrders[0].ids(source.items); !slices.Equal(got, want) {
				t.Errorf("%s, %d at a time: got\n%v, want\n%v", name, first, got, want)
			}
		}
	}
}

// TestCollationCosts tests the number of requests for a list of a source that orders ids in its own way: one more for
// a page on which the order shows, and none for other pages.
func TestCollationCosts(t *testing.T) {
	t.Parallel()
	source := &pagingSource{Collate: collations["any case"], items: mixedItems(200)}
	for i := range source.items {
		source.items[i].Created = source.items[0].Created
		source.items[i].ID += strings.Repeat("-", 100)
	}
	f := newFacade(t, source)
	p := f.page(t, 100, nil, listOrders[0])
	if requests := source.take(); len(requests) != 2 || len(requests[1].Get("$filter")) > 10_000 {
		t.Errorf("asked %v", requests)
	}
	source.Collate = nil
	if f.page(t, 20, p.PageInfo.EndCursor, listOrders[0]); len(source.take()) != 1 {
		t.Error("a page in the order of bytes cost more than one request")
	}
}

// TestOtherOrderFromPageToPage has lists of which one page is read in the source's order of ids, and the next one in
// that of bytes, or vice versa, since another replica reads it or the source responds differently.
func TestOtherOrderFromPageToPage(t *testing.T) {
	t.Parallel()
	var all []listItem
	for _, id := range []string{"k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7", "k8", "K9", "l0", "L1", "l2", "L3"} {
		all = append(all, listItem{ID: id, Created: "2024-02-29T12:00:00Z"})
	}
	apart := slices.Clone(all)
	for i := range apart[9:] {
		apart[9+i].Created = "2024-02-28T12:00:00Z"
	}
	slices.SortFunc(all, func(a, b listItem) int { return strings.Compare(a.ID, b.ID) }) // the stored order
	for name, test := range map[string]struct {
		first, then *pagingSource
		anew        bool // whether the list has to be restarted
	}{
		"its own, but not at that instant": {&pagingSource{items: apart}, &pagingSource{items: apart, NoFilter: true}, false},
		"in its own order":                 {&pagingSource{}, &pagingSource{}, false},
		"its own, and it cannot filter":    {&pagingSource{}, &pagingSource{NoFilter: true}, true},
		"its own, and it ignores filters":  {&pagingSource{}, &pagingSource{IgnoreFilter: true}, true},
		"its own, and it cannot order":     {&pagingSource{}, &pagingSource{NoOrder: true}, true},
		"bytes, and it can do all":         {&pagingSource{NoOrder: true}, &pagingSource{}, false},
		"bytes, and it cannot filter":      {&pagingSource{NoOrder: true}, &pagingSource{NoFilter: true}, false},
		"bytes, and still it cannot order": {&pagingSource{NoOrder: true}, &pagingSource{NoOrder: true}, false},
	} {
		test.first.Collate, test.then.Collate = collations["any case"], collations["any case"]
		if test.first.items == nil {
			test.first.items, test.then.items = all, all
		}
		begun, other := newFacade(t, test.first), newFacade(t, test.then)
		p := begun.page(t, 5, nil, listOrders[0])
		came := p.Nodes
		for p.PageInfo.HasNextPage {
			r := other.do(pageQuery, map[string]any{
				"first": 5, "after": p.PageInfo.EndCursor, "field": listOrders[0].field, "direction": listOrders[0].direction,
			})
			if test.anew {
				if r.Code(t) != "SOURCE_INVALID_RESPONSE" {
					t.Errorf("%s: %s", name, r.Body)
				}
				if got := other.walk(t, 5, listOrders[0], nothing); len(got) != len(all) {
					t.Errorf("%s: anew came %v", name, got)
				}
				break
			}
			p = other.page(t, 5, p.PageInfo.EndCursor, listOrders[0])
			came = append(came, p.Nodes...)
		}
		if !test.anew && len(came) != len(all) {
			t.Errorf("%s: came %v", name, came)
		}
	}
}
