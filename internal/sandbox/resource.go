package sandbox

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"profileql/internal/sandbox/edm"
	"profileql/internal/sandbox/odata"
)

// resourceKind is what a path can name.
type resourceKind int

const (
	profileResource resourceKind = iota
	listResource                 // a facet
	countResource                // the number of a facet's items
	itemResource                 // one item of a facet
	metadataResource
	batchResource
)

// resource is what a path names.
type resource struct {
	kind  resourceKind
	user  string                  // id or user principal name; empty for the person who is signed in
	facet *edm.NavigationProperty // of lists, counts and items
	id    string                  // of items
}

// methods are those that the resource knows.
func (r resource) methods() []string {
	switch r.kind {
	case itemResource:
		return []string{http.MethodGet, http.MethodPatch, http.MethodDelete}
	case listResource:
		return []string{http.MethodGet, http.MethodPost}
	case batchResource:
		return []string{http.MethodPost}
	}
	return []string{http.MethodGet}
}

// parsePath finds what an escaped path names. The error is an *apiError.
func parsePath(facets []*edm.NavigationProperty, escaped string) (resource, error) {
	segments, err := splitPath(escaped)
	if err != nil {
		return resource{}, err
	}
	if segments[0] != "beta" {
		// The profile API exists in beta only.
		return resource{}, &apiError{status: http.StatusNotFound, code: "BadRequest", message: "Invalid version."}
	}
	switch {
	case slices.Equal(segments[1:], []string{"$metadata"}):
		return resource{kind: metadataResource}, nil
	case slices.Equal(segments[1:], []string{"$batch"}):
		return resource{kind: batchResource}, nil
	}
	user, rest, err := parseUser(segments[1:])
	if err != nil {
		return resource{}, err
	}
	if len(rest) == 0 {
		return resource{}, noSegment(segments[len(segments)-1]) // users are there for their profiles only
	}
	if rest[0] != "profile" {
		return resource{}, noSegment(rest[0])
	}
	r, err := parseFacet(facets, rest[1:])
	r.user = user
	return r, err
}

// splitPath unescapes the segments one by one, so that an escaped slash stays inside of its segment. (http.ServeMux
// would clean the path first, and take .. for a way up.) A slash at the end is not followed by a segment.
func splitPath(escaped string) ([]string, error) {
	segments := strings.Split(strings.TrimSuffix(strings.TrimPrefix(escaped, "/"), "/"), "/")
	for i, segment := range segments {
		plain, err := url.PathUnescape(segment)
		if err != nil {
			return nil, noSegment(segment)
		}
		segments[i] = plain
	}
	return segments, nil
}

// parseUser reads me, users/{id} or users('{id}').
func parseUser(segments []string) (user string, rest []string, err error) {
	if len(segments) == 0 {
		return "", nil, noSegment("")
	}
	if segments[0] == "me" {
		return "", segments[1:], nil
	}
	if key, ok := odata.ParseKey(segments[0], "users"); ok {
		return key, segments[1:], nil
	}
	if segments[0] == "users" && len(segments) > 1 && odata.IsKey(segments[1]) {
		return segments[1], segments[2:], nil
	}
	return "", nil, noSegment(segments[0])
}

// parseFacet reads what follows profile.
func parseFacet(facets []*edm.NavigationProperty, segments []string) (resource, error) {
	if len(segments) == 0 {
		return resource{}, nil
	}
	for _, f := range facets {
		if key, ok := odata.ParseKey(segments[0], f.Name); ok {
			return atEnd(resource{kind: itemResource, facet: f, id: key}, segments[1:])
		}
		if segments[0] != f.Name {
			continue
		}
		switch {
		case len(segments) == 1:
			return resource{kind: listResource, facet: f}, nil
		case segments[1] == "$count":
			return atEnd(resource{kind: countResource, facet: f}, segments[2:])
		case odata.IsKey(segments[1]):
			return atEnd(resource{kind: itemResource, facet: f, id: segments[1]}, segments[2:])
		}
		return resource{}, noSegment(segments[1])
	}
	return resource{}, noSegment(segments[0])
}

func atEnd(r resource, rest []string) (resource, error) {
	if len(rest) > 0 {
		return resource{}, noSegment(rest[0])
	}
	return r, nil
}
