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
	b := &measuredBody{transport: t, ctx: r.Context(), began: time.Now(), key: sourceRequestKey{
		source: t.source, method: r.Method, batch: r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/$batch"),
	}}
	resp, err := t.base.RoundTrip(r)
	if err != nil {
		b.end(err)
		return nil, err
	}
	b.key.status = resp.StatusCode
	b.ReadCloser, resp.Body = resp.Body, b
	return resp, nil
}

// measuredBody is the body of a response, whose end is that of the request.
type measuredBody struct {
	io.ReadCloser
	transport *measuringTransport
	ctx       context.Context
	began     time.Time
	key       sourceRequestKey
	ended     bool // one goroutine reads and closes a body
}

// Read implements [io.Reader].
func (b *measuredBody) Read(p []byte) (int, error) {
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
func (b *measuredBody) Close() error {
	b.end(nil)
	return b.ReadCloser.Close()
}

func (b *measuredBody) end(err error) {
	if b.ended {
		return
	}
	b.ended = true
	if err != nil {
		b.key.failure = b.failure()
	}
	b.transport.requests.record(time.Since(b.began), b.key)
}

// failure returns why a request failed, in three words. A caller cancels the context without a cause of its own.
func (b *measuredBody) failure() string {
	switch cause := context.Cause(b.ctx); {
	case errors.Is(cause, context.Canceled):
		return "canceled"
	case errors.Is(cause, context.DeadlineExceeded):
		return "timeout"
	}
	return "connection"
}
