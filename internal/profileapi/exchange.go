package profileapi

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"profileql/internal/profile"
)

// maxResponseBytes is the most bytes of an answer that are read, after decompression.
const maxResponseBytes = 8 << 20

// request is one request to the source.
type request struct {
	method   string
	url      string
	body     []byte // nil for none
	clientID string // its client-request-id, the same for a second try
	maxItems int    // of a list: more in one answer are not read; 0 for what is no list
}

// response is what the source answered.
type response struct {
	request
	status  int
	header  http.Header
	body    []byte
	bodyErr error // why body is not the whole body; nil where it is
}

// transportError is why there is no answer.
type transportError struct {
	request
	sent     bool // whether any of the request may have reached the source
	err      error
	rejected *profile.Error // what our own transport said instead of sending the request; nil where it did not
}

// errTooLarge is the bodyErr of an answer over maxResponseBytes.
var errTooLarge = errors.New("the answer is over 8 MiB")

// errConnectionLost is the error of a request that was written to a connection which was lost before an answer came.
var errConnectionLost = errors.New("the connection was lost")

// read sends a GET, and once more where the source was busy or the connection was lost. The caller's leaving ends it.
// MaxItems is that of the request.
func (c *Client) read(ctx context.Context, url string, maxItems int) (*response, *transportError) {
	r := request{method: http.MethodGet, url: url, clientID: clientRequestID(ctx), maxItems: maxItems}
	resp, terr := c.send(ctx, r)
	if ctx.Err() == nil && shouldRetryRead(resp, terr) && sleep(ctx, retryDelay(resp)) {
		resp, terr = c.send(ctx, r)
	}
	return resp, terr
}

// write sends a POST, PATCH or DELETE. Once it is sent it is given its deadline even if its caller leaves, because
// only then is it known what became of it. It is sent again only where the source said that it did nothing.
func (c *Client) write(caller context.Context, method, url string, body []byte) (*response, *transportError) {
	r := request{method: method, url: url, body: body, clientID: clientRequestID(caller)}
	if err := caller.Err(); err != nil {
		return nil, &transportError{request: r, err: err}
	}
	ctx, cancel := context.WithTimeout(profile.Detach(caller), c.timeout)
	defer cancel()

	resp, terr := c.send(ctx, r)
	if shouldRetryWrite(r, resp) {
		if delay := retryDelay(resp); fitsDeadline(ctx, delay) && sleep(caller, delay) {
			resp, terr = c.send(ctx, r)
		}
	}
	if caller.Err() != nil {
		c.logOutcome(caller, r, resp, terr)
	}
	return resp, terr
}

// send makes one request and reads its answer, once there is room for that.
func (c *Client) send(caller context.Context, r request) (*response, *transportError) {
	res, err := c.memory.reserve(caller)
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, &transportError{request: r, rejected: c.overMemoryBudget()}
	}
	if err != nil {
		return nil, &transportError{request: r, err: err}
	}
	resp, terr := c.exchange(caller, r, res)
	if terr != nil {
		res.settle(caller, 0)
		return nil, terr
	}
	res.settle(caller, len(resp.body))
	return resp, nil
}

// overMemoryBudget is the error for a request that found no room for its answer.
func (c *Client) overMemoryBudget() *profile.Error {
	return &profile.Error{
		Code: profile.Overloaded, Source: c.name,
		Message: "Too many large answers are being read at the same time.",
	}
}

// exchange makes one request and reads its answer into the room that there is for it.
func (c *Client) exchange(caller context.Context, r request, res *reservation) (*response, *transportError) {
	var sent, written atomic.Bool
	var conn *keptConn
	ctx, end := context.WithCancelCause(caller)
	defer end(nil)
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) {
			// The transport goes to another connection by itself where nothing was written to the one before. With a
			// GET it also would where an idle connection was lost over it, as often as there are idle connections.
			// What is written is only in a buffer at first, which a stale connection does not take.
			if written.Load() && (conn == nil || !conn.stale.Load()) {
				end(errConnectionLost) // not the caller's leaving: whoever counts the source's failures sees it by the cause
				return
			}
			sent.Store(false)
		},
		GotConn: func(info httptrace.GotConnInfo) {
			conn = underlyingConn(info.Conn)
			markStale(conn, r.method, info)
			sent.Store(true)
		},
		WroteRequest: func(w httptrace.WroteRequestInfo) { written.Store(w.Err == nil) },
	})
	req := c.http.R().SetContext(ctx).SetDoNotParseResponse(true).SetHeader("client-request-id", r.clientID)
	if r.body != nil {
		req.SetHeader("Content-Type", "application/json").SetBody(r.body)
	}
	rawResp, err := req.Execute(r.method, r.url)
	if err != nil {
		if refusal, ok := errors.AsType[*profile.Error](err); ok {
			return nil, &transportError{request: r, rejected: refusal}
		}
		if caller.Err() == nil && ctx.Err() != nil {
			err = errConnectionLost
		}
		profile.CountCall(caller, "", "")
		return nil, &transportError{request: r, sent: sent.Load(), err: err}
	}
	defer func() { _ = rawResp.RawBody().Close() }()
	resp := &response{request: r, status: rawResp.StatusCode(), header: rawResp.Header()}
	conn.observe(resp.status, resp.header)
	profile.CountCall(caller, requestID(resp, nil), diagnostic(resp))
	resp.body, resp.bodyErr = readAll(rawResp.RawBody(), rawResp.RawResponse.ContentLength, &largeBody{ctx: caller, reservation: res, items: itemCounter{limit: r.maxItems}})
	if errors.Is(resp.bodyErr, errMemoryBudget) {
		resp.bodyErr = c.overMemoryBudget()
	}
	return resp, nil
}

// errMemoryBudget says that there was no room for a large answer until its deadline.
var errMemoryBudget = errors.New("there is no room for the answer")

// largeBody is looked at where an answer turns out to be larger than an ordinary one.
type largeBody struct {
	ctx         context.Context
	reservation *reservation
	items       itemCounter
	counted     int // bytes that have been counted
}

// check tells whether an answer of which this much has been read may go on to up to most bytes.
func (l *largeBody) check(read []byte, maxBytes int64) error {
	if len(read) <= smallResponse {
		return nil
	}
	if err := l.reservation.grow(l.ctx, maxBytes); err != nil {
		return errMemoryBudget
	}
	if l.items.limit > 0 && l.items.count(read[l.counted:]) > l.items.limit {
		return errTooManyItems
	}
	l.counted = len(read)
	return nil
}

// errTooManyItems says that one answer for a list has more items than are read.
var errTooManyItems = errors.New("the answer has too many items")

// itemCounter counts the elements of arrays in an object, which those of a list are, while the text comes in.
type itemCounter struct {
	limit             int
	elements, depth   int
	inString, escaped bool
}

func (c *itemCounter) count(text []byte) int {
	for _, b := range text {
		switch {
		case c.escaped:
			c.escaped = false
		case c.inString:
			c.escaped = b == '\\'
			c.inString = b != '"'
		case b == '"':
			c.inString = true
		case b == '{' || b == '[':
			c.depth++
		case b == '}' || b == ']':
			c.depth--
		case b == ',' && c.depth == 2:
			c.elements++
		}
	}
	return c.elements
}

// diagnostic is what the source says of the machine that answered, if it looks like that: it goes into the log.
func diagnostic(resp *response) string {
	text := resp.header.Get("x-ms-ags-diagnostic")
	if !strings.HasPrefix(text, `{"ServerInfo":`) || !json.Valid([]byte(text)) {
		return ""
	}
	return text
}

// maxPrealloc is how many bytes are made room for at once because a header announces them.
const maxPrealloc = 64 << 10

// readAll reads at most maxResponseBytes bytes. Length is what the header announced, -1 for nothing.
func readAll(body io.Reader, length int64, large *largeBody) ([]byte, error) {
	maxBytes := length
	if length < 0 {
		maxBytes = maxResponseBytes
	}
	switch {
	case length > maxResponseBytes:
		return nil, errTooLarge
	case length < 0:
		length = 1 << 10
	}
	// One byte more than announced, so that the end is seen without growing.
	buf := make([]byte, 0, min(length, maxPrealloc)+1)
	for {
		n, err := body.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case len(buf) > maxResponseBytes:
			return nil, errTooLarge
		case err == io.EOF:
			return buf, nil
		case err != nil:
			return nil, err
		case len(buf) == cap(buf):
			if err := large.check(buf, maxBytes); err != nil {
				return nil, err
			}
			buf = append(buf, 0)[:len(buf)]
		}
	}
}

// sleep waits, unless the context would be over before: then, or when it ends meanwhile, the answer is false.
func sleep(ctx context.Context, d time.Duration) bool {
	if !fitsDeadline(ctx, d) {
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func fitsDeadline(ctx context.Context, d time.Duration) bool {
	deadline, ok := ctx.Deadline()
	return !ok || time.Until(deadline) > d
}

// logOutcome tells what became of a write whose caller is gone and will not hear it.
func (c *Client) logOutcome(ctx context.Context, r request, resp *response, terr *transportError) {
	outcome := "not sent"
	switch {
	case terr == nil && resp.status/100 == 2:
		outcome = "accepted"
	case terr == nil && codeFor(resp) != profile.OutcomeUnknown:
		outcome = "refused"
	case terr == nil || terr.sent:
		outcome = "unknown"
	}
	attrs := []any{"source", c.name, "method", r.method, "outcome", outcome, "client_request_id", r.clientID}
	if resp != nil {
		attrs = append(attrs, "status", resp.status, "request_id", requestID(resp, nil))
	}
	c.log.WarnContext(ctx, "a write outlived its caller", attrs...)
}

type clientRequestIDKey struct{}

// ForwardClientRequestID makes the source see the caller's own client-request-id, if it is a GUID.
func ForwardClientRequestID(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Only the plain form: uuid.Parse alone would also take braces and a urn: prefix.
		if id := r.Header.Get("client-request-id"); len(id) == 36 && uuid.Validate(id) == nil {
			r = r.WithContext(context.WithValue(r.Context(), clientRequestIDKey{}, id))
		}
		next.ServeHTTP(w, r)
	})
}

func clientRequestID(ctx context.Context) string {
	if id, ok := ctx.Value(clientRequestIDKey{}).(string); ok {
		return id
	}
	return uuid.NewString()
}
