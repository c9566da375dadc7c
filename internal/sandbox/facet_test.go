package sandbox

import (
	"context"
	"encoding/xml"
	"fmt"
	"maps"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// another is a facet that the sandbox does not have, with a type, an enumeration and a required property.
const another = `
<EnumType Name="fluency"><Member Name="elementary" Value="0"/><Member Name="nativeOrBilingual" Value="5"/></EnumType>
<ComplexType Name="where"><Property Name="city" Type="Edm.String" Nullable="false"/><Property Name="since" Type="Edm.Date"/></ComplexType>
<EntityType Name="dialect" BaseType="graph.itemFacet">
  <Property Name="displayName" Type="Edm.String" Nullable="false"/>
  <Property Name="learnt" Type="graph.where"/>
  <Property Name="speakers" Type="Edm.Int32" DefaultValue="1"/>
  <Property Name="spoken" Type="graph.fluency"/>
</EntityType>`

// TestAnotherFacet tests that a facet can be added by its description alone, without Go code.
func TestAnotherFacet(t *testing.T) {
	t.Parallel()
	csdl := strings.Replace(description, "<EntityType ", another+"<EntityType ", 1)
	csdl = strings.Replace(csdl, "<NavigationProperty ",
		`<NavigationProperty Name="dialects" Type="Collection(graph.dialect)" ContainsTarget="true"/><NavigationProperty `, 1)
	box, err := Open(context.Background(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	box.profile = profileType(t, csdl)
	server := httptest.NewServer(box.Handler())
	defer func() { server.Close(); _ = box.Close() }()
	c := client{t, server.URL + "/beta"}
	const dialects = "/me/profile/dialects"

	for body, status := range map[string]int{
		`{"displayName": "日本語", "spoken": "nativeOrBilingual", "learnt": {"city": "京都", "since": "1999-04-01"}}`: 201,
		`{"displayName": "Svenska", "spoken": "elementary", "speakers": 10000000}`:                               201,
		`{"spoken": "elementary"}`:                                        400,
		`{"displayName": "x", "spoken": "elementary, nativeOrBilingual"}`: 400, // not a flags enumeration
		`{"displayName": "x", "learnt": {}}`:                              400,
		`{"displayName": "x", "learnt": {"city": "y", "since": "1999"}}`:  400,
		`{"displayName": "x", "speakers": 1.5}`:                           400,
		`{"displayName": "x", "speakers": 2147483648}`:                    400,
		`{"displayName": "x", "categories": []}`:                          400,
	} {
		if a := c.do("POST", dialects, body); a.status != status {
			t.Errorf("%s: %d %s", body, a.status, a.text)
		}
	}
	a := c.do("GET", dialects+"?$orderby=speakers&$select=displayName,speakers,learnt&$filter=learnt%20ne%20null%20and%20learnt/since%20lt%202000-01-01%20or%20spoken%20lt%20%27nativeOrBilingual%27", "")
	const want = `"value":[{"displayName":"日本語","speakers":1,"learnt":{"city":"京都","since":"1999-04-01"}},{"displayName":"Svenska","speakers":10000000,"learnt":null}]}`
	if !strings.HasSuffix(a.text, want) {
		t.Errorf("got %s", a.text)
	}
	profile := c.do("GET", "/me/profile", "")
	for _, facet := range []string{"dialects", "interests"} {
		if entries, _ := profile.body[facet].([]any); len(entries) == 0 || profile.body[facet+"@odata.context"] == nil {
			t.Errorf("the profile has no %s: %.300s", facet, profile.text)
		}
	}
}

// csdlType is a type as the description says, read independently of package edm.
type csdlType struct {
	Name, BaseType string         `xml:",attr"`
	OpenType       bool           `xml:",attr"`
	Properties     []csdlProperty `xml:"Property"`
	Navigation     []csdlProperty `xml:"NavigationProperty"`
	Members        []struct {
		Name string `xml:",attr"`
	} `xml:"Member"`
}

type csdlProperty struct {
	Name, Type, Nullable, DefaultValue string `xml:",attr"`
	Annotations                        []struct {
		Term string `xml:",attr"`
	} `xml:"Annotation"`
}

func (p csdlProperty) is(term string) bool {
	return slices.ContainsFunc(p.Annotations, func(a struct {
		Term string `xml:",attr"`
	}) bool {
		return a.Term == "Org.OData.Core.V1."+term
	})
}

func (p csdlProperty) collection() bool { return strings.HasPrefix(p.Type, "Collection(") }

// required reports whether a create must have the property.
func (p csdlProperty) required() bool {
	return p.Nullable == "false" && !p.collection() && p.DefaultValue == "" && !p.is("Computed")
}

// csdlTypes are the described types by their names, with inherited properties.
type csdlTypes map[string]csdlType

func describedTypes(t *testing.T) csdlTypes {
	t.Helper()
	var document struct {
		Enums    []csdlType `xml:"DataServices>Schema>EnumType"`
		Complex  []csdlType `xml:"DataServices>Schema>ComplexType"`
		Entities []csdlType `xml:"DataServices>Schema>EntityType"`
	}
	if err := xml.Unmarshal([]byte(description), &document); err != nil {
		t.Fatal(err)
	}
	types := make(csdlTypes)
	for _, d := range slices.Concat(document.Enums, document.Complex, document.Entities) {
		d.Properties = slices.Concat(types.of(d.BaseType).Properties, d.Properties)
		types[d.Name] = d
	}
	return types
}

// of returns the type that a reference names, or the zero type for a primitive one.
func (types csdlTypes) of(reference string) csdlType {
	name := strings.TrimSuffix(strings.TrimPrefix(reference, "Collection("), ")")
	return types[strings.TrimPrefix(name, "graph.")]
}

// facets returns the facets and the types of their items.
func (types csdlTypes) facets() map[string]csdlType {
	facets := make(map[string]csdlType)
	for _, p := range types["profile"].Navigation {
		facets[p.Name] = types.of(p.Type)
	}
	return facets
}

// value returns the nth value of a property in JSON's form. Values with different numbers differ.
func (types csdlTypes) value(p csdlProperty, n int) any {
	if p.collection() {
		p.Type = strings.TrimSuffix(strings.TrimPrefix(p.Type, "Collection("), ")")
		return []any{types.value(p, n), types.value(p, n+1)}
	}
	switch d := types.of(p.Type); {
	case len(d.Members) > 0:
		return d.Members[(n-1)%len(d.Members)].Name
	case d.Name != "":
		return types.object(d, n)
	}
	switch p.Type {
	case "Edm.Boolean":
		return n%2 == 1
	case "Edm.Int32":
		return float64(n - 2)
	case "Edm.Double":
		return float64(n) - 2.5
	case "Edm.Date":
		return fmt.Sprintf("000%d-02-28", n)
	case "Edm.DateTimeOffset":
		return fmt.Sprintf("2024-02-29T12:00:00.000000%dZ", n)
	}
	return fmt.Sprintf("%s %d", p.Name, n)
}

// object returns a value with all properties that a client may set.
func (types csdlTypes) object(d csdlType, n int) map[string]any {
	object := make(map[string]any)
	for _, p := range d.Properties {
		if !p.is("Computed") {
			object[p.Name] = types.value(p, n)
		}
	}
	return object
}

// absent returns the value of a property that a create does not have.
func (types csdlTypes) absent(p csdlProperty) any {
	switch {
	case p.collection():
		return []any{}
	case p.DefaultValue == "true" || p.DefaultValue == "false":
		return p.DefaultValue == "true"
	case p.DefaultValue != "":
		return p.DefaultValue
	}
	return nil
}

// stamped are the properties that the server sets in every item.
var stamped = []string{"id", "createdDateTime", "createdBy", "lastModifiedDateTime", "lastModifiedBy", "source", "sources"}

// stripped returns a copy of an item without control information and without what each write changes.
func stripped(item map[string]any) map[string]any {
	item = maps.Clone(item)
	for name := range item {
		if strings.Contains(name, "@") || strings.HasPrefix(name, "lastModified") {
			delete(item, name)
		}
	}
	return item
}

// set returns a copy of an item in which the value at a path is replaced. Null and absent values on the way become
// objects with all properties of their types, which are null or [].
func (types csdlTypes) set(d csdlType, item any, path []csdlProperty, v any) any {
	if len(path) == 0 {
		return v
	}
	object, _ := item.(map[string]any)
	if object = maps.Clone(object); object == nil {
		object = make(map[string]any)
		for _, p := range d.Properties {
			object[p.Name] = types.absent(p)
		}
	}
	object[path[0].Name] = types.set(types.of(path[0].Type), object[path[0].Name], path[1:], v)
	return object
}

// bodyAt returns a body with one value.
func bodyAt(path []csdlProperty, v any) any {
	for _, p := range slices.Backward(path) {
		v = map[string]any{p.Name: v}
	}
	return v
}

func pathText(path []csdlProperty) string {
	names := make([]string, len(path))
	for i, p := range path {
		names[i] = p.Name
	}
	return strings.Join(names, "/")
}

// paths calls do for every property of a type, and of the complex values in it, but not in its collections.
func (types csdlTypes) paths(d csdlType, path []csdlProperty, do func(path []csdlProperty)) {
	for _, p := range d.Properties {
		path := append(slices.Clone(path), p)
		do(path)
		if !p.collection() {
			types.paths(types.of(p.Type), path, do)
		}
	}
}

// forEachFacet runs a test for every facet, with a sandbox of its own.
func forEachFacet(t *testing.T, test func(t *testing.T, c client, types csdlTypes, d csdlType, list string)) {
	types := describedTypes(t)
	facets := types.facets()
	if len(facets) != 19 {
		t.Fatalf("there are %d facets, want 19", len(facets))
	}
	for name, d := range facets {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, serve(t, Options{}), types, d, "/me/profile/"+name)
		})
	}
}

// TestEveryFacet creates, reads, updates and deletes an item of every facet, with all properties and with as few as
// possible.
func TestEveryFacet(t *testing.T) {
	t.Parallel()
	forEachFacet(t, func(t *testing.T, c client, types csdlTypes, d csdlType, list string) {
		body := types.object(d, 1)
		made := c.do("POST", list, toJSON(t, body))
		if made.status != 201 {
			t.Fatalf("%d %s", made.status, made.text)
		}
		for _, p := range d.Properties {
			v, there := made.body[p.Name]
			switch {
			case !there:
				t.Errorf("there is no %s", p.Name)
			case p.is("Computed") && !slices.Contains(stamped, p.Name) && v != nil:
				t.Errorf("%s is %v", p.Name, v)
			case !p.is("Computed") && !reflect.DeepEqual(v, body[p.Name]):
				t.Errorf("%s is %v, want %v", p.Name, v, body[p.Name])
			}
		}
		id := made.body["id"].(string)
		item := list + "/" + id
		if a := c.do("GET", item, ""); a.status != 200 || !reflect.DeepEqual(a.body, made.body) {
			t.Errorf("%d %s, want %s", a.status, a.text, made.text)
		}
		if ids := c.do("GET", list+"?$top=1000", "").ids(); !slices.Contains(ids, id) {
			t.Errorf("the list has only %v", ids)
		}
		want := stripped(made.body)
		for name, v := range types.object(d, 2) {
			if name != "source" { // accepted on create only
				want[name] = v
			}
		}
		if a := c.do("PATCH", item, toJSON(t, types.object(d, 2))); a.status != 200 || !reflect.DeepEqual(stripped(a.body), want) {
			t.Errorf("%d %s, want %v", a.status, a.text, want)
		}
		for _, status := range []int{204, 404} {
			if a := c.do("DELETE", item, ""); a.status != status {
				t.Errorf("DELETE: %d %s", a.status, a.text)
			}
		}
		if a := c.do("GET", item, ""); a.status != 404 {
			t.Errorf("it is still there: %d %s", a.status, a.text)
		}

		least := make(map[string]any)
		for _, p := range d.Properties {
			if p.required() {
				least[p.Name] = body[p.Name]
			}
		}
		if made = c.do("POST", list, toJSON(t, least)); made.status != 201 {
			t.Fatalf("%s: %d %s", toJSON(t, least), made.status, made.text)
		}
		for _, p := range d.Properties {
			want, required := least[p.Name]
			if !required {
				want = types.absent(p)
			}
			if got := made.body[p.Name]; !slices.Contains(stamped, p.Name) && !reflect.DeepEqual(got, want) {
				t.Errorf("%s is %v, want %v", p.Name, got, want)
			}
		}
		for name := range least {
			less := maps.Clone(least)
			delete(less, name)
			if a := c.do("POST", list, toJSON(t, less)); a.status != 400 || !strings.Contains(a.text, "'"+name+"' is required") {
				t.Errorf("without %s: %d %s", name, a.status, a.text)
			}
		}
	})
}

// TestEveryProperty updates every property of every facet, also those of nested values, to another value, to null and
// to values of other kinds. Everything else in the item stays as it is.
func TestEveryProperty(t *testing.T) {
	t.Parallel()
	forEachFacet(t, func(t *testing.T, c client, types csdlTypes, d csdlType, list string) {
		made := c.do("POST", list, toJSON(t, types.object(d, 1)))
		if made.status != 201 {
			t.Fatalf("%d %s", made.status, made.text)
		}
		item := list + "/" + made.body["id"].(string)
		is := stripped(made.body)
		// patch sends a value for a property. The item is then as expected; without expectation, the update is refused
		// with the name of the property.
		patch := func(path []csdlProperty, v any, want any) {
			t.Helper()
			name, body := path[len(path)-1].Name, toJSON(t, bodyAt(path, v))
			a := c.do("PATCH", item, body)
			if want == nil {
				if a.status != 400 || !strings.Contains(a.text, "'"+name+"'") && !strings.Contains(a.text, "named '"+name+"'") {
					t.Errorf("%s: %d %s", body, a.status, a.text)
				}
				a = c.do("GET", item, "")
				want = is
			}
			if a.status != 200 || !reflect.DeepEqual(stripped(a.body), want) {
				t.Errorf("%s: %d %s, want %v", body, a.status, a.text, want)
			}
			is = stripped(a.body)
		}
		types.paths(d, nil, func(path []csdlProperty) {
			ignored := slices.ContainsFunc(path, func(p csdlProperty) bool { return p.is("Computed") || p.is("Immutable") })
			p := path[len(path)-1]
			if ignored {
				if len(path) > 1 {
					return
				}
				for _, v := range []any{types.value(p, 2), nil, true, 5, "odd", []any{}, map[string]any{}} {
					patch(path, v, is)
				}
				return
			}
			for _, n := range []int{2, 1} {
				v := types.value(p, n)
				patch(path, v, types.set(d, is, path, v))
			}
			for _, v := range types.wrong(p) {
				patch(path, v, nil)
			}
			before := is
			switch {
			case p.collection():
				entry := types.value(p, 3).([]any)[1]
				patch(path, []any{entry}, types.set(d, is, path, []any{entry})) // not merged
				patch(path, []any{entry, nil}, nil)                             // entries are not null
				patch(path, []any{}, types.set(d, is, path, []any{}))
				patch(path, nil, types.set(d, is, path, nil))
			case p.Nullable == "false":
				patch(path, nil, nil)
			default:
				patch(path, nil, types.set(d, is, path, nil))
			}
			if inner := types.of(p.Type); len(inner.Properties) > 0 && p.Nullable != "false" && !p.collection() {
				// The update of one property creates the value, with nothing else.
				only := inner.Properties[len(inner.Properties)-1]
				deeper := append(slices.Clone(path), only)
				patch(deeper, types.value(only, 2), types.set(d, is, deeper, types.value(only, 2)))
				if !inner.OpenType {
					patch(append(slices.Clone(path), csdlProperty{Name: "unknown"}), "x", nil)
				}
			}
			v := types.value(p, 1)
			patch(path, v, before)
		})
		patch([]csdlProperty{{Name: "unknown"}}, "x", nil)
	})
}

// wrong returns values that are not of the property's type.
func (types csdlTypes) wrong(p csdlProperty) []any {
	if p.collection() {
		p.Type = strings.TrimSuffix(strings.TrimPrefix(p.Type, "Collection("), ")")
		wrong := []any{"x", true, map[string]any{}}
		for _, v := range types.wrong(p) {
			wrong = append(wrong, []any{v})
		}
		return wrong
	}
	d := types.of(p.Type)
	wrong := []any{[]any{}, []any{"x"}}
	if len(d.Properties) == 0 {
		wrong = append(wrong, map[string]any{})
	}
	if p.Type != "Edm.Boolean" {
		wrong = append(wrong, true)
	}
	if p.Type != "Edm.Int32" && p.Type != "Edm.Double" {
		wrong = append(wrong, 1)
	}
	if p.Type != "Edm.Double" {
		wrong = append(wrong, 1.5)
	}
	if p.Type != "Edm.String" {
		wrong = append(wrong, "", "odd")
	}
	switch {
	case len(d.Members) > 0:
		wrong = append(wrong, "1", strings.ToUpper(d.Members[0].Name), "unknownFutureValue")
	case p.Type == "Edm.Date":
		wrong = append(wrong, "2024-02-30", "2024-02", "20240229", "2024-02-29T00:00:00Z", "24-02-29", "2024-2-9")
	case p.Type == "Edm.Int32":
		wrong = append(wrong, 1<<31, -1<<31-1, "1")
	case p.Type == "Edm.Double":
		wrong = append(wrong, "1.5", "Infinity")
	}
	return wrong
}

// TestWholeProfile tests that the profile has every facet, and that $expand returns only those that it names.
func TestWholeProfile(t *testing.T) {
	t.Parallel()
	types, c := describedTypes(t), serve(t, Options{})
	inlined := func(query string) []string {
		a := c.do("GET", "/me/profile"+query, "")
		var names []string
		for name, v := range a.body {
			if _, isList := v.([]any); isList && a.body[name+"@odata.context"] != nil {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		return names
	}
	all := slices.Sorted(maps.Keys(types.facets()))
	if got := inlined(""); !slices.Equal(got, all) {
		t.Errorf("the profile has %v, want %v", got, all)
	}
	for i, name := range all {
		if got := inlined("?$expand=" + name + "($select=id)"); !slices.Equal(got, []string{name}) {
			t.Errorf("expanding %s returns %v", name, got)
		}
		if i == 0 {
			continue
		}
		if got := inlined("?$expand=" + name + "," + all[i-1]); !slices.Equal(got, []string{all[i-1], name}) {
			t.Errorf("expanding %s and %s returns %v", name, all[i-1], got)
		}
	}
}

// literal returns a value in the form of $filter.
func (types csdlTypes) literal(p csdlProperty, v any) string {
	if text, ok := v.(string); ok && p.Type != "Edm.Date" && p.Type != "Edm.DateTimeOffset" {
		return "'" + text + "'"
	}
	return fmt.Sprint(v)
}

// TestQueriesOfEveryProperty tests $filter, $orderby and $select with every property of every facet, also those of
// nested values and of entries of collections.
func TestQueriesOfEveryProperty(t *testing.T) {
	t.Parallel()
	forEachFacet(t, func(t *testing.T, c client, types csdlTypes, d csdlType, list string) {
		var ids [2]string // of items with the values of number 1 and of number 2
		for i := range ids {
			made := c.do("POST", list, toJSON(t, types.object(d, i+1)))
			if made.status != 201 {
				t.Fatalf("%d %s", made.status, made.text)
			}
			ids[i] = made.body["id"].(string)
		}
		query := func(options ...string) reply {
			t.Helper()
			values := url.Values{"$top": {"1000"}}
			for i := 0; i < len(options); i += 2 {
				values.Set(options[i], options[i+1])
			}
			a := c.do("GET", list+"?"+values.Encode(), "")
			if a.status != 200 {
				t.Fatalf("%v: %d %s", options, a.status, a.text)
			}
			return a
		}
		filter := func(filter string, want ...string) {
			t.Helper()
			both := fmt.Sprintf("id in ('%s','%s')", ids[0], ids[1])
			if got := query("$filter", both+" and "+filter, "$orderby", "isSearchable desc").ids(); !slices.Equal(got, want) {
				t.Errorf("%s selects %v, want %v", filter, got, want)
			}
		}
		// compares filters by a property, at a path or behind a lambda variable, which has values of number 1 and 2.
		compares := func(p csdlProperty, path, before, after string) {
			t.Helper()
			one, two := types.value(p, 1), types.value(p, 2)
			name := types.of(p.Type).Name
			filter(before+path+" eq "+types.literal(p, one)+after, ids[0])
			if p.Type == "Edm.Boolean" {
				filter(before+path+" gt "+types.literal(p, two)+after, ids[0])
				return
			}
			filter(before+path+" gt "+types.literal(p, one)+after, ids[1])
			filter(before+path+" lt "+types.literal(p, two)+after, ids[0])
			filter(before+path+" in (null,"+types.literal(p, two)+")"+after, ids[1])
			if name != "" {
				filter(before+path+" eq microsoft.graph."+name+types.literal(p, two)+after, ids[1])
			}
		}
		types.paths(d, nil, func(path []csdlProperty) {
			text, p := pathText(path), path[len(path)-1]
			if slices.ContainsFunc(path, func(p csdlProperty) bool { return p.is("Computed") }) {
				return
			}
			entry := p
			entry.Type = strings.TrimSuffix(strings.TrimPrefix(p.Type, "Collection("), ")")
			inner := types.of(entry.Type)
			switch {
			case p.collection() && len(inner.Properties) > 0:
				for _, member := range inner.Properties {
					one := types.literal(member, types.value(member, 1))
					filter(text+"/any(e:e/"+member.Name+" eq "+one+")", ids[0])
				}
			case p.collection():
				filter(text+"/any(e:e eq "+types.literal(entry, types.value(entry, 1))+")", ids[0])
			case len(inner.Properties) > 0:
				filter(text+" ne null", ids[0], ids[1])
			default:
				compares(p, text, "", "")
				for _, direction := range []string{"", " desc"} {
					got := query("$orderby", text+direction, "$filter", fmt.Sprintf("id in ('%s','%s')", ids[0], ids[1])).ids()
					if first := types.value(p, 1) == true; got[0] != ids[0] != (first != (direction != "")) {
						t.Errorf("$orderby=%s%s: %v", text, direction, got)
					}
				}
			}
			selected := query("$select", text, "$filter", "id eq '"+ids[0]+"'").body["value"].([]any)[0]
			if want := bodyAt(path, types.value(p, 1)); !reflect.DeepEqual(selected, want) {
				t.Errorf("$select=%s: %v, want %v", text, selected, want)
			}
			if len(inner.Properties) > 0 {
				member := inner.Properties[0].Name
				query("$select", text+"/"+member)
			}
		})
	})
}
