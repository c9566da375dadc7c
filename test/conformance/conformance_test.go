package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"profileql/internal/sandbox"
	"profileql/internal/sandbox/faults"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is a sandbox that records its requests.
type server struct {
	t    testing.TB
	base string

	mu   sync.Mutex
	seen []request
	note func(request) // called for each request before it is handled
}

func serve(t testing.TB, rules ...faults.Rule) *server {
	t.Helper()
	box, err := sandbox.Open(t.Context(), sandbox.Options{Faults: faults.Config{Rules: rules}})
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t}
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // the sandbox fails to read the same part
		r.Body = io.NopCloser(bytes.NewReader(body))
		s.mu.Lock()
		q := request{Method: r.Method, Path: strings.TrimPrefix(r.URL.Path, "/beta"), Body: body}
		s.seen = append(s.seen, q)
		s.mu.Unlock()
		if s.note != nil {
			s.note(q)
		}
		box.Handler().ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		api.Close()
		if err := box.Close(); err != nil {
			t.Error(err)
		}
	})
	s.base = api.URL + "/beta"
	return s
}

// run runs all cases, and returns the result and the report.
func (s *server) run(ctx context.Context, args ...string) (result, string, error) {
	var out bytes.Buffer
	n, err := run(ctx, append([]string{"-url", s.base}, args...), "ada@example.com", &out, &out)
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	return n, out.String(), err
}

// list returns all items of ada, of all facets.
func (s *server) list() string {
	s.t.Helper()
	t, err := readTypes([]byte(s.get("/$metadata")))
	if err != nil {
		s.t.Fatal(err)
	}
	facets := t.facets()
	if len(facets) != 19 {
		s.t.Fatalf("there are %d facets", len(facets))
	}
	var all strings.Builder
	for _, f := range facets {
		all.WriteString(s.get("/me/profile/" + f.name))
	}
	return all.String()
}

func (s *server) get(path string) string {
	s.t.Helper()
	response, err := http.Get(s.base + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		s.t.Fatalf("%d, %v", response.StatusCode, err)
	}
	return string(text)
}

// TestSandboxConforms runs the suite against the sandbox over HTTP.
func TestSandboxConforms(t *testing.T) {
	s := serve(t)
	before := s.list()
	n, report, err := s.run(t.Context(), "-sandbox", "-write")
	if err != nil || n.failed > 0 || n.skipped > 0 || n.passed == 0 {
		t.Errorf("%+v, %v\n%s", n, err, report)
	}
	if after := s.list(); after != before {
		t.Error("the run has left something behind")
	}
}

// TestReadsOnly tests that no write is sent without -write.
func TestReadsOnly(t *testing.T) {
	s := serve(t)
	n, report, err := s.run(t.Context())
	if err != nil || n.failed > 0 || n.skipped == 0 || n.passed < 8 {
		t.Errorf("%+v, %v\n%s", n, err, report)
	}
	for _, q := range s.seen {
		if q.writes() {
			t.Errorf("%s %s %s", q.Method, q.Path, q.Body)
		}
	}
}

// TestWritesItsOwn tests that only items created by the run are changed and deleted.
func TestWritesItsOwn(t *testing.T) {
	s := serve(t)
	before := s.list()
	n, report, err := s.run(t.Context(), "-write")
	if err != nil || n.failed > 0 || n.passed < 14 {
		t.Errorf("%+v, %v\n%s", n, err, report)
	}
	written := 0
	for _, q := range s.seen {
		if _, id := splitItem(q.Path); q.Method == http.MethodPatch || q.Method == http.MethodDelete {
			written++
			if strings.Contains(before, id) {
				t.Errorf("%s %s", q.Method, q.Path)
			}
		}
	}
	if written == 0 {
		t.Error("nothing was written")
	}
	if after := s.list(); after != before {
		t.Error("the run has left something behind")
	}
}

// TestCleansUp tests that a failed run leaves no items.
func TestCleansUp(t *testing.T) {
	for name, rules := range map[string][]faults.Rule{
		"updates fail":                 {{Fault: faults.Refuse, Status: 500, Methods: []string{"PATCH"}}},
		"answers to creates are lost":  {{Fault: faults.Drop, After: true, Methods: []string{"POST"}}},
		"creates are answered wrongly": {{Fault: faults.Append, Methods: []string{"POST"}}},
		"deletes are refused at first": {
			{Fault: faults.Refuse, Status: 500, Methods: []string{"PATCH"}},
			{Fault: faults.Refuse, Status: 503, RetryAfter: "0.01", Methods: []string{"DELETE"}, Next: 3},
		},
		"lists fail at the end": {{Fault: faults.Refuse, Status: 500, Methods: []string{"DELETE"}, After: true, Next: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, rules...)
			before := s.list()
			if n, report, err := s.run(t.Context(), "-write"); err != nil || n.failed == 0 {
				t.Errorf("%+v, %v\n%s", n, err, report)
			}
			if after := s.list(); after != before {
				t.Error("the run has left something behind")
			}
		})
	}
}

// TestInterrupted tests that an interrupted run deletes its items before it ends.
func TestInterrupted(t *testing.T) {
	s := serve(t)
	before := s.list()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s.note = func(q request) {
		if q.Method == http.MethodPatch {
			cancel()
		}
	}
	if _, report, err := s.run(ctx, "-write"); err == nil {
		t.Errorf("it did not stop:\n%s", report)
	}
	if after := s.list(); after != before {
		t.Error("the run has left something behind")
	}
}

// TestFindsFaults tests that the suite detects an API that does not conform.
func TestFindsFaults(t *testing.T) {
	for _, rule := range []faults.Rule{
		{Fault: faults.NumericEnums},
		{Fault: faults.Nulls},
		{Fault: faults.NoContent},
		{Fault: faults.Truncate},
		{Fault: faults.Append},
		{Fault: faults.Drop},
		{Fault: faults.Lag, Seconds: 60},
		{Fault: faults.Refuse, Status: 429},
		{Fault: faults.Refuse, Status: 404, Methods: []string{"DELETE"}, After: true},
	} {
		t.Run(string(rule.Fault), func(t *testing.T) {
			s := serve(t, rule)
			if n, report, _ := s.run(t.Context(), "-sandbox", "-write"); n.failed == 0 {
				t.Errorf("%+v\n%s", n, report)
			}
		})
	}
}

// TestGuard tests which requests must not be sent, whatever a case contains.
func TestGuard(t *testing.T) {
	r, err := newRunner("https://example.com/beta", "secret", false, true, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	r.made["mine"], r.fresh["fresh"] = "/me/profile/interests", true
	const list = "/me/profile/interests"
	marked := json.RawMessage(`{"displayName": "` + r.mark + ` x"}`)
	for _, q := range []request{
		{Path: list},
		{Method: "POST", Path: list, Body: marked},
		{Method: "PATCH", Path: list + "/mine"},
		{Method: "DELETE", Path: list + "/fresh"},
		{Method: "POST", Path: "/$batch", Body: json.RawMessage(`{"requests": [{"method": "DELETE", "url": "me/profile/interests/mine"}]}`)},
	} {
		if err := r.allow(q); err != nil {
			t.Errorf("%s %s: %v", q.Method, q.Path, err)
		}
	}
	for _, q := range []request{
		{Method: "POST", Path: list, Body: json.RawMessage(`{"displayName": "x"}`)},
		{Method: "PATCH", Path: list + "/theirs"},
		{Method: "PATCH", Path: "/users/yuki@example.com/profile/interests/mine"},
		{Method: "DELETE", Path: "/me/profile"},
		{Method: "PUT", Path: list + "/mine"},
		{Method: "POST", Path: "/$batch", Body: json.RawMessage(`{"requests": [{"method": "DELETE", "url": "me/profile/interests/theirs"}]}`)},
		{Method: "POST", Path: "/$batch", Body: json.RawMessage(`{"requests": 1}`)},
	} {
		if err := r.allow(q); err == nil {
			t.Errorf("%s %s is let through", q.Method, q.Path)
		}
	}
	for _, link := range []string{"https://example.org/beta/x", "http://example.com/beta/x", "https://example.com:444/beta/x", "https://example.com/x", "x"} {
		if _, err := r.resolve(link); err == nil {
			t.Errorf("%s is followed", link)
		}
	}
}

// TestCompare tests when a response matches the expected one.
func TestCompare(t *testing.T) {
	for _, c := range []struct {
		want, got string
		ok        bool
	}{
		{`{"a": 1}`, `{"a": 1}`, true},
		{`{"a": 1}`, `{"a": 1.0}`, false},
		{`{"a": 1}`, `{"a": "1"}`, false},
		{`{"a": null}`, `{}`, false},
		{`{"a": null}`, `{"a": null}`, true},
		{`{"a": null}`, `{"a": false}`, false},
		{`{"a": 1}`, `{"a": 1, "b": 2}`, false},
		{`{"a": 1, "...": true}`, `{"a": 1, "b": 2}`, true},
		{`{"...": true}`, `[]`, false},
		{`[1, 2]`, `[2, 1]`, false},
		{`[1]`, `[1, 2]`, false},
		{`[1, "..."]`, `[1, 2]`, true},
		{`["...", 2, "..."]`, `[1, 2, 3]`, true},
		{`["...", 4, "..."]`, `[1, 2, 3]`, false},
		{`["..."]`, `null`, false},
		{`["...", "{{guid:x}}", "{{x}}"]`, `["b5a7ef0e-56b8-4c56-9d3e-4dc4f4c7b0aa", "1c2a4f0e-56b8-4c56-9d3e-4dc4f4c7b0aa", "1c2a4f0e-56b8-4c56-9d3e-4dc4f4c7b0aa"]`, true},
		{`"{{any}}"`, `null`, true},
		{`"{{string}}"`, `null`, false},
		{`"{{string}}"`, `""`, true},
		{`"{{number}}"`, `1.5`, true},
		{`"{{number}}"`, `"1.5"`, false},
		{`"{{guid}}"`, `"b5a7ef0e-56b8-4c56-9d3e-4dc4f4c7b0aa"`, true},
		{`"{{guid}}"`, `"b5a7ef0e"`, false},
		{`"{{instant}}"`, `"2026-11-23T10:00:00.1234567Z"`, true},
		{`"{{instant}}"`, `"2026-11-23T10:00:00"`, false},
		{`"{{moment}}"`, `"2026-11-23T10:00:00"`, true},
		{`"{{moment}}"`, `"2026-11-23T10:00:00Z"`, false},
		{`"a.b{{string}}"`, `"a.b."`, true},
		{`"a.b{{string}}"`, `"a-b."`, false},
		{`["{{key:x}}", "{{x}}"]`, `["a", "a"]`, true},
		{`["{{key:x}}", "{{x}}"]`, `["a", "b"]`, false},
		{`"{{nobody}}"`, `""`, false},
	} {
		want, err := parseJSON([]byte(c.want))
		if err != nil {
			t.Fatal(err)
		}
		got, err := parseJSON([]byte(c.got))
		if err != nil {
			t.Fatal(err)
		}
		if difference := make(variables).compare("body", want, got); (difference == "") != c.ok {
			t.Errorf("%s against %s: %q", c.want, c.got, difference)
		}
	}
}

// TestCases tests that each case has a description, a reference and a unique name.
func TestCases(t *testing.T) {
	suites, err := loadSuites()
	if err != nil {
		t.Fatal(err)
	}
	r, err := newRunner(serve(t).base, "", true, true, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	facets, err := r.describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	suites = append(suites, facets)
	names := make(map[string]bool)
	for _, s := range suites {
		for _, c := range s.Cases {
			name := s.About + ": " + c.Name
			if s.About == "" || c.Name == "" || c.Because == "" || len(c.Steps) == 0 || names[name] {
				t.Errorf("%s: something is missing, or the name is not its own", name)
			}
			names[name] = true
		}
	}
}

// TestFacets tests that the suite has the cases of every facet: a list, a create, null, and complex values and collections
// where the type has them.
func TestFacets(t *testing.T) {
	parsed, err := readTypes([]byte(serve(t).get("/$metadata")))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range parsed.facets() {
		want := []string{"there is a list", "an item is created", "null clears"}
		for _, p := range f.own {
			if _, isComplex := parsed.structs[p.Type]; isComplex {
				want = append(want, "a complex value is merged")
			}
			if _, isList := collectionOf(p.Type); isList {
				want = append(want, "a collection is replaced")
			}
		}
		for _, c := range f.cases() {
			want = slices.DeleteFunc(want, func(name string) bool { return strings.HasPrefix(c.Name, f.name+": "+name) })
			for _, s := range c.Steps {
				if s.Request.method() == http.MethodPost && !strings.Contains(string(s.Request.Body), "{{mark}}") {
					t.Errorf("%s creates an item without a mark: %s", c.Name, s.Request.Body)
				}
			}
		}
		if len(want) > 0 {
			t.Errorf("%s has no case %q", f.name, want)
		}
	}
}

// TestCommandLine tests that invalid arguments are reported.
func TestCommandLine(t *testing.T) {
	for _, args := range [][]string{{"-url", "graph.microsoft.com"}, {"-url", "ftp://x/beta"}, {"-bogus"}, {"x"}} {
		var out bytes.Buffer
		if _, err := run(t.Context(), args, "", &out, &out); err == nil {
			t.Errorf("%q is taken: %s", args, out.String())
		}
	}
}
