package profileapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
)

// decode reads one JSON value into a new T. Where T says otherwise, the value is bent, not refused: what does not fit
// its property is null, and nulls in lists are left out. An error means that it is not JSON at all.
func decode[T any](raw []byte) (*T, error) {
	into := new(T)
	err := json.Unmarshal(raw, into)
	var misfit *json.UnmarshalTypeError
	if err != nil && !errors.As(err, &misfit) {
		return nil, err
	}
	if err == nil && !isTreacherous(raw) {
		return into, nil
	}
	return decodeOdd[T](raw)
}

// manyNames is how many names of one object are compared with each other; far more than any item has.
const manyNames = 64

// isTreacherous tells whether JSON holds what encoding/json would make something else of without a word: a null in a
// list, which becomes an empty text, or a name twice in one object, whose values are mixed. An object of more than
// manyNames is taken for one, because comparing all of a large answer's names would take a core for minutes.
func isTreacherous(raw []byte) bool {
	names := make([][]byte, 0, 32) // of all objects around, outermost first
	around := make([]int, 0, 8)    // where the names of each begin; -1 for a list
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case '{':
			around = append(around, len(names))
		case '[':
			around = append(around, -1)
		case '}', ']':
			if first := around[len(around)-1]; first >= 0 {
				names = names[:first]
			}
			around = around[:len(around)-1]
		case 'n': // outside of texts, it begins a null
			if len(around) > 0 && around[len(around)-1] < 0 {
				return true
			}
			i += len("ull")
		case '"':
			end := textEnd(raw, i)
			if isName := bytes.HasPrefix(bytes.TrimLeft(raw[end:], " \t\r\n"), []byte(":")); isName {
				name, same := raw[i:end], names[around[len(around)-1]:]
				if len(same) == manyNames || slices.ContainsFunc(same, func(n []byte) bool { return bytes.Equal(n, name) }) {
					return true
				}
				names = append(names, name)
			}
			i = end - 1
		}
	}
	return false
}

// textEnd is the position behind the text that begins at start.
func textEnd(raw []byte, start int) int {
	for i := start + 1; i < len(raw); i++ {
		switch raw[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(raw)
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
	// What fits a plain value is for encoding/json to say.
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
