package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// placeholder matches {{kind}}, {{kind:name}} or {{name}}. The first matches any value of the kind, the second also
// keeps it under a name, and the third is the kept value, or one that the run provides: base, root, mark and new.
var placeholder = regexp.MustCompile(`\{\{([a-zA-Z]+)(?::([a-zA-Z]+))?\}\}`)

// patterns are the regular expressions of the kinds.
var patterns = map[string]string{
	"string":  `(?s:.*)`,
	"guid":    `[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`,
	"key":     `[^/?#]+`,
	"instant": `\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,7})?Z`,
	"moment":  `\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d`, // in an error: UTC without a zone
	"number":  `-?\d+(?:\.\d+)?`,
}

// anyKind matches every value, including null.
const anyKind = "any"

// variables are values by name.
type variables map[string]string

// fill replaces the placeholders in a request.
func (v variables) fill(text string) (string, error) {
	var missing error
	filled := placeholder.ReplaceAllStringFunc(text, func(p string) string {
		name := placeholder.FindStringSubmatch(p)[1]
		value, ok := v[name]
		if !ok {
			missing = fmt.Errorf("nothing has been kept as %q", name)
		}
		return value
	})
	return filled, missing
}

// fillJSON replaces the placeholders in the strings of a JSON value.
func (v variables) fillJSON(text json.RawMessage) (json.RawMessage, error) {
	var missing error
	filled := placeholder.ReplaceAllFunc(text, func(p []byte) []byte {
		value, err := v.fill(string(p))
		if err != nil {
			missing = err
		}
		quoted, _ := json.Marshal(value) // a string: cannot fail
		return quoted[1 : len(quoted)-1]
	})
	return filled, missing
}

// match reports whether a text matches the expected one, and keeps values as its placeholders say.
func (v variables) match(want, got string) bool {
	var names []string
	pattern, last := "^", 0
	for _, at := range placeholder.FindAllStringSubmatchIndex(want, -1) {
		pattern += regexp.QuoteMeta(want[last:at[0]])
		last = at[1]
		kind := want[at[2]:at[3]]
		known, isKind := patterns[kind]
		if !isKind {
			value, kept := v[kind]
			if !kept {
				return false
			}
			pattern += regexp.QuoteMeta(value)
			continue
		}
		name := ""
		if at[4] >= 0 {
			name = want[at[4]:at[5]]
		}
		pattern += "(" + known + ")"
		names = append(names, name)
	}
	found := regexp.MustCompile(pattern + regexp.QuoteMeta(want[last:]) + "$").FindStringSubmatch(got)
	if found == nil {
		return false
	}
	for n, name := range names {
		if name != "" {
			v[name] = found[n+1]
		}
	}
	return true
}

// soleKind returns the kind and the name of a text that consists of one placeholder.
func soleKind(want string) (kind, name string, ok bool) {
	found := placeholder.FindStringSubmatch(want)
	if found == nil || found[0] != want {
		return "", "", false
	}
	return found[1], found[2], found[1] == anyKind || patterns[found[1]] != ""
}

// escapePath escapes the characters of a path that are not allowed in a URL, and leaves the rest unchanged.
func escapePath(path string) string {
	var b strings.Builder
	for _, c := range []byte(path) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"<>\^`+"`{|}", c) >= 0 {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
