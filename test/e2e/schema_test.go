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
	Name       string              `xml:",attr"`
	BaseType   string              `xml:",attr"`
	Properties []describedProperty `xml:"Property"`
	Navigation []struct {
		Name string `xml:",attr"`
		Type string `xml:",attr"`
	} `xml:"NavigationProperty"`
	Members []struct {
		Name string `xml:",attr"`
	} `xml:"Member"`
}

type describedProperty struct {
	Name        string `xml:",attr"`
	Type        string `xml:",attr"`
	Annotations []struct {
		Term string `xml:",attr"`
	} `xml:"Annotation"`
}

// isComputed reports whether only the server sets the property.
func (p describedProperty) isComputed() bool {
	for _, a := range p.Annotations {
		if a.Term == "Org.OData.Core.V1.Computed" {
			return true
		}
	}
	return false
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

// computedInputs are the properties that only the server sets, and that inputs have nevertheless.
var computedInputs = map[string]string{
	"createdDateTime":      "the API's documentation has it in the table of the properties of an update",
	"lastModifiedDateTime": "the same",
	"lastModifiedBy":       "the same",
}

// TestSchemaIsTheMapping compares the schema with the description of the REST API, each property and each member: a
// property whose name differs would be lost silently.
func TestSchemaIsTheMapping(t *testing.T) {
	t.Parallel()
	m := mapping{t, parseSchema(t), description(t), make(map[string]bool)}
	facets := facetsOf(m.schema)
	for _, navigation := range m.types["profile"].Navigation {
		item, _ := graphQLType(navigation.Type)
		if !slices.Contains(facets, facet{navigation.Name, item}) {
			t.Errorf("Profile has no facet %s of %s", navigation.Name, item)
			continue
		}
		m.compare(item, m.types[local(strings.Trim(navigation.Type, "()"))], true)
	}
	if len(facets) != len(m.types["profile"].Navigation) {
		t.Errorf("Profile has %d facets, the API %d", len(facets), len(m.types["profile"].Navigation))
	}
}

type mapping struct {
	t        *testing.T
	schema   *ast.Schema
	types    map[string]described
	compared map[string]bool // by GraphQL type
}

// compare compares a type with the description of the API, and its input, and the types of its properties.
func (m mapping) compare(name string, d described, isItem bool) {
	m.t.Helper()
	def := m.schema.Types[name]
	if def == nil {
		m.t.Errorf("the schema has no %s", name)
		return
	}
	if m.compared[name] {
		return
	}
	m.compared[name] = true
	var names, writable []string
	if isItem {
		names = []string{"itemId", "profileSource"} // fields that only ProfileQL has
	}
	for _, p := range d.Properties {
		names = append(names, p.Name)
		want, list := graphQLType(p.Type)
		isKey := isItem && p.Name == "id"
		if isKey {
			want = "ID"
		}
		field := def.Fields.ForName(p.Name)
		if field == nil || field.Type.Name() != want || (field.Type.Elem != nil) != list || field.Type.NonNull != isKey {
			m.t.Errorf("%s.%s, a %s, is %v", name, p.Name, p.Type, field)
			continue
		}
		excepted := isItem && computedInputs[p.Name] != ""
		if excepted && !p.isComputed() {
			m.t.Errorf("%s.%s is not computed, and needs no row in computedInputs", name, p.Name)
		}
		if !p.isComputed() || excepted {
			writable = append(writable, p.Name)
		}
		nested := m.types[local(strings.TrimSuffix(p.Type, ")"))]
		m.compareMembers(want, nested)
		if len(nested.Members) == 0 && nested.Name != "" {
			m.compare(want, nested, false)
		}
	}
	for _, field := range def.Fields {
		if !slices.Contains(names, field.Name) && !strings.HasPrefix(field.Name, "__") {
			m.t.Errorf("%s.%s is not at the API", name, field.Name)
		}
	}
	m.compareInput(def, writable)
}

// compareMembers compares the members of an enum, whose numbers follow their order.
func (m mapping) compareMembers(name string, d described) {
	m.t.Helper()
	for i, member := range d.Members {
		values := m.schema.Types[name].EnumValues
		if i >= len(values) || wireName(values[i].Name) != member.Name || len(values) != len(d.Members) {
			m.t.Errorf("member %d of %s is %s at the API", i, name, member.Name)
		}
	}
}

// compareInput checks that the input of a type has all properties that can be written, with the same types. There is no
// input for a type that only properties of the server have.
func (m mapping) compareInput(def *ast.Definition, writable []string) {
	m.t.Helper()
	input := m.schema.Types[def.Name+"Input"]
	if input == nil {
		if m.isWritten(def.Name) {
			m.t.Errorf("there is no %sInput", def.Name)
		}
		return
	}
	var names []string
	for _, field := range input.Fields {
		names = append(names, field.Name)
		read := def.Fields.ForName(field.Name)
		want := strings.Replace(field.Type.String(), "Input", "", 1)
		if read == nil || field.Type.NonNull || want != read.Type.String() {
			m.t.Errorf("%s.%s is a %s", input.Name, field.Name, field.Type)
		}
	}
	if slices.Sort(names); !slices.Equal(names, slices.Sorted(slices.Values(writable))) {
		m.t.Errorf("%s has %v, want %v", input.Name, names, writable)
	}
}

// isWritten reports whether an input has a property of a type.
func (m mapping) isWritten(typeName string) bool {
	for _, d := range m.types {
		for _, p := range d.Properties {
			if name, _ := graphQLType(p.Type); name == typeName && !p.isComputed() {
				return true
			}
		}
	}
	return false
}
