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

	"go.uber.org/goleak"

	"profileql/internal/profileapi"
	"profileql/internal/telemetry"
)

// newTimedScene has no sockets, so that it can be on the clock of a bubble. Only the upstream's bytes are the same.
func newTimedScene(t testing.TB) *scene {
	t.Helper()
	u, log := newUpstream(t), new(lockedBuffer)
	transport := profileapi.NewTransport(256)
	transport.Proxy, transport.DialContext = nil, u.dial
	t.Cleanup(transport.CloseIdleConnections)
	handler := newTestHandler(t, "http://source.example/beta", transport, log)
	return &scene{u, log, []string{"source.example"}, true, func(op operationCase, token string) reply {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/graphql",
			strings.NewReader(string(operationBody(t, op.text, op.variables))))
		req.Host = "localhost"
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, req)
		r := reply{Status: w.Code, Header: w.Header(), Body: w.Body.String()}
		if err := json.Unmarshal(w.Body.Bytes(), &r); err != nil {
			t.Fatalf("not a GraphQL answer: %v: %s", err, w.Body)
		}
		return r
	}}
}

// alike is the same code for all, of which none is tried twice.
func alike(code string) expectations { return split(code, code) }

// after is the same with the time that all of them take.
func (e expectations) after(d time.Duration) expectations {
	for i := range e {
		e[i].took = d
	}
	return e
}

// readTwice is the same with a second try of the read, after a delay.
func (e expectations) readTwice(delay time.Duration) expectations {
	e[0].sent, e[0].took = "GET GET", delay
	return e
}

// readBack is the same with a read after the update, because its answer was empty.
func (e expectations) readBack() expectations {
	e[1].sent = "PATCH GET"
	return e
}

var (
	well          = alike("")
	refused       = alike("SOURCE_REFUSED")
	gibberish     = split("SOURCE_INVALID_RESPONSE", "OUTCOME_UNKNOWN")
	tooLarge      = split("LIMIT_EXCEEDED", "OUTCOME_UNKNOWN")
	failed        = split("SOURCE_UNAVAILABLE", "OUTCOME_UNKNOWN")
	lostOnTheWay  = failed.readTwice(0)
	outOfOrder    = failed.readTwice(pause)
	neverAnswered = split("SOURCE_TIMEOUT", "OUTCOME_UNKNOWN").after(timeout)
)

type faultCase struct {
	name  string
	fault fault
	want  expectations
}

// quickFaults take no time to tell of.
func quickFaults(elsewhere string) []faultCase {
	long := announced(2000)
	cases := []faultCase{
		{"closed without an answer", closes, lostOnTheWay},
		{"reset without an answer", resets, lostOnTheWay},
		{"lost in the status", says("HTTP/1.1 2"), lostOnTheWay},
		{"lost in the header", says("HTTP/1.1 200 OK\r\nX-Inside: " + marker), lostOnTheWay},
		{"less than announced", says(long), lostOnTheWay},
		{"nothing of what was announced", says(long[:len(long)-len(goodBody)]), lostOnTheWay},
		{"more than announced", says(wellFormed(200, goodBody[:20], "Connection: close") + goodBody[20:]), gibberish},
		{"chunks without an end", says(chunked(goodBody)), lostOnTheWay},
		{"chunks of no size", says(head(200, isJSON, "Transfer-Encoding: chunked") + marker + "\r\n"), lostOnTheWay},
		{"an unknown encoding of transfer", says(wellFormed(200, goodBody, "Transfer-Encoding: "+marker)), lostOnTheWay},
		{"two lengths", says(wellFormed(200, goodBody, "Content-Length: 7")), lostOnTheWay},
		{"a length below zero", says(head(200, isJSON, "Content-Length: -1") + goodBody), lostOnTheWay},
		{"no length", says(head(200, isJSON) + goodBody), well},
		{"HTTP/1.0", says("HTTP/1.0 200 OK\r\n" + isJSON + "\r\n\r\n" + goodBody), well},
		{"chunks with a trailer", saysAndStays(chunked(goodBody) + "0\r\nX-Inside: " + marker + "\r\n\r\n"), well},
		{"the last one", says(wellFormed(200, goodBody, "Connection: close")), well},
		{"cookies", answersWith(200, goodBody, "Set-Cookie: a="+marker+"; Path=/", "Set-Cookie: b=c"), well},

		{"no HTTP", says("\x16\x03\x01\x00" + marker + "\x00\xff\r\n\r\n"), lostOnTheWay},
		{"a status that is no number", says("HTTP/1.1 abc " + marker + "\r\n\r\n"), lostOnTheWay},
		{"status 000", answersWith(0, goodBody), gibberish},
		{"status 999", answersWith(999, goodBody), failed},
		{"a header with a control character", says(wellFormed(200, goodBody, "X-Inside: \x00"+marker)), lostOnTheWay},
		{"a header without a name", says(wellFormed(200, goodBody, marker)), lostOnTheWay},
		{"1 MB of header", says(wellFormed(200, goodBody, "X-Large: "+strings.Repeat("x", 1<<20))), lostOnTheWay},
		{"a header without an end", repeats("HTTP/1.1 200 OK\r\n", "X-Inside: "+marker+"\r\n", -1), lostOnTheWay},

		{"100", saysAndStays(onTheWay(100) + wellFormed(200, goodBody)), well},
		{"102 and 103", saysAndStays(onTheWay(102, 103, 103) + wellFormed(200, goodBody)), well},
		{"103 without end", repeats("", onTheWay(103), -1), lostOnTheWay},
		{"101", says(head(101, "Upgrade: "+marker, "Connection: Upgrade") + goodBody), gibberish},

		{"a page", answersWith(200, "<html>"+marker, "Content-Type: text/html"), gibberish},
		{"an error", answers200(errorBody), gibberish},
		{"an error behind it", answers200(goodBody + errorBody), gibberish},
		{"a list", answers200(`[` + goodBody + `]`), gibberish},
		{"a text", answers200(`"` + marker + `"`), gibberish},
		{"null", answers200(`null`), gibberish},
		{"nothing", answers200(``), gibberish.readBack()},
		{"204", saysAndStays(head(204)), gibberish.readBack()},
		{"201", answersWith(201, goodBody), split("SOURCE_INVALID_RESPONSE", "")},
		{"lists without an end", answers200(strings.Repeat("[", 100_000)), gibberish},
		{"an item with lists without an end", answers200(`{"id": "abc", "deep": ` + strings.Repeat("[", 100_000)), gibberish},
		{"100,000 lists in each other", answers200(nested(100_000, "")), gibberish},
		{"9,000 lists in each other", answers200(nested(9_000, `"`+marker+`"`)), well},
		{"9,000 lists around a null", answers200(nested(9_000, "null")), well},
		{"a gzip bomb", answersWith(200, bombText(), "Content-Encoding: gzip"), tooLarge},
		{"half a gzip", answersWith(200, bombText()[:20], "Content-Encoding: gzip"), lostOnTheWay},
		{"50 MB", fiftyMB, tooLarge},
		{"chunks for ever", manyChunks, tooLarge},
		{"a link to elsewhere", answers200(`{"value": [], "@odata.nextLink": "http://` + elsewhere + `"}`), gibberish},
	}
	for _, status := range []int{301, 302, 303, 307, 308} {
		for name, location := range map[string]string{
			"elsewhere": "Location: http://" + elsewhere + "/beta/" + marker,
			"the same":  "Location: /beta/" + marker,
			"nowhere":   "X-Location: " + marker,
			"no URL":    "Location: http://[::" + marker,
		} {
			cases = append(cases, faultCase{
				fmt.Sprintf("%d to %s", status, name), answersWith(status, errorBody, location), refused,
			})
		}
	}
	return cases
}

// TestUpstreamFaults goes through what an upstream can do on a connection. It is alone, so that what it leaves behind
// can be seen.
func TestUpstreamFaults(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	elsewhere := newUpstream(t)
	address := elsewhere.listen(t, anyPort)
	elsewhere.meets(func(net.Conn) {})
	for _, test := range quickFaults(address) {
		t.Run(test.name, func(t *testing.T) {
			newScene(t, address).checkFault(t, test.fault, test.want)
		})
	}
	if arrived := elsewhere.take(); len(arrived) > 0 {
		t.Errorf("%d connections came where a redirect pointed", len(arrived))
	}
}

// slowFaults take time to tell of.
var slowFaults = []faultCase{
	{"no answer", stallsAfter(""), neverAnswered},
	{"103 and no answer", stallsAfter(onTheWay(103)), neverAnswered},
	{"101 and nothing more", stallsAfter(head(101, "Upgrade: "+marker, "Connection: Upgrade")), gibberish},
	{"half of the header", stallsAfter("HTTP/1.1 200 OK\r\nX-Inside: " + marker), neverAnswered},
	{"the header and no body", stallsAfter(head(200, isJSON, "Content-Length: 900")), neverAnswered},
	{"half of the body", stallsAfter(head(200, isJSON, "Content-Length: 900") + goodBody), neverAnswered},
	{"half of the chunks", stallsAfter(chunked(goodBody)), neverAnswered},
	{"half of an error", stallsAfter(head(500, isJSON, "Content-Length: 900") + errorBody), failed.after(timeout)},
	{"half of a redirect", stallsAfter(head(302, "Location: /"+marker, "Content-Length: 900")), refused.after(timeout)},
	{"a trickle", trickles(wellFormed(200, goodBody)), well.after(trickling(wellFormed(200, goodBody)))},
	{"too long a trickle", trickles(wellFormed(200, nested(1500, ""))), neverAnswered},
	{"too long a trickle of the header", trickles(onTheWay(103, 103) + strings.Repeat("x", 2000)), neverAnswered},
	{"a page with 502", answersWith(502, "<html>"+marker, "Content-Type: text/html"), outOfOrder},
	{"502", answersWith(502, errorBody), outOfOrder},
	{"504", answersWith(504, errorBody), outOfOrder},
	{"more than announced", saysAndStays(announced(len(goodBody) - 1)), gibberish},
	{"more than announced, and its end", says(announced(len(goodBody) - 1)), gibberish},
	{"another answer", saysAndStays(strings.Repeat(wellFormed(200, goodBody), 2)), well},
	{"502 that is lost", says(head(502, "Content-Length: 900") + marker), outOfOrder},
}

// inBubble is a test on a clock of its own. The bubble fails where anything in it outlives the test.
func inBubble(t *testing.T, name string, test func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
}

// TestSlowUpstream has faults that take time.
func TestSlowUpstream(t *testing.T) {
	t.Parallel()
	for _, test := range slowFaults {
		inBubble(t, test.name, func(t *testing.T) { newTimedScene(t).checkFault(t, test.fault, test.want) })
	}
}

// retryAfter is a way to say when to come again.
type retryAfter struct {
	lines func() []string
	told  any           // what the caller is told, in seconds; nil for nothing
	waits time.Duration // before the second try
	once  bool          // because there is no time for a second try
}

// inHeader has the values as they are.
func inHeader(values ...string) func() []string {
	lines := make([]string, len(values))
	for i, value := range values {
		lines[i] = "Retry-After: " + value
	}
	return func() []string { return lines }
}

// inDate is a date as far ahead of the moment in which it is said.
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
	"a secret":             {lines: inHeader(marker), waits: pause},
	"a date to come":       {lines: inDate(time.Second), told: 1.0, waits: time.Second},
	"a date too far":       {lines: inDate(time.Minute), told: 60.0, once: true},
	"a date gone by":       {lines: inDate(-time.Hour), told: 0.0},
	"two, shorter first":   {lines: inHeader("0.05", "120"), told: 0.05, waits: 50 * time.Millisecond},
	"two, longer first":    {lines: inHeader("120", "0.05"), told: 120.0, once: true},
	"two in a line":        {lines: inHeader("1, 2"), waits: pause},
}

// want is what README.md promises. A source that is busy (503) did not do what it was asked only if it says when to
// come again, and a POST is not repeated even then.
func (r retryAfter) want(status int) expectations {
	want := alike("THROTTLED")
	for i := range want {
		if status == http.StatusServiceUnavailable {
			want[i].code = "SOURCE_UNAVAILABLE"
			if i > 0 && r.told == nil {
				want[i].code = "OUTCOME_UNKNOWN"
			}
			if i == 1 && r.told == nil || i == 2 {
				continue
			}
		}
		if !r.once {
			want[i].sent += " " + want[i].sent
			want[i].took = r.waits
		}
	}
	return want
}

// TestUpstreamRetryAfter is Retry-After in all its forms, with an upstream that stays busy, and with one that is not
// when it is asked again.
func TestUpstreamRetryAfter(t *testing.T) {
	t.Parallel()
	for name, test := range retryAfters {
		for _, status := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable} {
			busy := func(c net.Conn, r *http.Request) bool {
				return answersWith(status, errorBody, test.lines()...)(c, r)
			}
			want := test.want(status)
			inBubble(t, fmt.Sprintf("%s, %d", name, status), func(t *testing.T) {
				newTimedScene(t).checkFault(t, busy, want)
			})
			inBubble(t, fmt.Sprintf("%s, %d once", name, status), func(t *testing.T) {
				for i, op := range faultCases {
					s := newTimedScene(t)
					s.does(func(c net.Conn, r *http.Request) bool {
						s.does(nil)
						return busy(c, r)
					})
					want := want[i]
					if strings.Contains(want.sent, " ") {
						want.code = ""
					}
					s.check(t, op, want)
				}
			})
			inBubble(t, fmt.Sprintf("%s, %d, as it is told", name, status), func(t *testing.T) {
				s := newTimedScene(t)
				s.does(busy)
				for _, op := range faultCases {
					r := s.do(op, "s3cret-token")
					if told := r.Errors[0].Extensions; told["retryAfter"] != test.told || told["status"] != float64(status) {
						t.Errorf("%s: want %v: %s", op.name, test.told, r.Body)
					}
				}
			})
		}
	}
}

// TestUpstreamIsLarge holds how much memory an answer takes that is larger than any may be. It is alone, for all that
// others take would count.
func TestUpstreamIsLarge(t *testing.T) {
	const most = 80 << 20
	for name, f := range map[string]fault{
		"a gzip bomb": answersWith(200, bombText(), "Content-Encoding: gzip"),
		"50 MB":       fiftyMB,
		"chunks":      manyChunks,
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.do(faultCases[0], "s3cret-token") // so that all is there that is made once
			for i, op := range faultCases {
				s.does(f)
				s.take()
				var before, after runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&before)
				s.check(t, op, tooLarge[i])
				runtime.ReadMemStats(&after)
				if took := after.TotalAlloc - before.TotalAlloc; took > most {
					t.Errorf("%s took %d MB", op.name, took>>20)
				}
				s.checkGoesOn(t, op)
			}
		})
	}
}

// TestDeadlines has a source that never answers, on a clock of the test's own.
func TestDeadlines(t *testing.T) {
	t.Parallel()
	for _, op := range operations {
		for _, sent := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, sent is %v", op.name, sent), func(t *testing.T) {
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
					answer := serveInProcess(t.Context(), handler, operationBody(t, op.text, op.variables))
					want := "SOURCE_TIMEOUT"
					if sent && op.method != "GET" {
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

// TestManyNodesOfASlowSource costs one deadline, and not one for every four.
func TestManyNodesOfASlowSource(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		handler := newTestHandler(t, "http://source.example/beta", roundTripperFunc(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}), io.Discard)
		ids := make([]string, 100)
		for i := range ids {
			ids[i] = globalID("upstream", "", "interests", strconv.Itoa(i))
		}
		began := time.Now()
		answer := serveInProcess(t.Context(), handler, operationBody(t, `query($ids: [ID!]!) { nodes(ids: $ids) { id } }`, map[string]any{"ids": ids}))
		if took, failed := time.Since(began), strings.Count(answer, `"SOURCE_TIMEOUT"`); took != 10*time.Second || failed == 0 {
			t.Errorf("%d failed after %v: %s", failed, took, answer)
		}
	})
}

// TestOwnFaults has something inside break: the caller gets an id, the log the cause under it, and it goes on.
func TestOwnFaults(t *testing.T) {
	t.Parallel()
	broken := true
	transport := roundTripperFunc(func(r *http.Request) (*http.Response, error) {
		if broken {
			panic(secret)
		}
		w := httptest.NewRecorder()
		echo(w, r)
		return w.Result(), nil
	})
	several := struct{ name, method, text, variables string }{
		"nodes", "GET", `query($id: ID!) { nodes(ids: [$id]) { id } }`, operations[1].variables,
	}
	counted := struct{ name, method, text, variables string }{"list with its length", "GET", mineQuery, `{"first": 1}`}
	for _, op := range append(operations[:len(operations):len(operations)], several, counted) {
		broken = true
		log := new(lockedBuffer)
		handler := newTestHandler(t, "http://source.example/beta", transport, log)
		answer := serveInProcess(t.Context(), handler, operationBody(t, op.text, op.variables))
		var r reply
		if err := json.Unmarshal([]byte(answer), &r); err != nil || len(r.Errors) == 0 {
			t.Fatalf("%s: %s", op.name, answer)
		}
		id, _ := r.Errors[0].Extensions["errorId"].(string)
		if r.Errors[0].Extensions["code"] != "INTERNAL_SERVER_ERROR" || id == "" || strings.Contains(answer, secret) || strings.Contains(answer, "goroutine") {
			t.Errorf("%s: %s", op.name, answer)
		}
		if logged := log.String(); !strings.Contains(logged, `"error_id":"`+id+`"`) || !strings.Contains(logged, secret) {
			t.Errorf("%s: logged %s", op.name, logged)
		}
		broken = false
		answer = serveInProcess(t.Context(), handler, operationBody(t, operations[2].text, operations[2].variables))
		if !strings.Contains(answer, "Chess") {
			t.Errorf("afterwards: %s", answer)
		}
	}
}

// TestCallerLeaves has a caller leave while the source is at work: a read ends at once, a write goes on to its end,
// and what became of it is logged.
func TestCallerLeaves(t *testing.T) {
	t.Parallel()
	update, create, remove := operations[2], operations[3], operations[4]
	list := operations[0]
	list.name, list.text, list.variables = "list", mineQuery, `{"first": 1}`
	is := func(status int, header ...string) *http.Response {
		h := http.Header{"Content-Type": {"application/json"}, "Request-Id": {"abc-1"}}
		for i := 0; i+1 < len(header); i += 2 {
			h.Set(header[i], header[i+1])
		}
		return &http.Response{StatusCode: status, Header: h}
	}
	for _, test := range []struct {
		op       struct{ name, method, text, variables string }
		about    string
		leave    time.Duration
		answers  []*http.Response // each takes the source 3 s; nil is a connection lost then
		ended    time.Duration    // when the source's last work was over
		requests int
		outcome  string // in the log
	}{
		{op: list, about: "at work", leave: time.Second, answers: []*http.Response{is(200)}, ended: time.Second, requests: 2},
		{op: operations[1], about: "at work", leave: time.Second, answers: []*http.Response{is(200)}, ended: time.Second, requests: 1},
		{op: operations[1], about: "between two tries", leave: 5 * time.Second, answers: []*http.Response{is(429, "Retry-After", "4")}, ended: 3 * time.Second, requests: 1},
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
		t.Run(test.op.name+", "+test.about, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := new(lockedBuffer)
				var requests, ended atomic.Int64 // a list with its length is two requests at once
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
				serveInProcess(ctx, handler, operationBody(t, test.op.text, test.op.variables))
				if got := time.Duration(ended.Load()); got != test.ended || int(requests.Load()) != test.requests {
					t.Errorf("%d requests, the last of them over after %v", requests.Load(), got)
				}
				told := strings.Contains(log.String(), "a write outlived its caller")
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

// TestCallerLeavesTheQueue has a caller leave whose writes, but for four, have not been sent yet: they never are.
func TestCallerLeavesTheQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := new(lockedBuffer)
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
			all.Go(func() { serveInProcess(ctx, handler, operationBody(t, operations[2].text, operations[2].variables)) })
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

// TestLongOperation takes longer than an answer may be written: that time begins with the answer, and what the writes
// became is heard of.
func TestLongOperation(t *testing.T) {
	t.Parallel()
	const writing = 3 * time.Second // also for the handshake of TLS, on a busy machine
	source := serveSource(t, "one", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(writing / 2)
		answerJSON(201, `{"id": "a"}`)(w, r)
	}))
	transport := profileapi.NewTransport(256)
	t.Cleanup(transport.CloseIdleConnections)
	for _, protocol := range []string{"HTTP/1.1", "HTTP/2.0"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewUnstartedServer(nil)
			server.Config = newHTTPServer(newHandlerOf(t, transport, io.Discard, source), telemetry.NewLog(io.Discard))
			server.Config.WriteTimeout = writing
			server.EnableHTTP2 = protocol == "HTTP/2.0"
			server.StartTLS()
			t.Cleanup(server.Close)
			create := `createPersonInterest(input: {item: {displayName: "x"}}) { personInterest { id } }`
			body := operationBody(t, `mutation { a: `+create+` b: `+create+` c: `+create+` }`, nil)
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

// TestUpdateAllocations bounds what one update allocates inside ProfileQL: everything from the request's arrival to
// the answer, with the source played by a RoundTripper, so that no socket and no other goroutine is counted.
func TestUpdateAllocations(t *testing.T) {
	handler := newTestHandler(t, "http://source.example/beta", roundTripperFunc(func(r *http.Request) (*http.Response, error) {
		_, _ = io.Copy(io.Discard, r.Body)
		return &http.Response{
			StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}},
			Body: io.NopCloser(bytes.NewReader(stubAnswer)), ContentLength: int64(len(stubAnswer)), Request: r,
		}, nil
	}), io.Discard)
	body := updateRequest(t)
	got := testing.AllocsPerRun(200, func() {
		if answer := serveInProcess(t.Context(), handler, body); !strings.Contains(answer, `"Chess"`) {
			t.Fatal(answer)
		}
	})
	const most = 330 // the race detector makes some more
	t.Logf("%.0f allocations for each update", got)
	if got > most {
		t.Errorf("%.0f allocations for each update; the bound is %d", got, most)
	}
}

// BenchmarkInProcess counts what requests allocate inside ProfileQL, as [TestUpdateAllocations] does.
func BenchmarkInProcess(b *testing.B) {
	var items []string
	for i := range 101 {
		items = append(items, strings.Replace(string(stubAnswer), stubItem, fmt.Sprintf("%03d%s", i, stubItem[3:]), 1))
	}
	for _, c := range []struct {
		name   string
		answer string
		body   []byte
	}{
		{"update", string(stubAnswer), updateRequest(b)},
		{"page of 20", `{"value": [` + strings.Join(items[:21], ",") + `]}`, operationBody(b, inProcessPage, map[string]any{"first": 20})},
		{"page of 100", `{"value": [` + strings.Join(items, ",") + `]}`, operationBody(b, inProcessPage, map[string]any{"first": 100})},
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

const inProcessPage = `query ($first: Int!) { me { interests(first: $first) { edges { cursor node {
	id itemId displayName description categories webUrl allowedAudiences inference { confidenceScore } createdDateTime
	createdBy { user { id displayName } } lastModifiedDateTime } } } } }`

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

// connected is a recorder that takes deadlines, as a connection does.
type connected struct{ *httptest.ResponseRecorder }

func (connected) SetWriteDeadline(time.Time) error { return nil }

type roundTripperFunc func(*http.Request) (*http.Response, error)

func (f roundTripperFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
