package scene

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Expected is the expected result of an operation with a misbehaving upstream.
type Expected struct {
	Code string // empty for success
	Sent string // methods of the requests that the upstream received
	Took time.Duration
}

// Expectations are the expected results of a read, an update and a create.
type Expectations [3]Expected

// FaultCases are the operations of [Expectations].
var FaultCases = [3]Operation{Operations[0], Operations[2], Operations[3]}

const (
	// Timeout is the time limit of a source for all requests of an operation.
	Timeout = 10 * time.Second
	// AnyPort is a loopback address with any free port.
	AnyPort = "127.0.0.1:0"
)

// Split returns expectations with a code for the read and one for the writes, without retries.
func Split(read, write string) Expectations {
	return Expectations{{Code: read, Sent: "GET"}, {Code: write, Sent: "PATCH"}, {Code: write, Sent: "POST"}}
}

// After returns the expectations with the duration of each operation.
func (e Expectations) After(d time.Duration) Expectations {
	for i := range e {
		e[i].Took = d
	}
	return e
}

// ReadTwice returns the expectations with a retry of the read after a delay.
func (e Expectations) ReadTwice(delay time.Duration) Expectations {
	e[0].Sent, e[0].Took = "GET GET", delay
	return e
}

// ReadBack returns the expectations with a read after the update, whose response is empty.
func (e Expectations) ReadBack() Expectations {
	e[1].Sent = "PATCH GET"
	return e
}

// Scene is a ProfileQL in front of an upstream.
type Scene struct {
	*Upstream
	Log    func() string // everything logged so far
	Untold []string      // addresses that must not be disclosed
	Timed  bool          // runs on the fake clock of a synctest bubble
	Do     func(op Operation, token string) Reply
}

// Check executes an operation, and checks what the caller, the source and the log get.
func (s *Scene) Check(t *testing.T, op Operation, want Expected) {
	t.Helper()
	token := "s3cret-token-of-" + op.Name
	began := time.Now()
	r := s.Do(op, token)
	took := time.Since(began)
	requests := s.Take()
	var methods []string
	for _, request := range requests {
		methods = append(methods, request.Method)
		checkRequest(t, request, token)
	}
	if sent := strings.Join(methods, " "); sent != want.Sent {
		t.Errorf("%s: the source saw %q, want %q: %s", op.Name, sent, want.Sent, r.Body)
	}
	if s.Timed && took != want.Took {
		t.Errorf("%s: took %v, want %v", op.Name, took, want.Took)
	}
	s.CheckReply(t, op, r, want.Code)
	if want.Code != "" && len(requests) > 0 {
		last := requests[len(requests)-1]
		if last.Method == op.Method && r.Errors[0].Extensions["clientRequestId"] != last.Header.Get("Client-Request-Id") {
			t.Errorf("%s: the source was told another client-request-id: %s", op.Name, r.Body)
		}
	}
}

// checkRequest checks that a request has the token of its caller, and nothing of another one's response.
func checkRequest(t *testing.T, r Recorded, token string) {
	t.Helper()
	if r.Method == Unread {
		return
	}
	if got := r.Header.Get("Authorization"); got != "Bearer "+token {
		t.Errorf("%s came with the token %q, want %q", r.Method, got, token)
	}
	if len(r.Header["Cookie"]) > 0 || strings.Contains(r.Target, Marker) {
		t.Errorf("%s %s, %v: something of an answer came back", r.Method, r.Target, r.Header)
	}
}

// CheckReply checks that the response is a GraphQL response with the code, and discloses nothing private.
func (s *Scene) CheckReply(t *testing.T, op Operation, r Reply, code string) {
	t.Helper()
	if r.Status != http.StatusOK || !strings.Contains(r.Header.Get("Content-Type"), "json") ||
		r.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s: %d, %v", op.Name, r.Status, r.Header)
	}
	logged := s.Log()
	for _, text := range append([]string{Marker, "s3cret-token"}, s.Untold...) {
		if strings.Contains(r.Body, text) {
			t.Errorf("%s: the answer tells %q: %s", op.Name, text, r.Body)
		}
		if strings.Contains(logged, text) {
			t.Errorf("%s: the log tells %q: %s", op.Name, text, logged)
		}
	}
	if code == "" {
		if len(r.Errors) > 0 || op.Name != "list" && !strings.Contains(r.Body, `"Chess"`) {
			t.Errorf("%s: got %s, want no error", op.Name, r.Body)
		}
		return
	}
	if got := r.Code(t); got != code {
		t.Errorf("%s: got %s, want %s", op.Name, r.Body, code)
	}
	e := r.Errors[0]
	retryable := code == "THROTTLED" || code == "SOURCE_TIMEOUT" || code == "SOURCE_UNAVAILABLE"
	if e.Extensions["retryable"] != retryable || e.Extensions["source"] != "upstream" || e.Message == "" ||
		len(e.Path) == 0 || strings.Contains(string(r.Data), "abc") {
		t.Errorf("%s: %s", op.Name, r.Body)
	}
}

// CheckGoesOn checks that an ordinary request of the next caller succeeds, and is sent once.
func (s *Scene) CheckGoesOn(t *testing.T, op Operation) {
	t.Helper()
	const next = "s3cret-token-of-the-next"
	s.Does(nil)
	s.Meets(nil)
	s.Take()
	r := s.Do(op, next)
	requests := s.Take()
	if len(requests) != 1 || requests[0].Method != op.Method {
		t.Errorf("afterwards, the source saw %+v", requests)
	}
	for _, request := range requests {
		checkRequest(t, request, next)
	}
	s.CheckReply(t, op, r, "")
}

// CheckFault executes all operations with a fault, each followed by one of the next caller.
func (s *Scene) CheckFault(t *testing.T, f Fault, want Expectations) {
	t.Helper()
	for i, op := range FaultCases {
		s.Does(f)
		s.Check(t, op, want[i])
		if s.Timed {
			synctest.Wait() // until the end of the connection, if it ends, has been noticed
		}
		s.CheckGoesOn(t, op)
	}
}
