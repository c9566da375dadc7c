package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vektah/gqlparser/v2/ast"

	"profileql/test/scene"
)

// connected is a page of a list of any facet.
type connected struct {
	Edges []struct {
		Cursor string
		Node   map[string]any
	}
	Nodes    []map[string]any
	PageInfo struct {
		HasNextPage bool
		EndCursor   *string
	}
	TotalCount    *json.Number
	FailedSources []any
}

// sandboxes is a ProfileQL with its two sandboxes, and one facet.
type sandboxes struct {
	*facade
	schema *ast.Schema
	facet  facet
	all    string // a selection set with everything of an item
}

// TestAllFacets creates, lists, reads, updates and deletes items of every facet in the two sandboxes.
func TestAllFacets(t *testing.T) {
	t.Parallel()
	schema := parseSchema(t)
	f := newFacadeWith(t, nil)
	for _, facet := range facetsOf(schema) {
		t.Run(facet.name, func(t *testing.T) {
			all := "{ itemId profileSource { name } " + everything(schema, facet.item)[1:]
			sandboxes{&facade{t, f.URL, "", f.log}, schema, facet, all}.check(t)
		})
	}
}

func (s sandboxes) check(t *testing.T) {
	before := s.list(t, "me")
	created := make(map[string]bool)
	for _, source := range []string{"sandbox", "lab", "sandbox", "lab", "lab"} {
		item := s.create(t, source, "")
		if name := item["profileSource"].(map[string]any)["name"]; name != source {
			t.Errorf("created at %v, not at %s", name, source)
		}
		created[item["id"].(string)] = true
	}

	items := s.list(t, "me")
	if len(items) != len(before)+len(created) {
		t.Errorf("%d items, and %d after %d were created", len(before), len(items), len(created))
	}
	s.checkNodes(t, items)
	for _, item := range items {
		if created[item["id"].(string)] {
			s.change(t, item)
		}
	}
	if after := s.list(t, "me"); !reflect.DeepEqual(after, before) {
		t.Errorf("the list is not as it was before: %v, %v", before, after)
	}

	// The items of another user are none of the signed-in user's.
	others := s.create(t, "sandbox", "yuki@example.com")
	if items := s.list(t, `profile(user: "yuki@example.com")`); !slices.ContainsFunc(items, func(item map[string]any) bool { return reflect.DeepEqual(item, others) }) {
		t.Errorf("%v is not in the list of yuki: %v", others, items)
	}
	if mine := s.list(t, "me"); !reflect.DeepEqual(mine, before) {
		t.Errorf("the signed-in user has the items of another one: %v", mine)
	}
	s.checkNodes(t, []map[string]any{others})
	s.change(t, others)
}

func (s sandboxes) create(t *testing.T, source, user string) map[string]any {
	t.Helper()
	input := `"source": "` + source + `", "item": ` + sampleOf(s.schema, ast.NamedType(s.facet.item+"Input", nil)).variable
	if user != "" {
		input += `, "user": "` + user + `"`
	}
	var data struct {
		Create struct{ Item map[string]any }
	}
	into(t, s.do(fmt.Sprintf("mutation($input: Create%[1]sInput!) { create: create%[1]s(input: $input) { item: %[2]s %[3]s } }",
		s.facet.item, s.facet.payload(), s.all), `{"input": {`+input+`}}`), &data)
	return data.Create.Item
}

// list reads a list in pages of three items, and checks the pages.
func (s sandboxes) list(t *testing.T, owner string) (items []map[string]any) {
	t.Helper()
	query := fmt.Sprintf(`query($after: String) { owner: %s { list: %s(first: 3, after: $after) {
		edges { cursor node %[3]s } nodes %[3]s pageInfo { hasNextPage endCursor } totalCount failedSources { code } } } }`, owner, s.facet.name, s.all)
	var after *string
	for more := true; more; {
		var data struct {
			Owner struct{ List connected }
		}
		into(t, s.do(query, map[string]any{"after": after}), &data)
		page := data.Owner.List
		for i, edge := range page.Edges {
			if !reflect.DeepEqual(edge.Node, page.Nodes[i]) || i == len(page.Edges)-1 && edge.Cursor != *page.PageInfo.EndCursor {
				t.Errorf("the edges and nodes of a page differ: %+v", page)
			}
		}
		if len(page.FailedSources) > 0 || page.PageInfo.HasNextPage && len(page.Nodes) != 3 {
			t.Errorf("a page is %+v", page)
		}
		items = append(items, page.Nodes...)
		if more, after = page.PageInfo.HasNextPage, page.PageInfo.EndCursor; !more && page.TotalCount.String() != fmt.Sprint(len(items)) {
			t.Errorf("%d items, but the total is %v", len(items), page.TotalCount)
		}
	}
	if !slices.IsSortedFunc(items, func(a, b map[string]any) int { return createdAt(t, b).Compare(createdAt(t, a)) }) {
		t.Errorf("the list is not in order")
	}
	return items
}

// createdAt returns when an item was created; the zero time if it is not known, since such items are last.
func createdAt(t *testing.T, item map[string]any) (instant time.Time) {
	t.Helper()
	if text, known := item["createdDateTime"].(string); known {
		var err error
		if instant, err = time.Parse(time.RFC3339, text); err != nil {
			t.Error(err)
		}
	}
	return instant
}

// checkNodes reads items again by their ids.
func (s sandboxes) checkNodes(t *testing.T, items []map[string]any) {
	t.Helper()
	var ids []any
	for _, item := range items {
		ids = append(ids, item["id"])
		if flaw := invalid(s.schema, ast.NonNullNamedType(s.facet.item, nil), item); flaw != "" {
			t.Errorf("the answer is not of the schema: %s", flaw)
		}
	}
	var data struct {
		Node  map[string]any
		Nodes []map[string]any
	}
	into(t, s.do(fmt.Sprintf(`query($id: ID!, $ids: [ID!]!) { node(id: $id) { ... on %[1]s %[2]s } nodes(ids: $ids) { ... on %[1]s %[2]s } }`, s.facet.item, s.all),
		map[string]any{"id": ids[0], "ids": ids}), &data)
	if !reflect.DeepEqual(data.Node, items[0]) || !reflect.DeepEqual(data.Nodes, items) {
		t.Errorf("the items are %v,\nby their ids %v, %v", items, data.Node, data.Nodes)
	}
}

// change updates an item, deletes it, and reads it again.
func (s sandboxes) change(t *testing.T, item map[string]any) {
	t.Helper()
	id := item["id"]
	var updated struct {
		Update struct{ Item map[string]any }
	}
	into(t, s.do(fmt.Sprintf("mutation($id: ID!) { update: update%s(input: {id: $id, patch: {isSearchable: true, allowedAudiences: null}}) { item: %s %s } }",
		s.facet.item, s.facet.payload(), s.all), map[string]any{"id": id}), &updated)
	got := updated.Update.Item
	if got["isSearchable"] != true || got["allowedAudiences"] != nil {
		t.Errorf("updated to %v", got)
	}
	for _, name := range []string{"isSearchable", "allowedAudiences", "lastModifiedDateTime", "lastModifiedBy"} {
		item[name] = got[name]
	}
	if !reflect.DeepEqual(got, item) {
		t.Errorf("the update has changed more: %v, %v", item, got)
	}
	var deleted struct{ DeleteProfileItem struct{ DeletedID any } }
	into(t, s.do(`mutation($id: ID!) { deleteProfileItem(input: {id: $id}) { deletedId } }`, map[string]any{"id": id}), &deleted)
	if deleted.DeleteProfileItem.DeletedID != id {
		t.Errorf("deleted %v", deleted)
	}
	if r := s.do(`query($id: ID!) { node(id: $id) { id } }`, map[string]any{"id": id}); r.Code(t) != "NOT_FOUND" {
		t.Errorf("after its deletion: %s", r.Body)
	}
}

// TestSelect tests that each property of each facet is requested from the source if it is selected, and only then.
func TestSelect(t *testing.T) {
	t.Parallel()
	s := parseSchema(t)
	rec := &recorder{Answer: answerJSON(http.StatusOK, `{"value": []}`)}
	f := newFacade(t, rec)
	for _, facet := range facetsOf(s) {
		for _, field := range s.Types[facet.item].Fields {
			if isOwn(field.Name) || field.Name == "id" || strings.HasPrefix(field.Name, "__") {
				continue
			}
			selection := field.Name
			if s.Types[field.Type.Name()].Kind == ast.Object {
				selection += everything(s, field.Type.Name())
			}
			if r := f.do("{ me { "+facet.name+" { nodes { "+selection+" } } } }", nil); len(r.Errors) > 0 {
				t.Errorf("%s.%s: %s", facet.name, field.Name, r.Body)
			}
			want := []string{"createdDateTime", "id", field.Name}
			requests := rec.take()
			target, err := url.Parse(requests[0].Target)
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Split(target.Query().Get("$select"), ",")
			slices.Sort(want)
			if slices.Sort(got); len(requests) != 1 || target.Path != "/beta/me/profile/"+facet.name || !slices.Equal(got, slices.Compact(want)) {
				t.Errorf("%s.%s: %v", facet.name, field.Name, requests)
			}
		}
	}
}

// TestOneOperation selects all facets with all properties in one operation, of two sources.
func TestOneOperation(t *testing.T) {
	t.Parallel()
	s := parseSchema(t)
	item := make(map[string]string)
	for _, facet := range facetsOf(s) {
		item[facet.name] = `{"id": "abc", ` + mustJSON(plausibleItem(s, facet))[1:]
	}
	slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(100 * time.Millisecond)
		if strings.HasSuffix(r.URL.Path, "/$count") {
			_, _ = io.WriteString(w, "1")
			return
		}
		answerJSON(http.StatusOK, `{"value": [`+item[path.Base(r.URL.Path)]+`], "@odata.count": 1}`)(w, r)
	})
	f := newFacadeOf(t, serveSource(t, "one", slow), serveSource(t, "two", slow))
	var fields []string
	for _, facet := range facetsOf(s) {
		fields = append(fields, facet.name+" { edges { cursor node "+everything(s, facet.item)+" } pageInfo { hasNextPage endCursor } totalCount failedSources { code } }")
	}
	var data struct{ Me map[string]connected }
	into(t, f.do("{ me { "+strings.Join(fields, " ")+" } }", nil), &data)
	for _, facet := range facetsOf(s) {
		page := data.Me[facet.name]
		want := shownFor(s, ast.NamedType(facet.item, nil), decode(t, item[facet.name])).(map[string]any)
		for i, edge := range page.Edges {
			want["id"] = scene.GlobalID([]string{"one", "two"}[i], "", facet.name, "abc")
			if !reflect.DeepEqual(edge.Node, want) {
				t.Errorf("%s: %v, want %v", facet.name, edge.Node, want)
			}
		}
		if len(page.Edges) != 2 || page.TotalCount.String() != "2" || len(page.FailedSources) > 0 {
			t.Errorf("%s: %+v", facet.name, page)
		}
	}
}
