package odata

import (
	"net/url"
	"strings"
)

// IsKey tells whether a segment can be a key as it is: those that begin with $ are OData's own (learn.microsoft.com,
// graph/api/user-get, on names that do).
func IsKey(segment string) bool { return segment != "" && segment[0] != '$' }

// ParseKey reads a segment with a key in parentheses, name('key'), in which a doubled quote stands for one (OData URL
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

// FormatKey is the opposite of [ParseKey], escaped for a URL.
func FormatKey(name, key string) string {
	return name + "('" + escape(strings.ReplaceAll(key, "'", "''")) + "')"
}

// escape writes @ as %40 too, as the service does: users('ada%40example.com').
func escape(text string) string {
	return strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
}
