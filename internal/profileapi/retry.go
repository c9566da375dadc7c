package profileapi

import (
	"errors"
	"math"
	"net/http"
	"time"

	"profileql/internal/profile"
)

// defaultRetryDelay is the delay before a retry without Retry-After.
const defaultRetryDelay = 500 * time.Millisecond

// shouldRetryRead reports whether a read should be retried: the source is temporarily unavailable, or the connection was
// lost. A request that our own transport rejected is not retried: its error says when to try again.
func shouldRetryRead(resp *response, terr *transportError) bool {
	if terr != nil {
		return terr.rejection == nil
	}
	switch resp.status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return isTemporary(resp.status) || resp.bodyErr != nil && !errors.Is(resp.bodyErr, errTooLarge)
}

// shouldRetryWrite reports whether the source said that it did not process a write: on 429, and on 503 with Retry-After. A
// POST is not retried on 503, because a duplicate item would be worse than none.
func shouldRetryWrite(r request, resp *response) bool {
	if resp == nil {
		return false
	}
	_, ok := profile.RetryAfter(resp.header)
	return resp.status == http.StatusTooManyRequests ||
		resp.status == http.StatusServiceUnavailable && ok && r.method != http.MethodPost
}

// retryDelay returns the source's Retry-After or the default. A lost connection is retried at once.
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

// noteRetry tells the observer of retries that a request is sent again after this response, or after none.
func (c *Client) noteRetry(r request, resp *response) {
	if c.retrying == nil {
		return
	}
	status := 0
	if resp != nil {
		status = resp.status
	}
	c.retrying(r.method, status)
}
