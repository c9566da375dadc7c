package profileapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
)

// decode reads one JSON value into a new T. Where T says otherwise, the value is bent, not refused: what does not fit
// its property is null, and nulls in lists are left out. An error means that it is not JSON at all.
func decode[T any](raw []byte) (*T, error) {
	into := new(T)
	err := json.Unmarshal(raw, into)
	var misfit *json.UnmarshalTypeError
	if err == nil && !hasNullEntry(raw) {
		return into, nil
	}
	if err != nil && !errors.As(err, &misfit) {
		return nil, err
	}
	return decodeOdd[T](raw)
}

// hasNullEntry tells whether a null may stand in a list, where encoding/json would make an empty text of it without
// a word. It may err on the side of yes, for a text that looks like one.
func hasNullEntry(raw []byte) bool {
	for {
		i := bytes.Index(raw, []byte("null"))
		if i < 0 {
			return false
		}
		before := bytes.TrimRight(raw[:i], " \t\r\n")
		if n := len(before); n > 0 && (before[n-1] == '[' || before[n-1] == ',') {
			return true
		}
		raw = raw[i+len("null"):]
	}
}

// decodeOdd decodes what encoding/json would stumble over.
func decodeOdd[T any](raw []byte) (*T, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var tree any
	if err := d.Decode(&tree); err != nil {
		return nil, err
	}
	mended, err := json.Marshal(mend(reflect.TypeFor[T](), tree))
	if err != nil {
		return nil, err
	}
	into := new(T)
	return into, json.Unmarshal(mended, into)
}

var unmarshaler = reflect.TypeFor[json.Unmarshaler]()

// mend returns v with all that type t cannot hold made nil, and with nils in lists left out. A single value where a
// list belongs becomes a list of one: several properties are one or the other from one version of the profile API to
// the next.
func mend(t reflect.Type, v any) any {
	if v == nil || reflect.PointerTo(t).Implements(unmarshaler) {
		return v
	}
	switch t.Kind() {
	case reflect.Pointer:
		return mend(t.Elem(), v)
	case reflect.Struct:
		return mendStruct(t, v)
	case reflect.Slice:
		return mendSlice(t, v)
	}
	// Not encoding and decoding again, but the same rules by which it goes.
	text, err := json.Marshal(v)
	if err != nil || json.Unmarshal(text, reflect.New(t).Interface()) != nil {
		return nil
	}
	return v
}

func mendStruct(t reflect.Type, v any) any {
	object, ok := v.(map[string]any)
	if !ok {
		return nil
	}
	for key, value := range object {
		if field, ok := fieldFor(t, key); ok {
			object[key] = mend(field.Type, value)
		}
	}
	return object
}

func mendSlice(t reflect.Type, v any) any {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	kept := make([]any, 0, len(list))
	for _, entry := range list {
		if entry = mend(t.Elem(), entry); entry != nil {
			kept = append(kept, entry)
		}
	}
	if !ok && len(kept) == 0 {
		return nil
	}
	return kept
}

// fieldFor finds the field that encoding/json would decode key into.
func fieldFor(t reflect.Type, key string) (reflect.StructField, bool) {
	for field := range t.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if strings.EqualFold(name, key) {
			return field, true
		}
	}
	return reflect.StructField{}, false
}
