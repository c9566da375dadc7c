package profile

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestRetryAfter holds how Retry-After is parsed.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		now := time.Now().UTC()                     // the bubble's: a whole second
		for text, want := range map[string]float64{ // -1 for none
			"0": 0, "1": 1, "120": 120, "2.128": 2.128, "0.05": 0.05, ".5": 0.5, " 7 ": 7, "1e2": 100, "86400": 86400,
			"": -1, "soon": -1, "-1": -1, "-0.001": -1, "NaN": -1, "Inf": -1, "-Inf": -1, "1e999": -1, "1,5": -1, "5 s": -1, "5;x": -1, "٣": -1,
			now.Add(90 * time.Second).Format(http.TimeFormat):                    90,
			now.Add(90 * time.Second).Format("Monday, 02-Jan-06 15:04:05 GMT"):   90, // RFC 850
			now.Add(90 * time.Second).Format(time.ANSIC):                         90,
			now.Format(http.TimeFormat):                                          0,
			now.Add(-time.Hour).Format(http.TimeFormat):                          0,
			now.Add(time.Hour).Format(time.RFC3339):                              -1,
			strings.ToLower(now.Add(90 * time.Second).Format(http.TimeFormat)):   -1,
			now.Add(90*time.Second).Format(http.TimeFormat) + ", and then again": -1,
		} {
			got, ok := RetryAfter(http.Header{"Retry-After": {text}})
			if ok != (want >= 0) || ok && got != want {
				t.Errorf("%q: %v, %v; want %v", text, got, ok, want)
			}
		}
		// Between two seconds of the clock, the delay is rounded up to the millisecond.
		time.Sleep(1234567 * time.Nanosecond)
		if got, ok := RetryAfter(http.Header{"Retry-After": {now.Add(3 * time.Second).Format(http.TimeFormat)}}); !ok || got != 2.999 {
			t.Errorf("between two seconds: %v, %v", got, ok)
		}
		if _, ok := RetryAfter(nil); ok {
			t.Error("there is one where there is none")
		}
	})
}
