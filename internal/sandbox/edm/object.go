package edm

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"unicode/utf8"
)

// maxNesting is the maximum nesting depth of a document.
const maxNesting = 100

// ParseObject parses one JSON object. Numbers keep their text. A repeated name is invalid (OData JSON Format 4.01,
// section 4.1), but the backing store of the .NET SDK writes null twice, so a name may be repeated with the same
// value. Different values are an [*Error], since one of them would be lost silently. Any other error means that the
// text is not one JSON object in UTF-8, or nested too deeply.
func ParseObject(text []byte) (map[string]any, error) {
	if !utf8.Valid(text) {
		return nil, errors.New("not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	v, err := parseValue(d, maxNesting)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("something follows the JSON value")
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("not an object")
	}
	return object, nil
}

// parseValue parses the next value, which may contain the given number of nested levels.
func parseValue(d *json.Decoder, deep int) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	if deep == 0 {
		return nil, errors.New("nested too deep")
	}
	switch token {
	case json.Delim('['):
		return parseEntries(d, deep-1)
	case json.Delim('{'):
		return parseMembers(d, deep-1)
	}
	return token, nil
}

func parseEntries(d *json.Decoder, deep int) ([]any, error) {
	entries := []any{}
	for d.More() {
		v, err := parseValue(d, deep)
		if err != nil {
			return nil, err
		}
		entries = append(entries, v)
	}
	_, err := d.Token()
	return entries, err
}

func parseMembers(d *json.Decoder, deep int) (map[string]any, error) {
	members := make(map[string]any)
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		text, _ := name.(string) // the decoder accepts only strings as names
		value, err := parseValue(d, deep)
		if err != nil {
			return nil, err
		}
		if other, repeated := members[text]; repeated && !reflect.DeepEqual(other, value) {
			return nil, Errorf("The member '%s' occurs more than once, with different values.", Shorten(text))
		}
		members[text] = value
	}
	_, err := d.Token()
	return members, err
}
