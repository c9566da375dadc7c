package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"profileql/internal/profileapi"
)

// expected is what comes of one operation at an upstream that misbehaves.
type expected struct {
	code string // empty where all is well
	sent string // the methods of the requests that the upstream saw
	took time.Duration
}

// expectations are those of a read, an update and a create.
type expectations [3]expected

// faultCases are the operations that expectations are about.
var faultCases = [3]operationCase{operations[0], operations[2], operations[3]}

type operationCase = struct{ name, method, text, variables string }

const (
	timeout = 10 * time.Second
	anyPort = "127.0.0.1:0"
	pause   = 500 * time.Millisecond // before a second try where the source did not say
)

// alike is the same code for all, of which none is tried twice.
func alike(code string) expectations { return split(code, code) }

// split is a code for the read and one for the writes.
func split(read, write string) expectations {
	return expectations{{code: read, sent: "GET"}, {code: write, sent: "PATCH"}, {code: write, sent: "POST"}}
}

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

// scene is a ProfileQL in front of an upstream.
type scene struct {
	*upstream
	log    *lockedBuffer
	untold []string // addresses that nobody may be told
	timed  bool     // on the clock of a bubble
	do     func(op operationCase, token string) reply
}

// newScene has real sockets everywhere.
func newScene(t testing.TB, untold ...string) *scene {
	t.Helper()
	u := newUpstream(t)
	return newSceneAt(t, u, u.listen(t, anyPort), untold...)
}

func newSceneAt(t testing.TB, u *upstream, address string, untold ...string) *scene {
	t.Helper()
	f := newFacadeAt(t, "http://"+address+"/beta")
	return &scene{u, f.log, append(untold, address), false, func(op operationCase, token string) reply {
		return f.do(op.text, op.variables, "Authorization", "Bearer "+token)
	}}
}

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

// check does an operation, and holds what its caller, the source and the log see of it.
func (s *scene) check(t *testing.T, op operationCase, want expected) {
	t.Helper()
	token := "s3cret-token-of-" + op.name
	began := time.Now()
	r := s.do(op, token)
	took := time.Since(began)
	requests := s.take()
	var methods []string
	for _, request := range requests {
		methods = append(methods, request.Method)
		checkRequest(t, request, token)
	}
	if sent := strings.Join(methods, " "); sent != want.sent {
		t.Errorf("%s: the source saw %q, want %q: %s", op.name, sent, want.sent, r.Body)
	}
	if s.timed && took != want.took {
		t.Errorf("%s: took %v, want %v", op.name, took, want.took)
	}
	s.checkReply(t, op, r, want.code)
	if want.code != "" && len(requests) > 0 {
		last := requests[len(requests)-1]
		if last.Method == op.method && r.Errors[0].Extensions["clientRequestId"] != last.Header.Get("Client-Request-Id") {
			t.Errorf("%s: the source was told another client-request-id: %s", op.name, r.Body)
		}
	}
}

// checkRequest holds that the token of this caller is there, and nothing of another's answer.
func checkRequest(t *testing.T, r recorded, token string) {
	t.Helper()
	if r.Method == unreadMethod {
		return
	}
	if got := r.Header.Get("Authorization"); got != "Bearer "+token {
		t.Errorf("%s came with the token %q, want %q", r.Method, got, token)
	}
	if len(r.Header["Cookie"]) > 0 || strings.Contains(r.Target, marker) {
		t.Errorf("%s %s, %v: something of an answer came back", r.Method, r.Target, r.Header)
	}
}

// checkReply holds that the answer is one of GraphQL with the code, and tells no more than it may.
func (s *scene) checkReply(t *testing.T, op operationCase, r reply, code string) {
	t.Helper()
	if r.Status != http.StatusOK || !strings.Contains(r.Header.Get("Content-Type"), "json") ||
		r.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s: %d, %v", op.name, r.Status, r.Header)
	}
	for _, text := range append([]string{marker, "s3cret-token"}, s.untold...) {
		if strings.Contains(r.Body, text) {
			t.Errorf("%s: the answer tells %q: %s", op.name, text, r.Body)
		}
		if logged := s.log.String(); strings.Contains(logged, text) {
			t.Errorf("%s: the log tells %q: %s", op.name, text, logged)
		}
	}
	if code == "" {
		if len(r.Errors) > 0 || op.name != "list" && !strings.Contains(r.Body, `"Chess"`) {
			t.Errorf("%s: got %s, want no error", op.name, r.Body)
		}
		return
	}
	if got := r.code(t); got != code {
		t.Errorf("%s: got %s, want %s", op.name, r.Body, code)
	}
	e := r.Errors[0]
	retryable := code == "THROTTLED" || code == "SOURCE_TIMEOUT" || code == "SOURCE_UNAVAILABLE"
	if e.Extensions["retryable"] != retryable || e.Extensions["source"] != "upstream" || e.Message == "" ||
		len(e.Path) == 0 || strings.Contains(string(r.Data), "abc") {
		t.Errorf("%s: %s", op.name, r.Body)
	}
}

// checkGoesOn holds that an ordinary request of the next caller works, and that it is sent once.
func (s *scene) checkGoesOn(t *testing.T, op operationCase) {
	t.Helper()
	const next = "s3cret-token-of-the-next"
	s.does(nil)
	s.meets(nil)
	s.take()
	r := s.do(op, next)
	requests := s.take()
	if len(requests) != 1 || requests[0].Method != op.method {
		t.Errorf("afterwards, the source saw %+v", requests)
	}
	for _, request := range requests {
		checkRequest(t, request, next)
	}
	s.checkReply(t, op, r, "")
}

// checkFault has all operations meet a fault, each followed by the next caller's.
func (s *scene) checkFault(t *testing.T, f fault, want expectations) {
	t.Helper()
	for i, op := range faultCases {
		s.does(f)
		s.check(t, op, want[i])
		if s.timed {
			synctest.Wait() // until the end of the connection, if it ends, has come through
		}
		s.checkGoesOn(t, op)
	}
}

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

// TestUpstreamUnread has connections end before anything was read from them. A write may have been on its way.
func TestUpstreamUnread(t *testing.T) {
	t.Parallel()
	want := failed
	for i := range want {
		want[i].sent = unreadMethod
	}
	want[0].sent = "unread unread"
	for name, unread := range map[string]func(net.Conn){
		"closed": func(net.Conn) {},
		"reset": func(c net.Conn) {
			_, _ = c.Read(make([]byte, 1)) // it is read from, but by far not whole
			resets(c, nil)
		},
		"talks": func(c net.Conn) { write(c, "220 "+marker+"\r\n") },
	} {
		t.Run(name, func(t *testing.T) {
			for i, op := range faultCases {
				s := newScene(t) // for a connection that has served before is another matter
				s.meets(unread)
				s.check(t, op, want[i])
				s.checkGoesOn(t, op)
			}
		})
	}
}

// TestUpstreamResetsAtOnce has connections break so early that the one who connects may or may not have seen them be
// there. A write was perhaps on its way, or certainly not; it is not sent again in either case.
func TestUpstreamResetsAtOnce(t *testing.T) {
	t.Parallel()
	for range 20 {
		s := newScene(t)
		s.meets(func(c net.Conn) { resets(c, nil) })
		for _, op := range faultCases[1:] {
			r := s.do(op, "s3cret-token")
			code := r.code(t)
			if requests := s.take(); code != "OUTCOME_UNKNOWN" && code != "SOURCE_UNAVAILABLE" || len(requests) != 1 {
				t.Errorf("%s: %d connections: %s", op.name, len(requests), r.Body)
			}
			s.checkReply(t, op, r, code)
		}
		s.checkGoesOn(t, faultCases[1])
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

// TestStallsOnSockets holds in real time and on sockets a little of what the tests on a clock of their own hold.
func TestStallsOnSockets(t *testing.T) {
	t.Parallel()
	throttled := func(seconds string) fault { return answersWith(429, errorBody, "Retry-After: "+seconds) }
	var together sync.WaitGroup
	defer together.Wait() // before the scenes are taken down
	for _, test := range []struct {
		fault fault
		code  [2]string
		least time.Duration
	}{
		{stallsAfter(""), [2]string{"SOURCE_TIMEOUT", "OUTCOME_UNKNOWN"}, timeout},
		{stallsAfter("HTTP/1.1 200 OK\r\nX-Ins"), [2]string{"SOURCE_TIMEOUT", "OUTCOME_UNKNOWN"}, timeout},
		{stallsAfter(chunked(goodBody)), [2]string{"SOURCE_TIMEOUT", "OUTCOME_UNKNOWN"}, timeout},
		{trickles(wellFormed(200, goodBody)), [2]string{}, time.Second},
		{throttled("1"), [2]string{"THROTTLED", "THROTTLED"}, time.Second},
		{throttled("2.128"), [2]string{"THROTTLED", "THROTTLED"}, 2128 * time.Millisecond},
	} {
		for i, code := range test.code {
			s := newScene(t)
			s.does(test.fault)
			together.Go(func() {
				began := time.Now()
				r := s.do(faultCases[i], "s3cret-token")
				// The rest is for a machine with much else to do.
				if took := time.Since(began); took < test.least || took > test.least+8*time.Second {
					t.Errorf("%s: %v, want %v", r.Body, took, test.least)
				}
				s.checkReply(t, faultCases[i], r, code)
				s.checkGoesOn(t, faultCases[i])
			})
		}
	}
}

// TestUpstreamClosesIdle has a connection end that served before and has been idle since. What is not sent on a dead
// connection goes to a new one, even if it is a write; what may have been read on it does not.
func TestUpstreamClosesIdle(t *testing.T) {
	t.Parallel()
	answersAnd := func(last fault) fault {
		return func(c net.Conn, r *http.Request) bool {
			behaves(c, r)
			return last(c, r)
		}
	}
	for _, op := range faultCases {
		inBubble(t, op.name+", closed and noticed", func(t *testing.T) {
			s := newTimedScene(t)
			s.does(answersAnd(closes))
			for range 3 {
				s.check(t, op, expected{code: "", sent: op.method})
				synctest.Wait() // until the end of the connection has come through
			}
		})
		t.Run(op.name+", closed and noticed, on sockets", func(t *testing.T) {
			s := newScene(t)
			noticed := make(chan struct{}, 3)
			s.does(answersAnd(func(c net.Conn, _ *http.Request) bool {
				_ = c.(*net.TCPConn).CloseWrite()
				_, _ = c.Read(make([]byte, 1)) // the other side closes too once it has noticed
				noticed <- struct{}{}
				return false
			}))
			for range 3 {
				s.check(t, op, expected{code: "", sent: op.method})
				<-noticed
			}
		})
		t.Run(op.name+", reset under it", func(t *testing.T) {
			s := newScene(t)
			s.does(answersAnd(func(c net.Conn, r *http.Request) bool {
				_, _ = c.Read(make([]byte, 1)) // the next request has begun
				return resets(c, r)
			}))
			s.check(t, op, expected{code: "", sent: op.method})
			if op.method == http.MethodGet { // once more, on a new connection
				s.check(t, op, expected{code: "", sent: op.method})
			} else {
				s.check(t, op, expected{code: "OUTCOME_UNKNOWN", sent: ""})
			}
			s.checkGoesOn(t, op)
		})
	}
}

// TestUpstreamClosesAtOnce has connections end while the next write is on its way to them. Whatever comes of it, what
// is said to be done was done once, and what is not known to be done was not sent again.
func TestUpstreamClosesAtOnce(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.does(func(c net.Conn, r *http.Request) bool { behaves(c, r); return false })
	unknown := 0
	for range 200 {
		r := s.do(faultCases[1], "s3cret-token")
		requests := s.take()
		if len(r.Errors) == 0 && len(requests) == 1 {
			continue
		}
		unknown++
		if code := r.code(t); code != "OUTCOME_UNKNOWN" || len(requests) > 1 {
			t.Errorf("%d requests: %s", len(requests), r.Body)
		}
	}
	t.Logf("%d of 200 are not known to be done", unknown)
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

// TestUpstreamRefuses has nobody listen, and then somebody. Nothing was sent, so a write has certainly not happened.
func TestUpstreamRefuses(t *testing.T) {
	t.Parallel()
	free, err := net.Listen("tcp", anyPort)
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	_ = free.Close()
	u := newUpstream(t)
	s := newSceneAt(t, u, address)
	for _, op := range faultCases {
		s.check(t, op, expected{code: "SOURCE_UNAVAILABLE"})
	}
	u.listen(t, address)
	for _, op := range faultCases {
		s.checkGoesOn(t, op)
	}
}

// TestUpstreamIsNotOnStderr has an upstream say more than it announced, which net/http would tell the standard logger
// with the first bytes of it.
func TestUpstreamIsNotOnStderr(t *testing.T) {
	t.Parallel()
	u := newUpstream(t)
	p := start(t, "--listen", anyPort, "--upstream", "http://"+u.listen(t, anyPort)+"/beta")
	closed := make(chan struct{}, len(faultCases))
	u.does(func(c net.Conn, _ *http.Request) bool {
		write(c, announced(20))
		_, _ = io.Copy(io.Discard, c) // until the connection is found to be of no more use
		closed <- struct{}{}
		return false
	})
	for _, op := range faultCases {
		p.graphQL(t, op.text, op.variables)
		<-closed
	}
	if err := p.stop(t); err != nil || strings.Contains(p.stderr.String(), marker) {
		t.Errorf("%v: %s", err, p.stderr)
	}
}
