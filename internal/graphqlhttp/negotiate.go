package graphqlhttp

import (
	"mime"
	"strconv"
	"strings"
)

// The two media types of GraphQL over HTTP (graphql.github.io/graphql-over-http/draft, section 4). With the first, the
// status depends on whether the operation was run. With the second, it is 200 for each GraphQL response.
const (
	mediaTypeResponse = "application/graphql-response+json"
	mediaTypeJSON     = "application/json"
)

// negotiate returns the media type of the answer (RFC 9110, section 12.5.1), or an empty string if none is acceptable.
// The default is application/json, because all clients support it.
func negotiate(accept []string) string {
	if strings.TrimSpace(strings.Join(accept, "")) == "" {
		return mediaTypeJSON
	}
	graphQL, named := qualityOf(mediaTypeResponse, accept)
	plain, _ := qualityOf(mediaTypeJSON, accept)
	switch {
	case graphQL == 0 && plain == 0:
		return ""
	case graphQL > plain || graphQL == plain && named:
		return mediaTypeResponse
	}
	return mediaTypeJSON
}

// qualityOf returns the quality of the most specific range in the Accept header that matches the media type, and
// whether that range is the media type itself.
func qualityOf(mediaType string, accept []string) (quality float64, exact bool) {
	specificity := -1
	for _, r := range ranges(accept) {
		if s := r.covers(mediaType); s > specificity {
			specificity, quality = s, r.quality
		}
	}
	return quality, specificity == 2
}

type mediaRange struct {
	mediaType string
	quality   float64
}

func ranges(accept []string) []mediaRange {
	var all []mediaRange
	for _, part := range strings.Split(strings.Join(accept, ","), ",") {
		mediaType, parameters, err := mime.ParseMediaType(part)
		if err != nil || !isUTF8(parameters) {
			continue
		}
		quality := 1.0
		if q, given := parameters["q"]; given {
			if quality, err = strconv.ParseFloat(q, 64); err != nil || !(quality >= 0 && quality <= 1) {
				continue
			}
		}
		all = append(all, mediaRange{mediaType, quality})
	}
	return all
}

// covers returns the specificity of the range if it matches the media type, or -1 if it does not.
func (r mediaRange) covers(mediaType string) int {
	major, _, _ := strings.Cut(mediaType, "/")
	switch r.mediaType {
	case mediaType:
		return 2
	case major + "/*":
		return 1
	case "*/*":
		return 0
	}
	return -1
}
