package edm

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// Create makes a new value of type t of a body, as [ParseObject] returns it. What only the server may set is left out, and
// what is not in the body is as the type has it. The error is an [*Error]: a value does not fit its type, a name is
// unknown, or a required property is missing.
func (t *StructuredType) Create(body map[string]any) (map[string]any, error) {
	v := make(map[string]any)
	err := t.merge(v, body, true)
	return v, err
}

// Update changes a value of type t as a body says: complex values are merged, collections replaced, null clears, and what
// is not in the body stays. What only the server may set, and what is taken on create only, is left alone, as OData wants
// it (Protocol 4.01, section 11.4.3). The error is an [*Error], after which the value may be half changed.
func (t *StructuredType) Update(v, body map[string]any) error { return t.merge(v, body, false) }

func (t *StructuredType) merge(into, body map[string]any, creating bool) error {
	for _, name := range slices.Sorted(maps.Keys(body)) {
		if strings.Contains(name, "@") {
			if err := t.checkControl(name, body[name]); err != nil {
				return err
			}
			continue
		}
		p := t.Property(name)
		if p == nil {
			if !t.Open {
				return Errorf("The property '%s' does not exist on type '%s'. Make sure to only use property names that are defined by the type.",
					name, t.Name)
			}
			into[name] = body[name]
			continue
		}
		if p.Computed || p.Immutable && !creating {
			continue
		}
		v, err := p.Accept(into[name], body[name])
		if err != nil {
			return err
		}
		into[name] = v
	}
	if creating {
		return t.Complete(into)
	}
	return nil
}

// checkControl looks at control information: the type has to be the right one, with # (as OData has it) or without
// (as the API's pages have it); the rest is of no use here.
func (t *StructuredType) checkControl(name string, v any) error {
	if name != "@odata.type" && name != "@type" {
		return nil
	}
	text, ok := v.(string)
	if !ok || strings.TrimPrefix(text, "#") != t.Name {
		return Errorf("The type %s could not be resolved to '%s', which is expected here.", jsonOf(v), t.Name)
	}
	return nil
}

// Complete gives a new value the defaults of properties that are not in it. The error is an [*Error] that names a required
// one.
func (t *StructuredType) Complete(v map[string]any) error {
	for _, p := range t.Properties {
		if _, given := v[p.Name]; given {
			continue
		}
		if p.required() {
			return Errorf("The property '%s' is required to create a '%s'.", p.Name, t.Name)
		}
		if p.Default != nil {
			v[p.Name] = p.Default
		}
	}
	return nil
}

// Accept returns what the property's value becomes when it is old and v is sent for it. The error is an [*Error] that
// says why it cannot be that.
func (p *Property) Accept(old, v any) (any, error) {
	if v == nil {
		if !p.Nullable && !p.Collection {
			return nil, noNull(p)
		}
		return nil, nil
	}
	if !p.Collection {
		v, err := p.Type.accept(old, v)
		return v, Because("The property '"+p.Name+"' cannot be read", err)
	}
	entries, ok := v.([]any)
	if !ok {
		return nil, Errorf("The property '%s' is a collection, and its value is not.", p.Name)
	}
	accepted := make([]any, len(entries))
	for i, entry := range entries {
		if entry == nil {
			if !p.Nullable {
				return nil, noNull(p)
			}
			continue
		}
		var err error
		if accepted[i], err = p.Type.accept(nil, entry); err != nil {
			return nil, Because("The property '"+p.Name+"' cannot be read", err)
		}
	}
	return accepted, nil
}

func noNull(p *Property) error {
	return Errorf("A null value was found for the property named '%s', which has the expected type '%s[Nullable=False]'. "+
		"The expected type '%s[Nullable=False]' does not allow null values.", p.Name, p.Type.Name, p.Type.Name)
}

// accept checks a value that is not null, and merges it with the old one if it is complex.
func (t *Type) accept(old, v any) (any, error) {
	if t.Structured != nil {
		body, ok := v.(map[string]any)
		if !ok {
			return nil, t.cannotConvert(v)
		}
		into, merging := old.(map[string]any)
		if !merging {
			into = make(map[string]any)
		}
		return into, t.Structured.merge(into, body, !merging)
	}
	if t.Enum != nil {
		name, ok := v.(string)
		if !ok || !t.Enum.writable(name) {
			return nil, t.cannotConvert(v)
		}
		return t.Enum.canonical(name), nil
	}
	if !t.acceptsPrimitive(v) {
		return nil, t.cannotConvert(v)
	}
	return v, nil
}

func (t *Type) acceptsPrimitive(v any) bool {
	var ok bool
	switch v := v.(type) {
	case bool:
		return t.Name == TypeBoolean
	case json.Number:
		if t.Name == TypeInt32 {
			return isInt32(v.String())
		}
		_, ok = ParseDouble(v.String())
		return ok && t.Name == TypeDouble
	case string:
		switch t.Name {
		case TypeString:
			return true
		case TypeDate:
			_, ok = ParseDate(v)
		case TypeDateTimeOffset:
			_, ok = ParseDateTimeOffset(v)
		case TypeDouble:
			ok = v == "INF" || v == "-INF" || v == "NaN"
		}
	}
	return ok
}

func (t *Type) cannotConvert(v any) error {
	return Errorf("Cannot convert the literal '%s' to the expected type '%s'.", jsonOf(v), t.Name)
}

// jsonOf is a value of a body as a message shows it.
func jsonOf(v any) string {
	var b bytes.Buffer
	WriteJSON(&b, v)
	return Shorten(b.String())
}
