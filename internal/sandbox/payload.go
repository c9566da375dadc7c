package sandbox

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"profileql/internal/sandbox/edm"
)

// create makes a new value of type t of a body: what may only be set on create is taken, and what is not in the body
// is as the type has it.
func (t *structuredType) create(body map[string]any) (map[string]any, error) {
	v := make(map[string]any)
	err := t.merge(v, body, true)
	return v, err
}

// update changes a value of type t as a body says.
func (t *structuredType) update(v, body map[string]any) error { return t.merge(v, body, false) }

// merge changes a value of type t as a body says: complex values are merged, collections replaced, null clears, and
// what is not in the body stays. What only the server may set is left alone, as OData wants it for updates (Protocol
// 4.01, section 11.4.3). The error is an *edm.Error.
func (t *structuredType) merge(into, body map[string]any, creating bool) error {
	for _, name := range slices.Sorted(maps.Keys(body)) {
		if strings.Contains(name, "@") {
			if err := t.checkControl(name, body[name]); err != nil {
				return err
			}
			continue
		}
		p := t.property(name)
		if p == nil {
			if !t.open {
				return edm.Errorf("The property '%s' does not exist on type '%s'. Make sure to only use property names that are defined by the type.",
					name, t.name)
			}
			into[name] = body[name]
			continue
		}
		if p.computed || p.immutable && !creating {
			continue
		}
		v, err := p.accept(into[name], body[name])
		if err != nil {
			return err
		}
		into[name] = v
	}
	if creating {
		return t.complete(into)
	}
	return nil
}

// checkControl looks at control information: the type has to be the right one, with # (as OData has it) or without
// (as the API's pages have it); the rest is of no use here.
func (t *structuredType) checkControl(name string, v any) error {
	if name != "@odata.type" && name != "@type" {
		return nil
	}
	text, ok := v.(string)
	if !ok || strings.TrimPrefix(text, "#") != t.name {
		return edm.Errorf("The type %s could not be resolved to '%s', which is expected here.", jsonOf(v), t.name)
	}
	return nil
}

// complete gives a new value what its type says of properties that were not given.
func (t *structuredType) complete(v map[string]any) error {
	for _, p := range t.properties {
		if _, given := v[p.name]; given {
			continue
		}
		if p.required() {
			return edm.Errorf("The property '%s' is required to create a '%s'.", p.name, t.name)
		}
		if p.defaultValue != nil {
			v[p.name] = p.defaultValue
		}
	}
	return nil
}

// accept returns what the property's value becomes when v is sent for it.
func (p *property) accept(old, v any) (any, error) {
	if v == nil {
		if !p.nullable && !p.collection {
			return nil, noNull(p)
		}
		return nil, nil
	}
	if !p.collection {
		v, err := p.typ.accept(old, v)
		return v, edm.Because("The property '"+p.name+"' cannot be read", err)
	}
	entries, ok := v.([]any)
	if !ok {
		return nil, edm.Errorf("The property '%s' is a collection, and its value is not.", p.name)
	}
	accepted := make([]any, len(entries))
	for i, entry := range entries {
		if entry == nil {
			if !p.nullable {
				return nil, noNull(p)
			}
			continue
		}
		var err error
		if accepted[i], err = p.typ.accept(nil, entry); err != nil {
			return nil, edm.Because("The property '"+p.name+"' cannot be read", err)
		}
	}
	return accepted, nil
}

func noNull(p *property) error {
	return edm.Errorf("A null value was found for the property named '%s', which has the expected type '%s[Nullable=False]'. "+
		"The expected type '%s[Nullable=False]' does not allow null values.", p.name, p.typ.name, p.typ.name)
}

// accept checks a value that is not null, and merges it with the old one if it is complex.
func (t *edmType) accept(old, v any) (any, error) {
	if t.structured != nil {
		body, ok := v.(map[string]any)
		if !ok {
			return nil, t.cannotConvert(v)
		}
		into, merging := old.(map[string]any)
		if !merging {
			into = make(map[string]any)
		}
		return into, t.structured.merge(into, body, !merging)
	}
	if t.enum != nil {
		name, ok := v.(string)
		if !ok || !t.enum.writable(name) {
			return nil, t.cannotConvert(v)
		}
		return t.enum.canonical(name), nil
	}
	if !t.acceptsPrimitive(v) {
		return nil, t.cannotConvert(v)
	}
	return v, nil
}

func (t *edmType) acceptsPrimitive(v any) bool {
	var ok bool
	switch v := v.(type) {
	case bool:
		return t.name == edmBoolean
	case json.Number:
		if t.name == edmInt32 {
			return isInt32(v.String())
		}
		_, ok = parseNumber(v.String())
		return ok && t.name == edmDouble
	case string:
		switch t.name {
		case edmString:
			return true
		case edmDate:
			_, ok = parseDate(v)
		case edmDateTimeOffset:
			_, ok = parseInstant(v)
		case edmDouble:
			ok = v == "INF" || v == "-INF" || v == "NaN"
		}
	}
	return ok
}

func (t *edmType) cannotConvert(v any) error {
	return edm.Errorf("Cannot convert the literal '%s' to the expected type '%s'.", jsonOf(v), t.name)
}

// jsonOf is a value of a body as a message shows it.
func jsonOf(v any) string {
	var b bytes.Buffer
	encodeJSON(&b, v)
	return edm.Shorten(b.String())
}
