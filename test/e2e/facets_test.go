package e2e

import (
	"strings"
	"testing"
	"unicode"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
)

// The tests of all facets take their operations and values from the schema, so that a new facet or property is tested
// without another line.

func parseSchema(t testing.TB) *ast.Schema {
	t.Helper()
	parsed, err := gqlparser.LoadSchema(&ast.Source{Name: "schema.graphqls", Input: schema})
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// facet is a field on Profile, and the type of its items.
type facet struct{ name, item string }

func facetsOf(s *ast.Schema) (all []facet) {
	for _, field := range s.Types["Profile"].Fields {
		if item, isFacet := strings.CutSuffix(field.Type.Name(), "Connection"); isFacet {
			all = append(all, facet{field.Name, item})
		}
	}
	return all
}

// testedFacets returns the facets whose every property is tested: all, but only the largest with the race detector, which
// finds nothing in a second one and is ten times as slow.
func testedFacets(s *ast.Schema) []facet {
	if raceEnabled {
		return []facet{{"projects", "ProjectParticipation"}}
	}
	return facetsOf(s)
}

// payload returns the field of a mutation's payload that is the item.
func (f facet) payload() string { return strings.ToLower(f.item[:1]) + f.item[1:] }

// wireName returns the name of an enum's member at the source: GROUP_MEMBERS is groupMembers.
func wireName(member string) string {
	upper := false
	return strings.Map(func(r rune) rune {
		switch {
		case r == '_':
			upper = true
			return -1
		case upper:
			upper = false
			return r
		}
		return unicode.ToLower(r)
	}, member)
}

const unknownMember = "UNKNOWN_FUTURE_VALUE"

// membersOf returns the members of an enum, except the one that stands for unknown ones.
func membersOf(def *ast.Definition) (names []string) {
	for _, member := range def.EnumValues {
		if member.Name != unknownMember {
			names = append(names, member.Name)
		}
	}
	return names
}

// propertyPath is a property of an input, at any depth: the fields that lead to it, and its own.
type propertyPath []*ast.FieldDefinition

func (p propertyPath) field() *ast.FieldDefinition { return p[len(p)-1] }

func (p propertyPath) String() string {
	var names []string
	for _, field := range p {
		names = append(names, field.Name)
	}
	return strings.Join(names, ".")
}

// wrap puts a value into the objects and lists that contain the property. Quote is the quotation mark around names.
func (p propertyPath) wrap(value, quote string) string {
	for i := len(p) - 1; i >= 0; i-- {
		if i < len(p)-1 && p[i].Type.Elem != nil {
			value = "[" + value + "]"
		}
		value = "{" + quote + p[i].Name + quote + ": " + value + "}"
	}
	return value
}

// omitted returns an input where the property is an omitted variable, and the input without the property. It has
// another property, since a patch must not be empty.
func (p propertyPath) omitted() (input, want string) {
	if len(p) > 1 {
		above, rest := p[:len(p)-1], "{}"
		if above.field().Type.Elem != nil {
			rest = "[{}]"
		}
		return p.wrap("$omitted", ""), above.wrap(rest, `"`)
	}
	other := "inference"
	if p[0].Name == other {
		other = "source"
	}
	return "{" + other + ": null, " + p[0].Name + ": $omitted}", `{"` + other + `": null}`
}

// propertiesOf returns all properties of an input, at every depth.
func propertiesOf(s *ast.Schema, input string, above propertyPath) (all []propertyPath) {
	for _, field := range s.Types[input].Fields {
		path := append(append(propertyPath{}, above...), field)
		all = append(all, path)
		if s.Types[field.Type.Name()].Kind == ast.InputObject {
			all = append(all, propertiesOf(s, field.Type.Name(), path)...)
		}
	}
	return all
}

// sample is a value of a property: as a GraphQL literal, as JSON in variables, and as it is sent to the source.
type sample struct{ literal, variable, wire string }

// same returns a sample that is the same in all three forms.
func same(text string) sample { return sample{text, text, text} }

// scalars are values of the scalars, in the form that is sent to the source. The first one is in sampleOf.
var scalars = map[string][]string{
	"String":   {`"折り紙 \"and\" \\ \n 🥾 <b>&amp; https://example.com/?a=1&b=<2>"`, `""`},
	"Boolean":  {`false`, `true`},
	"Int":      {`7`, `0`, `-2147483648`, `2147483647`},
	"Float":    {`0.8437500001`, `0`, `-122.1298`},
	"DateTime": {`"2017-01-01T00:00:46.1697867+03:00"`, `"2016-12-31T23:58:46Z"`},
	"Date":     {`"2016-02-29"`, `"0001-01-01"`},
}

// sampleOf returns a value of an input type: of an object all properties, of a list two entries.
func sampleOf(s *ast.Schema, t *ast.Type) sample {
	def := s.Types[t.Name()]
	switch {
	case def.Name == "AllowedAudience":
		return sample{`[GROUP_MEMBERS, ORGANIZATION]`, `["GROUP_MEMBERS", "ORGANIZATION"]`, `"groupMembers,organization"`}
	case t.Elem != nil:
		one := sampleOf(s, t.Elem)
		return sample{"[" + one.literal + ", " + one.literal + "]", "[" + one.variable + ", " + one.variable + "]", "[" + one.wire + ", " + one.wire + "]"}
	case def.Kind == ast.Enum:
		return memberSample(membersOf(def)[0])
	case def.Kind == ast.Scalar:
		return same(scalars[def.Name][0])
	}
	var literal, variable, wire []string
	for _, field := range def.Fields {
		one := sampleOf(s, field.Type)
		literal = append(literal, field.Name+": "+one.literal)
		variable = append(variable, `"`+field.Name+`": `+one.variable)
		wire = append(wire, `"`+field.Name+`": `+one.wire)
	}
	return sample{"{" + strings.Join(literal, ", ") + "}", "{" + strings.Join(variable, ", ") + "}", "{" + strings.Join(wire, ", ") + "}"}
}

func memberSample(name string) sample {
	return sample{name, `"` + name + `"`, `"` + wireName(name) + `"`}
}

// statesOf returns the values that a property of a type can have, besides being absent: null, empty and others.
func statesOf(s *ast.Schema, t *ast.Type) map[string]sample {
	states := map[string]sample{"null": same("null"), "value": sampleOf(s, t)}
	def := s.Types[t.Name()]
	switch {
	case def.Name == "AllowedAudience": // an empty list has no wire format; see TestRefusedBeforeAnythingIsSent
		for _, name := range membersOf(def) {
			states[name] = sample{"[" + name + "]", `["` + name + `"]`, `"` + wireName(name) + `"`}
			states["only "+name] = memberSample(name)
		}
	case t.Elem != nil:
		states["empty"] = same("[]")
		one := sampleOf(s, t.Elem)
		states["one"] = sample{one.literal, one.variable, "[" + one.wire + "]"}
		if def.Kind == ast.InputObject {
			states["of empty ones"] = same("[{}, {}]")
		}
	case def.Kind == ast.InputObject:
		states["empty"] = same("{}")
	case def.Kind == ast.Enum:
		for _, name := range membersOf(def) {
			states[name] = memberSample(name)
		}
	default:
		for _, text := range scalars[def.Name] {
			states[text] = same(text)
		}
	}
	return states
}
