// Package instant validates and compares instants and dates in RFC 3339 format, which is that of OData's Edm.DateTimeOffset and Edm.Date.
package instant

import (
	"bytes"
	"strings"
	"time"
)

// Valid reports whether text is an instant, with any number of fractional digits.
func Valid[T string | []byte](text T) bool {
	if isCommonForm(text) {
		return true
	}
	// time.Parse alone would also accept a comma before the fraction, and hours of one digit.
	_, err := time.Parse(time.RFC3339, string(text))
	return err == nil && text[len("2006-01-02T15")] == ':' && !bytes.ContainsRune([]byte(text), ',')
}

// ValidDate reports whether text is a date, such as 2017-01-31.
func ValidDate[T string | []byte](text T) bool {
	_, err := time.Parse(time.DateOnly, string(text))
	return err == nil
}

// isCommonForm recognizes most UTC instants without the cost of time.Parse: those before the 29th of a month.
func isCommonForm[T string | []byte](text T) bool {
	const layout = "0000-00-00T00:00:00"
	if len(text) <= len(layout) {
		return false
	}
	for i := range len(layout) {
		if c := text[i]; layout[i] == '0' && (c < '0' || c > '9') || layout[i] != '0' && c != layout[i] {
			return false
		}
	}
	twoDigits := func(i int) byte { return (text[i]-'0')*10 + text[i+1] - '0' }
	if month, day := twoDigits(5), twoDigits(8); month < 1 || month > 12 || day < 1 || day > 28 || twoDigits(11) > 23 || twoDigits(14) > 59 || twoDigits(17) > 59 {
		return false
	}
	rest := text[len(layout):]
	if rest[0] == '.' {
		i := 1
		for i < len(rest) && '0' <= rest[i] && rest[i] <= '9' {
			i++
		}
		if i == 1 {
			return false
		}
		rest = rest[i:]
	}
	return len(rest) == 1 && rest[0] == 'Z'
}

// seconds is the layout of an instant up to its fraction.
const seconds = "2006-01-02T15:04:05"

// Compare compares two instants as time.Parse and [time.Time.Compare] would, at a fraction of the cost. It is not ok if one
// of them is not in the most common form, UTC with the suffix Z.
func Compare(a, b string) (c int, ok bool) {
	if !isCommonForm(a) || !isCommonForm(b) {
		return 0, false
	}
	if c := strings.Compare(a[:len(seconds)], b[:len(seconds)]); c != 0 {
		return c, true
	}
	return strings.Compare(nanoseconds(a), nanoseconds(b)), true
}

// nanoseconds returns the fraction of an instant without trailing zeros. Further digits are cut, as by time.Parse.
func nanoseconds(text string) string {
	fraction := strings.TrimPrefix(text[len(seconds):len(text)-len("Z")], ".")
	return strings.TrimRight(fraction[:min(len(fraction), 9)], "0")
}
