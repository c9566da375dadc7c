package edm

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// ParseDateTimeOffset parses an Edm.DateTimeOffset with any offset and any number of fractional digits, of which nine
// are kept. The seconds are optional (OData ABNF, dateTimeOffsetValue).
func ParseDateTimeOffset(text string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// FormatDateTimeOffset formats an instant in UTC with seven fractional digits, including trailing zeros, as in the
// documented responses.
func FormatDateTimeOffset(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.0000000Z") }

// SortKey returns a text for an instant. The order of the texts by their bytes is that of the instants. They must be
// in the years from -1 to 10,000, which are those of an Edm.DateTimeOffset of four digits in UTC.
func SortKey(t time.Time) string {
	const yearMinusOne = -62_198_755_200 // in seconds since 1970
	return fmt.Sprintf("%012d.%09d", t.Unix()-yearMinusOne, t.Nanosecond())
}

// ParseDate parses an Edm.Date, as midnight in UTC.
func ParseDate(text string) (time.Time, bool) {
	t, err := time.Parse(time.DateOnly, text)
	return t, err == nil
}

// ParseDouble parses an Edm.Double: a number or one of three names (OData JSON Format 4.01, section 7.1).
func ParseDouble(text string) (float64, bool) {
	switch text {
	case "INF":
		return math.Inf(1), true
	case "-INF":
		return math.Inf(-1), true
	case "NaN":
		return math.NaN(), true
	}
	for _, c := range text {
		if (c < '0' || c > '9') && c != '.' && c != 'e' && c != 'E' && c != '+' && c != '-' {
			return 0, false // ParseFloat accepts more spellings than OData
		}
	}
	n, err := strconv.ParseFloat(text, 64)
	return n, err == nil
}

func isInt32(text string) bool {
	_, err := strconv.ParseInt(text, 10, 32)
	return err == nil
}
