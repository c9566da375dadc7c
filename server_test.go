package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"go.uber.org/goleak"

	"profileql/internal/config"
	"profileql/internal/edge"
	"profileql/internal/profileapi"
	"profileql/internal/telemetry"
	"profileql/test/scene"
)

// Most end-to-end tests run the binary, in test/e2e. The tests here need what those cannot have: a fake clock for exact
// times, a transport that fails, a check for leaked goroutines, or a count of allocations.

// newTestHandler returns the handler of ProfileQL with one source, as with --upstream. Requests to the source go
// through transport.
func newTestHandler(t testing.TB, baseURL string, transport http.RoundTripper, logged io.Writer) http.Handler {
	t.Helper()
	return newObservedHandler(t, shared{}, baseURL, transport, logged)
}

// newObservedHandler returns the handler as newTestHandler does, with the metrics and traces in with.
func newObservedHandler(t testing.TB, with shared, baseURL string, transport http.RoundTripper, logged io.Writer) http.Handler {
	t.Helper()
	s := config.Source{
		Name: "upstream", Kind: config.KindProfile, URL: baseURL, Writable: true, AnyUser: true, Batch: true,
		Token: config.Token{From: config.FromCaller, Name: "Authorization"}, Concurrency: 4, MaxConcurrency: 256,
	}
	with.health, with.log = new(edge.Health), with.traces.Log(telemetry.NewLog(logged))
	u, err := connect(s, transport, with)
	if err != nil {
		t.Fatal(err)
	}
	c := &config.Config{Command: config.Serve, Listen: scene.AnyPort, Sources: []config.Source{s}}
	handler, err := newHandler(c, sourceList{u}, nil, with)
	if err != nil {
		t.Fatal(err)
	}
	return handler
}

// serveInProcess sends a request to a handler without a socket.
func serveInProcess(ctx context.Context, handler http.Handler, body []byte) string {
	req := httptest.NewRequestWithContext(ctx, http.MethodPost, "/graphql", bytes.NewReader(body))
	req.Host = "localhost"
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer x")
	w := httptest.NewRecorder()
	handler.ServeHTTP(connected{w}, req)
	return w.Body.String()
}

// connected is a recorder that accepts write deadlines, as a connection does.
type connected struct{ *httptest.ResponseRecorder }

func (connected) SetWriteDeadline(time.Time) error { return nil }

type roundTripperFunc func(*http.Request) (*http.Response, error)

func (f roundTripperFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// newScene returns a scene in which all connections are real sockets.
func newScene(t testing.TB, untold ...string) *scene.Scene {
	t.Helper()
	u, log := scene.NewUpstream(t), new(scene.Log)
	address := u.Listen(t, scene.AnyPort)
	transport := profileapi.NewTransport(256)
	t.Cleanup(transport.CloseIdleConnections)
	server := httptest.NewServer(newTestHandler(t, "http://"+address+"/beta", transport, log))
	t.Cleanup(server.Close)
	return &scene.Scene{Upstream: u, Log: log.String, Untold: append(untold, address), Do: func(op scene.Operation, token string) scene.Reply {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/graphql", bytes.NewReader(scene.Body(t, op.Text, op.Variables)))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+token)
		resp, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return scene.ReadReply(t, resp.StatusCode, resp.Header, body)
	}}
}

// newTimedScene returns a scene without sockets, because the fake clock of a synctest bubble does not advance while a
// goroutine waits for one. The upstream sends the same bytes.
func newTimedScene(t testing.TB) *scene.Scene {
	t.Helper()
	u, log := scene.NewUpstream(t), new(scene.Log)
	transport := profileapi.NewTransport(256)
	transport.Proxy, transport.DialContext = nil, u.Dial
	t.Cleanup(transport.CloseIdleConnections)
	handler := newTestHandler(t, "http://source.example/beta", transport, log)
	return &scene.Scene{Upstream: u, Log: log.String, Untold: []string{"source.example"}, Timed: true, Do: func(op scene.Operation, token string) scene.Reply {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/graphql", bytes.NewReader(scene.Body(t, op.Text, op.Variables)))
		r.Host = "localhost"
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return scene.ReadReply(t, w.Code, w.Header(), w.Body.Bytes())
	}}
}

// pause is the delay before a retry without Retry-After.
const pause = 500 * time.Millisecond

// alike expects the same code for all operations, without retries.
func alike(code string) scene.Expectations { return scene.Split(code, code) }

var (
	well          = alike("")
	refused       = alike("SOURCE_REFUSED")
	gibberish     = scene.Split("SOURCE_INVALID_RESPONSE", "OUTCOME_UNKNOWN")
	tooLarge      = scene.Split("LIMIT_EXCEEDED", "OUTCOME_UNKNOWN")
	failed        = scene.Split("SOURCE_UNAVAILABLE", "OUTCOME_UNKNOWN")
	lostOnTheWay  = failed.ReadTwice(0)
	outOfOrder    = failed.ReadTwice(pause)
	neverAnswered = scene.Split("SOURCE_TIMEOUT", "OUTCOME_UNKNOWN").After(scene.Timeout)
)

type faultCase struct {
	name  string
	fault scene.Fault
	want  scene.Expectations
}

// quickFaults returns the faults that are detected without a timeout.
func quickFaults(elsewhere string) []faultCase {
	long := scene.Announced(2000)
	cases := []faultCase{
		{"closed without an answer", scene.Closes, lostOnTheWay},
		{"reset without an answer", scene.Resets, lostOnTheWay},
		{"lost in the status", scene.Says("HTTP/1.1 2"), lostOnTheWay},
		{"lost in the header", scene.Says("HTTP/1.1 200 OK\r\nX-Inside: " + scene.Marker), lostOnTheWay},
		{"less than announced", scene.Says(long), lostOnTheWay},
		{"nothing of what was announced", scene.Says(long[:len(long)-len(scene.GoodBody)]), lostOnTheWay},
		{"more than announced", scene.Says(scene.WellFormed(200, scene.GoodBody[:20], "Connection: close") + scene.GoodBody[20:]), gibberish},
		{"chunks without an end", scene.Says(scene.Chunked(scene.GoodBody)), lostOnTheWay},
		{"chunks of no size", scene.Says(scene.Head(200, scene.IsJSON, "Transfer-Encoding: chunked") + scene.Marker + "\r\n"), lostOnTheWay},
		{"an unknown encoding of transfer", scene.Says(scene.WellFormed(200, scene.GoodBody, "Transfer-Encoding: "+scene.Marker)), lostOnTheWay},
		{"two lengths", scene.Says(scene.WellFormed(200, scene.GoodBody, "Content-Length: 7")), lostOnTheWay},
		{"a length below zero", scene.Says(scene.Head(200, scene.IsJSON, "Content-Length: -1") + scene.GoodBody), lostOnTheWay},
		{"no length", scene.Says(scene.Head(200, scene.IsJSON) + scene.GoodBody), well},
		{"HTTP/1.0", scene.Says("HTTP/1.0 200 OK\r\n" + scene.IsJSON + "\r\n\r\n" + scene.GoodBody), well},
		{"chunks with a trailer", scene.SaysAndStays(scene.Chunked(scene.GoodBody) + "0\r\nX-Inside: " + scene.Marker + "\r\n\r\n"), well},
		{"the last one", scene.Says(scene.WellFormed(200, scene.GoodBody, "Connection: close")), well},
		{"cookies", scene.AnswersWith(200, scene.GoodBody, "Set-Cookie: a="+scene.Marker+"; Path=/", "Set-Cookie: b=c"), well},

		{"no HTTP", scene.Says("\x16\x03\x01\x00" + scene.Marker + "\x00\xff\r\n\r\n"), lostOnTheWay},
		{"a status that is no number", scene.Says("HTTP/1.1 abc " + scene.Marker + "\r\n\r\n"), lostOnTheWay},
		{"status 000", scene.AnswersWith(0, scene.GoodBody), gibberish},
		{"status 999", scene.AnswersWith(999, scene.GoodBody), failed},
		{"a header with a control character", scene.Says(scene.WellFormed(200, scene.GoodBody, "X-Inside: \x00"+scene.Marker)), lostOnTheWay},
		{"a header without a name", scene.Says(scene.WellFormed(200, scene.GoodBody, scene.Marker)), lostOnTheWay},
		{"1 MB of header", scene.Says(scene.WellFormed(200, scene.GoodBody, "X-Large: "+strings.Repeat("x", 1<<20))), lostOnTheWay},
		{"a header without an end", scene.Repeats("HTTP/1.1 200 OK\r\n", "X-Inside: "+scene.Marker+"\r\n", -1), lostOnTheWay},

		{"100", scene.SaysAndStays(scene.OnTheWay(100) + scene.WellFormed(200, scene.GoodBody)), well},
		{"102 and 103", scene.SaysAndStays(scene.OnTheWay(102, 103, 103) + scene.WellFormed(200, scene.GoodBody)), well},
		{"103 without end", scene.Repeats("", scene.OnTheWay(103), -1), lostOnTheWay},
		{"101", scene.Says(scene.Head(101, "Upgrade: "+scene.Marker, "Connection: Upgrade") + scene.GoodBody), gibberish},

		{"a page", scene.AnswersWith(200, "<html>"+scene.Marker, "Content-Type: text/html"), gibberish},
		{"an error", scene.Answers200(scene.ErrorBody), gibberish},
		{"an error behind it", scene.Answers200(scene.GoodBody + scene.ErrorBody), gibberish},
		{"a list", scene.Answers200(`[` + scene.GoodBody + `]`), gibberish},
		{"a text", scene.Answers200(`"` + scene.Marker + `"`), gibberish},
		{"null", scene.Answers200(`null`), gibberish},
		{"nothing", scene.Answers200(``), gibberish.ReadBack()},
		{"204", scene.SaysAndStays(scene.Head(204)), gibberish.ReadBack()},
		{"201", scene.AnswersWith(201, scene.GoodBody), scene.Split("SOURCE_INVALID_RESPONSE", "")},
		{"lists without an end", scene.Answers200(strings.Repeat("[", 100_000)), gibberish},
		{"an item with lists without an end", scene.Answers200(`{"id": "abc", "deep": ` + strings.Repeat("[", 100_000)), gibberish},
		{"100,000 lists in each other", scene.Answers200(scene.Nested(100_000, "")), gibberish},
		{"9,000 lists in each other", scene.Answers200(scene.Nested(9_000, `"`+scene.Marker+`"`)), well},
		{"9,000 lists around a null", scene.Answers200(scene.Nested(9_000, "null")), well},
		{"a gzip bomb", scene.AnswersWith(200, scene.BombText(), "Content-Encoding: gzip"), tooLarge},
		{"half a gzip", scene.AnswersWith(200, scene.BombText()[:20], "Content-Encoding: gzip"), lostOnTheWay},
		{"50 MB", scene.FiftyMB, tooLarge},
		{"chunks for ever", scene.ManyChunks, tooLarge},
		{"a link to elsewhere", scene.Answers200(`{"value": [], "@odata.nextLink": "http://` + elsewhere + `"}`), gibberish},
	}
	for _, status := range []int{301, 302, 303, 307, 308} {
		for name, location := range map[string]string{
			"elsewhere": "Location: http://" + elsewhere + "/beta/" + scene.Marker,
			"the same":  "Location: /beta/" + scene.Marker,
			"nowhere":   "X-Location: " + scene.Marker,
			"no URL":    "Location: http://[::" + scene.Marker,
		} {
			cases = append(cases, faultCase{
				fmt.Sprintf("%d to %s", status, name), scene.AnswersWith(status, scene.ErrorBody, location), refused,
			})
		}
	}
	return cases
}

// TestUpstreamFaults checks the quick faults of an upstream. It does not run in parallel with other tests, so that it
// can check for leaked goroutines.
func TestUpstreamFaults(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	elsewhere := scene.NewUpstream(t)
	address := elsewhere.Listen(t, scene.AnyPort)
	elsewhere.Meets(func(net.Conn) {})
	for _, test := range quickFaults(address) {
		t.Run(test.name, func(t *testing.T) {
			newScene(t, address).CheckFault(t, test.fault, test.want)
		})
	}
	if arrived := elsewhere.Take(); len(arrived) > 0 {
		t.Errorf("%d connections came where a redirect pointed", len(arrived))
	}
}

// slowFaults are the faults that take time until they are detected or retried.
var slowFaults = []faultCase{
	{"no answer", scene.StallsAfter(""), neverAnswered},
	{"103 and no answer", scene.StallsAfter(scene.OnTheWay(103)), neverAnswered},
	{"101 and nothing more", scene.StallsAfter(scene.Head(101, "Upgrade: "+scene.Marker, "Connection: Upgrade")), gibberish},
	{"half of the header", scene.StallsAfter("HTTP/1.1 200 OK\r\nX-Inside: " + scene.Marker), neverAnswered},
	{"the header and no body", scene.StallsAfter(scene.Head(200, scene.IsJSON, "Content-Length: 900")), neverAnswered},
	{"half of the body", scene.StallsAfter(scene.Head(200, scene.IsJSON, "Content-Length: 900") + scene.GoodBody), neverAnswered},
	{"half of the chunks", scene.StallsAfter(scene.Chunked(scene.GoodBody)), neverAnswered},
	{"half of an error", scene.StallsAfter(scene.Head(500, scene.IsJSON, "Content-Length: 900") + scene.ErrorBody), failed.After(scene.Timeout)},
	{"half of a redirect", scene.StallsAfter(scene.Head(302, "Location: /"+scene.Marker, "Content-Length: 900")), refused.After(scene.Timeout)},
	{"a trickle", scene.Trickles(scene.WellFormed(200, scene.GoodBody)), well.After(scene.Trickling(scene.WellFormed(200, scene.GoodBody)))},
	{"too long a trickle", scene.Trickles(scene.WellFormed(200, scene.Nested(1500, ""))), neverAnswered},
	{"too long a trickle of the header", scene.Trickles(scene.OnTheWay(103, 103) + strings.Repeat("x", 2000)), neverAnswered},
	{"a page with 502", scene.AnswersWith(502, "<html>"+scene.Marker, "Content-Type: text/html"), outOfOrder},
	{"502", scene.AnswersWith(502, scene.ErrorBody), outOfOrder},
	{"504", scene.AnswersWith(504, scene.ErrorBody), outOfOrder},
	{"more than announced", scene.SaysAndStays(scene.Announced(len(scene.GoodBody) - 1)), gibberish},
	{"more than announced, and its end", scene.Says(scene.Announced(len(scene.GoodBody) - 1)), gibberish},
	{"another answer", scene.SaysAndStays(strings.Repeat(scene.WellFormed(200, scene.GoodBody), 2)), well},
	{"502 that is lost", scene.Says(scene.Head(502, "Content-Length: 900") + scene.Marker), outOfOrder},
}

// inBubble runs a test in a synctest bubble, with a fake clock. The bubble fails if a goroutine in it outlives the
// test.
func inBubble(t *testing.T, name string, test func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
}

// TestSlowUpstream checks the slow faults of an upstream.
func TestSlowUpstream(t *testing.T) {
	t.Parallel()
	for _, test := range slowFaults {
		inBubble(t, test.name, func(t *testing.T) { newTimedScene(t).CheckFault(t, test.fault, test.want) })
	}
}

// retryAfter is a form of the header Retry-After, with the expected behavior.
type retryAfter struct {
	lines func() []string
	told  any           // retryAfter in the error, in seconds; nil for none
	waits time.Duration // before the retry
	once  bool          // no retry, because it would be after the timeout
}

// inHeader returns header lines with these values.
func inHeader(values ...string) func() []string {
	lines := make([]string, len(values))
	for i, value := range values {
		lines[i] = "Retry-After: " + value
	}
	return func() []string { return lines }
}

// inDate returns a header line with a date, this long after the response is sent.
func inDate(ahead time.Duration) func() []string {
	return func() []string {
		return []string{"Retry-After: " + time.Now().Add(ahead).UTC().Format(http.TimeFormat)}
	}
}

var retryAfters = map[string]retryAfter{
	"absent":               {lines: inHeader(), waits: pause},
	"empty":                {lines: inHeader(""), waits: pause},
	"0":                    {lines: inHeader("0"), told: 0.0},
	"0.05":                 {lines: inHeader("0.05"), told: 0.05, waits: 50 * time.Millisecond},
	"1":                    {lines: inHeader("1"), told: 1.0, waits: time.Second},
	"2.128":                {lines: inHeader("2.128"), told: 2.128, waits: 2128 * time.Millisecond},
	"the whole time":       {lines: inHeader("10"), told: 10.0, once: true},
	"120":                  {lines: inHeader("120"), told: 120.0, once: true},
	"99999999999999999999": {lines: inHeader("99999999999999999999"), told: 1e20, once: true},
	"-1":                   {lines: inHeader("-1"), waits: pause},
	"abc":                  {lines: inHeader("abc"), waits: pause},
	"a secret":             {lines: inHeader(scene.Marker), waits: pause},
	"a date to come":       {lines: inDate(time.Second), told: 1.0, waits: time.Second},
	"a date too far":       {lines: inDate(time.Minute), told: 60.0, once: true},
	"a date gone by":       {lines: inDate(-time.Hour), told: 0.0},
	"two, shorter first":   {lines: inHeader("0.05", "120"), told: 0.05, waits: 50 * time.Millisecond},
	"two, longer first":    {lines: inHeader("120", "0.05"), told: 120.0, once: true},
	"two in a line":        {lines: inHeader("1, 2"), waits: pause},
}

// want returns the behavior that README.md documents. A write with 503 is known not to be processed only if the
// response has Retry-After. A POST is not retried even then.
func (r retryAfter) want(status int) scene.Expectations {
	want := alike("THROTTLED")
	for i := range want {
		if status == http.StatusServiceUnavailable {
			want[i].Code = "SOURCE_UNAVAILABLE"
			if i > 0 && r.told == nil {
				want[i].Code = "OUTCOME_UNKNOWN"
			}
			if i == 1 && r.told == nil || i == 2 {
				continue
			}
		}
		if !r.once {
			want[i].Sent += " " + want[i].Sent
			want[i].Took = r.waits
		}
	}
	return want
}

// TestUpstreamRetryAfter checks all forms of Retry-After, with an upstream that stays busy, and with one whose second
// response is a success.
func TestUpstreamRetryAfter(t *testing.T) {
	t.Parallel()
	for name, test := range retryAfters {
		for _, status := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable} {
			busy := func(c net.Conn, r *http.Request) bool {
				return scene.AnswersWith(status, scene.ErrorBody, test.lines()...)(c, r)
			}
			want := test.want(status)
			inBubble(t, fmt.Sprintf("%s, %d", name, status), func(t *testing.T) {
				newTimedScene(t).CheckFault(t, busy, want)
			})
			inBubble(t, fmt.Sprintf("%s, %d once", name, status), func(t *testing.T) {
				for i, op := range scene.FaultCases {
					s := newTimedScene(t)
					s.Does(func(c net.Conn, r *http.Request) bool {
						s.Does(nil)
						return busy(c, r)
					})
					want := want[i]
					if strings.Contains(want.Sent, " ") {
						want.Code = ""
					}
					s.Check(t, op, want)
				}
			})
			inBubble(t, fmt.Sprintf("%s, %d, as it is told", name, status), func(t *testing.T) {
				s := newTimedScene(t)
				s.Does(busy)
				for _, op := range scene.FaultCases {
					r := s.Do(op, "s3cret-token")
					if told := r.Errors[0].Extensions; told["retryAfter"] != test.told || told["status"] != float64(status) {
						t.Errorf("%s: want %v: %s", op.Name, test.told, r.Body)
					}
				}
			})
		}
	}
}

// TestUpstreamClosesIdle closes an idle connection that has served requests before. A request that was not yet sent on
// it goes to a new connection, even a write.
func TestUpstreamClosesIdle(t *testing.T) {
	t.Parallel()
	for _, op := range scene.FaultCases {
		inBubble(t, op.Name+", closed and noticed", func(t *testing.T) {
			s := newTimedScene(t)
			s.Does(scene.AnswersThen(scene.Closes))
			for range 3 {
				s.Check(t, op, scene.Expected{Code: "", Sent: op.Method})
				synctest.Wait() // until the transport has noticed the end of the connection
			}
		})
	}
}

// TestUpstreamIsLarge bounds the memory that is allocated for a response over the size limit. It does not run in
// parallel with other tests, because their allocations would count.
func TestUpstreamIsLarge(t *testing.T) {
	const most = 80 << 20
	for name, f := range map[string]scene.Fault{
		"a gzip bomb": scene.AnswersWith(200, scene.BombText(), "Content-Encoding: gzip"),
		"50 MB":       scene.FiftyMB,
		"chunks":      scene.ManyChunks,
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.Do(scene.FaultCases[0], "s3cret-token") // to exclude allocations that occur only once
			for i, op := range scene.FaultCases {
				s.Does(f)
				s.Take()
				var before, after runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&before)
				s.Check(t, op, tooLarge[i])
				runtime.ReadMemStats(&after)
				if took := after.TotalAlloc - before.TotalAlloc; took > most {
					t.Errorf("%s took %d MB", op.Name, took>>20)
				}
				s.CheckGoesOn(t, op)
			}
		})
	}
}

// secret is a text in an internal error, which may be in the log but not in a response.
const secret = "internal-detail-of-the-source"

// TestDeadlines checks the timeout of a source that never responds, with a fake clock.
func TestDeadlines(t *testing.T) {
	t.Parallel()
	for _, op := range scene.Operations {
		for _, sent := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, sent is %v", op.Name, sent), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					requests := 0
					handler := newTestHandler(t, "http://source.example/beta", roundTripperFunc(func(r *http.Request) (*http.Response, error) {
						requests++
						if trace := httptrace.ContextClientTrace(r.Context()); sent && trace != nil {
							trace.GotConn(httptrace.GotConnInfo{})
						}
						<-r.Context().Done()
						return nil, r.Context().Err()
					}), io.Discard)
					began := time.Now()
					answer := serveInProcess(t.Context(), handler, scene.Body(t, op.Text, op.Variables))
					want := "SOURCE_TIMEOUT"
					if sent && op.Method != "GET" {
						want = "OUTCOME_UNKNOWN"
					}
					if took := time.Since(began); took != 10*time.Second || requests != 1 || !strings.Contains(answer, `"`+want+`"`) {
						t.Errorf("%d requests, %v, %s", requests, took, answer)
					}
				})
			})
		}
	}
}

// TestManyNodesOfASlowSource checks that many nodes take one timeout in total, and not one for every four, which is the
// limit of concurrent requests.
func TestManyNodesOfASlowSource(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		handler := newTestHandler(t, "http://source.example/beta", roundTripperFunc(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}), io.Discard)
		ids := make([]string, 100)
		for i := range ids {
			ids[i] = scene.GlobalID("upstream", "", "interests", strconv.Itoa(i))
		}
		began := time.Now()
		answer := serveInProcess(t.Context(), handler, scene.Body(t, `query($ids: [ID!]!) { nodes(ids: $ids) { id } }`, map[string]any{"ids": ids}))
		if took, failed := time.Since(began), strings.Count(answer, `"SOURCE_TIMEOUT"`); took != 10*time.Second || failed == 0 {
			t.Errorf("%d failed after %v: %s", failed, took, answer)
		}
	})
}

// TestOwnFaults checks that a panic is an internal error with an errorId, that the log has its cause, and that the next
// request succeeds.
func TestOwnFaults(t *testing.T) {
	t.Parallel()
	broken := true
	transport := roundTripperFunc(func(r *http.Request) (*http.Response, error) {
		if broken {
			panic(secret)
		}
		return &http.Response{
			StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}},
			Body: io.NopCloser(strings.NewReader(`{"id": "abc", "displayName": "Chess"}`)), ContentLength: -1, Request: r,
		}, nil
	})
	several, counted := scene.Operations[1], scene.Operations[0]
	several.Name, several.Text = "nodes", `query($id: ID!) { nodes(ids: [$id]) { id } }`
	counted.Name, counted.Text, counted.Variables = "list with its length", scene.MineQuery, `{"first": 1}`
	for _, op := range append(scene.Operations[:len(scene.Operations):len(scene.Operations)], several, counted) {
		broken = true
		log := new(scene.Log)
		handler := newTestHandler(t, "http://source.example/beta", transport, log)
		answer := serveInProcess(t.Context(), handler, scene.Body(t, op.Text, op.Variables))
		var r scene.Reply
		if err := json.Unmarshal([]byte(answer), &r); err != nil || len(r.Errors) == 0 {
			t.Fatalf("%s: %s", op.Name, answer)
		}
		id, _ := r.Errors[0].Extensions["errorId"].(string)
		if r.Errors[0].Extensions["code"] != "INTERNAL_SERVER_ERROR" || id == "" || strings.Contains(answer, secret) || strings.Contains(answer, "goroutine") {
			t.Errorf("%s: %s", op.Name, answer)
		}
		if logged := log.String(); !strings.Contains(logged, `"error_id":"`+id+`"`) || !strings.Contains(logged, secret) {
			t.Errorf("%s: logged %s", op.Name, logged)
		}
		broken = false
		answer = serveInProcess(t.Context(), handler, scene.Body(t, scene.Operations[2].Text, scene.Operations[2].Variables))
		if !strings.Contains(answer, "Chess") {
			t.Errorf("afterwards: %s", answer)
		}
	}
}

// TestCallerLeaves cancels a request while the source processes it. A read is canceled at once. A write continues, and
// its outcome is logged.
func TestCallerLeaves(t *testing.T) {
	t.Parallel()
	update, create, remove := scene.Operations[2], scene.Operations[3], scene.Operations[4]
	list := scene.Operations[0]
	list.Name, list.Text, list.Variables = "list", scene.MineQuery, `{"first": 1}`
	is := func(status int, header ...string) *http.Response {
		h := http.Header{"Content-Type": {"application/json"}, "Request-Id": {"abc-1"}}
		for i := 0; i+1 < len(header); i += 2 {
			h.Set(header[i], header[i+1])
		}
		return &http.Response{StatusCode: status, Header: h}
	}
	for _, test := range []struct {
		op       scene.Operation
		about    string
		leave    time.Duration
		answers  []*http.Response // each after 3 s; nil for a lost connection
		ended    time.Duration    // when the last request to the source ended
		requests int
		outcome  string // in the log
	}{
		{op: list, about: "at work", leave: time.Second, answers: []*http.Response{is(200)}, ended: time.Second, requests: 1},
		{op: scene.Operations[1], about: "at work", leave: time.Second, answers: []*http.Response{is(200)}, ended: time.Second, requests: 1},
		{op: scene.Operations[1], about: "between two tries", leave: 5 * time.Second, answers: []*http.Response{is(429, "Retry-After", "4")}, ended: 3 * time.Second, requests: 1},
		{op: update, about: "done", leave: time.Second, answers: []*http.Response{is(200)}, ended: 3 * time.Second, requests: 1, outcome: "accepted"},
		{op: create, about: "done", leave: time.Second, answers: []*http.Response{is(201)}, ended: 3 * time.Second, requests: 1, outcome: "accepted"},
		{op: remove, about: "done", leave: time.Second, answers: []*http.Response{is(204)}, ended: 3 * time.Second, requests: 1, outcome: "accepted"},
		{op: update, about: "refused", leave: time.Second, answers: []*http.Response{is(409)}, ended: 3 * time.Second, requests: 1, outcome: "refused"},
		{op: update, about: "moved", leave: time.Second, answers: []*http.Response{is(302)}, ended: 3 * time.Second, requests: 1, outcome: "refused"},
		{op: create, about: "failed", leave: time.Second, answers: []*http.Response{is(500)}, ended: 3 * time.Second, requests: 1, outcome: "unknown"},
		{op: remove, about: "lost", leave: time.Second, answers: []*http.Response{nil}, ended: 3 * time.Second, requests: 1, outcome: "unknown"},
		{op: update, about: "throttled", leave: time.Second, answers: []*http.Response{is(429, "Retry-After", "1")}, ended: 3 * time.Second, requests: 1, outcome: "refused"},
		{op: update, about: "between two tries", leave: 5 * time.Second, answers: []*http.Response{is(429, "Retry-After", "4"), is(200)}, ended: 3 * time.Second, requests: 1, outcome: "refused"},
		{op: update, about: "second try", leave: 5 * time.Second, answers: []*http.Response{is(429, "Retry-After", "1"), is(200)}, ended: 7 * time.Second, requests: 2, outcome: "accepted"},
		{op: update, about: "busy", leave: time.Second, answers: []*http.Response{is(503, "Retry-After", "1")}, ended: 3 * time.Second, requests: 1, outcome: "refused"},
	} {
		t.Run(test.op.Name+", "+test.about, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := new(scene.Log)
				var requests, ended atomic.Int64 // a list with totalCount sends a batch
				began := time.Now()
				handler := newTestHandler(t, "http://source.example/beta", roundTripperFunc(func(r *http.Request) (*http.Response, error) {
					n := requests.Add(1)
					if trace := httptrace.ContextClientTrace(r.Context()); trace != nil {
						trace.GotConn(httptrace.GotConnInfo{})
					}
					defer func() { ended.Store(int64(time.Since(began))) }()
					select {
					case <-time.After(3 * time.Second):
					case <-r.Context().Done():
						return nil, r.Context().Err()
					}
					answer := test.answers[min(int(n), len(test.answers))-1]
					if answer == nil {
						return nil, io.ErrUnexpectedEOF
					}
					copied := *answer
					copied.Body, copied.ContentLength, copied.Request = io.NopCloser(strings.NewReader(`{"id": "abc"}`)), -1, r
					return &copied, nil
				}), log)
				ctx, leave := context.WithCancel(t.Context())
				time.AfterFunc(test.leave, leave)
				serveInProcess(ctx, handler, scene.Body(t, test.op.Text, test.op.Variables))
				if got := time.Duration(ended.Load()); got != test.ended || int(requests.Load()) != test.requests {
					t.Errorf("%d requests, the last of them over after %v", requests.Load(), got)
				}
				told := strings.Contains(log.String(), "write finished after its caller canceled")
				if told != (test.outcome != "") || told && !strings.Contains(log.String(), `"outcome":"`+test.outcome+`"`) {
					t.Errorf("logged: %s", log)
				}
				if named := strings.Contains(log.String(), `"request_id":"abc-1"`); told && named != (test.answers[0] != nil) {
					t.Errorf("logged: %s", log)
				}
				if text := log.String(); strings.Contains(text, "the-text-of-the-caller") || strings.Contains(text, "source.example") {
					t.Errorf("the log tells too much: %s", log)
				}
			})
		})
	}
}

// TestCallerLeavesTheQueue cancels ten writes, of which four have been sent. The others are never sent.
func TestCallerLeavesTheQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := new(scene.Log)
		var requests atomic.Int64
		handler := newTestHandler(t, "http://source.example/beta", roundTripperFunc(func(r *http.Request) (*http.Response, error) {
			requests.Add(1)
			httptrace.ContextClientTrace(r.Context()).GotConn(httptrace.GotConnInfo{})
			time.Sleep(3 * time.Second)
			return nil, io.ErrUnexpectedEOF
		}), log)
		ctx, leave := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, leave)
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				serveInProcess(ctx, handler, scene.Body(t, scene.Operations[2].Text, scene.Operations[2].Variables))
			})
		}
		time.Sleep(2 * time.Second)
		if unsent := strings.Count(log.String(), `"outcome":"not sent"`); unsent != 6 {
			t.Errorf("%d writes that waited have ended with their caller; logged %s", unsent, log)
		}
		all.Wait()
		if sent := strings.Count(log.String(), `"outcome":"unknown"`); requests.Load() != 4 || sent != 4 {
			t.Errorf("%d requests; logged %s", requests.Load(), log)
		}
	})
}

// TestLongOperation checks that the write timeout starts with the response, so that the caller receives the result of
// an operation that takes longer.
func TestLongOperation(t *testing.T) {
	t.Parallel()
	const writing = 3 * time.Second // includes the TLS handshake, which is slow on a busy machine
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(writing / 2)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"id": "a"}`)
	}))
	t.Cleanup(source.Close)
	transport := profileapi.NewTransport(256)
	t.Cleanup(transport.CloseIdleConnections)
	for _, protocol := range []string{"HTTP/1.1", "HTTP/2.0"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewUnstartedServer(nil)
			server.Config = edge.NewServer(newTestHandler(t, source.URL+"/beta", transport, io.Discard), telemetry.NewLog(io.Discard))
			server.Config.WriteTimeout = writing
			server.EnableHTTP2 = protocol == "HTTP/2.0"
			server.StartTLS()
			t.Cleanup(server.Close)
			create := `createPersonInterest(input: {item: {displayName: "x"}}) { personInterest { id } }`
			body := scene.Body(t, `mutation { a: `+create+` b: `+create+` c: `+create+` }`, nil)
			resp, err := server.Client().Post(server.URL+"/graphql", "application/json", bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			answer, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if err != nil || resp.Proto != protocol || strings.Count(string(answer), "personInterest") != 3 {
				t.Errorf("%v, %s, %s", err, resp.Proto, answer)
			}
		})
	}
}

func updateRequest(t testing.TB) []byte {
	return scene.Body(t, scene.UpdateMutation, map[string]any{
		"input": map[string]any{"id": scene.StubItem, "patch": json.RawMessage(scene.StubPatch)},
	})
}

// TestUpdateAllocations bounds the allocations of one update inside ProfileQL. The source is a RoundTripper, so that
// sockets and their goroutines are not counted.
func TestUpdateAllocations(t *testing.T) {
	handler := newTestHandler(t, "http://source.example/beta", roundTripperFunc(func(r *http.Request) (*http.Response, error) {
		_, _ = io.Copy(io.Discard, r.Body)
		return &http.Response{
			StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}},
			Body: io.NopCloser(bytes.NewReader(scene.StubAnswer)), ContentLength: int64(len(scene.StubAnswer)), Request: r,
		}, nil
	}), io.Discard)
	body := updateRequest(t)
	got := testing.AllocsPerRun(200, func() {
		if answer := serveInProcess(t.Context(), handler, body); !strings.Contains(answer, `"Chess"`) {
			t.Fatal(answer)
		}
	})
	const most = 330 // includes some for the race detector
	t.Logf("%.0f allocations for each update", got)
	if got > most {
		t.Errorf("%.0f allocations for each update; the bound is %d", got, most)
	}
}

// BenchmarkInProcess measures the time and the allocations of requests inside ProfileQL, as [TestUpdateAllocations]
// does.
func BenchmarkInProcess(b *testing.B) {
	var items []string
	for i := range 101 {
		items = append(items, strings.Replace(string(scene.StubAnswer), scene.StubItem, fmt.Sprintf("%03d%s", i, scene.StubItem[3:]), 1))
	}
	for _, c := range []struct {
		name   string
		answer string
		body   []byte
	}{
		{"update", string(scene.StubAnswer), updateRequest(b)},
		{"page of 20", `{"value": [` + strings.Join(items[:21], ",") + `]}`, scene.Body(b, inProcessPage, map[string]any{"first": 20})},
		{"page of 100", `{"value": [` + strings.Join(items, ",") + `]}`, scene.Body(b, inProcessPage, map[string]any{"first": 100})},
		{"whole profile", inProcessBatch(`{"value": [` + strings.Join(items[:21], ",") + `]}`), scene.Body(b, inProcessProfile(b), nil)},
	} {
		handler := newTestHandler(b, "http://source.example/beta", roundTripperFunc(func(r *http.Request) (*http.Response, error) {
			return &http.Response{
				StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}},
				Body: io.NopCloser(strings.NewReader(c.answer)), ContentLength: int64(len(c.answer)), Request: r,
			}, nil
		}), io.Discard)
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if answer := serveInProcess(b.Context(), handler, c.body); !strings.Contains(answer, `"Chess"`) {
					b.Fatal(answer)
				}
			}
		})
	}
}

// inProcessBatch returns the response to a batch for all facets.
func inProcessBatch(list string) string {
	var parts []string
	for i := range 19 {
		parts = append(parts, fmt.Sprintf(`{"id": "%d", "status": 200, "headers": {"Content-Type": "application/json"}, "body": %s}`, i, list))
	}
	return `{"responses": [` + strings.Join(parts, ",") + `]}`
}

// inProcessProfile returns a query for 20 items of each facet.
func inProcessProfile(tb testing.TB) string {
	parsed, err := gqlparser.LoadSchema(&ast.Source{Input: schema})
	if err != nil {
		tb.Fatal(err)
	}
	var b strings.Builder
	for _, field := range parsed.Types["Profile"].Fields {
		if strings.HasSuffix(field.Type.Name(), "Connection") {
			b.WriteString(field.Name + " { nodes { ...F } pageInfo { hasNextPage endCursor } }")
		}
	}
	return `{ me {` + b.String() + `} } fragment F on ItemFacet { id itemId allowedAudiences inference { confidenceScore userHasVerifiedAccuracy }
		createdDateTime createdBy { user { id displayName } } lastModifiedDateTime isSearchable source { type } ... on PersonInterest { displayName } }`
}

const inProcessPage = `query ($first: Int!) { me { interests(first: $first) { edges { cursor node {
	id itemId displayName description categories webUrl allowedAudiences inference { confidenceScore } createdDateTime
	createdBy { user { id displayName } } lastModifiedDateTime } } } } }`
