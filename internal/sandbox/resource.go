package sandbox

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"profileql/internal/sandbox/edm"
	"profileql/internal/sandbox/odata"
)

// resourceKind is a kind of resource.
type resourceKind int

const (
	profileResource resourceKind = iota
	listResource                 // a facet
	countResource                // the number of a facet's items
	itemResource                 // one item of a facet
	metadataResource
	batchResource
)

// resource is the resource that a path names.
type resource struct {
	kind  resourceKind
	user  string                  // id or user principal name; empty for the signed-in user
	facet *edm.NavigationProperty // of lists, counts and items
	id    string                  // of items
}

// methods returns the methods that the resource supports.
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

// parsePath parses an escaped path. The error is an *apiError.
func parsePath(facets []*edm.NavigationProperty, escaped string) (resource, error) {
	segments, err := splitPath(escaped)
	if err != nil {
		return resource{}, err
	}
	if segments[0] != "beta" {
		// The profile API is available in beta only.
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
		return resource{}, noSegment(segments[len(segments)-1]) // only the profiles of users are supported
	}
	if rest[0] != "profile" {
		return resource{}, noSegment(rest[0])
	}
	r, err := parseFacet(facets, rest[1:])
	r.user = user
	return r, err
}

// splitPath unescapes each segment, so that an escaped slash is part of its segment. (http.ServeMux would clean the
// path first, and resolve "..".) A trailing slash does not add a segment.
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

// parseUser parses me, users/{id} or users('{id}').
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

// parseFacet parses the segments after profile.
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
