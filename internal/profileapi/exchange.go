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

// maxAnswer is the most bytes of an answer that are read, after decompression.
const maxAnswer = 8 << 20

// request is one request to the source.
type request struct {
	method   string
	url      string
	body     []byte // nil for none
	clientID string // its client-request-id, the same for a second try
	maxItems int    // of a list: more in one answer are not read; 0 for what is no list
}

// answer is what the source answered.
type answer struct {
	request
	status  int
	header  http.Header
	body    []byte
	bodyErr error // why body is not the whole body; nil where it is
}

// noAnswer is why there is no answer.
type noAnswer struct {
	request
	sent    bool // whether any of the request may have reached the source
	err     error
	refusal *profile.Error // what our own transport said instead of sending the request; nil where it did not
}

// errTooLarge is the bodyErr of an answer over maxAnswer.
var errTooLarge = errors.New("the answer is over 8 MiB")

// errLost is the error of a request that was written to a connection which was lost before an answer came.
var errLost = errors.New("the connection was lost")

// read sends a GET, and once more where the source was busy or the connection was lost. The caller's leaving ends it.
// MaxItems is that of the request.
func (c *Client) read(ctx context.Context, url string, maxItems int) (*answer, *noAnswer) {
	r := request{method: http.MethodGet, url: url, clientID: clientRequestID(ctx), maxItems: maxItems}
	a, no := c.send(ctx, r)
	if ctx.Err() == nil && readAgain(a, no) && wait(ctx, retryDelay(a)) {
		a, no = c.send(ctx, r)
	}
	return a, no
}

// write sends a POST, PATCH or DELETE. Once it is sent it is given its deadline even if its caller leaves, because
// only then is it known what became of it. It is sent again only where the source said that it did nothing.
func (c *Client) write(caller context.Context, method, url string, body []byte) (*answer, *noAnswer) {
	r := request{method: method, url: url, body: body, clientID: clientRequestID(caller)}
	if err := caller.Err(); err != nil {
		return nil, &noAnswer{request: r, err: err}
	}
	ctx, cancel := context.WithTimeout(profile.Outlive(caller), c.timeout)
	defer cancel()

	a, no := c.send(ctx, r)
	if writeAgain(r, a) {
		if delay := retryDelay(a); waitFits(ctx, delay) && wait(caller, delay) {
			a, no = c.send(ctx, r)
		}
	}
	if caller.Err() != nil {
		c.logOutcome(caller, r, a, no)
	}
	return a, no
}

// send makes one request and reads its answer, once there is room for that.
func (c *Client) send(caller context.Context, r request) (*answer, *noAnswer) {
	room, err := c.memory.reserve(caller)
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, &noAnswer{request: r, refusal: c.crowded()}
	}
	if err != nil {
		return nil, &noAnswer{request: r, err: err}
	}
	a, no := c.exchange(caller, r, room)
	if no != nil {
		room.settle(caller, 0)
		return nil, no
	}
	room.settle(caller, len(a.body))
	return a, nil
}

// crowded is the error for a request that found no room for its answer.
func (c *Client) crowded() *profile.Error {
	return &profile.Error{
		Code: profile.Overloaded, Source: c.name,
		Message: "Too many large answers are being read at the same time.",
	}
}

// exchange makes one request and reads its answer into the room that there is for it.
func (c *Client) exchange(caller context.Context, r request, room *room) (*answer, *noAnswer) {
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
				end(errLost) // not the caller's leaving: whoever counts the source's failures sees it by the cause
				return
			}
			sent.Store(false)
		},
		GotConn: func(info httptrace.GotConnInfo) {
			conn = keptBelow(info.Conn)
			refuseStale(conn, r.method, info)
			sent.Store(true)
		},
		WroteRequest: func(w httptrace.WroteRequestInfo) { written.Store(w.Err == nil) },
	})
	req := c.http.R().SetContext(ctx).SetDoNotParseResponse(true).SetHeader("client-request-id", r.clientID)
	if r.body != nil {
		req.SetHeader("Content-Type", "application/json").SetBody(r.body)
	}
	resp, err := req.Execute(r.method, r.url)
	if err != nil {
		if refusal, ok := errors.AsType[*profile.Error](err); ok {
			return nil, &noAnswer{request: r, refusal: refusal}
		}
		if caller.Err() == nil && ctx.Err() != nil {
			err = errLost
		}
		profile.CountCall(caller, "", "")
		return nil, &noAnswer{request: r, sent: sent.Load(), err: err}
	}
	defer func() { _ = resp.RawBody().Close() }()
	a := &answer{request: r, status: resp.StatusCode(), header: resp.Header()}
	conn.note(a.status, a.header)
	profile.CountCall(caller, requestID(a, nil), diagnostic(a))
	a.body, a.bodyErr = readAll(resp.RawBody(), resp.RawResponse.ContentLength, &largeAnswer{ctx: caller, room: room, items: itemCounter{most: r.maxItems}})
	if errors.Is(a.bodyErr, errCrowded) {
		a.bodyErr = c.crowded()
	}
	return a, nil
}

// errCrowded says that there was no room for a large answer until its deadline.
var errCrowded = errors.New("there is no room for the answer")

// largeAnswer is looked at where an answer turns out to be larger than an ordinary one.
type largeAnswer struct {
	ctx   context.Context
	room  *room
	items itemCounter
	seen  int // bytes that have been counted
}

// goOn tells whether an answer of which this much has been read may go on to up to most bytes.
func (l *largeAnswer) goOn(read []byte, most int64) error {
	if len(read) <= ordinaryAnswer {
		return nil
	}
	if err := l.room.grow(l.ctx, most); err != nil {
		return errCrowded
	}
	if l.items.most > 0 && l.items.count(read[l.seen:]) > l.items.most {
		return errManyItems
	}
	l.seen = len(read)
	return nil
}

// errManyItems says that one answer for a list has more items than are read.
var errManyItems = errors.New("the answer has too many items")

// itemCounter counts the elements of arrays in an object, which those of a list are, while the text comes in.
type itemCounter struct {
	most              int
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
func diagnostic(a *answer) string {
	text := a.header.Get("x-ms-ags-diagnostic")
	if !strings.HasPrefix(text, `{"ServerInfo":`) || !json.Valid([]byte(text)) {
		return ""
	}
	return text
}

// believed is how many bytes are made room for at once because a header announces them.
const believed = 64 << 10

// readAll reads at most maxAnswer bytes. Length is what the header announced, -1 for nothing.
func readAll(body io.Reader, length int64, large *largeAnswer) ([]byte, error) {
	most := length
	if length < 0 {
		most = maxAnswer
	}
	switch {
	case length > maxAnswer:
		return nil, errTooLarge
	case length < 0:
		length = 1 << 10
	}
	// One byte more than announced, so that the end is seen without growing.
	buf := make([]byte, 0, min(length, believed)+1)
	for {
		n, err := body.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case len(buf) > maxAnswer:
			return nil, errTooLarge
		case err == io.EOF:
			return buf, nil
		case err != nil:
			return nil, err
		case len(buf) == cap(buf):
			if err := large.goOn(buf, most); err != nil {
				return nil, err
			}
			buf = append(buf, 0)[:len(buf)]
		}
	}
}

// wait waits, unless the context would be over before: then, or when it ends meanwhile, the answer is false.
func wait(ctx context.Context, d time.Duration) bool {
	if !waitFits(ctx, d) {
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

func waitFits(ctx context.Context, d time.Duration) bool {
	deadline, ok := ctx.Deadline()
	return !ok || time.Until(deadline) > d
}

// logOutcome tells what became of a write whose caller is gone and will not hear it.
func (c *Client) logOutcome(ctx context.Context, r request, a *answer, no *noAnswer) {
	outcome := "not sent"
	switch {
	case no == nil && a.status/100 == 2:
		outcome = "accepted"
	case no == nil && codeFor(a) != profile.OutcomeUnknown:
		outcome = "refused"
	case no == nil || no.sent:
		outcome = "unknown"
	}
	attrs := []any{"source", c.name, "method", r.method, "outcome", outcome, "client_request_id", r.clientID}
	if a != nil {
		attrs = append(attrs, "status", a.status, "request_id", requestID(a, nil))
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
