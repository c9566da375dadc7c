package sandbox

import (
	"encoding/json"
	"errors"
	"strings"

	"profileql/internal/sandbox/edm"
)

// item is one stored entity, taken apart as far as a request needs it and not twice.
type item struct {
	properties map[string]json.RawMessage
	values     map[string]value // by path
}

func newItem(doc []byte) (*item, error) {
	properties, ok := split(doc)
	if !ok {
		return nil, errors.New("a stored document is not in the form that it was written in")
	}
	return &item{properties: properties, values: make(map[string]value)}, nil
}

// path leads to a value in an item: a property, or one inside of complex properties.
type path struct {
	text  string
	steps []*property
}

func parsePropertyPath(t *structuredType, text string) (path, error) {
	p := path{text: text}
	for rest := text; ; {
		if t == nil {
			return path{}, edm.Errorf("The property path '%s' does not lead to a single value.", text)
		}
		name, deeper, more := strings.Cut(rest, "/")
		step := t.property(name)
		if step == nil {
			return path{}, noProperty(name, t)
		}
		p.steps = append(p.steps, step)
		if !more {
			return p, nil
		}
		t, rest = nil, deeper
		if !step.collection {
			t = step.typ.structured
		}
	}
}

// noProperty is the wording of the OData library that the gateway reads URLs with.
func noProperty(name string, t *structuredType) error {
	return edm.Errorf("Could not find a property named '%s' on type '%s'.", name, t.name)
}

// end is the property that the path leads to.
func (p path) end() *property { return p.steps[len(p.steps)-1] }

// at is null where the item has no value.
func (i *item) at(p path) value {
	if v, ok := i.values[p.text]; ok {
		return v
	}
	v := value{}
	if raw := i.rawAt(p); raw != nil {
		v = valueOf(p.end(), raw)
	}
	i.values[p.text] = v
	return v
}

// rawAt is the JSON of the value; nil where there is none.
func (i *item) rawAt(p path) json.RawMessage {
	raw := i.properties[p.steps[0].name]
	for _, step := range p.steps[1:] {
		inner, _ := split(raw)
		raw = inner[step.name]
	}
	return raw
}

// raw is a property's JSON. A document may be older than the property.
func (i *item) raw(p *property) []byte {
	if raw := i.properties[p.name]; raw != nil {
		return raw
	}
	return p.absent()
}

// absent is how a property without a value is answered.
func (p *property) absent() []byte {
	if p.collection {
		return []byte("[]")
	}
	return []byte("null")
}
