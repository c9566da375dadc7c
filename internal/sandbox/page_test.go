package sandbox

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"profileql/internal/sandbox/edm"
	"profileql/internal/sandbox/odata"
	"profileql/internal/sandbox/store"
)

// pageInstants are equal and adjacent instants in several forms, the limits of the type, and what is not an instant.
var pageInstants = []string{
	"2024-05-01T10:00:00Z", "2024-05-01T10:00:00.0Z", "2024-05-01T12:00:00.0000000+02:00", "2024-05-01T10:00:00.0000001Z",
	"2024-05-01T09:59:59.9999999Z", "2024-05-01T10:00:00.1Z", "2024-05-01T10:00:00.12Z", "2024-05-01T10:00:00.123456Z",
	"2024-04-30T22:00:00.000001-12:00", "2024-05-01T10:00Z", "2024-05-01T10:00:00.000000001Z",
	"0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "0000-01-01T00:00:00+14:00", "1969-12-31T23:59:59.9999999Z",
	"9999-12-31T23:59:59.9999999Z", "9999-12-31T23:59:59.999999999-14:00", "2024-13-01T00:00:00Z", "",
}

// pageIDs differ in case and length, and by the order of UTF-8 and UTF-16.
var pageIDs = []string{
	"a", "A", "aa", "ab", "b", "B", "a\x00", "a\x00b", "á", "a\u0301", "\uffee", "\U00010000", "it's", " a", "0", "-", "%", "_",
	"5f1d8c8e-6a0b-4c57-9d2f-1b7c3a90e4d1", "5F1D8C8E-6A0B-4C57-9D2F-1B7C3A90E4D1",
}

// drawPageDocument draws an item. Few instants make ties likely.
func drawPageDocument(r *rapid.T, t *edm.StructuredType, id string, instants []string) []byte {
	doc := map[string]any{"id": id, "displayName": id}
	for _, name := range []string{"createdDateTime", "lastModifiedDateTime"} {
		switch rapid.IntRange(0, 5).Draw(r, "kind of "+name) {
		case 0:
		case 1:
			doc[name] = nil
		case 2:
			doc[name] = json.Number("5") // seen in no data, but it must not matter
		default:
			doc[name] = rapid.SampledFrom(instants).Draw(r, name)
		}
	}
	return t.Encode(doc)
}

func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// drawPageFilter draws a filter by instants and ids, and sometimes by other properties.
func drawPageFilter(r *rapid.T, depth int, instants []string) string {
	property := rapid.SampledFrom([]string{"createdDateTime", "createdDateTime", "createdDateTime", "lastModifiedDateTime"}).Draw(r, "property")
	at := rapid.SampledFrom(instants).Draw(r, "at")
	id := rapid.SampledFrom(pageIDs).Draw(r, "id")
	operator := rapid.SampledFrom([]string{"eq", "ne", "gt", "ge", "lt", "le"}).Draw(r, "operator")
	if depth > 0 {
		inner := func() string { return drawPageFilter(r, depth-1, instants) }
		switch rapid.IntRange(0, 4).Draw(r, "combination") {
		case 0:
			return "(" + inner() + ") and (" + inner() + ")"
		case 1:
			return "(" + inner() + ") or (" + inner() + ")"
		case 2:
			return "not (" + inner() + ")"
		}
	}
	switch rapid.IntRange(0, 12).Draw(r, "comparison") {
	case 9:
		return fmt.Sprintf("%s eq %s and id ne %s", property, at, quoted(id))
	case 0:
		return "displayName " + operator + " " + quoted(id)
	case 1:
		return "id in (" + quoted(id) + "," + quoted(rapid.SampledFrom(pageIDs).Draw(r, "other")) + ")"
	case 2:
		return property + " " + rapid.SampledFrom([]string{"eq", "ne", "gt", "le"}).Draw(r, "operator with null") + " null"
	case 3:
		return at + " " + operator + " " + property
	case 4, 5:
		return "id " + operator + " " + quoted(id)
	case 6:
		return fmt.Sprintf("%s lt %s or (%[1]s eq %[2]s and id gt %s) or %[1]s eq null", property, at, quoted(id))
	case 7:
		return fmt.Sprintf("%s gt %s or (%[1]s eq %[2]s and id gt %s)", property, at, quoted(id))
	case 8:
		return rapid.SampledFrom([]string{"true", "false", "null eq null", "isSearchable eq false", property + " eq lastModifiedDateTime", "startswith(id,'a')"}).Draw(r, "odd")
	}
	return property + " " + operator + " " + at
}

func drawPageOptions(r *rapid.T, instants []string) odata.Options {
	o := make(odata.Options)
	if rapid.Bool().Draw(r, "ordered") {
		parts := rapid.SliceOfN(rapid.SampledFrom([]string{"createdDateTime", "lastModifiedDateTime", "id", "displayName"}), 1, 3).Draw(r, "order")
		if rapid.Bool().Draw(r, "usual") {
			parts = []string{parts[0], "id"}
		}
		for i := range parts {
			parts[i] += rapid.SampledFrom([]string{"", " asc", " desc"}).Draw(r, "direction")
		}
		o["$orderby"] = strings.Join(parts, ",")
	}
	if depth := rapid.IntRange(-1, 2).Draw(r, "depth"); depth >= 0 {
		o["$filter"] = drawPageFilter(r, depth, instants)
	}
	for _, name := range []string{"$top", "$skip"} {
		if n := rapid.IntRange(-3, 12).Draw(r, name); n >= 0 {
			o[name] = fmt.Sprint(n)
		}
	}
	if rapid.Bool().Draw(r, "counted") {
		o["$count"] = "true"
	}
	return o
}

// TestPagesFromTheIndex compares pages that are read from an index with pages of all items, for random items and
// queries. It also follows the links.
func TestPagesFromTheIndex(t *testing.T) {
	t.Parallel()
	scans := 0
	rapid.Check(t, func(r *rapid.T) {
		box := emptyBox(t, r)
		facet := box.profile.NavigationProperty("interests")
		x := &request{Request: httptest.NewRequest("GET", "/", nil), owner: box.people[0], at: now}
		instants := rapid.SliceOfN(rapid.SampledFrom(pageInstants[:len(pageInstants)-2]), 1, 4).Draw(r, "instants")
		stored := append(slices.Clone(instants), pageInstants[len(pageInstants)-2:]...)
		for _, id := range rapid.SliceOfDistinct(rapid.SampledFrom(pageIDs), rapid.ID[string]).Draw(r, "ids") {
			k := store.Key{Person: x.owner.ID, Facet: facet.Name, ID: id}
			if err := box.store.Insert(t.Context(), k, drawPageDocument(r, facet.EntityType, id, stored)); err != nil {
				t.Fatal(err)
			}
			if rapid.Bool().Draw(r, "changed") {
				changed := drawPageDocument(r, facet.EntityType, id, stored)
				if err := box.store.Update(t.Context(), k, func([]byte) ([]byte, error) { return changed, nil }); err != nil {
					t.Fatal(err)
				}
			}
		}
		for range rapid.IntRange(1, 8).Draw(r, "queries") {
			o := drawPageOptions(r, instants)
			for range 4 { // pages
				next := comparePages(t, r, box, x, facet, o)
				if next == "" {
					break
				}
				var err error
				if o, err = odata.ParseOptions(next); err != nil {
					r.Fatal(err)
				}
			}
			if q, err := odata.ParseQuery(facet.EntityType, o); err == nil {
				if _, ok := q.Scan("createdDateTime", "lastModifiedDateTime"); ok {
					scans++
				}
			}
		}
	})
	if scans < 50 && !testing.Short() { // in which rapid makes a fifth of the checks
		t.Errorf("only %d queries used an index", scans)
	}
}

// comparePages compares the page of a query with that of all items, and returns the query of the next page.
func comparePages(t *testing.T, r interface{ Fatalf(string, ...any) }, box *Sandbox, x *request, facet *edm.NavigationProperty, o odata.Options) (next string) {
	q, err := odata.ParseQuery(facet.EntityType, o)
	if err != nil {
		r.Fatalf("%v: %v", o, err)
	}
	items, err := box.items(x, facet, q.Filter)
	if err != nil {
		t.Fatal(err)
	}
	want := q.Page(items)
	got, err := box.page(x, facet, q)
	if err != nil {
		t.Fatal(err)
	}
	if !q.Count {
		want.Total, got.Total = 0, 0
	}
	if got.More != want.More || got.Total != want.Total || !slices.Equal(pageOf(facet, got), pageOf(facet, want)) {
		r.Fatalf("%v: %q of %d, more %t, want\n%q of %d, more %t",
			o, pageOf(facet, got), got.Total, got.More, pageOf(facet, want), want.Total, want.More)
	}
	if !got.More {
		return ""
	}
	return q.Next(got)
}

// TestPagesOfTies compares the same for all page sizes and numbers of omitted items, where several items have the same
// instant or none.
func TestPagesOfTies(t *testing.T) {
	t.Parallel()
	box := emptyBox(t, t)
	facet := box.profile.NavigationProperty("interests")
	x := &request{Request: httptest.NewRequest("GET", "/", nil), owner: box.people[0], at: now}
	const before, at, after = "2024-05-01T09:59:59Z", "2024-05-01T10:00:00Z", "2024-05-01T10:00:01Z"
	for i, instant := range []any{nil, at, after, nil, at, at, before, after, at} {
		id := string(rune('a' + i))
		doc := facet.EntityType.Encode(map[string]any{"id": id, "displayName": id, "createdDateTime": instant})
		if err := box.store.Insert(t.Context(), store.Key{Person: x.owner.ID, Facet: facet.Name, ID: id}, doc); err != nil {
			t.Fatal(err)
		}
	}
	for _, filter := range []string{
		"createdDateTime lt A or (createdDateTime eq A and id gt 'b') or createdDateTime eq null",
		"createdDateTime gt A or (createdDateTime eq A and id gt 'b')",
		"createdDateTime eq A and id ne 'e'",
		"createdDateTime eq null and id gt 'a'",
		"createdDateTime ne A",
	} {
		for _, order := range []string{"createdDateTime", "createdDateTime desc", "createdDateTime,id desc", "createdDateTime desc,id desc", "id", "id desc"} {
			for skip := range 10 {
				for top := range 10 {
					comparePages(t, t, box, x, facet, odata.Options{
						"$filter": strings.ReplaceAll(filter, "A", at), "$orderby": order, "$count": "true",
						"$skip": fmt.Sprint(skip), "$top": fmt.Sprint(top),
					})
				}
			}
		}
	}
}

// pageOf returns the items of a page as text.
func pageOf(facet *edm.NavigationProperty, p odata.Page) []string {
	var all []string
	for _, i := range p.Entities {
		all = append(all, string(i.Raw(facet.EntityType.Property("id"))))
	}
	return all
}

// emptyBox returns a sandbox without interests.
func emptyBox(t *testing.T, r interface{ Cleanup(func()) }) *Sandbox {
	t.Helper()
	box, err := Open(context.Background(), Options{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	r.Cleanup(func() {
		if err := box.Close(); err != nil {
			t.Error(err)
		}
	})
	owner := box.people[0].ID
	docs, err := box.store.Documents(t.Context(), owner, "interests")
	if err != nil {
		t.Fatal(err)
	}
	for _, doc := range docs {
		if err := box.store.Delete(t.Context(), store.Key{Person: owner, Facet: "interests", ID: doc.ID}, func([]byte) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	return box
}

// TestQueriesWithAnIndex tests which queries are read from an index, and in how many parts.
func TestQueriesWithAnIndex(t *testing.T) {
	t.Parallel()
	const at, id = "2024-05-01T10:00:00.1234567Z", "5f1d8c8e-6a0b-4c57-9d2f-1b7c3a90e4d1"
	interest := profileType(t, description).NavigationProperty("interests").EntityType
	for _, p := range []string{"createdDateTime", "lastModifiedDateTime"} {
		for query, parts := range map[string]int{
			"":                           1,
			"$orderby=P":                 1,
			"$orderby=P desc,id":         1,
			"$orderby=P,id desc,id":      1,
			"$orderby=id&$filter=P ne P": 0, // two properties
			"$orderby=id":                1,
			"$orderby=id&$filter=P eq null and id gt 'I'":                              1,
			"$orderby=id&$filter=P gt A":                                               0, // not by P
			"$orderby=P,id&$filter=P ne null":                                          1,
			"$orderby=P,id&$filter=P gt A or (P eq A and id gt 'I')":                   2,
			"$orderby=P desc,id&$filter=P lt A or (P eq A and id gt 'I') or P eq null": 3,
			"$orderby=P desc,id&$filter=P lt A or P eq null":                           2,
			"$orderby=P desc,id&$filter=P le A or P eq null":                           2,
			"$orderby=P,id&$filter=P eq A":                                             1,
			"$orderby=P,id&$filter=P gt A and not (P ge A)":                            -1, // no part at all
			"$orderby=P,id&$filter=id gt 'I'":                                          0,  // of all instants
			"$orderby=P,id&$filter=A lt P":                                             1,
			"$orderby=P,displayName":                                                   0,
			"$orderby=displayName":                                                     0,
			"$orderby=P&$filter=displayName eq 'x'":                                    0,
			"$orderby=P&$filter=P gt A and startswith(id,'I')":                         0,
			"$orderby=P&$filter=id in (" + strings.Repeat("'I',", 20) + "'I')":         0,
		} {
			text := strings.NewReplacer("P", p, "A", at, "I", id).Replace(query)
			o, err := odata.ParseOptions(strings.NewReplacer(" ", "%20", "+", "%2B").Replace(text))
			if err != nil {
				t.Fatal(err)
			}
			q, err := odata.ParseQuery(interest, o)
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			scan, ok := q.Scan("createdDateTime", "lastModifiedDateTime")
			if got := len(scan.Page); ok != (parts != 0) || ok && got != max(parts, 0) {
				t.Errorf("%s: %t, %d parts, want %d: %+v", text, ok, got, parts, scan.Page)
			}
		}
	}
	q, err := odata.ParseQuery(interest, odata.Options{"$filter": "createdDateTime gt " + at})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := q.Scan("lastModifiedDateTime"); ok {
		t.Error("there is an index that was not given")
	}
}

// TestDataOfVersion1 opens a file of the version that had no columns for the order of lists.
func TestDataOfVersion1(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "data")
	script, err := os.ReadFile("store/migrations/1.sql")
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	run := func(query string, args ...any) {
		t.Helper()
		if _, err := db.Exec(query, args...); err != nil {
			t.Fatal(err)
		}
	}
	run(string(script))
	run("PRAGMA user_version = 1")
	run("INSERT INTO person VALUES ('1', 0, 'ada@example.com', 'Ada')")
	interest := profileType(t, description).NavigationProperty("interests").EntityType
	for i, at := range slices.Concat(pageInstants, []string{"null"}) {
		doc := map[string]any{"id": fmt.Sprint(i), "createdDateTime": at, "lastModifiedDateTime": pageInstants[i*7%len(pageInstants)]}
		if at == "null" {
			doc["createdDateTime"] = nil
		}
		run("INSERT INTO item VALUES ('1', 'interests', ?, ?)", fmt.Sprint(i), string(interest.Encode(doc)))
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time it is of the current version
		box, err := Open(t.Context(), Options{Data: file})
		if err != nil {
			t.Fatal(err)
		}
		facet := box.profile.NavigationProperty("interests")
		x := &request{Request: httptest.NewRequest("GET", "/", nil), owner: box.people[0], at: now}
		for _, order := range []string{"createdDateTime", "createdDateTime desc,id", "lastModifiedDateTime,id desc", "lastModifiedDateTime desc,id desc", "id"} {
			q, err := odata.ParseQuery(facet.EntityType, odata.Options{"$orderby": order})
			if err != nil {
				t.Fatal(err)
			}
			items, err := box.items(x, facet, q.Filter)
			if err != nil {
				t.Fatal(err)
			}
			got, err := box.page(x, facet, q)
			if want := q.Page(items); err != nil || len(want.Entities) != len(pageInstants)+1 || !reflect.DeepEqual(pageOf(facet, got), pageOf(facet, want)) {
				t.Errorf("%s: %v, want %v; %v", order, pageOf(facet, got), pageOf(facet, want), err)
			}
		}
		if err := box.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// BenchmarkPage measures a page of 20 items from lists of different lengths. Its time must not depend on the length.
func BenchmarkPage(b *testing.B) {
	for _, length := range []int{100, 10_000} {
		box, err := Open(b.Context(), Options{Now: func() time.Time { return now }})
		if err != nil {
			b.Fatal(err)
		}
		owner, facet := box.people[1], box.profile.NavigationProperty("skills")
		begin := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
		at := func(n int) string { return edm.FormatDateTimeOffset(begin.Add(time.Duration(n) * time.Minute)) }
		id := func(n int) string { return modelID(int64(n)) }
		for n := range length {
			doc := map[string]any{"displayName": fmt.Sprint(n), "createdDateTime": at(n), "lastModifiedDateTime": at(0)}
			stamp(doc, id(n), owner, now)
			if err := box.store.Insert(b.Context(), store.Key{Person: owner.ID, Facet: facet.Name, ID: id(n)}, facet.EntityType.Encode(doc)); err != nil {
				b.Fatal(err)
			}
		}
		handler, middle := box.Handler(), length/2
		var ids []string // in order, for the items of one instant
		for n := range length {
			ids = append(ids, id(n))
		}
		slices.Sort(ids)
		for _, page := range []struct{ name, query string }{
			{"first", "$orderby=createdDateTime desc,id"},
			{"deep", fmt.Sprintf("$orderby=createdDateTime desc,id&$filter=createdDateTime lt %s or (createdDateTime eq %[1]s and id gt '%s') or createdDateTime eq null", at(middle), id(middle))},
			{"deep in one instant", fmt.Sprintf("$orderby=lastModifiedDateTime desc,id&$filter=lastModifiedDateTime lt %s or (lastModifiedDateTime eq %[1]s and id gt '%s') or lastModifiedDateTime eq null", at(0), ids[middle])},
		} {
			b.Run(fmt.Sprintf("%s of %d", page.name, length), func(b *testing.B) {
				path := "/beta/users/" + owner.ID + "/profile/" + facet.Name + "?$top=20&" + strings.ReplaceAll(page.query, " ", "%20")
				if _, err := url.Parse(path); err != nil {
					b.Fatal(err)
				}
				for b.Loop() {
					w := httptest.NewRecorder()
					handler.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
					if w.Code != 200 || strings.Count(w.Body.String(), `"displayName":`) < 20 {
						b.Fatalf("%d %s", w.Code, w.Body)
					}
				}
			})
		}
		if err := box.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
