package profileapi

import (
	"errors"
	"math"
	"net/http"
	"time"

	"profileql/internal/profile"
)

// pause is how long to wait before a second try where the source did not say.
const pause = 500 * time.Millisecond

// readAgain tells whether a read is worth a second try: the source cannot answer it at the moment, or the connection was lost. A request that
// our own side refused is not: whoever refused it says when to come back.
func readAgain(a *answer, no *noAnswer) bool {
	if no != nil {
		return no.refusal == nil
	}
	switch a.status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return isTemporary(a.status) || a.bodyErr != nil && !errors.Is(a.bodyErr, errTooLarge)
}

// writeAgain tells whether the source said that it did not do what it was asked to: on 429, and on 503 with
// Retry-After. A POST is not repeated on 503, because a second item would be worse than none.
func writeAgain(r request, a *answer) bool {
	if a == nil {
		return false
	}
	_, told := profile.RetryAfter(a.header)
	return a.status == http.StatusTooManyRequests ||
		a.status == http.StatusServiceUnavailable && told && r.method != http.MethodPost
}

// retryDelay is how long the source wants to be left alone. A lost connection is tried again at once.
func retryDelay(a *answer) time.Duration {
	if a == nil || a.status < 400 {
		return 0
	}
	seconds, ok := profile.RetryAfter(a.header)
	if !ok {
		return pause
	}
	if seconds > time.Duration(math.MaxInt64).Seconds() {
		return math.MaxInt64
	}
	return time.Duration(seconds * float64(time.Second))
}
