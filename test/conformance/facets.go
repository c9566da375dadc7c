package main

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// The cases in cases/ are about interests. The cases here are the same for every facet that $metadata describes, so that
// a facet needs no copies of them.

// metadata is the part of a CSDL document that the cases need.
type metadata struct {
	Schemas []struct {
		Namespace string       `xml:"Namespace,attr"`
		Alias     string       `xml:"Alias,attr"`
		Enums     []enumType   `xml:"EnumType"`
		Complex   []structType `xml:"ComplexType"`
		Entities  []structType `xml:"EntityType"`
	} `xml:"DataServices>Schema"`
}

type enumType struct {
	Name    string `xml:"Name,attr"`
	Members []struct {
		Name string `xml:"Name,attr"`
	} `xml:"Member"`
}

type structType struct {
	Name       string     `xml:"Name,attr"`
	Properties []property `xml:"Property"`
	Navigation []struct {
		Name string `xml:"Name,attr"`
		Type string `xml:"Type,attr"`
	} `xml:"NavigationProperty"`
}

type property struct {
	Name        string `xml:"Name,attr"`
	Type        string `xml:"Type,attr"`
	Nullable    string `xml:"Nullable,attr"`
	Annotations []struct {
		Term string `xml:"Term,attr"`
	} `xml:"Annotation"`
}

// directory are the properties of accounts that the directory sets. Not every $metadata says so.
var directory = map[string]bool{"ageGroup": true, "originTenantInfo": true, "userPersona": true, "userPrincipalName": true}

// isWritable reports whether a client may set a property of a type and change it later.
func (p property) isWritable(of string) bool {
	for _, a := range p.Annotations {
		if strings.HasSuffix(a.Term, ".Computed") || strings.HasSuffix(a.Term, ".Immutable") {
			return false
		}
	}
	return of != "userAccountInformation" || !directory[p.Name]
}

// collectionOf returns the type of the entries of a collection.
func collectionOf(name string) (entry string, ok bool) {
	entry, ok = strings.CutPrefix(name, "Collection(")
	return strings.TrimSuffix(entry, ")"), ok
}

// types are the types of a CSDL document by their qualified names.
type types struct {
	enums   map[string]enumType
	structs map[string]structType
}

func readTypes(text []byte) (types, error) {
	var m metadata
	if err := xml.Unmarshal(text, &m); err != nil {
		return types{}, err
	}
	t := types{enums: make(map[string]enumType), structs: make(map[string]structType)}
	for _, s := range m.Schemas {
		for _, prefix := range []string{s.Namespace, s.Alias} {
			for _, e := range s.Enums {
				t.enums[prefix+"."+e.Name] = e
			}
			for _, c := range slices.Concat(s.Complex, s.Entities) {
				t.structs[prefix+"."+c.Name] = c
			}
		}
	}
	return t, nil
}

// values are the texts of properties that are not any text.
var values = map[string]string{
	"address": "ada@example.com", "countryCode": "SE", "languageTag": "sv-SE", "locale": "sv-SE", "tag": "sv-SE",
	"thumbnailUrl": "https://example.com/picture", "userPrincipalName": "ada@example.com", "webUrl": "https://example.com/",
}

// example returns a value for a property. Texts that can be any text end in [before].
func (t types) example(p property) any {
	if entry, ok := collectionOf(p.Type); ok {
		return []any{t.example(property{Name: p.Name, Type: entry})}
	}
	if c, ok := t.structs[p.Type]; ok {
		object := make(map[string]any, len(c.Properties))
		for _, member := range c.Properties {
			object[member.Name] = t.example(member)
		}
		return object
	}
	if e, ok := t.enums[p.Type]; ok {
		return e.Members[min(1, len(e.Members)-1)].Name
	}
	switch p.Type {
	case "Edm.Boolean":
		return true
	case "Edm.Date":
		return "2017-01-31"
	case "Edm.DateTimeOffset":
		return "2017-01-31T00:00:00Z"
	case "Edm.Double":
		return 0.5
	case "Edm.Int32":
		return 3
	}
	if text, ok := values[p.Name]; ok {
		return text
	}
	return p.Name + before
}

// facet is a list of a profile, and the properties of its items that a client writes.
type facet struct {
	name  string
	of    string // the name of the items' type
	types types
	own   []property
}

// facets returns the lists of the profile.
func (t types) facets() []facet {
	var all []facet
	for _, n := range t.structs["microsoft.graph.profile"].Navigation {
		entry, isList := collectionOf(n.Type)
		item, known := t.structs[entry]
		if !isList || !known {
			continue
		}
		f := facet{name: n.Name, of: item.Name, types: t}
		for _, p := range item.Properties {
			if p.isWritable(item.Name) {
				f.own = append(f.own, p)
			}
		}
		all = append(all, f)
	}
	return all
}

// before and after end the texts of items before and after an update.
const before, after = " before", " after"

// item returns the body of a create with all properties, and the mark of the run in one of them.
func (f facet) item() map[string]any {
	body := make(map[string]any, len(f.own))
	for _, p := range f.own {
		body[p.Name] = f.types.example(p)
	}
	mark(body)
	return body
}

// mark puts the mark of the run into one text of an object: displayName, if there is one, and otherwise any.
func mark(v map[string]any) bool {
	names := append([]string{"displayName"}, slices.Sorted(maps.Keys(v))...)
	for _, name := range names {
		if text, ok := v[name].(string); ok && strings.HasSuffix(text, before) {
			v[name] = "{{mark}}" + before
			return true
		}
	}
	return slices.ContainsFunc(names, func(name string) bool {
		object, ok := v[name].(map[string]any)
		return ok && mark(object)
	})
}

// open returns an expected value that may have more members than a sent one, at every depth.
func open(v any) any {
	switch v := v.(type) {
	case map[string]any:
		object := map[string]any{rest: true}
		for name, member := range v {
			object[name] = open(member)
		}
		return object
	case []any:
		list := make([]any, len(v))
		for i, entry := range v {
			list[i] = open(entry)
		}
		return list
	}
	return v
}

func raw(v any) json.RawMessage {
	text, _ := json.Marshal(v) // maps, lists and scalars: cannot fail
	return text
}

// cases returns the cases of a facet.
func (f facet) cases() []testCase {
	list := "/me/profile/" + f.name
	get := func(want any) step {
		return step{request{Path: list + "/{{id}}"}, answer{Status: http.StatusOK, Body: raw(open(want))}}
	}
	create := func(body map[string]any) step {
		want := maps.Clone(body)
		want["id"] = "{{key:id}}"
		return step{request{Method: http.MethodPost, Path: list, Body: raw(body)}, answer{Status: http.StatusCreated, Body: raw(open(want))}}
	}
	patch := func(body, want map[string]any) step {
		return step{request{Method: http.MethodPatch, Path: list + "/{{id}}", Body: raw(body)}, answer{Status: http.StatusOK, Body: raw(open(want))}}
	}
	remove := step{request{Method: http.MethodDelete, Path: list + "/{{id}}"}, answer{Status: http.StatusNoContent}}
	named := func(name, because string, steps ...step) testCase {
		return testCase{Name: f.name + ": " + name, Because: "the type " + f.of + " in $metadata; " + because, Steps: steps}
	}

	all := f.item()
	cases := []testCase{
		named("there is a list", `"List `+f.name+`"`, step{
			request{Path: list + "?$top=1"},
			answer{Status: http.StatusOK, Body: raw(map[string]any{"value": []any{rest}, rest: true})},
		}),
		named("an item is created, read and deleted", "OData Protocol 4.01, sections 11.4.2 and 11.4.5",
			create(all), get(all), remove, step{request{Path: list + "/{{id}}"}, answer{Status: http.StatusNotFound}}),
	}
	const updates = "OData Protocol 4.01, section 11.4.3"
	if p, ok := f.find(func(p property) bool { _, isList := collectionOf(p.Type); return p.Nullable != "false" && !isList }); ok {
		null := map[string]any{p.Name: nil}
		kept := maps.Clone(all)
		kept[p.Name] = nil
		cases = append(cases, named("null clears a value, and the others stay", updates, create(all), patch(null, kept), get(kept), remove))
	}
	if p, ok := f.find(func(p property) bool { return len(f.types.structs[p.Type].Properties) > 1 }); ok {
		changes, merged := merge(all[p.Name].(map[string]any))
		kept := maps.Clone(all)
		kept[p.Name] = merged
		change := map[string]any{p.Name: changes}
		cases = append(cases, named("a complex value is merged, at every depth", updates, create(all), patch(change, kept), get(kept), remove))
	}
	if p, ok := f.find(func(p property) bool { _, isList := collectionOf(p.Type); return isList }); ok {
		other := map[string]any{p.Name: []any{"other"}}
		if entry, ok := all[p.Name].([]any)[0].(map[string]any); ok {
			changed, _ := merge(entry)
			other[p.Name] = []any{changed, changed}
		}
		none := map[string]any{p.Name: []any{}}
		cases = append(cases, named("a collection is replaced", updates, create(all), patch(other, other), get(other), patch(none, none), get(none), remove))
	}
	return cases
}

// find returns the first property that fits; of complex ones, the one that is deepest.
func (f facet) find(fits func(property) bool) (found property, ok bool) {
	deepest := -1
	for _, p := range f.own {
		if d := f.types.depth(p.Type); fits(p) && d > deepest {
			found, ok, deepest = p, true, d
		}
	}
	return found, ok
}

func (t types) depth(name string) int {
	deepest := 0
	for _, p := range t.structs[name].Properties {
		deepest = max(deepest, 1+t.depth(p.Type))
	}
	return deepest
}

// merge returns an update that changes one text in the deepest object of a value, and the value after it.
func merge(v map[string]any) (update, merged map[string]any) {
	merged = maps.Clone(v)
	changed, deepest := "", -1
	for _, name := range slices.Sorted(maps.Keys(v)) {
		depth := -1
		switch member := v[name].(type) {
		case string:
			if strings.HasSuffix(member, before) {
				depth = 0
			}
		case map[string]any:
			depth = 1 + depthOf(member)
		}
		if depth > deepest {
			changed, deepest = name, depth
		}
	}
	switch member := v[changed].(type) {
	case map[string]any:
		inner, whole := merge(member)
		merged[changed] = whole
		return map[string]any{changed: inner}, merged
	case string:
		merged[changed] = strings.TrimSuffix(member, before) + after
	default: // it has no text, so nothing changes
		return v, v
	}
	return map[string]any{changed: merged[changed]}, merged
}

func depthOf(v map[string]any) int {
	deepest := 0
	for _, member := range v {
		if object, ok := member.(map[string]any); ok {
			deepest = max(deepest, 1+depthOf(object))
		}
	}
	return deepest
}

// describe reads $metadata, and returns the cases of all facets.
func (r *runner) describe(ctx context.Context) (suite, error) {
	s := suite{About: "Facets"}
	got, err := r.send(ctx, request{Path: "/$metadata"})
	if err != nil {
		return s, err
	}
	if got.status != http.StatusOK {
		return s, fmt.Errorf("status is %d", got.status)
	}
	t, err := readTypes(got.body)
	if err != nil {
		return s, err
	}
	for _, f := range t.facets() {
		r.lists = append(r.lists, "/me/profile/"+f.name)
		s.Cases = append(s.Cases, f.cases()...)
	}
	if len(s.Cases) == 0 {
		return s, errors.New("it has no type profile with lists")
	}
	return s, nil
}
