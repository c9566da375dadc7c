package sandbox

import (
	"bytes"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"profileql/internal/sandbox/edm"
)

// profileType is the profile's type as far as messages name it.
var profileType = &structuredType{name: "microsoft.graph.profile"}

// expansion is a facet inside of the profile, and what is asked of it.
type expansion struct {
	facet   *facet
	options options
}

// readProfile answers the profile with its facets inside. The API does so without $expand; with it, only the named
// facets are there. Its id is the same for everybody (microsoft-graph-docs#8937).
func (s *Sandbox) readProfile(x *request, o options) (answer, error) {
	if err := o.only("$select", "$expand"); err != nil {
		return answer{}, err
	}
	expanded, withID, err := parseExpansions(s.facets, o)
	if err != nil {
		return answer{}, err
	}
	b := x.open(x.context("/$entity"))
	if x.level == metadataFull {
		writeMember(b, "@odata.type", "#"+profileType.name)
		writeMember(b, "@odata.id", x.root()+"/beta/"+x.profile())
		writeMember(b, "@odata.editLink", x.profile())
	}
	if withID {
		writeMember(b, "id", "profileId")
	}
	for _, e := range expanded {
		if err := s.writeExpansion(b, x, e); err != nil {
			return answer{}, err
		}
	}
	trimComma(b)
	b.WriteByte('}')
	return x.json(http.StatusOK, b.Bytes()), nil
}

// parseExpansions tells which facets are inside of the profile, and whether its id is. A facet that is selected is
// there without $expand too; what the real API does then is not documented.
func parseExpansions(facets []*facet, o options) (expanded []expansion, withID bool, err error) {
	names := o.names()
	for _, name := range names {
		if name != "id" && !hasFacet(facets, name) {
			return nil, false, edm.Because(parsingSelect, noProperty(name, profileType))
		}
	}
	expand := make(map[string]options)
	if text, ok := o["$expand"]; ok {
		if expand, err = parseExpand(facets, text); err != nil {
			return nil, false, edm.Because(parsingSelect, err)
		}
	}
	_, asked := o["$expand"]
	for _, f := range facets {
		inner, ok := expand[f.name]
		if ok || slices.Contains(names, f.name) || names == nil && !asked {
			expanded = append(expanded, expansion{f, inner})
		}
	}
	return expanded, names == nil || slices.Contains(names, "id"), nil
}

func hasFacet(facets []*facet, name string) bool {
	return slices.ContainsFunc(facets, func(f *facet) bool { return f.name == name })
}

// parseExpand reads $expand: interests($select=displayName;$top=2),skills (OData URL Conventions 4.01, section 5.1.3).
func parseExpand(facets []*facet, text string) (map[string]options, error) {
	expand := make(map[string]options)
	for _, part := range splitOutside(text, ',') {
		name, rest, nested := strings.Cut(strings.TrimSpace(part), "(")
		inner := make(options)
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
			for _, f := range facets {
				expand[f.name] = inner
			}
			continue
		}
		if !hasFacet(facets, name) {
			return nil, noProperty(name, profileType)
		}
		if _, twice := expand[name]; twice {
			return nil, edm.Errorf("The property '%s' is expanded more than once.", name)
		}
		expand[name] = inner
	}
	return expand, nil
}

// addAll takes options that are separated by semicolons.
func (o options) addAll(list string) error {
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

// writeExpansion writes a facet inside of the profile, and a comma behind it. It is cut into pages like any list.
func (s *Sandbox) writeExpansion(b *bytes.Buffer, x *request, e expansion) error {
	q, err := parseQuery(e.facet.item, e.options)
	if err != nil {
		return err
	}
	p, err := s.page(x, e.facet, q)
	if err != nil {
		return err
	}
	name := e.facet.name
	x.writeContext(b, name, x.context("/"+name+q.chosen.context(e.facet.item)))
	if x.level == metadataFull {
		writeMember(b, name+"@odata.navigationLink", x.root()+"/beta/"+x.profile()+"/"+name)
	}
	if q.count {
		b.WriteString(`"` + name + `@odata.count":` + strconv.Itoa(p.total) + ",")
	}
	if p.more {
		writeMember(b, name+"@odata.nextLink", nextLink(x.address()+"/"+name, e.options, q, p))
	}
	encodeName(b, name)
	x.writeItems(b, e.facet, p.items, q.chosen)
	b.WriteByte(',')
	return nil
}
