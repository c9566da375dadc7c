package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2/ast"

	"profileql/test/scene"
)

// everything returns a selection of all fields of an object type, except those that need a request of their own.
func everything(s *ast.Schema, typeName string) string {
	var fields []string
	for _, field := range s.Types[typeName].Fields {
		if strings.HasPrefix(field.Name, "__") || isOwn(field.Name) && field.Name != "id" {
			continue
		}
		selection := field.Name
		if named := s.Types[field.Type.Name()]; named.Kind == ast.Object {
			selection += " " + everything(s, named.Name)
		}
		fields = append(fields, selection)
	}
	return "{ " + strings.Join(fields, " ") + " }"
}

// isOwn reports whether a field of an item is one that ProfileQL adds.
func isOwn(field string) bool { return field == "itemId" || field == "profileSource" }

// plausibleItem returns an item as a source sends it, with all properties of the schema and another value at every place
// where the type has enough values. Each list has one entry.
func plausibleItem(s *ast.Schema, facet facet) map[string]any {
	item := new(plausible).object(s, s.Types[facet.item], facet.name)
	delete(item, "itemId")
	delete(item, "profileSource")
	delete(item, "id")
	return item
}

// plausible counts the values that it returns.
type plausible struct{ n int }

func (p *plausible) object(s *ast.Schema, def *ast.Definition, path string) map[string]any {
	object := make(map[string]any)
	for _, field := range def.Fields {
		if named := s.Types[field.Type.Name()]; !strings.HasPrefix(field.Name, "__") && named.Name != "ProfileSource" {
			object[field.Name] = p.value(s, field.Type, path+"."+field.Name)
		}
	}
	return object
}

func (p *plausible) value(s *ast.Schema, t *ast.Type, path string) any {
	p.n++
	def := s.Types[t.Name()]
	switch {
	case def.Name == "AllowedAudience":
		return "organization"
	case t.Elem != nil:
		return []any{p.value(s, t.Elem, path)}
	case def.Kind == ast.Object:
		return p.object(s, def, path)
	case def.Kind == ast.Enum:
		names := membersOf(def)
		return wireName(names[p.n%len(names)])
	}
	switch def.Name {
	case "Boolean":
		return p.n%2 == 0
	case "Int":
		return json.Number(strconv.Itoa(p.n))
	case "Float":
		return json.Number(fmt.Sprintf("%d.50", p.n))
	case "DateTime":
		return fmt.Sprintf("2020-01-01T00:00:00.%07d+03:00", p.n)
	case "Date":
		return fmt.Sprintf("%04d-02-28", p.n)
	}
	return path
}

// places returns the paths of all properties of an object, at every depth, as names and indices.
func places(v any, above []any) (all [][]any) {
	switch v := v.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			path := append(slices.Clone(above), name)
			all = append(append(all, path), places(v[name], path)...)
		}
	case []any:
		for i, entry := range v {
			path := append(slices.Clone(above), i)
			all = append(append(all, path), places(entry, path)...)
		}
	}
	return all
}

func at(v any, path []any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			v = v.(map[string]any)[step]
		case int:
			v = v.([]any)[step]
		}
	}
	return v
}

// set sets a member of an object, or an entry of a list.
func set(v, step, to any) {
	switch v := v.(type) {
	case map[string]any:
		v[step.(string)] = to
	case []any:
		v[step.(int)] = to
	}
}

// fieldAt returns the field of the schema at a path of an item.
func fieldAt(s *ast.Schema, typeName string, path []any) (field *ast.FieldDefinition) {
	for _, step := range path {
		if name, isName := step.(string); isName {
			field = s.Types[typeName].Fields.ForName(name)
			typeName = field.Type.Name()
		}
	}
	return field
}

// shownFor returns the value that ProfileQL returns for a value of a source where the schema has a type: the value if
// it is of that type, otherwise null. An invalid entry is removed from its list, and a single value in place of a
// list becomes a list of one.
func shownFor(s *ast.Schema, t *ast.Type, wire any) any {
	def := s.Types[t.Name()]
	switch {
	case wire == nil:
		return nil
	case def.Name == "AllowedAudience":
		return audiencesFor(def, wire)
	case t.Elem != nil:
		return listFor(s, t.Elem, wire)
	case def.Kind == ast.Enum:
		return memberFor(def, wire)
	}
	switch wire := wire.(type) {
	case string:
		return textFor(def.Name, wire)
	case json.Number:
		return numberFor(def.Name, wire)
	case bool:
		if def.Name == "Boolean" {
			return wire
		}
	case map[string]any:
		if def.Kind != ast.Object {
			return nil
		}
		shown := make(map[string]any)
		for _, field := range def.Fields {
			if !isOwn(field.Name) {
				shown[field.Name] = shownFor(s, field.Type, wire[field.Name])
			}
		}
		return shown
	}
	return nil
}

func listFor(s *ast.Schema, of *ast.Type, wire any) any {
	list, isList := wire.([]any)
	if !isList {
		list = []any{wire}
	}
	shown := []any{}
	for _, entry := range list {
		if entry = shownFor(s, of, entry); entry != nil {
			shown = append(shown, entry)
		}
	}
	if !isList && len(shown) == 0 {
		return nil
	}
	return shown
}

func textFor(scalar, wire string) any {
	layouts := map[string]string{"DateTime": time.RFC3339, "Date": time.DateOnly}
	if layout, isTime := layouts[scalar]; isTime {
		if _, err := time.Parse(layout, wire); err != nil {
			return nil
		}
	} else if scalar != "String" {
		return nil
	}
	return wire
}

func numberFor(scalar string, wire json.Number) any {
	_, errInt := strconv.ParseInt(wire.String(), 10, 32)
	_, errFloat := wire.Float64()
	if scalar == "Int" && errInt == nil || scalar == "Float" && errFloat == nil {
		return wire
	}
	return nil
}

// textOfEnum returns the name or integer that is the value of an enum.
func textOfEnum(wire any) string {
	switch wire := wire.(type) {
	case string:
		return wire
	case json.Number:
		if _, err := wire.Int64(); err == nil {
			return wire.String()
		}
	}
	return ""
}

func memberFor(def *ast.Definition, wire any) any {
	text := textOfEnum(wire)
	var unknown any
	for i, member := range def.EnumValues {
		if wireName(member.Name) == text || strconv.Itoa(i) == text {
			return member.Name
		}
		if member.Name == unknownMember {
			unknown = member.Name
		}
	}
	if text == "" {
		return nil
	}
	return unknown
}

// audiencesFor handles a single name, or a number.
func audiencesFor(def *ast.Definition, wire any) any {
	text := textOfEnum(wire)
	number, err := strconv.Atoi(text)
	if text == "" {
		return nil
	}
	for i, member := range def.EnumValues {
		if wireName(member.Name) == text || err == nil && i > 0 && number == 1<<(i-1) {
			return []any{member.Name}
		}
	}
	return []any{unknownMember}
}

// readCase is an item as its source sends it, and what ProfileQL returns for it, without its ids.
type readCase struct {
	name, wire string
	want       map[string]any
}

// items is a source with items of any facet, in no order. An update returns the item unchanged.
type items struct{ wire map[string]string }

func newItemFacade(t *testing.T) (*facade, *items) {
	t.Helper()
	source := new(items)
	return newFacade(t, source), source
}

func (s *items) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if item, known := s.wire[path.Base(r.URL.Path)]; known {
		answerJSON(http.StatusOK, item)(w, r)
		return
	}
	answerJSON(http.StatusOK, `{"value": [`+strings.Join(slices.Collect(maps.Values(s.wire)), ",")+`]}`)(w, r)
}

// checkRead reads items in lists, and some of them as the responses to updates.
func checkRead(t *testing.T, f *facade, source *items, s *ast.Schema, facet facet, cases []readCase) {
	t.Helper()
	fragment := " fragment Item on " + facet.item + " { itemId " + everything(s, facet.item)[1:]
	perList, perUpdate := 100, min(10, 1800/strings.Count(fragment, " "))
	list := "{ me { list: " + facet.name + "(first: 100) { nodes { ...Item } } } }" + fragment
	for begin := 0; begin < len(cases); begin += perList {
		batch := cases[begin:min(begin+perList, len(cases))]
		source.wire = make(map[string]string)
		for i, c := range batch {
			source.wire[itemID(i)] = `{"id": "` + itemID(i) + `", ` + strings.TrimPrefix(c.wire, "{")
		}
		var listed struct {
			Me struct {
				List struct{ Nodes []map[string]any }
			}
		}
		into(t, f.do(list, nil), &listed)
		if len(listed.Me.List.Nodes) != len(batch) {
			t.Errorf("%d of %d items are listed", len(listed.Me.List.Nodes), len(batch))
		}
		for _, got := range listed.Me.List.Nodes {
			checkItem(t, s, facet, batch, "in a list", got)
		}
		for i := 0; i < len(batch); i += 4 * perUpdate {
			var fields strings.Builder
			for j := i; j < min(i+perUpdate, len(batch)); j++ {
				fmt.Fprintf(&fields, "m%d: update%s(input: {id: %q, patch: {isSearchable: true}}) { item: %s { ...Item } } ", j, facet.item, itemID(j), facet.payload())
			}
			var updated map[string]struct{ Item map[string]any }
			into(t, f.do("mutation { "+fields.String()+"}"+fragment, nil), &updated)
			for _, got := range updated {
				checkItem(t, s, facet, batch, "after an update", got.Item)
			}
		}
	}
}

func itemID(i int) string { return fmt.Sprintf("i%03d", i) }

// into decodes the data of a reply. Numbers keep their digits.
func into(t *testing.T, r reply, data any) {
	t.Helper()
	if len(r.Errors) > 0 {
		t.Fatalf("unexpected errors: %.2000s", r.Body)
	}
	d := json.NewDecoder(bytes.NewReader(r.Data))
	d.UseNumber()
	if err := d.Decode(data); err != nil {
		t.Fatalf("%v: %.2000s", err, r.Body)
	}
}

// checkItem checks an item of a response, whose id says which case it is.
func checkItem(t *testing.T, s *ast.Schema, facet facet, cases []readCase, where string, got map[string]any) {
	t.Helper()
	if flaw := invalid(s, ast.NonNullNamedType(facet.item, nil), got); flaw != "" {
		t.Errorf("%s: the answer is not of the schema: %s", where, flaw)
	}
	id, _ := got["itemId"].(string)
	i, err := strconv.Atoi(strings.TrimPrefix(id, "i"))
	if err != nil || i >= len(cases) || got["id"] != scene.GlobalID("upstream", "", facet.name, id) {
		t.Errorf("%s: the ids are %v and %v", where, got["id"], id)
		return
	}
	delete(got, "itemId")
	delete(got, "id")
	want := cases[i].want
	delete(want, "id")
	if !reflect.DeepEqual(want, got) {
		t.Errorf("%s, %s:\n%s", cases[i].name, where, cmp.Diff(want, got))
	}
}

// invalid returns how a value of a response is not of its type, or an empty string if it is.
func invalid(s *ast.Schema, t *ast.Type, v any) string {
	def := s.Types[t.Name()]
	switch {
	case v == nil && t.NonNull:
		return "null for " + t.String()
	case v == nil:
		return ""
	case t.Elem != nil:
		list, isList := v.([]any)
		for _, entry := range list {
			if flaw := invalid(s, t.Elem, entry); flaw != "" {
				return flaw
			}
		}
		if isList {
			return ""
		}
	case def.Kind == ast.Object:
		object, isObject := v.(map[string]any)
		for name, member := range object {
			if flaw := invalid(s, def.Fields.ForName(name).Type, member); flaw != "" {
				return name + ": " + flaw
			}
		}
		if isObject {
			return ""
		}
	case def.Kind == ast.Enum:
		if text, isText := v.(string); isText && def.EnumValues.ForName(text) != nil {
			return ""
		}
	default:
		if def.Name == "ID" {
			def = s.Types["String"]
		}
		if shownFor(s, ast.NamedType(def.Name, nil), v) != nil {
			return ""
		}
	}
	return fmt.Sprintf("%v for %s", v, t)
}
