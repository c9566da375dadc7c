package projection

import (
	"fmt"
	"slices"

	"github.com/vektah/gqlparser/v2/ast"

	"profileql/internal/jsontape"
)

// Plan is a selection set compiled for one object type.
type Plan struct {
	Fields      []Field // in the order of the output
	Conditional bool    // whether it depends on variables, by @skip and @include

	typeName   string
	properties []string // of the source's JSON, each once
	index      memberIndex
}

// Field is one field of a [Plan].
type Field struct {
	Name string // in the schema
	Key  []byte // the response key as JSON, with its colon
	Plan *Plan  // of an object's selection set; nil for other fields

	slot int // index of its property; -1 for __typename and computed fields
	list bool
	kind kind
	enum *enum
}

const typeNameField = "__typename"

// Compile compiles the merged selection sets of an object type (GraphQL, section 6.3.2). Variables are those of the
// operation, for @skip and @include.
func (s *Schema) Compile(typeName string, sets []ast.SelectionSet, variables map[string]any) *Plan {
	def := s.schema.Types[typeName]
	c := collector{schema: s.schema, def: def, variables: variables}
	for _, set := range sets {
		c.collect(set)
	}
	p := &Plan{typeName: typeName, Fields: make([]Field, len(c.fields))}
	p.Conditional = c.conditional
	for i, collected := range c.fields {
		p.Fields[i] = s.field(p, def, collected, variables)
	}
	p.index = newMemberIndex(p.properties)
	return p
}

func (s *Schema) field(p *Plan, def *ast.Definition, c collected, variables map[string]any) Field {
	f := Field{Name: c.name, Key: append(jsontape.AppendString(nil, c.key), ':'), slot: -1}
	if c.name == typeNameField {
		return f
	}
	t := def.Fields.ForName(c.name).Type
	f.kind = s.kindOf(t)
	f.list = t.Elem != nil && f.kind != kindFlags
	switch f.kind {
	case kindObject:
		f.Plan = s.Compile(t.Name(), c.sets, variables)
		p.Conditional = p.Conditional || f.Plan.Conditional
	case kindEnum, kindFlags:
		f.enum = s.enums[t.Name()]
	}
	if !s.isComputed(def, c.name) {
		f.slot = slices.Index(p.properties, c.name)
		if f.slot < 0 {
			f.slot = len(p.properties)
			p.properties = append(p.properties, c.name)
		}
	}
	return f
}

// Properties returns the properties of the source's JSON that the plan needs, each once.
func (p *Plan) Properties() []string { return p.properties }

// collected is the fields of one response key.
type collected struct {
	key, name string
	sets      []ast.SelectionSet
}

// collector collects the fields of selection sets for an object type (GraphQL, section 6.3.2).
type collector struct {
	schema    *ast.Schema
	def       *ast.Definition
	variables map[string]any
	fields    []collected
	visited   []string // fragments

	conditional bool // whether a variable has skipped or included a selection
}

func (c *collector) collect(set ast.SelectionSet) {
	for _, selection := range set {
		switch s := selection.(type) {
		case *ast.Field:
			if c.includes(s.Directives) {
				c.add(s)
			}
		case *ast.InlineFragment:
			if c.includes(s.Directives) && c.applies(s.TypeCondition) {
				c.collect(s.SelectionSet)
			}
		case *ast.FragmentSpread:
			if !slices.Contains(c.visited, s.Name) && c.includes(s.Directives) {
				c.visited = append(c.visited, s.Name)
				if c.applies(s.Definition.TypeCondition) {
					c.collect(s.Definition.SelectionSet)
				}
			}
		}
	}
}

func (c *collector) add(f *ast.Field) {
	i := slices.IndexFunc(c.fields, func(other collected) bool { return other.key == f.Alias })
	if i < 0 {
		i = len(c.fields)
		c.fields = append(c.fields, collected{key: f.Alias, name: f.Name})
	}
	if len(f.SelectionSet) > 0 {
		c.fields[i].sets = append(c.fields[i].sets, f.SelectionSet)
	}
}

// applies reports whether a fragment with a type condition applies to the object type.
func (c *collector) applies(condition string) bool {
	if condition == "" || condition == c.def.Name {
		return true
	}
	return slices.ContainsFunc(c.schema.PossibleTypes[condition], func(def *ast.Definition) bool { return def.Name == c.def.Name })
}

// includes reports whether @skip and @include include a selection (GraphQL, section 3.13).
func (c *collector) includes(directives ast.DirectiveList) bool {
	for _, d := range directives {
		if d.Name != "skip" && d.Name != "include" {
			continue
		}
		condition := d.Arguments.ForName("if").Value
		c.conditional = c.conditional || condition.Kind == ast.Variable
		value, err := condition.Value(c.variables)
		if holds, ok := value.(bool); err != nil || !ok || holds == (d.Name == "skip") {
			return false
		}
	}
	return true
}

// memberIndex is a hash table of properties by name. The hash of the length and three letters differs for nearly all names, so
// that a name is rarely compared with more than one property.
type memberIndex struct {
	properties []string
	first      [64]int8 // index of the first property with a hash, plus 1
	next       []int8   // of the next one with the same hash, plus 1
}

// maxProperties is the maximum number of properties of a type: an int8 holds their indices.
const maxProperties = 100

func newMemberIndex(properties []string) memberIndex {
	if len(properties) > maxProperties {
		panic(fmt.Sprintf("a type with %d properties", len(properties)))
	}
	x := memberIndex{properties: properties, next: make([]int8, len(properties))}
	for i, name := range properties {
		h := hash(name)
		x.next[i], x.first[h] = x.first[h], int8(i+1)
	}
	return x
}

func hash[T string | []byte](name T) uint8 {
	n := len(name)
	if n == 0 {
		return 0
	}
	return (uint8(n) + name[0]*5 + name[n-1]*3 + name[n/2]*17) & 63
}

// find returns the index of the property with a name; -1 for none.
func (x *memberIndex) find(name []byte) int {
	for i := x.first[hash(name)]; i > 0; i = x.next[i-1] {
		if x.properties[i-1] == string(name) {
			return int(i - 1)
		}
	}
	return -1
}
