package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"profileql/internal/sandbox/faults"
)

// begin sends a request with a fault, and returns the response as soon as its headers have arrived.
func (c client) begin(ctx context.Context, fault, method, path, body string) (*http.Response, error) {
	c.t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, c.base+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if fault != "" {
		r.Header.Set(faults.Header, fault)
	}
	return (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
}

// attempt sends a request with a fault, and returns the status, the body and the error that ended it.
func (c client) attempt(ctx context.Context, fault, method, path, body string) (status int, text string, err error) {
	c.t.Helper()
	response, err := c.begin(ctx, fault, method, path, body)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = response.Body.Close() }()
	read, err := io.ReadAll(response.Body)
	return response.StatusCode, string(read), err
}

// TestLostConnections tests that a request is executed or not, as the fault says, and gets no response.
func TestLostConnections(t *testing.T) {
	t.Parallel()
	c := serve(t, Options{})
	id := c.create(`{"displayName": "before"}`)
	for _, test := range []struct{ fault, want string }{{"drop", "before"}, {"drop; after=true", "after"}} {
		status, text, err := c.attempt(t.Context(), test.fault, "PATCH", list+"/"+id, `{"displayName": "after"}`)
		if err == nil {
			t.Errorf("%s: %d %s", test.fault, status, text)
		}
		if got := c.do("GET", list+"/"+id, "").body["displayName"]; got != test.want {
			t.Errorf("%s: it is %v", test.fault, got)
		}
	}
	if _, _, err := c.attempt(t.Context(), "", "GET", list, ""); err != nil {
		t.Errorf("without a fault: %v", err)
	}
}

// TestBrokenBodies tests responses that are cut.
func TestBrokenBodies(t *testing.T) {
	t.Parallel()
	c := serve(t, Options{})
	path := listing("$select", "displayName")
	whole := c.do("GET", path, "").text
	half := whole[:len(whole)/2]
	if status, text, err := c.attempt(t.Context(), "truncate", "GET", path, ""); status != 200 || text != half || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("truncate: %d, %d bytes of %d, %v", status, len(text), len(whole), err)
	}
	if status, text, err := c.attempt(t.Context(), "append", "GET", path, ""); status != 200 || err != nil ||
		!strings.HasPrefix(text, half+`{"error":`) || json.Valid([]byte(text)) {
		t.Errorf("append: %d, %v, %s", status, err, text)
	}
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	response, err := c.begin(ctx, "stall", "GET", path, "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	first := make([]byte, len(half))
	_, err = io.ReadFull(response.Body, first)
	if response.StatusCode != 200 || string(first) != half || err != nil {
		t.Errorf("stall: %d, %v, %s", response.StatusCode, err, first)
	}
	time.AfterFunc(200*time.Millisecond, leave) // late enough for the rest of the body to arrive
	if rest, err := io.ReadAll(response.Body); len(rest) > 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("stall: %d bytes more, %v", len(rest), err)
	}
}

// TestDelays tests that a delay takes the given time, or ends when the client disconnects.
func TestDelays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		if a, interrupted := interrupt(t.Context(), faults.Interruption{Delay: time.Hour}, requestID{}, now); interrupted || time.Since(start) != time.Hour {
			t.Errorf("%+v after %s", a, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start = time.Now()
		if a, interrupted := interrupt(ctx, faults.Interruption{Delay: time.Hour}, requestID{}, now); !interrupted || !a.lost || time.Since(start) != time.Minute {
			t.Errorf("%+v after %s", a, time.Since(start))
		}
	})
}

// TestLag tests that reads return the previous version of an item until the lag is over, and that writes do not.
func TestLag(t *testing.T) {
	t.Parallel()
	var passed atomic.Int64
	c := serve(t, Options{Now: func() time.Time { return now.Add(time.Duration(passed.Load())) }})
	total := func() string { return c.do("GET", list+"/$count", "").text }
	before := total()
	lag := func(method, path, body string) string {
		t.Helper()
		status, text, err := c.attempt(t.Context(), "lag; seconds=10", method, path, body)
		if err != nil || status >= 300 {
			t.Fatalf("%s %s: %d %s %v", method, path, status, text, err)
		}
		var item struct{ ID string }
		_ = json.Unmarshal([]byte(text), &item)
		return item.ID
	}
	id := lag("POST", list, `{"displayName": "one"}`)
	passed.Add(int64(5 * time.Second))
	lag("PATCH", list+"/"+id, `{"displayName": "two"}`)
	shows := func(want string) {
		t.Helper()
		a := c.do("GET", list+"/"+id, "")
		if got, _ := a.body["displayName"].(string); got != want || (a.status == 404) != (want == "") {
			t.Errorf("the item is %d %q; want %q", a.status, got, want)
		}
		listed := c.do("GET", listing("$filter", "id eq '"+id+"'"), "").body["value"].([]any)
		if (len(listed) == 1) != (want != "") || len(listed) == 1 && listed[0].(map[string]any)["displayName"] != want {
			t.Errorf("the list has %v; want %q", listed, want)
		}
	}
	shows("")
	if total() != before {
		t.Error("what may not be seen is counted")
	}
	passed.Add(int64(5 * time.Second))
	shows("one")
	lag("DELETE", list+"/"+id, "")
	shows("one")
	passed.Add(int64(5 * time.Second))
	shows("two")
	passed.Add(int64(5 * time.Second))
	shows("")
	if total() != before {
		t.Error("what is gone is counted")
	}
}

// TestNulls tests that any property but the id can be null, that collections can have null entries, and that the same
// seed selects the same properties.
func TestNulls(t *testing.T) {
	t.Parallel()
	c := serve(t, Options{})
	answers := func() (all string) {
		for range 5 {
			all += c.do("GET", listing("$top", "20"), "", faults.Header, "nulls").text
		}
		return all
	}
	all := answers()
	for _, part := range []string{
		`"displayName":null`, `"categories":null`, `"createdBy":null`, `"user":null`, `"sourceId":null`, `,null]`, `[null]`,
	} {
		if !strings.Contains(all, part) {
			t.Errorf("there is no %s", part)
		}
	}
	if strings.Contains(all, `"id":null,"inference"`) {
		t.Error("an item without an id")
	}
	if answers() != all {
		t.Error("the same seed leaves out something else")
	}
}

// TestPartsAndFaults tests that a lost connection of one request loses the whole batch, after the previous requests
// took effect.
func TestPartsAndFaults(t *testing.T) {
	t.Parallel()
	box, err := Open(t.Context(), Options{Faults: faults.Config{Rules: []faults.Rule{
		{Fault: faults.Drop, Methods: []string{"DELETE"}, Path: "/beta" + list},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(box.Handler())
	defer func() { server.Close(); _ = box.Close() }()
	c := client{t, server.URL + "/beta"}
	before := c.do("GET", list+"/$count", "").text
	status, text, err := c.attempt(t.Context(), "", "POST", "/$batch", `{"requests": [
		{"id": "1", "method": "POST", "url": "`+list+`", "headers": {"Content-Type": "application/json"}, "body": {"displayName": "x"}},
		{"id": "2", "method": "DELETE", "url": "`+list+`/`+SampleInterest+`"}]}`)
	if err == nil {
		t.Errorf("%d %s", status, text)
	}
	if after := c.do("GET", list+"/$count", "").text; after == before {
		t.Error("the first part took no effect")
	}
	if a := c.do("GET", list+"/"+SampleInterest, ""); a.status != 200 {
		t.Error("the second one did")
	}
}

// TestFaultsAtRunTime tests the admin resource over HTTP.
func TestFaultsAtRunTime(t *testing.T) {
	t.Parallel()
	c := serve(t, Options{})
	admin := strings.TrimSuffix(c.base, "/beta") + FaultsPath
	if a := c.do("PUT", admin, `{"rules": [{"fault": "error", "status": 503, "retryAfter": 2, "next": 1}]}`); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.text)
	}
	if a := c.do("GET", list, ""); a.status != 503 || a.header.Get("Retry-After") != "2" || a.code() != "serviceNotAvailable" {
		t.Errorf("%d %s", a.status, a.text)
	}
	if a := c.do("GET", list, ""); a.status != 200 {
		t.Errorf("the one after: %d", a.status)
	}
	if a := c.do("GET", admin+"/", ""); !strings.Contains(a.text, `"applied": 1`) {
		t.Errorf("shown: %s", a.text)
	}
	if a := c.do("DELETE", admin, ""); a.status != 204 {
		t.Errorf("DELETE: %d", a.status)
	}
}

// TestRequiredToken tests which requests without a valid token are refused, and how.
func TestRequiredToken(t *testing.T) {
	t.Parallel()
	c := serve(t, Options{RequireToken: true})
	for _, authorization := range []string{"", "Bearer", "Bearer  ", "Basic YWRhOng=", "ada@example.com"} {
		a := c.do("GET", list, "", "Authorization", authorization)
		if a.status != 401 || a.code() != "InvalidAuthenticationToken" || !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer ") {
			t.Errorf("%q: %d %s", authorization, a.status, a.text)
		}
	}
	for _, authorization := range []string{"Bearer ada@example.com", "bearer x"} {
		if a := c.do("GET", list, "", "Authorization", authorization); a.status != 200 {
			t.Errorf("%q: %d %s", authorization, a.status, a.text)
		}
	}
	if a := c.do("GET", "/$metadata", ""); a.status != 200 {
		t.Errorf("$metadata: %d", a.status)
	}
	if a := c.do("POST", "/$batch", `{"requests": []}`); a.status != 401 {
		t.Errorf("$batch: %d", a.status)
	}
	a := c.do("POST", "/$batch", `{"requests": [{"id": "1", "method": "GET", "url": "`+list+`?$top=1&$select=createdBy", "headers": {"Authorization": ""}}]}`,
		"Authorization", "Bearer yuki@example.com")
	if !strings.Contains(a.text, `"status":200`) || !strings.Contains(a.text, "佐藤") {
		t.Errorf("the batch's token does not hold for its parts: %s", a.text)
	}
}
