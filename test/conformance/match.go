package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
)

// rest matches anything else: as a member of an object, all other members; as an entry of an array, any number of
// entries.
const rest = "..."

// compare returns the place where a value differs from the expected one; empty if they match.
func (v variables) compare(place string, want, got any) string {
	switch want := want.(type) {
	case map[string]any:
		return v.compareObjects(place, want, got)
	case []any:
		entries, ok := got.([]any)
		if !ok || !v.matchEntries(want, entries) {
			return differs(place, want, got)
		}
		return ""
	case string:
		if kind, name, ok := soleKind(want); ok && (kind == anyKind || kind == "number") {
			return v.compareKind(place, kind, name, got)
		}
		if text, ok := got.(string); !ok || !v.match(want, text) {
			return differs(place, want, got)
		}
		return ""
	}
	if want != got {
		return differs(place, want, got)
	}
	return ""
}

func (v variables) compareKind(place, kind, name string, got any) string {
	number, isNumber := got.(json.Number)
	if kind == "number" && !isNumber {
		return differs(place, "a number", got)
	}
	if name != "" {
		v[name] = number.String()
	}
	return ""
}

func (v variables) compareObjects(place string, want map[string]any, got any) string {
	object, ok := got.(map[string]any)
	if !ok {
		return differs(place, want, got)
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if name == rest {
			continue
		}
		value, there := object[name]
		if !there {
			return fmt.Sprintf("%s.%s is missing", place, name)
		}
		if difference := v.compare(place+"."+name, want[name], value); difference != "" {
			return difference
		}
	}
	if _, open := want[rest]; open {
		return ""
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if _, expected := want[name]; !expected {
			return fmt.Sprintf("%s.%s is not expected: %s", place, name, short(object[name]))
		}
	}
	return ""
}

// matchEntries tries every number of entries for each [rest]. Values kept by a failed attempt are discarded.
func (v variables) matchEntries(want, got []any) bool {
	if len(want) == 0 {
		return len(got) == 0
	}
	if want[0] == rest {
		return v.matchEntries(want[1:], got) || len(got) > 0 && v.matchEntries(want, got[1:])
	}
	kept := maps.Clone(v)
	if len(got) > 0 && v.compare("", want[0], got[0]) == "" && v.matchEntries(want[1:], got[1:]) {
		return true
	}
	clear(v)
	maps.Copy(v, kept)
	return false
}

func differs(place string, want, got any) string {
	return fmt.Sprintf("%s is %s; want %s", place, short(got), short(want))
}

// short returns a value for a report, truncated.
func short(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	const most = 1000
	if len(text) > most {
		return string(text[:most]) + "…"
	}
	return string(text)
}

// parseJSON parses one JSON value. Numbers keep their text.
func parseJSON(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("something follows the JSON value")
	}
	return value, nil
}
