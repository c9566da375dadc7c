package odata

import (
	"slices"
	"strings"

	"profileql/internal/sandbox/edm"
)

// Expand parses $expand of an entity of type t. It returns the options of each named navigation property, such as
// interests($select=displayName;$top=2),skills (OData URL Conventions 4.01, section 5.1.3), or nil if there is no
// $expand. The error is an [*edm.Error].
func (o Options) Expand(t *edm.StructuredType) (map[string]Options, error) {
	text, ok := o["$expand"]
	if !ok {
		return nil, nil
	}
	expand, err := parseExpand(t, text)
	return expand, edm.Because(parsingSelect, err)
}

func parseExpand(t *edm.StructuredType, text string) (map[string]Options, error) {
	expand := make(map[string]Options)
	for _, part := range splitOutside(text, ',') {
		name, rest, nested := strings.Cut(strings.TrimSpace(part), "(")
		inner := make(Options)
		if nested {
			list, closed := strings.CutSuffix(rest, ")")
			if !closed {
				return nil, edm.Errorf("Syntax error in '%s'.", part)
			}
			if err := inner.addAll(list); err != nil {
				return nil, err
			}
		}
		if name == "*" {
			for _, p := range t.Navigation {
				expand[p.Name] = inner
			}
			continue
		}
		if t.NavigationProperty(name) == nil {
			return nil, edm.NoProperty(name, t)
		}
		if _, twice := expand[name]; twice {
			return nil, edm.Errorf("The property '%s' is expanded more than once.", name)
		}
		expand[name] = inner
	}
	return expand, nil
}

// addAll adds options that are separated by semicolons.
func (o Options) addAll(list string) error {
	for _, part := range splitOutside(list, ';') {
		name, text, ok := strings.Cut(strings.TrimSpace(part), "=")
		if !ok {
			return edm.Errorf("Syntax error in '%s'.", part)
		}
		if err := o.add(name, text); err != nil {
			return err
		}
	}
	for name := range o {
		if !slices.Contains(listOptions, name) {
			return edm.Errorf("Query option '%s' is not supported here.", name)
		}
	}
	return nil
}

// splitOutside splits at separators that are neither in parentheses nor in a string literal.
func splitOutside(text string, separator byte) (parts []string) {
	start, depth, quoted := 0, 0, false
	for i := range len(text) {
		switch c := text[i]; {
		case c == '\'':
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == separator && depth == 0:
			parts = append(parts, text[start:i])
			start = i + 1
		}
	}
	return append(parts, text[start:])
}
