package profileapi

import (
	"context"
	"errors"
	"strings"

	"profileql/internal/profile"
)

// Failures in a trace, for requests without a complete response.
const (
	failureTimeout    = "TIMEOUT"
	failureCanceled   = "CANCELED"
	failureConnection = "CONNECTION"
	failureSize       = "RESPONSE_SIZE"
)

// begin records in the trace of the operation that a request is sent, as a part of a batch unless it is nil. It returns nil
// if the operation is not traced.
func (c *Client) begin(r request, batch *profile.Exchange) *profile.Exchange {
	if r.step == nil {
		return nil
	}
	e := profile.Exchange{
		Source: c.name, Method: r.method, Path: strings.TrimPrefix(r.url, c.base.String()), Body: r.body, Attempt: 1, ClientRequestID: r.clientID,
	}
	if r.isRetry {
		e.Attempt = 2
	}
	return r.step.Begin(batch.Part(e))
}

// end records the response to a request, or why it has none.
func end(e *profile.Exchange, resp *response, terr *transportError) {
	switch {
	case e == nil || resp == nil && terr == nil: // after a panic, there is neither
	case terr != nil && terr.rejection != nil:
		e.End(profile.Outcome{NotSent: true, Failure: string(terr.rejection.Code), RetryAfter: terr.rejection.RetryAfter})
	case terr != nil:
		e.End(profile.Outcome{NotSent: !terr.sent, Failure: failureOf(terr.err)})
	default:
		o := profile.Outcome{Status: resp.status, ResponseBytes: len(resp.body), RequestID: requestID(resp, errorsOf(resp))}
		if seconds, ok := profile.RetryAfter(resp.header); ok {
			o.RetryAfter = &seconds
		}
		if resp.bodyErr != nil {
			o.Failure = failureOf(resp.bodyErr)
		}
		e.End(o)
	}
}

// failureOf returns in one word why a request has no complete response. The error's own text may have addresses.
func failureOf(err error) string {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return failureTimeout
	case errors.Is(err, context.Canceled):
		return failureCanceled
	case errors.Is(err, errTooLarge), errors.Is(err, errTooManyItems):
		return failureSize
	}
	return failureConnection
}

// learn remembers that the source does not support something, and records it in the trace.
func (c *Client) learn(ctx context.Context, unsupported string) {
	c.capabilities.markUnsupported(unsupported)
	profile.StepOf(ctx).Learn(learned(unsupported))
}

func learned(unsupported string) string { return "not supported: " + unsupported }
