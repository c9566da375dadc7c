package e2e

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"profileql/test/scene"
)

const pageQuery = `query($first: Int!, $after: String, $field: ItemOrderField!, $direction: OrderDirection!, $sources: [String!]) {
  me { interests(first: $first, after: $after, orderBy: {field: $field, direction: $direction}, sources: $sources) {
    edges { cursor node { itemId } } nodes { itemId displayName } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  } }
}`

type page struct {
	Edges []struct {
		Cursor string
		Node   struct{ ItemID string }
	}
	Nodes    []struct{ ItemID, DisplayName string }
	PageInfo struct {
		HasNextPage, HasPreviousPage bool
		StartCursor, EndCursor       *string
	}
	TotalCount *int
}

type listOrder struct{ field, direction string }

func (o listOrder) property() string {
	if o.field == "CREATED_DATE_TIME" {
		return "createdDateTime"
	}
	return "lastModifiedDateTime"
}

// compare orders items as ProfileQL documents: by instant, nulls last, then by id.
func (o listOrder) compare(a, b listItem) int {
	va, vb := a.at(o.property()), b.at(o.property())
	switch {
	case va == "" && vb == "":
	case va == "":
		return 1
	case vb == "":
		return -1
	default:
		if c := moment(va).Compare(moment(vb)); c != 0 && o.direction == "DESC" {
			return -c
		} else if c != 0 {
			return c
		}
	}
	return strings.Compare(a.ID, b.ID)
}

func (o listOrder) ids(items []listItem) []string {
	sorted := slices.SortedFunc(slices.Values(items), o.compare)
	ids := make([]string, len(sorted))
	for i, item := range sorted {
		ids[i] = item.ID
	}
	return ids
}

var listOrders = []listOrder{
	{"CREATED_DATE_TIME", "DESC"}, {"CREATED_DATE_TIME", "ASC"}, {"LAST_MODIFIED_DATE_TIME", "DESC"}, {"LAST_MODIFIED_DATE_TIME", "ASC"},
}

// fatalist is implemented by testing.T and rapid.T.
type fatalist interface {
	Fatalf(format string, args ...any)
}

func (f *facade) page(t fatalist, first int, after *string, o listOrder) page {
	variables := map[string]any{"first": first, "after": after, "field": o.field, "direction": o.direction}
	if f.only != "" {
		variables["sources"] = []string{f.only}
	}
	r := f.do(pageQuery, variables)
	var data struct{ Me struct{ Interests *page } }
	if len(r.Errors) > 0 {
		t.Fatalf("%s", r.Body)
	}
	r.Into(f.t, &data)
	return *data.Me.Interests
}

// walk reads all pages and returns the ids in order. It calls between between pages.
func (f *facade) walk(t fatalist, first int, o listOrder, between func()) (ids []string) {
	var after *string
	for range 2000 {
		p := f.page(t, first, after, o)
		for i, node := range p.Nodes {
			ids = append(ids, node.ItemID)
			if p.Edges[i].Node.ItemID != node.ItemID || node.DisplayName != "item "+node.ItemID {
				t.Fatalf("edges and nodes do not agree: %+v", p)
			}
		}
		if p.PageInfo.HasPreviousPage != (after != nil) || len(p.Nodes) > first {
			t.Fatalf("the page is %+v", p)
		}
		if n := len(p.Edges); n > 0 && (*p.PageInfo.EndCursor != p.Edges[n-1].Cursor || *p.PageInfo.StartCursor != p.Edges[0].Cursor) {
			t.Fatalf("the cursors are %+v", p)
		}
		if !p.PageInfo.HasNextPage {
			return ids
		}
		after = p.PageInfo.EndCursor
		between()
	}
	t.Fatalf("the pages do not end")
	return nil
}

func nothing() {}

// sampleItems returns n items with equal instants, nulls, the smallest instant, and equal instants in several forms.
func sampleItems(n int) []listItem {
	instants := []string{
		"2024-02-29T12:00:00.1234567Z", "2024-02-29T13:00:00.1234567+01:00", "", "0001-01-01T00:00:00Z", "2024-02-29T12:00:00Z",
		"2019-01-01T00:00:00.1Z", "2019-01-01T00:00:00.100Z", "2025-12-31T23:59:59.999999Z", "2020-06-15T10:30:00+05:30",
	}
	items := make([]listItem, n)
	for i := range items {
		items[i] = listItem{fmt.Sprintf("id-%04d'%d", i*7919%n, i%3), instants[i%len(instants)], instants[i*i%7]}
	}
	return items
}

// pagingSources returns sources by their peculiarity.
func pagingSources() map[string]*pagingSource {
	return map[string]*pagingSource{
		"can do all":                      {},
		"cannot filter":                   {NoFilter: true},
		"ignores the filter":              {IgnoreFilter: true},
		"cannot order":                    {NoOrder: true},
		"ignores the order":               {IgnoreOrder: true},
		"ignores both":                    {IgnoreOrder: true, IgnoreFilter: true},
		"cannot select":                   {NoSelect: true},
		"cannot do anything":              {NoSelect: true, NoOrder: true, NoFilter: true, NoCount: true},
		"cannot select, ignores order":    {NoSelect: true, IgnoreOrder: true},
		"ignores $top":                    {IgnoreTop: true},
		"pages by $skip":                  {Page: 3, Link: "$skip"},
		"pages by $skiptoken":             {Page: 4, Link: "$skiptoken"},
		"pages, cannot filter":            {Page: 7, Link: "$skip", NoFilter: true},
		"pages, cannot order":             {Page: 5, Link: "$skiptoken", NoOrder: true, IgnoreTop: true},
		"empty parts":                     {Page: 5, Empty: 3},
		"empty parts, cannot order":       {Page: 9, Empty: 19, NoOrder: true},
		"a link at the end":               {LastLink: true},
		"a link at the end, cannot order": {Page: 6, LastLink: true, NoOrder: true},
		"one at a time":                   {Page: 1},
	}
}

// TestPaging reads lists of all kinds of sources. Every item is returned exactly once, in order.
func TestPaging(t *testing.T) {
	t.Parallel()
	for name, source := range pagingSources() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source.items = sampleItems(47)
			f := newFacade(t, source)
			for _, o := range listOrders {
				for _, first := range []int{1, 7, 20, 47, 100} {
					if got, want := f.walk(t, first, o, nothing), o.ids(source.items); !slices.Equal(got, want) {
						t.Fatalf("%v, %d at a time: got\n%v, want\n%v", o, first, got, want)
					}
				}
			}
			// After any cursor, the next item is the one after the cursor's.
			whole := f.page(t, 100, nil, listOrders[0])
			for i, edge := range whole.Edges[:len(whole.Edges)-1] {
				if p := f.page(t, 1, &edge.Cursor, listOrders[0]); p.Nodes[0].ItemID != whole.Nodes[i+1].ItemID {
					t.Errorf("behind %s comes %s", edge.Node.ItemID, p.Nodes[0].ItemID)
				}
			}
			empty := newFacade(t, &pagingSource{NoOrder: source.NoOrder, NoSelect: source.NoSelect})
			if p := empty.page(t, 20, nil, listOrders[0]); len(p.Nodes) != 0 || p.PageInfo.HasNextPage || p.PageInfo.EndCursor != nil {
				t.Errorf("an empty list is %+v", p)
			}
		})
	}
}

// TestManyNulls has more items without a value than the page size, in sources that ignore the filter by which an
// ascending list excludes them until the end, or that return them first in a descending one.
func TestManyNulls(t *testing.T) {
	t.Parallel()
	items := sampleItems(47)
	for i := range 30 {
		items[i].Created = ""
	}
	for _, source := range []*pagingSource{
		{items: items}, {items: items, IgnoreFilter: true}, {items: items, NoFilter: true, Page: 9},
		{items: items, NullIsHigh: true}, {items: items, NullIsHigh: true, NoFilter: true}, {items: items, NullIsHigh: true, Page: 2, Link: "$skip"},
		{items: items[:30]}, {items: items[:30], IgnoreFilter: true}, {items: items[:30], NoFilter: true},
	} {
		for _, o := range listOrders[:2] {
			if got, want := newFacade(t, source).walk(t, 3, o, nothing), o.ids(source.items); !slices.Equal(got, want) {
				t.Errorf("%v: got\n%v, want\n%v", o, got, want)
			}
		}
	}
}

// TestUnreadableInstants has sources that order items by values that are not instants to ProfileQL. Such items are
// last, and none is lost.
func TestUnreadableInstants(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, 3} {
		source := &pagingSource{Page: size, Link: "$skip"}
		for i := range 12 {
			item := listItem{ID: fmt.Sprintf("%02d", i), Created: fmt.Sprintf("2024-01-%02dT00:00:00Z", 12-i)}
			if i%3 == 2 {
				item.Created += "?"
			}
			source.items = append(source.items, item)
		}
		f := newFacade(t, source)
		for o, want := range map[listOrder]string{
			listOrders[0]: "00 01 03 04 06 07 09 10 02 05 08 11", listOrders[1]: "10 09 07 06 04 03 01 00 02 05 08 11",
		} {
			if got := strings.Join(f.walk(t, 2, o, nothing), " "); got != want {
				t.Errorf("parts of %d, %v: %s", size, o, got)
			}
		}
	}
}

// TestPagingWhileItemsComeAndGo adds and removes items between pages, in random sources. Items that stay are returned
// exactly once, and all items are in order.
func TestPagingWhileItemsComeAndGo(t *testing.T) {
	t.Parallel()
	all := pagingSources()
	sources := &fresh{t: t}
	names := make([]string, 0, len(all))
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	rapid.Check(t, func(r *rapid.T) {
		name := rapid.SampledFrom(names).Draw(r, "source")
		source := pagingSources()[name]
		source.items = sampleItems(rapid.IntRange(source.fewest(), 30).Draw(r, "length"))
		o := rapid.SampledFrom(listOrders).Draw(r, "order")
		first := rapid.IntRange(1, 8).Draw(r, "first")
		stays := make(map[string]bool)
		known := make(map[string]listItem)
		for _, item := range source.items {
			stays[item.ID], known[item.ID] = true, item
		}
		added := 0
		got := sources.serve(source).walk(r, first, o, func() {
			source.change(func(items []listItem) []listItem {
				if len(items) > 0 && rapid.Bool().Draw(r, "remove") {
					i := rapid.IntRange(0, len(items)-1).Draw(r, "which")
					delete(stays, items[i].ID)
					items = slices.Delete(items, i, i+1)
				}
				if added < 40 && rapid.Bool().Draw(r, "add") {
					like := sampleItems(9)[rapid.IntRange(0, 8).Draw(r, "like")]
					added++
					item := listItem{fmt.Sprintf("new-%d-%s", added, like.ID), like.Created, like.Modified}
					known[item.ID] = item
					items = slices.Insert(items, rapid.IntRange(0, len(items)).Draw(r, "where"), item)
				}
				return items
			})
		})
		for i, id := range got {
			delete(stays, id)
			if i > 0 && o.compare(known[got[i-1]], known[id]) >= 0 {
				r.Fatalf("%s: %s comes before %s in %v", name, got[i-1], id, got)
			}
		}
		if len(stays) > 0 {
			r.Fatalf("%s: %v never came; got %v", name, stays, got)
		}
	})
}

// TestPagingCosts tests the requests for a page of a long list of a source that can filter and order.
func TestPagingCosts(t *testing.T) {
	t.Parallel()
	source := &pagingSource{items: sampleItems(10_000)}
	f := newFacade(t, source)
	const query = `query($after: String, $yes: Boolean = true) { me { interests(first: 20, after: $after) {
		pageInfo { endCursor }
		n: nodes { a: displayName ...Own ... on ItemFacet { source { type } } ... on Node { id } skipped: webUrl @skip(if: $yes) }
		edges { node { itemId description @include(if: $yes) profileSource { name } } }
	} } }
	fragment Own on PersonInterest { __typename categories b: displayName }`
	var data struct {
		Me struct{ Interests page }
	}
	f.do(query, nil).Into(t, &data)
	first := source.take()
	f.do(query, map[string]any{"after": data.Me.Interests.PageInfo.EndCursor}).Into(t, &data)
	second := source.take()
	for i, requests := range [][]url.Values{first, second} {
		if len(requests) != 1 {
			t.Fatalf("page %d: %d requests", i+1, len(requests))
		}
		q := requests[0]
		if q.Get("$top") != "21" || q.Get("$orderby") != "createdDateTime desc,id" || q.Get("$select") != "id,createdDateTime,displayName,categories,source,description" {
			t.Errorf("page %d: asked %v", i+1, q)
		}
		if q.Has("$filter") != (i > 0) {
			t.Errorf("page %d: asked %v", i+1, q)
		}
	}
	f.do(`{ me { interests { totalCount } } }`, nil).Into(t, &data)
	if requests := source.take(); len(requests) != 2 || *data.Me.Interests.TotalCount != 10_000 {
		t.Errorf("with its length: %d requests, %v", len(requests), data.Me.Interests.TotalCount)
	}
	f.do(`{ me { id } }`, nil)
	if requests := source.take(); len(requests) != 0 {
		t.Errorf("me alone: %d requests", len(requests))
	}
}

// TestTotalCount tests that totalCount is null if the source does not return it.
func TestTotalCount(t *testing.T) {
	t.Parallel()
	for name, source := range map[string]*pagingSource{"refused": {NoCount: true}, "not told": {CountAbsent: true}} {
		source.items = sampleItems(30)
		f := newFacade(t, source)
		for try := range 2 {
			var data struct {
				Me struct{ Interests page }
			}
			f.do(`{ me { interests(first: 5) { totalCount nodes { itemId } } } }`, nil).Into(t, &data)
			if requests := source.take(); data.Me.Interests.TotalCount != nil || len(data.Me.Interests.Nodes) != 5 || len(requests) != 2-try {
				t.Errorf("%s: %v after %d requests", name, data.Me.Interests.TotalCount, len(requests))
			}
		}
	}
}

// TestWhatIsLearnt tests that an unsupported option is not sent to a source again.
func TestWhatIsLearnt(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		source        *pagingSource
		first, second int // requests for a list
	}{
		"cannot select":      {&pagingSource{NoSelect: true}, 2, 1},
		"cannot order":       {&pagingSource{NoOrder: true}, 3, 1},
		"ignores the order":  {&pagingSource{IgnoreOrder: true}, 2, 1},
		"can do all":         {&pagingSource{}, 1, 1},
		"cannot do anything": {&pagingSource{NoSelect: true, NoOrder: true}, 3, 2},
	} {
		test.source.items = sampleItems(30)
		f := newFacade(t, test.source)
		for i, want := range []int{test.first, test.second} {
			f.page(t, 5, nil, listOrders[0])
			if requests := test.source.take(); len(requests) != want {
				t.Errorf("%s, list %d: %d requests, want %d", name, i+1, len(requests), want)
			}
		}
	}
}

// TestMadeUpCursors tests that a made-up cursor, whose values every source refuses, cannot mark a source as unable to
// order. The caller gets a response nevertheless.
func TestMadeUpCursors(t *testing.T) {
	t.Parallel()
	source := &pagingSource{items: sampleItems(1001)}
	f := newFacade(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if filter := r.URL.Query().Get("$filter"); strings.Contains(filter, " 10000-") || strings.Contains(filter, "made up") {
			answerJSON(400, `{"error": {"code": "BadRequest", "message": "Invalid filter clause."}}`)(w, r)
			return
		}
		source.ServeHTTP(w, r)
	}))
	real, err := base64.RawURLEncoding.DecodeString(*f.page(t, 5, nil, listOrders[0]).PageInfo.EndCursor)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(real), "\x00")
	for name, replaced := range map[string][2]string{
		"instant": {parts[5], "9999-12-31T23:59:59-01:00"}, "id": {parts[7], "made up"},
	} {
		source.change(func(all []listItem) []listItem { return all[:1000] })
		cursor := base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(real), "\x00"+replaced[0]+"\x00", "\x00"+replaced[1]+"\x00", 1)))
		f.page(t, 5, &cursor, listOrders[0])
		source.change(func([]listItem) []listItem { return sampleItems(1001) })
		source.take()
		if f.page(t, 5, nil, listOrders[0]); len(source.take()) != 1 {
			t.Errorf("%s: the next list is read in another way", name)
		}
	}
}

// TestLongUnorderedList tests that a list is refused if it is longer than ProfileQL orders itself.
func TestLongUnorderedList(t *testing.T) {
	t.Parallel()
	for length, refused := range map[int]bool{1000: false, 1001: true} {
		source := &pagingSource{items: sampleItems(length), NoOrder: true, Page: 300}
		r := newFacade(t, source).do(scene.MineQuery, `{"first": 20}`)
		if !refused {
			if len(r.Errors) > 0 {
				t.Errorf("%d items: %s", length, r.Body)
			}
			continue
		}
		if r.Code(t) != "LIMIT_EXCEEDED" || r.Errors[0].Extensions["limit"] != "unorderedItems" || r.Errors[0].Extensions["value"] != 1000.0 {
			t.Errorf("%d items: %s", length, r.Body)
		}
	}
}

// TestLinksThatAreNotFollowed has next links to other hosts, to other resources, and invalid ones.
func TestLinksThatAreNotFollowed(t *testing.T) {
	t.Parallel()
	elsewhere := &recorder{Answer: answerJSON(200, `{"value": []}`)}
	other := newFacade(t, elsewhere)
	host := strings.TrimSuffix(strings.TrimPrefix(other.URL, "http://"), "/graphql")
	for _, link := range []string{
		"http://" + host + "/beta/me/profile/interests", "http://profiles.example.com/beta/me/profile/interests", "//" + host + "/beta/me/profile/interests",
		"/beta/me/profile/notes", "/v1.0/me/profile/interests", "/beta/groups/ada/profile/interests", "/beta/me/profile/interests/abc", innerOrigin + "/beta/me/profile/interests",
		"/beta/me/profile/../profile/interests/x", "https:", "ftp://x", "::", "%zz", "/beta/me%2Fprofile/interests",
	} {
		source := &pagingSource{items: sampleItems(30), NoOrder: true, Page: 10, LinkTo: link}
		r := newFacade(t, source).do(scene.MineQuery, `{"first": 20}`)
		if len(r.Errors) == 0 || r.Errors[0].Extensions["code"] != "SOURCE_INVALID_RESPONSE" || strings.Contains(r.Body, "example.com") {
			t.Errorf("a link to %s: %s", link, r.Body)
		}
		// A source that orders is paged by value, so that its links do not matter.
		source = &pagingSource{items: sampleItems(30), Page: 10, LinkTo: link}
		if got := newFacade(t, source).walk(t, 20, listOrders[0], nothing); !slices.Equal(got, listOrders[0].ids(source.items)) {
			t.Errorf("a link to %s that is not needed: got %v", link, got)
		}
	}
	if got := elsewhere.take(); len(got) > 0 {
		t.Errorf("a link was followed elsewhere: %+v", got)
	}
}

// TestSpellings reads lists with every spelling of links and control information, whole and across empty pages.
func TestSpellings(t *testing.T) {
	t.Parallel()
	for _, links := range linkNames {
		for _, prefix := range []string{"@odata.", "@", "odata."} {
			for _, like := range []*pagingSource{{Page: 4, NoOrder: true}, {Page: 4, Empty: 2, Link: "$skiptoken"}} {
				var described []source
				of := make(map[string]*pagingSource)
				for i, address := range linkAddresses { // all in one process, each asked separately
					name := string(rune('a' + i))
					of[name] = &pagingSource{
						Page: like.Page, NoOrder: like.NoOrder, Empty: like.Empty, Link: like.Link,
						Spells: &spelling{Prefix: prefix, Links: links, Address: address}, items: sampleItems(11),
					}
					described = append(described, serveSource(t, name, of[name]))
				}
				f := newFacadeOf(t, described...)
				for name, source := range of {
					f.only = name
					if got, want := f.walk(t, 11, listOrders[0], nothing), listOrders[0].ids(source.items); !slices.Equal(got, want) {
						t.Errorf("%+v: got %v", source.Spells, got)
					}
					var data struct{ Me struct{ Interests page } }
					f.do(`query($sources: [String!]) { me { interests(sources: $sources) { totalCount } } }`, map[string]any{"sources": []string{name}}).Into(t, &data)
					if n := data.Me.Interests.TotalCount; n == nil || *n != 11 {
						t.Errorf("%+v: totalCount is %v", source.Spells, n)
					}
				}
			}
		}
	}
}

// TestListsWithoutEnd has next links that form a cycle. The list ends with the known items, and says that there may
// be more, unless its length shows that there are none.
func TestListsWithoutEnd(t *testing.T) {
	t.Parallel()
	const items = `{"id": "a"}, {"id": "b"}`
	part := func(items, link string) string {
		return `{"value": [` + items + `], "@odata.count": 2, "@odata.nextLink": "` + link + `"}`
	}
	empty := func(n int) (parts []string) {
		for i := range n {
			parts = append(parts, part("", fmt.Sprint("?p=", i+1)))
		}
		return parts
	}
	for name, test := range map[string]struct {
		ordering bool     // whether the source can order
		parts    []string // responses to ?p=0, which is the list itself, and to the following pages
		requests int
		nodes    int
	}{
		"a part that leads to itself":         {false, []string{part(items, "?p=1"), part("", "?p=1")}, 2, 2},
		"a part with items, to itself":        {false, []string{part(items, "?p=1"), part(`{"id": "c"}`, "?p=1")}, 2, 3},
		"a list that leads to itself":         {false, []string{part(items, "?p=0")}, 2, 2},
		"the same items, and another link":    {false, []string{part(items, "?p=1"), part(items, "?p=2"), part(`{"id": "c"}`, "?p=3")}, 2, 2},
		"a ring":                              {false, []string{part(items, "?p=1"), part("", "?p=2"), part("", "?p=1")}, 3, 2},
		"empty parts":                         {false, empty(100), 20, 0},
		"empty parts of a source that orders": {true, empty(100), 20, 0},
		"an empty part that leads to itself":  {true, []string{part("", "?p=0")}, 2, 0},
		"an empty part behind, to itself":     {true, []string{part("", "?p=1"), part("", "?p=1")}, 2, 0},
		"a part without ids, to itself":       {false, []string{part(`{"displayName": "x"}`, "?p=1"), part(`{"displayName": "x"}`, "?p=1")}, 2, 0},
	} {
		rec := new(recorder)
		rec.answerWith(func(w http.ResponseWriter, r *http.Request) {
			q := r.URL.Query()
			if q.Has("$orderby") && !test.ordering {
				answerJSON(400, odataError)(w, r)
				return
			}
			var at int
			_, _ = fmt.Sscan(q.Get("p"), &at)
			answerJSON(200, test.parts[min(at, len(test.parts)-1)])(w, r)
		})
		f := newFacade(t, rec)
		const list = `{ me { interests { nodes { itemId } pageInfo { hasNextPage } } } }`
		if !test.ordering { // makes ProfileQL learn that the source does not order
			f.do(list, nil)
		}
		rec.take()
		r := f.do(list, nil)
		checkEndless(t, r, name, test.nodes)
		if requests := rec.take(); len(requests) != test.requests {
			t.Errorf("%s: %d requests, want %d", name, len(requests), test.requests)
		}
		// The length, two, shows whether there are more items.
		r = f.do(`{ me { interests { nodes { itemId } totalCount pageInfo { hasNextPage } } } }`, nil)
		if test.nodes != 2 {
			checkEndless(t, r, name, test.nodes)
		} else if len(r.Errors) > 0 || strings.Count(r.Body, "itemId") != 2 {
			t.Errorf("%s: with its length: %s", name, r.Body)
		}
	}
}

// checkEndless checks that a response has the known items, and says that there may be more.
func checkEndless(t *testing.T, r reply, name string, nodes int) {
	t.Helper()
	isEndless := func(e scene.ReplyError) bool {
		return e.Extensions["code"] == "SOURCE_INVALID_RESPONSE" && strings.Contains(e.Message, "Items may be missing.")
	}
	if !slices.ContainsFunc(r.Errors, isEndless) || strings.Count(r.Body, "itemId") != nodes || !strings.Contains(r.Body, `"hasNextPage":false`) {
		t.Errorf("%s: %s", name, r.Body)
	}
}

// TestBadPages tests that invalid paging arguments are refused before the source is asked.
func TestBadPages(t *testing.T) {
	t.Parallel()
	source := &pagingSource{items: sampleItems(30)}
	f := newFacade(t, source)
	created := f.page(t, 5, nil, listOrders[0]).PageInfo.EndCursor
	f.do(`{ profile(user: "x") { id } }`, nil)
	source.take()
	for _, arguments := range []string{
		"first: 0", "first: -1", "first: 101", "first: 5, after: \"\"", "first: 5, after: \"nonsense\"", "first: 5, after: \"" + *created + "A\"",
		"first: 5, after: \"" + *created + "\", orderBy: {field: CREATED_DATE_TIME, direction: ASC}",
		"first: 5, after: \"" + *created + "\", orderBy: {field: LAST_MODIFIED_DATE_TIME, direction: DESC}",
	} {
		if r := f.do(`{ me { interests(`+arguments+`) { nodes { id } } } }`, nil); r.Code(t) != "BAD_USER_INPUT" {
			t.Errorf("%s: %s", arguments, r.Body)
		}
	}
	if r := f.do(`{ profile(user: "ada") { interests(after: "`+*created+`") { nodes { id } } } }`, nil); r.Code(t) != "BAD_USER_INPUT" {
		t.Errorf("another's cursor: %s", r.Body)
	}
	if r := f.do(`query($first: Int) { me { interests(first: $first) { nodes { id } } } }`, `{"first": null}`); r.Code(t) != "BAD_USER_INPUT" {
		t.Errorf("first is null: %s", r.Body)
	}
	if got := source.take(); len(got) > 0 {
		t.Errorf("the source was asked: %v", got)
	}
	// first may differ from page to page, and defaults to 20.
	if p := f.page(t, 7, created, listOrders[0]); len(p.Nodes) != 7 {
		t.Errorf("another first: %+v", p)
	}
	var data struct {
		Me struct{ Interests page }
	}
	f.do(`query($first: Int) { me { interests(first: $first) { nodes { itemId } } } }`, nil).Into(t, &data)
	if len(data.Me.Interests.Nodes) != 20 {
		t.Errorf("without first: %d items", len(data.Me.Interests.Nodes))
	}
}

func TestPagingAtOnce(t *testing.T) {
	t.Parallel()
	for _, source := range []*pagingSource{{items: sampleItems(60)}, {items: sampleItems(60), IgnoreOrder: true, NoSelect: true, Page: 9}} {
		f := newFacade(t, source)
		var walks sync.WaitGroup
		for i := range 20 {
			walks.Go(func() {
				o := listOrders[i%len(listOrders)]
				if got := f.walk(t, 9, o, nothing); !slices.Equal(got, o.ids(source.items)) {
					t.Errorf("walk %d: got %v", i, got)
				}
			})
		}
		walks.Wait()
	}
}
