package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"profileql/test/scene"
)

// TestCallersStayApart has 60 concurrent callers. The source returns the token of the request in every item, and sets
// cookies. No caller may see another one's token.
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
					f.do(scene.UpdateMutation, `{"input": {"id": "abc", "patch": {"displayName": "x"}}}`, "Authorization", own),
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

// TestHeadersThatGoOn tests that only Authorization and client-request-id of a caller's headers are forwarded.
func TestHeadersThatGoOn(t *testing.T) {
	t.Parallel()
	rec := &recorder{Answer: answerJSON(200, `{"id": "abc", "value": []}`)}
	f := newFacade(t, rec)
	counted := scene.Operation{Name: "list with its length", Method: "GET", Text: scene.MineQuery, Variables: `{"first": 1}`}
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
		for _, op := range append(scene.Operations[:len(scene.Operations):len(scene.Operations)], counted) {
			if r := f.do(op.Text, op.Variables, header...); len(r.Errors) > 0 {
				t.Fatal(r.Body)
			}
			for _, request := range rec.take() {
				got := request.Header
				for name := range got {
					if !slices.Contains(own, name) {
						t.Errorf("%s: %s went to the source", op.Name, name)
					}
				}
				if values := got.Values("Authorization"); token == "" && len(values) != 0 || token != "" && (len(values) != 1 || values[0] != token) {
					t.Errorf("%s: with %q, the source saw the Authorization %q", op.Name, token, values)
				}
				if got.Get("User-Agent") != "profileql/devel" || got.Get("Client-Request-Id") != id || got.Get("Accept") != "application/json" || got.Get("OData-MaxVersion") != "4.0" {
					t.Errorf("%s: the source saw %v", op.Name, got)
				}
			}
		}
	}
	if r := f.do(scene.UpdateMutation, scene.Operations[2].Variables, "Authorization", ""); len(r.Errors) > 0 {
		t.Fatal(r.Body)
	}
	if values := rec.take()[0].Header.Values("Authorization"); len(values) != 0 {
		t.Errorf("an empty Authorization went on as %q", values)
	}
	for _, none := range []string{"", "abc", "{" + id + "}", "urn:uuid:" + id, id + "\tx"} {
		f.do(scene.UpdateMutation, `{"input": {"id": "abc", "patch": {"displayName": "x"}}}`, "client-request-id", none)
		got := rec.take()[0].Header.Get("Client-Request-Id")
		if got == none || uuid.Validate(got) != nil {
			t.Errorf("the client-request-id %q went on as %q", none, got)
		}
	}
}

// TestReaderHangsUp tests, over HTTP, that the read of the source is canceled when the caller disconnects.
func TestReaderHangsUp(t *testing.T) {
	t.Parallel()
	for _, op := range scene.Operations[:2] {
		asked, ended := make(chan struct{}, 1), make(chan struct{})
		source := serveSource(t, "upstream", &recorder{Answer: func(_ http.ResponseWriter, r *http.Request) {
			asked <- struct{}{}
			<-r.Context().Done()
			close(ended)
		}})
		source.Timeout = 30 * time.Second // a timeout would end the read too
		f := newFacadeOf(t, source)
		ctx, leave := context.WithCancel(t.Context())
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, f.URL, bytes.NewReader(scene.Body(t, op.Text, op.Variables)))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		left := make(chan error, 1)
		go func() { _, err := http.DefaultTransport.RoundTrip(req); left <- err }()
		<-asked
		leave()
		if err := <-left; err == nil {
			t.Errorf("%s: answered a caller that had left", op.Name)
		}
		select {
		case <-ended:
		case <-time.After(source.Timeout * 2 / 3):
			t.Errorf("%s: the source is kept busy", op.Name)
		}
	}
}
