package telemetry

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
)

// Transport returns a transport that measures the requests to a source. It belongs right in front of the network: each
// attempt counts, and time in queues does not. Nil metrics return the transport itself.
func (m *Metrics) Transport(source string, base http.RoundTripper) http.RoundTripper {
	if m == nil {
		return base
	}
	return &measuringTransport{m.sourceRequests, source, base}
}

type measuringTransport struct {
	requests *histogram[sourceRequestKey]
	source   string
	base     http.RoundTripper
}

// RoundTrip implements [http.RoundTripper].
func (t *measuringTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	m := &measuredRequest{requests: t.requests, began: time.Now(), key: sourceRequestKey{
		source: t.source, method: r.Method, batch: r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/$batch"),
	}}
	m.body = endingBody{ctx: r.Context(), request: m}
	resp, err := t.base.RoundTrip(r)
	if err != nil {
		m.body.end(err)
		return nil, err
	}
	m.key.status = resp.StatusCode
	m.body.ReadCloser, resp.Body = resp.Body, &m.body
	return resp, nil
}

// measuredRequest is a request to a source that is being measured.
type measuredRequest struct {
	body     endingBody
	requests *histogram[sourceRequestKey]
	began    time.Time
	key      sourceRequestKey
}

func (m *measuredRequest) ended(failure string) {
	m.key.failure = failure
	m.requests.record(time.Since(m.began), m.key)
}

// endingBody is the body of a response, whose end is that of the request.
type endingBody struct {
	io.ReadCloser
	ctx     context.Context
	request interface{ ended(failure string) } // is told once why it failed, empty for a success; then nil
}

// Read implements [io.Reader].
func (b *endingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	switch err {
	case nil:
	case io.EOF:
		b.end(nil)
	default:
		b.end(err)
	}
	return n, err
}

// Close implements [io.Closer]. A body that is not read to its end, such as one that is too large, is no failure of the
// source.
func (b *endingBody) Close() error {
	b.end(nil)
	return b.ReadCloser.Close()
}

// end tells the request that it has ended. One goroutine reads and closes a body.
func (b *endingBody) end(err error) {
	request := b.request
	if request == nil {
		return
	}
	b.request = nil
	failure := ""
	if err != nil {
		failure = failureOf(b.ctx)
	}
	request.ended(failure)
}

// failureOf returns why a request with this context failed, in one word. A caller cancels the context without a cause of
// its own.
func failureOf(ctx context.Context) string {
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, context.Canceled):
		return "canceled"
	case errors.Is(cause, context.DeadlineExceeded):
		return "timeout"
	}
	return "connection"
}
