package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// collations are orders of ids that sources have, beside that of bytes.
var collations = map[string]func(a, b string) int{
	"bytes": strings.Compare,
	"any case": func(a, b string) int {
		return cmp.Compare(strings.ToLower(a), strings.ToLower(b))
	},
	"small letters first": func(a, b string) int {
		return cmp.Or(cmp.Compare(strings.ToLower(a), strings.ToLower(b)), cmp.Compare(b, a))
	},
	"last byte first": func(a, b string) int { // as SQL Server has it for parts of a GUID
		ra, rb := []byte(a), []byte(b)
		slices.Reverse(ra)
		slices.Reverse(rb)
		return slices.Compare(ra, rb)
	},
}

// mixedItems are n items of few instants, with ids of small and large letters, in no order.
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
// learnt different things of the source: every item comes exactly once. A source that can filter and order never fails
// over it; of the others, a list may have to be begun anew, and says so.
func TestCollations(t *testing.T) {
	t.Parallel()
	kinds := pagingSources()
	names := slices.Sorted(maps.Keys(kinds))
	rapid.Check(t, func(r *rapid.T) {
		kind := rapid.SampledFrom(names).Draw(r, "kind")
		source := pagingSources()[kind]
		if !source.IgnoreOrder { // or it would be ordered by chance, now and then
			source.Collate = collations[rapid.SampledFrom(slices.Sorted(maps.Keys(collations))).Draw(r, "collation")]
		}
		source.items = mixedItems(rapid.IntRange(0, 40).Draw(r, "length"))
		c := &collated{
			T: r, source: source, order: rapid.SampledFrom(listOrders).Draw(r, "order"), first: rapid.IntRange(1, 9).Draw(r, "first"),
			replicas: []*facade{newFacade(perCheck{t, r}, source), newFacade(perCheck{t, r}, source)},
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

// walk reads the list to its end; it returns false if the list has to be begun anew.
func (c *collated) walk() (ended bool) {
	stays, known, came := make(map[string]bool), make(map[string]listItem), make(map[string]bool)
	for _, item := range c.source.items {
		stays[item.ID], known[item.ID] = true, item
	}
	var last string
	var after *string
	for {
		f := rapid.SampledFrom(c.replicas).Draw(c.T, "replica")
		answer := f.do(pageQuery, map[string]any{"first": c.first, "after": after, "field": c.order.field, "direction": c.order.direction})
		if len(answer.Errors) > 0 {
			if e := answer.Errors[0]; e.Extensions["code"] != "SOURCE_INVALID_RESPONSE" || !strings.Contains(e.Message, "Begin the list anew") {
				c.Fatalf("%s", answer.Body)
			}
			return false
		}
		var data struct{ Me struct{ Interests *page } }
		answer.into(f.t, &data)
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

// change lets items come and go.
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
