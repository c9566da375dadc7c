package edm

import (
	"encoding/json"
	"errors"
	"strings"
)

// Entity is a stored entity, or a complex value in one. It is decoded lazily, each part once. It is not safe for
// concurrent use.
type Entity struct {
	properties map[string]json.RawMessage
	values     map[string]Value // by path
}

// NewEntity returns the entity of a document in the form that [StructuredType.Encode] writes. The error for another
// form is not an [*Error], since the document does not come from a client.
func NewEntity(doc []byte) (*Entity, error) {
	properties, ok := SplitObject(doc)
	if !ok {
		return nil, errors.New("a stored document is not in the form that it was written in")
	}
	return &Entity{properties: properties, values: make(map[string]Value)}, nil
}

// EntityOf returns an entity with these values, by path, and nothing else.
func EntityOf(values map[string]Value) *Entity { return &Entity{values: values} }

// Path is a path to a value in an entity: to a property, or to one in complex properties, such as
// inference/confidenceScore.
type Path struct {
	Text  string
	steps []*Property
}

// ParsePath parses a path that begins at a value of type t, which is nil for a value without properties. The error is
// an [*Error].
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

// NoProperty returns the [*Error] for a name that is not a property of the type.
func NoProperty(name string, t *StructuredType) error {
	return Errorf("Could not find a property named '%s' on type '%s'.", name, t.Name)
}

// End returns the last property of the path.
func (p Path) End() *Property { return p.steps[len(p.steps)-1] }

// Value returns the value at the path, or null if there is none.
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

// RawValue returns the JSON of the value at the path, or nil if there is none.
func (e *Entity) RawValue(p Path) json.RawMessage {
	raw := e.properties[p.steps[0].Name]
	for _, step := range p.steps[1:] {
		inner, _ := SplitObject(raw)
		raw = inner[step.Name]
	}
	return raw
}

// Raw returns the JSON of a property of the entity. It is [Property.Absent] if the document was stored before the
// property was added to the type.
func (e *Entity) Raw(p *Property) []byte {
	if raw := e.properties[p.Name]; raw != nil {
		return raw
	}
	return p.Absent()
}

// Absent returns the JSON of a property without a value.
func (p *Property) Absent() []byte {
	if p.Collection {
		return []byte("[]")
	}
	return []byte("null")
}
