package edm

import (
	"encoding/json"
	"errors"
	"strings"
)

// Entity is one stored entity, or a complex value in it, taken apart as far as a request needs it and not twice. It is for
// one goroutine at a time.
type Entity struct {
	properties map[string]json.RawMessage
	values     map[string]Value // by path
}

// NewEntity reads a document in the form that [StructuredType.Encode] writes. The error, for any other, is not an [*Error]:
// no client has sent the document.
func NewEntity(doc []byte) (*Entity, error) {
	properties, ok := SplitObject(doc)
	if !ok {
		return nil, errors.New("a stored document is not in the form that it was written in")
	}
	return &Entity{properties: properties, values: make(map[string]Value)}, nil
}

// Path leads to a value in an entity: a property, or one inside of complex properties, such as inference/confidenceScore.
type Path struct {
	Text  string
	steps []*Property
}

// ParsePath reads a path that begins at a value of type t, which is nil for what has no properties. The error is an
// [*Error].
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

// NoProperty is the [*Error] of naming a property that a type does not have.
func NoProperty(name string, t *StructuredType) error {
	return Errorf("Could not find a property named '%s' on type '%s'.", name, t.Name)
}

// End is the property that the path leads to.
func (p Path) End() *Property { return p.steps[len(p.steps)-1] }

// Value is what the path leads to; null where there is nothing.
func (e *Entity) Value(p Path) Value {
	if v, ok := e.values[p.Text]; ok {
		return v
	}
	v := Value{}
	if raw := e.RawValue(p); raw != nil {
		v = ValueOf(p.End(), raw)
	}
	e.values[p.Text] = v
	return v
}

// RawValue is the JSON of what the path leads to; nil where there is nothing.
func (e *Entity) RawValue(p Path) json.RawMessage {
	raw := e.properties[p.steps[0].Name]
	for _, step := range p.steps[1:] {
		inner, _ := SplitObject(raw)
		raw = inner[step.Name]
	}
	return raw
}

// Raw is the JSON of one of the entity's own properties. A document may be older than the property: then it is that of
// [Property.Absent].
func (e *Entity) Raw(p *Property) []byte {
	if raw := e.properties[p.Name]; raw != nil {
		return raw
	}
	return p.Absent()
}

// Absent is the JSON of a property without a value.
func (p *Property) Absent() []byte {
	if p.Collection {
		return []byte("[]")
	}
	return []byte("null")
}
