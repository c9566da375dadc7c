package profile

import (
	"unicode"
	"unicode/utf8"
)

// maxSegment is the longest text, in bytes, that is taken for one segment of a path.
const maxSegment = 512

// IsSegment tells whether text can be exactly one segment of a URL's path once it is escaped. Empty, "." and ".."
// cannot: servers and clients resolve them, escaped or not (RFC 3986, section 5.2.4). Neither can control characters,
// broken UTF-8, or anything over 512 bytes.
//
// It looks at the text as it is: "%2e%2e" is three harmless letters and more, because escaping makes "%252e%252e" of it.
func IsSegment(text string) bool {
	if text == "" || text == "." || text == ".." || len(text) > maxSegment || !utf8.ValidString(text) {
		return false
	}
	for _, r := range text {
		if unicode.IsControl(r) {
			return false
		}
	}
	return true
}
