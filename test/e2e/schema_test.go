package e2e

import (
	"encoding/xml"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"

	"profileql/internal/sandbox"
)

type described struct {
	Name       string `xml:",attr"`
	BaseType   string `xml:",attr"`
	Properties []struct {
		Name string `xml:",attr"`
		Type string `xml:",attr"`
	} `xml:"Property"`
	Navigation []struct {
		Name string `xml:",attr"`
		Type string `xml:",attr"`
	} `xml:"NavigationProperty"`
	Members []struct {
		Name string `xml:",attr"`
	} `xml:"Member"`
}

// description returns the types in the sandbox's $metadata, which describes the REST API independently of the GraphQL
// schema.
func description(t *testing.T) map[string]described {
	t.Helper()
	box, err := sandbox.Open(t.Context(), sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close()
	w := httptest.NewRecorder()
	box.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/beta/$metadata", nil))
	var document struct {
		Types []struct {
			Enums    []described `xml:"EnumType"`
			Complex  []described `xml:"ComplexType"`
			Entities []described `xml:"EntityType"`
		} `xml:"DataServices>Schema"`
	}
	if err := xml.Unmarshal(w.Body.Bytes(), &document); err != nil {
		t.Fatal(err)
	}
	types := make(map[string]described)
	for _, s := range document.Types {
		for _, d := range slices.Concat(s.Enums, s.Complex, s.Entities) {
			d.Properties = slices.Concat(types[local(d.BaseType)].Properties, d.Properties)
			types[d.Name] = d
		}
	}
	return types
}

func local(name string) string { return name[strings.LastIndex(name, ".")+1:] }

// graphQLTypes maps types of the REST API to those of GraphQL; others have the same name, capitalized.
var graphQLTypes = map[string]string{
	"Edm.String": "String", "Edm.Boolean": "Boolean", "Edm.Double": "Float", "Edm.Int32": "Int", "Edm.DateTimeOffset": "DateTime", "Edm.Date": "Date",
	"allowedAudiences": "AllowedAudience",
}

func graphQLType(edm string) (name string, list bool) {
	inner, list := strings.CutPrefix(edm, "Collection(")
	inner = strings.TrimSuffix(inner, ")")
	if known, ok := graphQLTypes[inner]; ok {
		return known, list
	}
	name = local(inner)
	if known, ok := graphQLTypes[name]; ok {
		return known, list || name == "allowedAudiences" // flags are a list in GraphQL
	}
	return strings.ToUpper(name[:1]) + name[1:], list
}

// TestSchemaIsTheMapping compares the schema with the description of the REST API, each property and each member: a
// property whose name differs would be lost silently.
func TestSchemaIsTheMapping(t *testing.T) {
	t.Parallel()
	s, types := parseSchema(t), description(t)
	own := []string{"itemId", "profileSource"} // fields that only ProfileQL has
	for _, facet := range types["profile"].Navigation {
		item, _ := graphQLType(facet.Type)
		field := s.Types["Profile"].Fields.ForName(facet.Name)
		if field == nil || field.Type.Name() != item+"Connection" {
			t.Errorf("the facet %s of %s is %v on Profile", facet.Name, item, field)
		}
		compare(t, s, types, item, types[local(strings.Trim(facet.Type, "()"))], own)
		// All readable properties can be written, except for two.
		var readable, writable []string
		for _, f := range s.Types[item].Fields {
			if !slices.Contains(own, f.Name) && f.Name != "id" && f.Name != "sources" {
				readable = append(readable, f.Name)
			}
		}
		for _, f := range s.Types[item+"Input"].Fields {
			writable = append(writable, f.Name)
		}
		slices.Sort(readable)
		if slices.Sort(writable); !slices.Equal(readable, writable) {
			t.Errorf("%sInput has %v, want %v", item, writable, readable)
		}
	}
}

// compare compares a type, and the types of its properties.
func compare(t *testing.T, s *ast.Schema, types map[string]described, name string, d described, own []string) {
	t.Helper()
	def := s.Types[name]
	if def == nil {
		t.Errorf("the schema has no %s", name)
		return
	}
	names := slices.Clone(own)
	for _, p := range d.Properties {
		names = append(names, p.Name)
		want, list := graphQLType(p.Type)
		isKey := p.Name == "id" && name != "Identity"
		if isKey {
			want = "ID"
		}
		field := def.Fields.ForName(p.Name)
		if field == nil || field.Type.Name() != want || (field.Type.Elem != nil) != list || field.Type.NonNull != isKey {
			t.Errorf("%s.%s, a %s, is %v", name, p.Name, p.Type, field)
			continue
		}
		switch nested := types[local(strings.TrimSuffix(p.Type, ")"))]; {
		case len(nested.Members) > 0:
			for i, member := range nested.Members {
				if i >= len(s.Types[want].EnumValues) || strings.ReplaceAll(strings.ToLower(s.Types[want].EnumValues[i].Name), "_", "") != strings.ToLower(member.Name) {
					t.Errorf("member %d of %s is %s at the API", i, want, member.Name)
				}
			}
		case nested.Name != "":
			compare(t, s, types, want, nested, nil)
		}
	}
	for _, field := range def.Fields {
		if !slices.Contains(names, field.Name) && !strings.HasPrefix(field.Name, "__") {
			t.Errorf("%s.%s is not at the API", name, field.Name)
		}
	}
}
