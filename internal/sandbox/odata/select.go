package odata

import (
	"slices"
	"strings"

	"profileql/internal/sandbox/edm"
)

// parsingSelect is the prefix of messages about $select and $expand.
const parsingSelect = "Parsing OData Select and Expand failed"

// Selection is the selected properties of a structured value (OData URL Conventions 4.01, section 5.1.4), in the
// order of responses.
type Selection []SelectedProperty

// SelectedProperty is a selected property, and the selection inside of it; nil for everything.
type SelectedProperty struct {
	*edm.Property
	Inner Selection
}

// names returns the names in $select, or nil for everything.
func (o Options) names() []string {
	text, ok := o["$select"]
	if !ok {
		return nil
	}
	names := strings.Split(text, ",")
	for i, name := range names {
		names[i] = strings.TrimSpace(name)
	}
	if slices.Contains(names, "*") {
		return nil
	}
	return names
}

// SelectedNames returns the names in $select for a resource where only whole properties can be selected, including
// navigation properties; nil for everything. The error is an [*edm.Error] for an unknown name.
func (o Options) SelectedNames(t *edm.StructuredType) ([]string, error) {
	names := o.names()
	for _, name := range names {
		if t.Property(name) == nil && t.NavigationProperty(name) == nil {
			return nil, edm.Because(parsingSelect, edm.NoProperty(name, t))
		}
	}
	return names, nil
}

// Select returns the selection of $select for a type: everything if there is no $select. The error is an
// [*edm.Error].
func (o Options) Select(t *edm.StructuredType) (Selection, error) {
	names := o.names()
	if names == nil {
		return SelectAll(t), nil
	}
	s, err := selectFrom(t, names)
	return s, edm.Because(parsingSelect, err)
}

// SelectAll returns the selection of all properties of a type.
func SelectAll(t *edm.StructuredType) Selection {
	s := make(Selection, len(t.Properties))
	for i, p := range t.Properties {
		s[i].Property = p
	}
	return s
}

// selectFrom returns the selection of paths, such as displayName and inference/confidenceScore. A whole property
// takes precedence over a part of it.
func selectFrom(t *edm.StructuredType, paths []string) (Selection, error) {
	parts := make(map[*edm.Property][]string)
	for _, path := range paths {
		name, rest, deeper := strings.Cut(path, "/")
		p := t.Property(name)
		switch {
		case p == nil:
			return nil, edm.NoProperty(name, t)
		case deeper && p.Type.Structured == nil:
			return nil, edm.Errorf("The property path '%s' does not lead to a property.", path)
		case !deeper:
			rest = ""
		}
		parts[p] = append(parts[p], rest)
	}
	var s Selection
	for _, p := range t.Properties {
		chosen := SelectedProperty{Property: p}
		if len(parts[p]) == 0 {
			continue
		}
		if !slices.Contains(parts[p], "") {
			var err error
			if chosen.Inner, err = selectFrom(p.Type.Structured, parts[p]); err != nil {
				return nil, err
			}
		}
		s = append(s, chosen)
	}
	return s, nil
}

// Context returns the part of a context URL for the selection (OData Protocol 4.01, section 10.7).
func (s Selection) Context(t *edm.StructuredType) string {
	if len(s) == len(t.Properties) && !slices.ContainsFunc(s, func(p SelectedProperty) bool { return p.Inner != nil }) {
		return ""
	}
	return "(" + strings.Join(s.paths(""), ",") + ")"
}

func (s Selection) paths(prefix string) (paths []string) {
	for _, p := range s {
		if p.Inner == nil {
			paths = append(paths, prefix+p.Name)
		} else {
			paths = append(paths, p.Inner.paths(prefix+p.Name+"/")...)
		}
	}
	return paths
}
