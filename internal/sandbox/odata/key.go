package odata

import (
	"net/url"
	"strings"
)

// isKey tells whether a segment can be a key as it is: those that begin with $ are OData's own (learn.microsoft.com,
// graph/api/user-get, on names that do).
func IsKey(segment string) bool { return segment != "" && segment[0] != '$' }

// keyOf reads a key in parentheses, name('key'), in which a doubled quote stands for one (OData URL Conventions 4.01, section 4.3.1).
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

// withKey is the opposite of keyOf, escaped for a URL.
func FormatKey(name, key string) string {
	return name + "('" + escape(strings.ReplaceAll(key, "'", "''")) + "')"
}

// escape writes @ as %40 too, as the service does: users('ada%40example.com').
func escape(text string) string {
	return strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
}
