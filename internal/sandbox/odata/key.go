package odata

import (
	"net/url"
	"strings"
)

// IsKey reports whether a segment can be a key: segments that begin with $ are reserved by OData
// (learn.microsoft.com, graph/api/user-get, on such names).
func IsKey(segment string) bool { return segment != "" && segment[0] != '$' }

// ParseKey parses a segment with a key in parentheses, name('key'), in which a quote is doubled (OData URL
// Conventions 4.01, section 4.3.1). ok is false for any other segment.
func ParseKey(segment, name string) (key string, ok bool) {
	quoted, ok := strings.CutPrefix(segment, name+"('")
	if !ok {
		return "", false
	}
	if quoted, ok = strings.CutSuffix(quoted, "')"); !ok {
		return "", false
	}
	key = strings.ReplaceAll(quoted, "''", "'")
	return key, key != "" && strings.ReplaceAll(key, "'", "''") == quoted
}

// FormatKey returns a segment with a key in parentheses, escaped for a URL.
func FormatKey(name, key string) string {
	return name + "('" + escape(strings.ReplaceAll(key, "'", "''")) + "')"
}

// escape escapes a URL segment, including @ as %40, as the service does: users('ada%40example.com').
func escape(text string) string {
	return strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
}
