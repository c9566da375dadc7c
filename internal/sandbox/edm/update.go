package edm

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// Create returns a new value of type t from a body, as [ParseObject] returns it. Computed properties are ignored, and
// properties that are not in the body get their defaults. The error is an [*Error]: a value does not match its type,
// a name is unknown, or a required property is missing.
func (t *StructuredType) Create(body map[string]any) (map[string]any, error) {
	v := make(map[string]any)
	err := t.merge(v, body, true)
	return v, err
}

// Update applies a body to a value of type t: complex values are merged, collections replaced, null clears a
// property, and properties that are not in the body keep their values. Computed and immutable properties are ignored
// (OData Protocol 4.01, section 11.4.3). The error is an [*Error]; the value may then be partially updated.
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

// checkControl checks control information of a body. The type must match, with # (as in OData) or without (as in the
// API's documentation); other control information is ignored.
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

// Complete adds the default values of absent properties to a new value. The error is an [*Error] that names a missing
// required property.
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

// Accept returns the new value of the property when it is old and v is sent for it. The error is an [*Error] that
// says why v is invalid.
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

// accept validates a value that is not null, and merges a complex one with the old one.
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

// jsonOf returns a value of a body as JSON for a message.
func jsonOf(v any) string {
	var b bytes.Buffer
	WriteJSON(&b, v)
	return Shorten(b.String())
}
