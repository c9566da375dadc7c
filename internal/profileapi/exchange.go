package profileapi

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"profileql/internal/jsontape"
	"profileql/internal/profile"
)

// maxResponseBytes is the maximum size of a response, after decompression.
const maxResponseBytes = 8 << 20

// request is a request to the source.
type request struct {
	method   string
	url      string
	body     []byte        // nil for none
	clientID string        // client-request-id, the same for a retry
	maxItems int           // limit of items in one response of a list; 0 for none
	parts    int           // number of requests in a batch; 0 for a single request
	step     *profile.Step // for the trace; nil for none
	isRetry  bool
}

// response is the source's response to a request.
type response struct {
	request
	status  int
	header  http.Header
	body    []byte
	bodyErr error // why body is incomplete; nil if it is complete

	parsed jsontape.Value // the body, once json has parsed it; set from the start for a response in a batch
	tape   *jsontape.Tape // of parsed; nil for a response in a batch, whose tape is the batch's

	traced *profile.Exchange // nil if the operation is not traced
}

// json parses the body.
func (resp *response) json() (jsontape.Value, error) {
	if resp.parsed.Kind() != jsontape.Absent {
		return resp.parsed, nil
	}
	tape, err := jsontape.Parse(resp.body)
	if err != nil {
		return jsontape.Value{}, err
	}
	resp.tape, resp.parsed = tape, tape.Root()
	return resp.parsed, nil
}

// transportError is why a request has no response.
type transportError struct {
	request
	sent      bool // whether the request may have reached the source
	err       error
	rejection *profile.Error // error of our own transport, which did not send the request; nil otherwise
}

// errTooLarge is the bodyErr of a response over maxResponseBytes.
var errTooLarge = errors.New("the response is over 8 MiB")

// errConnectionLost is the error of a request whose connection was lost after the request was written.
var errConnectionLost = errors.New("the connection was lost")

// read sends a GET, and retries it once if the source was busy or the connection was lost. It is canceled with the caller.
func (c *Client) read(ctx context.Context, url string, maxItems int) (*response, *transportError) {
	r := request{method: http.MethodGet, url: url, clientID: clientRequestID(ctx), maxItems: maxItems, step: profile.StepOf(ctx)}
	resp, terr := c.fetch(ctx, r)
	if ctx.Err() == nil && shouldRetryRead(resp, terr) && waitForRetry(ctx, retryDelay(resp)) {
		c.noteRetry(r, resp)
		r.isRetry = true
		resp, terr = c.fetch(ctx, r)
	}
	return resp, terr
}

// waitForRetry is [sleep], during which other reads of the operation do not wait for this one.
func waitForRetry(ctx context.Context, d time.Duration) (slept bool) {
	profile.DispatcherOf(ctx).Wait(func() { slept = sleep(ctx, d) })
	return slept
}

// write sends a POST, PATCH or DELETE. Once sent, it is not canceled with its caller, because the outcome would be unknown.
// It is retried only if the source said that it was not processed.
func (c *Client) write(caller context.Context, method, url string, body []byte) (*response, *transportError) {
	r := request{method: method, url: url, body: body, clientID: clientRequestID(caller), step: profile.StepOf(caller)}
	if err := caller.Err(); err != nil {
		return nil, &transportError{request: r, err: err}
	}
	ctx, cancel := context.WithTimeout(profile.Detach(caller), c.timeout)
	defer cancel()

	resp, terr := c.send(ctx, r)
	if shouldRetryWrite(r, resp) {
		if delay := retryDelay(resp); fitsDeadline(ctx, delay) && sleep(caller, delay) {
			c.noteRetry(r, resp)
			r.isRetry = true
			resp, terr = c.send(ctx, r)
		}
	}
	if caller.Err() != nil {
		c.logOutcome(caller, r, resp, terr)
	}
	return resp, terr
}

// send sends a request and reads its response, once the memory budget allows it.
func (c *Client) send(caller context.Context, r request) (*response, *transportError) {
	mem, err := c.memory.reserve(caller, max(r.parts, 1))
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, &transportError{request: r, rejection: c.overMemoryBudget()}
	}
	if err != nil {
		return nil, &transportError{request: r, err: err}
	}
	size := 0
	defer func() { mem.settle(caller, size) }() // after a panic too
	resp, terr := c.exchange(caller, r, mem)
	if terr != nil {
		return nil, terr
	}
	size = len(resp.body)
	profile.AfterOperation(caller, resp.release)
	return resp, nil
}

// overMemoryBudget is the error for a request whose response does not fit the memory budget.
func (c *Client) overMemoryBudget() *profile.Error {
	return &profile.Error{
		Code: profile.Overloaded, Source: c.name,
		Message: "Too many large responses are being read at the same time.",
	}
}

// exchange sends a request and reads its response within a reservation of the memory budget.
func (c *Client) exchange(caller context.Context, r request, mem *reservation) (resp *response, terr *transportError) {
	traced := c.begin(r, nil)
	defer func() { end(traced, resp, terr) }()
	a := &attempt{client: c, isRetry: r.isRetry, parts: r.parts}
	ctx, cancel := context.WithCancelCause(context.WithValue(caller, attemptKey{}, a))
	defer cancel(nil)
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) {
			// The transport itself moves to another connection if nothing was written to the previous one. It would
			// also resend a GET for each idle connection that turns out to be lost, so that is stopped here. A request
			// counts as written once it is in a buffer, which a stale connection refuses.
			if a.written.Load() && !a.isUnwritten() {
				cancel(errConnectionLost) // the cause tells the circuit breaker that the caller did not cancel
				return
			}
			a.conn = nil
			a.sent.Store(false)
			a.written.Store(false)
		},
		GotConn: func(info httptrace.GotConnInfo) {
			a.got(info, r.method)
			if a.conn != nil && ctx.Err() != nil {
				a.conn.stale.Store(true) // the transport may hand over a connection after GetConn has ended the context
			}
		},
		WroteRequest: func(w httptrace.WroteRequestInfo) { a.written.Store(w.Err == nil) },
	})
	req := c.http.R().SetContext(ctx).SetDoNotParseResponse(true).SetHeader("client-request-id", r.clientID)
	if r.body != nil {
		req.SetHeader("Content-Type", "application/json").SetBody(r.body)
	}
	rawResp, err := req.Execute(r.method, r.url)
	if err != nil {
		if rejection, ok := errors.AsType[*profile.Error](err); ok {
			return nil, &transportError{request: r, rejection: rejection}
		}
		if caller.Err() == nil && ctx.Err() != nil {
			err = errConnectionLost
		}
		if r.parts == 0 {
			profile.CountCall(caller, "", "")
		}
		return nil, &transportError{request: r, sent: a.sent.Load(), err: err}
	}
	defer func() { _ = rawResp.RawBody().Close() }()
	resp = &response{request: r, status: rawResp.StatusCode(), header: rawResp.Header(), traced: traced}
	a.conn.observe(resp.status, resp.header)
	if r.parts == 0 {
		profile.CountCall(caller, requestID(resp, nil), diagnostic(resp))
	}
	resp.body, resp.bodyErr = readAll(rawResp.RawBody(), rawResp.RawResponse.ContentLength, &largeBody{ctx: caller, reservation: mem, items: itemCounter{limit: r.maxItems}})
	if errors.Is(resp.bodyErr, errMemoryBudget) {
		resp.bodyErr = c.overMemoryBudget()
	}
	return resp, nil
}

// errMemoryBudget means that the memory budget had no space for a large response before the deadline.
var errMemoryBudget = errors.New("the response does not fit the memory budget")

// largeBody is the state for checking a body that turns out to be larger than its reservation.
type largeBody struct {
	ctx         context.Context
	reservation *reservation
	items       itemCounter
	counted     int // bytes in which items have been counted
}

// check fails if a body of up to maxBytes, of which this much has been read, must not be read further.
func (l *largeBody) check(read []byte, maxBytes int64) error {
	if len(read) <= l.reservation.responses*smallResponse {
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

// errTooManyItems means that one response of a list has more items than allowed.
var errTooManyItems = errors.New("the response has too many items")

// itemCounter counts the elements of arrays in the top-level object while the body is read.
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

// diagnostic returns Microsoft Graph's description of the server that responded, for the log; empty if it has another form.
func diagnostic(resp *response) string {
	text := resp.header.Get("x-ms-ags-diagnostic")
	if !strings.HasPrefix(text, `{"ServerInfo":`) || !json.Valid([]byte(text)) {
		return ""
	}
	return text
}

// maxPrealloc is the most bytes that are allocated at once because of a Content-Length.
const maxPrealloc = 64 << 10

// readAll reads at most maxResponseBytes bytes. Length is the Content-Length, -1 for none.
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
	// One byte more than announced, so that EOF is read without growing.
	buf := newBody(int(min(length, maxPrealloc)) + 1)
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
			buf = slices.Grow(buf, growthOf(len(buf), length))
		}
	}
}

// growthOf returns by how many bytes a full buffer of this size grows. The larger part of an announced body is allocated
// only once the smaller one has arrived. Each growth copies the buffer, so it is by more than append's quarter.
func growthOf(size int, announced int64) int {
	if rest := int(announced) + 1 - size; rest > 0 {
		return min(rest, 7*size)
	}
	return size
}

// sleep waits. It returns false, if possible at once, when the context ends first.
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

// logOutcome logs the outcome of a write whose caller has canceled and does not receive it.
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
	c.log.WarnContext(ctx, "write finished after its caller canceled", attrs...)
}

type clientRequestIDKey struct{}

// ForwardClientRequestID forwards the caller's client-request-id to the source, if it is a GUID.
func ForwardClientRequestID(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Only the plain form: uuid.Validate alone would also accept braces and a urn: prefix.
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
	return newRequestID().String()
}

// newRequestID returns a random UUID (RFC 9562, version 4). It is no secret, so it need not come from the slower
// crypto/rand.
func newRequestID() (id uuid.UUID) {
	binary.NativeEndian.PutUint64(id[:8], rand.Uint64())
	binary.NativeEndian.PutUint64(id[8:], rand.Uint64())
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return id
}
