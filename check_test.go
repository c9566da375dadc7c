package main

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
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

// split is a code for the read and one for the writes.
func split(read, write string) expectations {
	return expectations{{code: read, sent: "GET"}, {code: write, sent: "PATCH"}, {code: write, sent: "POST"}}
}

// scene is a ProfileQL in front of an upstream.
type scene struct {
	*upstream
	log    *lockedBuffer
	untold []string // addresses that nobody may be told
	timed  bool     // on the clock of a bubble
	do     func(op operationCase, token string) reply
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
