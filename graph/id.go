package graph

import (
	"encoding/base64"
	"strings"

	"profileql/internal/profile"
)

// globalID is the value of an id in the schema. It identifies an item, or a profile if facet is empty. Its text is the
// same on every replica and after every restart. It is encoded, not secret.
type globalID struct {
	source string
	user   string // empty for the signed-in person of the request that uses the id
	facet  string // name of the facet; empty for a profile
	item   string // the source's own id
}

const (
	idPrefix = "pq1."
	// idSeparator cannot occur in a part, because control characters are not allowed there.
	idSeparator = "\x00"
)

var idEncoding = base64.RawURLEncoding

func (id globalID) String() string { return string(id.append(nil)) }

// append appends the id. JSON needs no escapes for its characters.
func (id globalID) append(dst []byte) []byte {
	var few [256]byte
	return idEncoding.AppendEncode(append(dst, idPrefix...), appendParts(few[:0], id.source, id.user, id.facet, id.item))
}

func appendParts(dst []byte, parts ...string) []byte {
	for i, part := range parts {
		if i > 0 {
			dst = append(dst, idSeparator...)
		}
		dst = append(dst, part...)
	}
	return dst
}

func (id globalID) isProfile() bool { return id.facet == "" }

func (id globalID) ref() profile.Ref {
	return profile.Ref{Source: id.source, User: id.user, ID: id.item}
}

// isGlobalID reports whether text has the prefix of a global id. The id may be invalid.
func isGlobalID(text string) bool { return strings.HasPrefix(text, idPrefix) }

var errNoGlobalID = profile.BadInput("This is not a ProfileQL id.")

// parseGlobalID parses a global id. The source and the facet of an item exist, and the other parts are valid as
// segments of a path.
func (r *Resolver) parseGlobalID(text string) (globalID, error) {
	raw, err := idEncoding.DecodeString(strings.TrimPrefix(text, idPrefix))
	parts := strings.Split(string(raw), idSeparator)
	if err != nil || len(parts) != 4 {
		return globalID{}, errNoGlobalID
	}
	id := globalID{source: parts[0], user: parts[1], facet: parts[2], item: parts[3]}
	if id.String() != text { // clients cache by id, so each has only one text; base64 ignores line breaks
		return globalID{}, errNoGlobalID
	}
	if id.user != "" && !profile.IsSegment(id.user) {
		return globalID{}, profile.BadInput("The user in the id is invalid.")
	}
	if id.isProfile() && id.source == "" && id.item == "" {
		return id, nil
	}
	if _, known := r.Sources.find(id.source); !known {
		return globalID{}, profile.BadInput("The id names an unknown source.")
	}
	if _, known := r.facets[id.facet]; !known {
		return globalID{}, profile.BadInput("The id names an unknown facet.")
	}
	if !profile.IsSegment(id.item) {
		return globalID{}, profile.BadInput("The item in the id is invalid.")
	}
	return id, nil
}

// parseItemID parses the id of an item of one facet. A text that is not a global id is the default source's own id of
// an item of the signed-in person.
func (r *Resolver) parseItemID(text, facet string) (globalID, error) {
	if !isGlobalID(text) {
		if !profile.IsSegment(text) {
			return globalID{}, profile.BadInput("The id is not a valid item id.")
		}
		return globalID{source: r.Sources[0].Name, facet: facet, item: text}, nil
	}
	id, err := r.parseGlobalID(text)
	if err == nil && id.facet != facet {
		return globalID{}, profile.BadInput("The id does not belong to %s.", facet)
	}
	return id, err
}
