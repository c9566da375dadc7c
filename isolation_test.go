package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
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
	rec := &recorder{Answer: answerJSON(200, `{"id": "abc"}`)}
	f := newFacade(t, rec)
	own := []string{"Accept", "Accept-Encoding", "Authorization", "Client-Request-Id", "Content-Length", "Content-Type", "User-Agent"}
	const id = "9f4fe8ea-7e6e-486e-b8f4-ad7c0a4d1a3e"
	many := []string{
		"Cookie", "a=b", "X-Forwarded-For", "10.0.0.1", "Forwarded", "for=x", "Traceparent", "00-x", "Accept-Language", "de", "User-Agent", "curl",
		"If-Match", "*", "Prefer", "return=minimal", "X-HR-Authorization", "secret", "Origin", "http://evil.example", "client-request-id", id,
	}
	for _, token := range []string{"", "Bearer abc", "Basic x"} {
		header := many
		if token != "" {
			header = append(header[:len(header):len(header)], "Authorization", token)
		}
		if r := f.do(updateMutation, `{"input": {"id": "abc", "patch": {"displayName": "x"}}}`, header...); len(r.Errors) > 0 {
			t.Fatal(r.Body)
		}
		got := rec.take()[0].Header
		for name := range got {
			if !contains(own, name) {
				t.Errorf("%s went to the source", name)
			}
		}
		if values := got.Values("Authorization"); token == "" && len(values) != 0 || token != "" && (len(values) != 1 || values[0] != token) {
			t.Errorf("with %q, the source saw the Authorization %q", token, values)
		}
		if got.Get("User-Agent") != "profileql/"+version || got.Get("Client-Request-Id") != id {
			t.Errorf("the source saw %v", got)
		}
	}
	for _, none := range []string{"", "abc", "{" + id + "}", "urn:uuid:" + id, id + "\tx"} {
		f.do(updateMutation, `{"input": {"id": "abc", "patch": {"displayName": "x"}}}`, "client-request-id", none)
		got := rec.take()[0].Header.Get("Client-Request-Id")
		if got == none || uuid.Validate(got) != nil {
			t.Errorf("the client-request-id %q went on as %q", none, got)
		}
	}
}

func contains(list []string, wanted string) bool {
	for _, entry := range list {
		if entry == wanted {
			return true
		}
	}
	return false
}

// TestCallerLeaves has a caller leave while the source is at work: a read ends at once, a write goes on to its end,
// and what became of it is logged.
func TestCallerLeaves(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		operation, variables string
		goesOn               bool
	}{
		"read":  {mineQuery, `{"first": 1}`, false},
		"write": {updateMutation, `{"input": {"id": "abc", "patch": {"displayName": "x"}}}`, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := new(lockedBuffer)
				var ended atomic.Int64 // a list with its length is two requests at once
				began := time.Now()
				handler := newTestHandler(t, "http://source.example/beta", roundTripperFunc(func(r *http.Request) (*http.Response, error) {
					defer func() { ended.Store(int64(time.Since(began))) }()
					select {
					case <-time.After(3 * time.Second):
						return &http.Response{
							StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}, "Request-Id": {"abc-1"}},
							Body: io.NopCloser(strings.NewReader(`{"id": "abc"}`)), ContentLength: -1, Request: r,
						}, nil
					case <-r.Context().Done():
						return nil, r.Context().Err()
					}
				}), log)
				ctx, leave := context.WithCancel(t.Context())
				time.AfterFunc(time.Second, leave)
				serveInProcess(ctx, handler, operationBody(t, test.operation, test.variables))
				took := time.Duration(ended.Load())
				if goneOn := took == 3*time.Second; goneOn != test.goesOn {
					t.Errorf("the request to the source took %v", took)
				}
				if logged := strings.Contains(log.String(), `"outcome":"accepted"`) && strings.Contains(log.String(), `"request_id":"abc-1"`); logged != test.goesOn {
					t.Errorf("logged: %s", log)
				}
			})
		})
	}
}
