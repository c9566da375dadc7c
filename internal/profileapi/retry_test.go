package profileapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"profileql/internal/profile"
)

// step is what a source does with one request.
type step func(r *http.Request) (*http.Response, error)

// script is a source in memory that takes its steps in turn, repeating the last.
type script struct {
	steps []step
	asked int
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	s.asked++
	return s.steps[min(s.asked, len(s.steps))-1](r)
}

// connected tells the client trace that the transport has a connection, as net/http does.
func connected(r *http.Request) {
	if trace := httptrace.ContextClientTrace(r.Context()); trace != nil && trace.GotConn != nil {
		trace.GotConn(httptrace.GotConnInfo{})
	}
}

func respond(status int, body string, header ...string) step {
	return func(r *http.Request) (*http.Response, error) {
		connected(r)
		return newResponse(status, body, header...), nil
	}
}

// after delays a step, unless the request ends first.
func after(d time.Duration, next step) step {
	return func(r *http.Request) (*http.Response, error) {
		connected(r)
		select {
		case <-time.After(d):
			return next(r)
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
}

func refuseConnection(*http.Request) (*http.Response, error) {
	return nil, errors.New("connection refused")
}

func loseConnection(r *http.Request) (*http.Response, error) {
	connected(r)
	return nil, io.ErrUnexpectedEOF
}

// hang never responds; neverConnects never sends the request.
var hang = after(time.Hour, loseConnection)

func neverConnects(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// hangInBody answers with a header and half a body, and then nothing.
func hangInBody(r *http.Request) (*http.Response, error) {
	connected(r)
	answer := newResponse(200, "")
	answer.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"id": "a", "value": [`), untilDone{r.Context()}))
	return answer, nil
}

type untilDone struct{ context.Context }

func (u untilDone) Read([]byte) (int, error) {
	<-u.Done()
	return 0, u.Err()
}

const good = `{"id": "a", "value": [{"id": "a"}]}`

// calls has one call of each method of [Collection].
var calls = map[string]func(ctx context.Context, c *Collection) error{
	"list": func(ctx context.Context, c *Collection) error {
		_, err := c.List(ctx, profile.Query{Order: profile.Order{Property: "createdDateTime", Descending: true}, Limit: 1})
		return err
	},
	"get": func(ctx context.Context, c *Collection) error {
		_, err := c.Get(ctx, profile.Ref{ID: "a"}, nil)
		return err
	},
	"create": func(ctx context.Context, c *Collection) error {
		_, err := c.Create(ctx, "test", "", []byte(`{"name":"x"}`))
		return err
	},
	"update": func(ctx context.Context, c *Collection) error {
		_, err := c.Update(ctx, profile.Ref{ID: "a"}, []byte(`{"name":"x"}`))
		return err
	},
	"delete": func(ctx context.Context, c *Collection) error {
		return c.Delete(ctx, profile.Ref{ID: "a"})
	},
}

// inBubble is a test on a clock of its own. Not synctest.Test alone: where that fails, it ends the test around it.
func inBubble(t *testing.T, name string, test func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
}

func codeOf(err error) profile.Code {
	var e *profile.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// outcomes are the outcomes of each kind of call, as "requests code"; no code for success.
type outcomes struct{ read, create, change string }

func (o outcomes) of(call string) string {
	switch call {
	case "create":
		return o.create
	case "update", "delete":
		return o.change
	}
	return o.read
}

// TestRetries holds what is retried, at most once, and that the last response counts.
func TestRetries(t *testing.T) {
	t.Parallel()
	const (
		throttled, unavailable, unknown = string(profile.Throttled), string(profile.SourceUnavailable), string(profile.OutcomeUnknown)
		timeout, missing                = string(profile.SourceTimeout), string(profile.NotFound)
	)
	all := func(s string) outcomes { return outcomes{s, s, s} }
	for name, test := range map[string]struct {
		steps []step
		outcomes
	}{
		"429, then well":                  {[]step{respond(429, ""), respond(200, good)}, all("2 ")},
		"429 for ever":                    {[]step{respond(429, "")}, all("2 " + throttled)},
		"429, then 404":                   {[]step{respond(429, ""), respond(404, "")}, all("2 " + missing)},
		"429, then 500":                   {[]step{respond(429, ""), respond(500, "")}, outcomes{"2 " + unavailable, "2 " + unknown, "2 " + unknown}},
		"429, then lost":                  {[]step{respond(429, ""), loseConnection}, outcomes{"2 " + unavailable, "2 " + unknown, "2 " + unknown}},
		"429, then refused":               {[]step{respond(429, ""), refuseConnection}, all("2 " + unavailable)},
		"429, then no answer":             {[]step{respond(429, ""), hang}, outcomes{"2 " + timeout, "2 " + unknown, "2 " + unknown}},
		"429, then no connection":         {[]step{respond(429, ""), neverConnects}, all("2 " + timeout)},
		"429, too long":                   {[]step{respond(429, "", "Retry-After", "10.5"), respond(200, good)}, all("1 " + throttled)},
		"503, then well":                  {[]step{respond(503, ""), respond(200, good)}, outcomes{"2 ", "1 " + unknown, "1 " + unknown}},
		"503 with Retry-After, then well": {[]step{respond(503, "", "Retry-After", "1"), respond(200, good)}, outcomes{"2 ", "1 " + unavailable, "2 "}},
		"503 with Retry-After, then without": {[]step{respond(503, "", "Retry-After", "1"), respond(503, "")},
			outcomes{"2 " + unavailable, "1 " + unavailable, "2 " + unknown}},
		"503 with Retry-After, then lost": {[]step{respond(503, "", "Retry-After", "1"), loseConnection}, outcomes{"2 " + unavailable, "1 " + unavailable, "2 " + unknown}},
		"503, too long":                   {[]step{respond(503, "", "Retry-After", "60"), respond(200, good)}, all("1 " + unavailable)},
		"503 with another Retry-After":    {[]step{respond(503, "", "Retry-After", "soon"), respond(200, good)}, outcomes{"2 ", "1 " + unknown, "1 " + unknown}},
		"502, then well":                  {[]step{respond(502, "", "Retry-After", "1"), respond(200, good)}, outcomes{"2 ", "1 " + unknown, "1 " + unknown}},
		"504, then well":                  {[]step{respond(504, "", "Retry-After", "1"), respond(200, good)}, outcomes{"2 ", "1 " + unknown, "1 " + unknown}},
		"500, then well":                  {[]step{respond(500, "", "Retry-After", "1"), respond(200, good)}, outcomes{"1 " + unavailable, "1 " + unknown, "1 " + unknown}},
		"408, then well":                  {[]step{respond(408, ""), respond(200, good)}, outcomes{"2 ", "1 " + unknown, "1 " + unknown}},
		"408 with Retry-After, then well": {[]step{respond(408, "", "Retry-After", "1"), respond(200, good)}, outcomes{"2 ", "1 " + unavailable, "1 " + unavailable}},
		"421, then well":                  {[]step{respond(421, ""), respond(200, good)}, outcomes{"2 ", "1 " + unavailable, "1 " + unavailable}},
		"423, then well":                  {[]step{respond(423, "", "Retry-After", "1"), respond(200, good)}, outcomes{"2 ", "1 " + unavailable, "1 " + unavailable}},
		"423, too long":                   {[]step{respond(423, "", "Retry-After", "60"), respond(200, good)}, all("1 " + unavailable)},
		"425, then well":                  {[]step{respond(425, ""), respond(200, good)}, outcomes{"2 ", "1 " + unavailable, "1 " + unavailable}},
		"425 for ever":                    {[]step{respond(425, "")}, outcomes{"2 " + unavailable, "1 " + unavailable, "1 " + unavailable}},
		"lost, then well":                 {[]step{loseConnection, respond(200, good)}, outcomes{"2 ", "1 " + unknown, "1 " + unknown}},
		"lost, then throttled":            {[]step{loseConnection, respond(429, "")}, outcomes{"2 " + throttled, "1 " + unknown, "1 " + unknown}},
		"refused, then well":              {[]step{refuseConnection, respond(200, good)}, outcomes{"2 ", "1 " + unavailable, "1 " + unavailable}},
		"no answer":                       {[]step{hang}, outcomes{"1 " + timeout, "1 " + unknown, "1 " + unknown}},
		"no connection":                   {[]step{neverConnects}, all("1 " + timeout)},
		"404":                             {[]step{respond(404, "", "Retry-After", "1"), respond(200, good)}, all("1 " + missing)},
	} {
		for call, do := range calls {
			inBubble(t, name+", "+call, func(t *testing.T) {
				source := &script{steps: test.steps}
				err := do(t.Context(), things(t, source))
				got := fmt.Sprintf("%d %s", source.asked, codeOf(err))
				if want := test.of(call); got != want || err != nil && codeOf(err) == "" {
					t.Errorf("got %q, want %q; %v", got, want, err)
				}
			})
		}
	}
}

// TestTimeout holds that the timeout of a call includes all of its requests.
func TestTimeout(t *testing.T) {
	t.Parallel()
	const timeout = 2 * time.Second
	for name, test := range map[string]struct {
		steps []step
		calls string // those to test
		code  profile.Code
	}{
		"no answer to a read":          {[]step{hang}, "list get", profile.SourceTimeout},
		"no answer to a write":         {[]step{hang}, "create update delete", profile.OutcomeUnknown},
		"half an answer to a read":     {[]step{hangInBody}, "list get", profile.SourceTimeout},
		"half an answer to a write":    {[]step{hangInBody}, "create update", profile.OutcomeUnknown},
		"half an answer to a DELETE":   {[]step{hangInBody}, "delete", ""},
		"a late second try":            {[]step{after(time.Second, loseConnection), hang}, "list get", profile.SourceTimeout},
		"a throttled write":            {[]step{after(time.Second, respond(429, "", "Retry-After", "0.5")), hang}, "create update delete", profile.OutcomeUnknown},
		"no $select, late":             {[]step{after(time.Second, respond(400, "")), hang}, "list", profile.SourceTimeout},
		"no way to list":               {[]step{after(time.Second, respond(200, `{"value": [], "@odata.nextLink": "things?$skip=1"}`)), after(time.Second, respond(200, `{"value": [], "@odata.nextLink": "things?$skip=2"}`))}, "list", profile.SourceTimeout},
		"an update that is read again": {[]step{after(1500*time.Millisecond, respond(204, "")), hang}, "update", profile.OutcomeUnknown},
		"a create that is read again":  {[]step{after(1500*time.Millisecond, respond(201, "", "Location", "things/a")), hang}, "create", profile.OutcomeUnknown},
	} {
		for call, do := range calls {
			if !strings.Contains(test.calls, call) {
				continue
			}
			inBubble(t, name+", "+call, func(t *testing.T) {
				client, err := New(Options{
					Name: "test", BaseURL: "https://source.example/beta", Transport: &script{steps: test.steps}, Timeout: timeout, Log: slog.New(slog.DiscardHandler),
				})
				if err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				err = do(t.Context(), NewCollection(client, "things", []string{"name"}))
				if took := time.Since(began); took != timeout || codeOf(err) != test.code {
					t.Errorf("%v after %v, want %s after %v", err, took, test.code, timeout)
				}
			})
		}
	}
}

// TestCanceledCaller cancels before the call: a write is not sent.
func TestCanceledCaller(t *testing.T) {
	t.Parallel()
	for call, do := range calls {
		ctx, leave := context.WithCancel(t.Context())
		leave()
		source := &script{steps: []step{func(r *http.Request) (*http.Response, error) { return nil, r.Context().Err() }}}
		if err := do(ctx, things(t, source)); !errors.Is(err, context.Canceled) || source.asked > 0 && call != "list" && call != "get" {
			t.Errorf("%s: %d requests, %v", call, source.asked, err)
		}
	}
}

// TestRejectedByTransport has our own transport reject a request: its error is returned, nothing is retried, and no request
// to the source is counted.
func TestRejectedByTransport(t *testing.T) {
	t.Parallel()
	refusal := &profile.Error{Code: profile.Overloaded, Message: "Too many.", Source: "test", RetryAfter: new(2.5)}
	refusesToSend := func(*http.Request) (*http.Response, error) { return nil, refusal }
	for name, test := range map[string]struct {
		steps    []step
		requests int // that reach the source
	}{
		"at once":         {[]step{refusesToSend, respond(200, good)}, 0},
		"the second time": {[]step{respond(429, "", "Retry-After", "1"), refusesToSend, respond(200, good)}, 1},
	} {
		for call, do := range calls {
			inBubble(t, name+", "+call, func(t *testing.T) {
				source := &script{steps: test.steps}
				ctx, counted := profile.WithCalls(t.Context())
				err := do(ctx, things(t, source))
				var got *profile.Error
				if !errors.As(err, &got) || got.ClientRequestID == "" || !got.Code.Retryable() {
					t.Fatalf("%#v", err)
				}
				want := *refusal
				want.ClientRequestID = got.ClientRequestID
				if diff := cmp.Diff(&want, got); diff != "" {
					t.Error(diff)
				}
				if n, _, _ := counted.Counted(); n != test.requests || source.asked != test.requests+1 {
					t.Errorf("%d requests are counted, want %d; the transport was asked %d times", n, test.requests, source.asked)
				}
			})
		}
	}
	if refusal.ClientRequestID != "" {
		t.Error("the transport's own error has been changed")
	}
}

// TestLostConnectionIsNotCanceled loses a connection during a read: the cause of the transport's context says so, so that
// the circuit breaker does not take it for the caller's cancellation.
func TestLostConnectionIsNotCanceled(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) == 2 {
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, good)
	}))
	defer source.Close()
	transport := NewTransport(256)
	defer transport.CloseIdleConnections()
	var causes []error
	client, err := New(Options{Name: "test", BaseURL: source.URL, Log: slog.New(slog.DiscardHandler), Transport: roundTrip(
		func(r *http.Request) (*http.Response, error) {
			resp, err := transport.RoundTrip(r)
			causes = append(causes, context.Cause(r.Context()))
			return resp, err
		},
	)})
	if err != nil {
		t.Fatal(err)
	}
	c := NewCollection(client, "things", []string{"name"})
	for range 2 { // the second over the first one's connection, which is lost, and then over another
		if err := calls["get"](t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	if len(causes) != 3 || causes[0] != nil || !errors.Is(causes[1], errConnectionLost) || causes[2] != nil {
		t.Errorf("%v", causes)
	}
}

// TestListCapabilityExpires holds that an option that lists do not support is tried again after an hour.
func TestListCapabilityExpires(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		denied string // in the query of requests that are answered with 400
		counts []int  // requests of the first list, one right after it, one just before the hour is over, and one after
	}{
		"$select": {"$select", []int{3, 2, 2, 3}}, "an order": {"$orderby", []int{4, 2, 2, 4}},
		"a length": {"$count", []int{2, 1, 1, 2}}, "nothing": {"$nothing", []int{2, 2, 2, 2}},
	} {
		inBubble(t, name, func(t *testing.T) {
			requests := make(chan string, 10)
			c := things(t, roundTrip(func(r *http.Request) (*http.Response, error) {
				requests <- r.URL.RawQuery
				if r.URL.Query().Has(test.denied) {
					return newResponse(400, `{}`), nil
				}
				return newResponse(200, `{"value": [{"id": "a"}], "@odata.count": 1}`), nil
			}))
			for i, wait := range []time.Duration{0, 0, time.Hour - time.Second, 2 * time.Second} {
				time.Sleep(wait)
				page, err := c.List(t.Context(), profile.Query{
					Order: profile.Order{Property: "createdDateTime", Descending: true}, Limit: 1, Properties: []string{"id", "name"}, Count: true,
				})
				if err != nil || len(page.Entries) != 1 || (page.Total == nil) != (test.denied == "$count") {
					t.Errorf("list %d: %+v, %v", i+1, page, err)
				}
				if len(requests) != test.counts[i] {
					t.Errorf("list %d: %d requests, want %d", i+1, len(requests), test.counts[i])
				}
				for len(requests) > 0 {
					<-requests
				}
			}
		})
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
