package profileapi

import (
	"errors"
	"math"
	"net/http"
	"time"

	"profileql/internal/profile"
)

// defaultRetryDelay is how long to wait before a second try where the source did not say.
const defaultRetryDelay = 500 * time.Millisecond

// shouldRetryRead tells whether a read is worth a second try: the source cannot answer it at the moment, or the connection was lost. A request that
// our own side refused is not: whoever refused it says when to come back.
func shouldRetryRead(resp *response, terr *transportError) bool {
	if terr != nil {
		return terr.rejected == nil
	}
	switch resp.status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return isTemporary(resp.status) || resp.bodyErr != nil && !errors.Is(resp.bodyErr, errTooLarge)
}

// shouldRetryWrite tells whether the source said that it did not do what it was asked to: on 429, and on 503 with
// Retry-After. A POST is not repeated on 503, because a second item would be worse than none.
func shouldRetryWrite(r request, resp *response) bool {
	if resp == nil {
		return false
	}
	_, ok := profile.RetryAfter(resp.header)
	return resp.status == http.StatusTooManyRequests ||
		resp.status == http.StatusServiceUnavailable && ok && r.method != http.MethodPost
}

// retryDelay is how long the source wants to be left alone. A lost connection is tried again at once.
func retryDelay(resp *response) time.Duration {
	if resp == nil || resp.status < 400 {
		return 0
	}
	seconds, ok := profile.RetryAfter(resp.header)
	if !ok {
		return defaultRetryDelay
	}
	if seconds > time.Duration(math.MaxInt64).Seconds() {
		return math.MaxInt64
	}
	return time.Duration(seconds * float64(time.Second))
}
