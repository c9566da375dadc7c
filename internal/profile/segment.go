package profile

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxSegment is the maximum length in bytes of a path segment.
const maxSegment = 512

// IsSegment reports whether text, once escaped, is exactly one segment of a URL path. Empty, "." and ".."
// cannot: servers and clients resolve them, escaped or not (RFC 3986, section 5.2.4). Neither can control characters,
// broken UTF-8, or anything over 512 bytes.
//
// Text is not unescaped first: "%2e%2e" is harmless, because escaping turns it into "%252e%252e".
func IsSegment(text string) bool {
	if text == "" || text == "." || text == ".." || len(text) > maxSegment {
		return false
	}
	for i := range len(text) {
		if c := text[i]; c < ' ' || c >= 0x7f {
			return utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
		}
	}
	return true
}
