package edm

import (
	"encoding/json"
	"errors"
	"strings"
)

// item is one stored entity, taken apart as far as a request needs it and not twice.
type Entity struct {
	properties map[string]json.RawMessage
	values     map[string]Value // by path
}

func NewEntity(doc []byte) (*Entity, error) {
	properties, ok := SplitObject(doc)
	if !ok {
		return nil, errors.New("a stored document is not in the form that it was written in")
	}
	return &Entity{properties: properties, values: make(map[string]Value)}, nil
}

// path leads to a value in an item: a property, or one inside of complex properties.
type Path struct {
	Text  string
	steps []*Property
}

func ParsePath(t *StructuredType, text string) (Path, error) {
	p := Path{Text: text}
	for rest := text; ; {
		if t == nil {
			return Path{}, Errorf("The property path '%s' does not lead to a single value.", text)
		}
		name, deeper, more := strings.Cut(rest, "/")
		step := t.Property(name)
		if step == nil {
			return Path{}, NoProperty(name, t)
		}
		p.steps = append(p.steps, step)
		if !more {
			return p, nil
		}
		t, rest = nil, deeper
		if !step.Collection {
			t = step.Type.Structured
		}
	}
}

// noProperty is the wording of the OData library that the gateway reads URLs with.
func NoProperty(name string, t *StructuredType) error {
	return Errorf("Could not find a property named '%s' on type '%s'.", name, t.Name)
}

// end is the property that the path leads to.
func (p Path) End() *Property { return p.steps[len(p.steps)-1] }

// at is null where the item has no value.
func (i *Entity) Value(p Path) Value {
	if v, ok := i.values[p.Text]; ok {
		return v
	}
	v := Value{}
	if raw := i.RawValue(p); raw != nil {
		v = ValueOf(p.End(), raw)
	}
	i.values[p.Text] = v
	return v
}

// rawAt is the JSON of the value; nil where there is none.
func (i *Entity) RawValue(p Path) json.RawMessage {
	raw := i.properties[p.steps[0].Name]
	for _, step := range p.steps[1:] {
		inner, _ := SplitObject(raw)
		raw = inner[step.Name]
	}
	return raw
}

// raw is a property's JSON. A document may be older than the property.
func (i *Entity) Raw(p *Property) []byte {
	if raw := i.properties[p.Name]; raw != nil {
		return raw
	}
	return p.Absent()
}

// absent is how a property without a value is answered.
func (p *Property) Absent() []byte {
	if p.Collection {
		return []byte("[]")
	}
	return []byte("null")
}
