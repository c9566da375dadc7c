package sandbox

import (
	"bytes"
	"net/http"
	"slices"
	"strconv"

	"profileql/internal/sandbox/edm"
	"profileql/internal/sandbox/odata"
)

// expansion is an expanded facet of the profile with its query.
type expansion struct {
	facet   *edm.NavigationProperty
	options odata.Options
}

// readProfile returns the profile with its facets. The API includes all facets without $expand, and only the named
// ones with it. The id of the profile is the same for all users (microsoft-graph-docs#8937).
func (s *Sandbox) readProfile(x *request, o odata.Options) (answer, error) {
	if err := o.Only("$select", "$expand"); err != nil {
		return answer{}, err
	}
	expanded, withID, err := parseExpansions(s.profile, o)
	if err != nil {
		return answer{}, err
	}
	b := x.open(x.context("/$entity"))
	if x.level == metadataFull {
		writeMember(b, "@odata.type", "#"+s.profile.Name)
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

// parseExpansions returns the facets that are expanded in the profile, and whether its id is selected. A facet in
// $select is expanded even without $expand; what the real API does in that case is not documented.
func parseExpansions(profile *edm.StructuredType, o odata.Options) (expanded []expansion, withID bool, err error) {
	names, err := o.SelectedNames(profile)
	if err != nil {
		return nil, false, err
	}
	expand, err := o.Expand(profile)
	if err != nil {
		return nil, false, err
	}
	for _, f := range profile.Navigation {
		inner, ok := expand[f.Name]
		if ok || slices.Contains(names, f.Name) || names == nil && expand == nil {
			expanded = append(expanded, expansion{f, inner})
		}
	}
	return expanded, names == nil || slices.Contains(names, "id"), nil
}

// writeExpansion writes an expanded facet and a comma. It is paged like any list.
func (s *Sandbox) writeExpansion(b *bytes.Buffer, x *request, e expansion) error {
	q, err := odata.ParseQuery(e.facet.EntityType, e.options)
	if err != nil {
		return err
	}
	p, err := s.page(x, e.facet, q)
	if err != nil {
		return err
	}
	name := e.facet.Name
	x.writeContext(b, name, x.context("/"+name+q.Selection.Context(e.facet.EntityType)))
	if x.level == metadataFull {
		writeMember(b, name+"@odata.navigationLink", x.root()+"/beta/"+x.profile()+"/"+name)
	}
	if q.Count {
		b.WriteString(`"` + name + `@odata.count":` + strconv.Itoa(p.Total) + ",")
	}
	if p.More {
		writeMember(b, name+"@odata.nextLink", x.address()+"/"+name+"?"+q.Next(p))
	}
	edm.WriteName(b, name)
	x.writeItems(b, e.facet, p.Entities, q.Selection)
	b.WriteByte(',')
	return nil
}
