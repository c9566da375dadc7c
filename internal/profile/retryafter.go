package profile

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// RetryAfter parses Retry-After: seconds, of which Microsoft Graph sends fractions, or a date (RFC 9110, section 10.2.3). It
// is not ok if the header is missing or malformed.
func RetryAfter(h http.Header) (seconds float64, ok bool) {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseFloat(value, 64); err == nil {
		return seconds, seconds >= 0 && !math.IsInf(seconds, 0)
	}
	date, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	// Rounded up to the millisecond: the rest is noise of our own clock.
	return max(0, math.Ceil(time.Until(date).Seconds()*1000)/1000), true
}
