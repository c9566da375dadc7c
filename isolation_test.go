package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"profileql/internal/buildinfo"
)

// TestCallersStayApart has 60 callers at once. The source names the token that it saw in every item, and sets
// cookies: nobody may see another's.
func TestCallersStayApart(t *testing.T) {
	t.Parallel()
	rec := &recorder{Answer: func(w http.ResponseWriter, r *http.Request) {
		token := r.Header.Get("Authorization")
		http.SetCookie(w, &http.Cookie{Name: "session", Value: strings.TrimPrefix(token, "Bearer ")})
		item := fmt.Sprintf(`{"id": "abc", "displayName": %q}`, token)
		if strings.HasSuffix(r.URL.Path, "/interests") {
			item = `{"value": [` + item + `]}`
		}
		answerJSON(200, item)(w, r)
	}}
	f := newFacade(t, rec)
	var callers sync.WaitGroup
	for i := range 60 {
		callers.Go(func() {
			own := fmt.Sprintf("Bearer token-%d-end", i)
			for range 5 {
				for _, r := range []reply{
					f.do(updateMutation, `{"input": {"id": "abc", "patch": {"displayName": "x"}}}`, "Authorization", own),
					f.do(`{ me { interests(first: 1) { nodes { displayName } } } }`, nil, "Authorization", own, "Cookie", "mine=1"),
				} {
					if len(r.Errors) > 0 || strings.Count(r.Body, "Bearer") != 1 || !strings.Contains(r.Body, own) || r.Header.Get("Set-Cookie") != "" {
						t.Errorf("caller %d got %s with %v", i, r.Body, r.Header)
					}
				}
			}
		})
	}
	callers.Wait()
	for _, request := range rec.take() {
		if request.Header.Get("Cookie") != "" {
			t.Fatalf("a cookie went to the source: %v", request.Header)
		}
	}
	if strings.Contains(f.logged(), "token-") {
		t.Errorf("a token was logged: %s", f.logged())
	}
}

// TestHeadersThatGoOn holds that of a caller's headers only Authorization and a client-request-id go on.
func TestHeadersThatGoOn(t *testing.T) {
	t.Parallel()
	rec := &recorder{Answer: answerJSON(200, `{"id": "abc", "value": []}`)}
	f := newFacade(t, rec)
	counted := struct{ name, method, text, variables string }{"list with its length", "GET", mineQuery, `{"first": 1}`}
	own := []string{"Accept", "Accept-Encoding", "Authorization", "Client-Request-Id", "Content-Length", "Content-Type", "Odata-Maxversion", "User-Agent"}
	const id = "9f4fe8ea-7e6e-486e-b8f4-ad7c0a4d1a3e"
	many := []string{
		"Cookie", "a=b", "X-Forwarded-For", "10.0.0.1", "Forwarded", "for=x", "Traceparent", "00-x", "Accept-Language", "de", "User-Agent", "curl",
		"X-Real-Ip", "10.0.0.1", "Tracestate", "a=b", "Baggage", "a=b", "X-Request-Id", "x", "Referer", "http://evil.example", "Proxy-Authorization", "secret",
		"Idempotency-Key", "x", "X-Http-Method-Override", "DELETE", "ConsistencyLevel", "eventual", "If-Match", "*", "Prefer", "return=minimal", "X-HR-Authorization", "secret", "Origin", strings.TrimSuffix(f.URL, "/graphql"), "client-request-id", id,
	}
	for _, token := range []string{"", "Bearer abc", "Basic x"} {
		header := many
		if token != "" {
			header = append(header[:len(header):len(header)], "Authorization", token)
		}
		for _, op := range append(operations[:len(operations):len(operations)], counted) {
			if r := f.do(op.text, op.variables, header...); len(r.Errors) > 0 {
				t.Fatal(r.Body)
			}
			for _, request := range rec.take() {
				got := request.Header
				for name := range got {
					if !slices.Contains(own, name) {
						t.Errorf("%s: %s went to the source", op.name, name)
					}
				}
				if values := got.Values("Authorization"); token == "" && len(values) != 0 || token != "" && (len(values) != 1 || values[0] != token) {
					t.Errorf("%s: with %q, the source saw the Authorization %q", op.name, token, values)
				}
				if got.Get("User-Agent") != "profileql/"+buildinfo.Version() || got.Get("Client-Request-Id") != id || got.Get("Accept") != "application/json" || got.Get("OData-MaxVersion") != "4.0" {
					t.Errorf("%s: the source saw %v", op.name, got)
				}
			}
		}
	}
	if r := f.do(updateMutation, operations[2].variables, "Authorization", ""); len(r.Errors) > 0 {
		t.Fatal(r.Body)
	}
	if values := rec.take()[0].Header.Values("Authorization"); len(values) != 0 {
		t.Errorf("an empty Authorization went on as %q", values)
	}
	for _, none := range []string{"", "abc", "{" + id + "}", "urn:uuid:" + id, id + "\tx"} {
		f.do(updateMutation, `{"input": {"id": "abc", "patch": {"displayName": "x"}}}`, "client-request-id", none)
		got := rec.take()[0].Header.Get("Client-Request-Id")
		if got == none || uuid.Validate(got) != nil {
			t.Errorf("the client-request-id %q went on as %q", none, got)
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

// TestReaderHangsUp is leaving over real HTTP: the source sees a read end.
func TestReaderHangsUp(t *testing.T) {
	t.Parallel()
	for _, op := range operations[:2] {
		asked, ended := make(chan struct{}, 1), make(chan struct{})
		source := serveSource(t, "upstream", &recorder{Answer: func(_ http.ResponseWriter, r *http.Request) {
			asked <- struct{}{}
			<-r.Context().Done()
			close(ended)
		}})
		source.Timeout = 2 * patience // it would end a read, too
		f := newFacadeOf(t, source)
		ctx, leave := context.WithCancel(t.Context())
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, f.URL, bytes.NewReader(operationBody(t, op.text, op.variables)))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		left := make(chan error, 1)
		go func() { _, err := http.DefaultTransport.RoundTrip(req); left <- err }()
		<-asked
		leave()
		if err := <-left; err == nil {
			t.Errorf("%s: answered a caller that had left", op.name)
		}
		select {
		case <-ended:
		case <-time.After(patience):
			t.Errorf("%s: the source is kept busy", op.name)
		}
	}
}
