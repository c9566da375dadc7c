package profile

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// RetryAfter reads a source's Retry-After: seconds, of which Microsoft Graph sends fractions, or a date (RFC 9110, section
// 10.2.3). It is not ok where there is none that makes sense.
func RetryAfter(h http.Header) (seconds float64, ok bool) {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		return seconds, seconds >= 0 && !math.IsInf(seconds, 0)
	}
	date, err := http.ParseTime(text)
	if err != nil {
		return 0, false
	}
	// To the millisecond: the rest is noise of our own clock.
	return max(0, math.Ceil(time.Until(date).Seconds()*1000)/1000), true
}
