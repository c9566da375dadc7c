package faults

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func parse(t testing.TB, text string) Config {
	t.Helper()
	c, err := Parse([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return c
}

func (s *Set) plan(t testing.TB, method, path string, headers ...string) Plan {
	t.Helper()
	r := httptest.NewRequest(method, path, nil)
	r.Header[Header] = headers
	p, err := s.Plan(r, noon)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestBadConfigurations tests that invalid configurations are refused, and what the message contains.
func TestBadConfigurations(t *testing.T) {
	for text, want := range map[string]string{
		``:                                       "EOF",
		`{} {}`:                                  "something follows",
		`{"rule": []}`:                           `unknown field "rule"`,
		`{"rules": [{}]}`:                        `rules[0]: there is no fault ""; there are append, delay, drop, error`,
		`{"rules": [{"fault": "Drop"}]}`:         `there is no fault "Drop"`,
		`{"rules": [{"fault": "drop", "x": 1}]}`: `unknown field "x"`,
		`{"rules": [{"fault": "drop"}, {"fault": "drop", "status": 500}]}`:         "rules[1]: the fault drop does not take status",
		`{"rules": [{"fault": "drop", "share": 0}]}`:                               "share is 0",
		`{"rules": [{"fault": "drop", "share": 1.5}]}`:                             "share is 1.5",
		`{"rules": [{"fault": "drop", "next": 0}]}`:                                "next is 0",
		`{"rules": [{"fault": "drop", "next": -1}]}`:                               "next is -1",
		`{"rules": [{"fault": "drop", "path": "beta"}]}`:                           `path "beta": it has to begin with /`,
		`{"rules": [{"fault": "drop", "path": "/[" }]}`:                            `path "/[": syntax error in pattern`,
		`{"rules": [{"fault": "drop", "methods": "GET"}]}`:                         "cannot unmarshal string",
		`{"rules": [{"fault": "delay"}]}`:                                          "the fault delay needs seconds",
		`{"rules": [{"fault": "delay", "seconds": 26}]}`:                           "the fault delay needs seconds",
		`{"rules": [{"fault": "lag", "seconds": -1}]}`:                             "the fault lag needs seconds",
		`{"rules": [{"fault": "error"}]}`:                                          "the fault error needs a status",
		`{"rules": [{"fault": "error", "status": 200}]}`:                           "the fault error needs a status",
		`{"rules": [{"fault": "error", "status": 429, "retryAfter": "soon"}]}`:     "invalid number literal",
		`{"rules": [{"fault": "error", "status": 429, "retryAfter": -1}]}`:         "retryAfter is -1",
		`{"rules": [{"fault": "error", "status": 429, "retryAfterAsDate": true}]}`: "retryAfterAsDate needs retryAfter",
		`{"rules": [{"fault": "nulls", "properties": []}]}`:                        "properties is empty",
		`{"seed": -1}`: "cannot unmarshal number -1",
	} {
		if c, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %+v, %v", text, c, err)
		}
	}
}

// TestWhom tests which requests a rule matches.
func TestWhom(t *testing.T) {
	for _, c := range []struct {
		rule, method, path string
		want               bool
	}{
		{`{"fault": "drop"}`, "GET", "/beta/me/profile", true},
		{`{"fault": "drop", "methods": ["patch", "POST"]}`, "PATCH", "/x", true},
		{`{"fault": "drop", "methods": ["patch", "POST"]}`, "GET", "/x", false},
		{`{"fault": "drop", "path": "/beta/me/profile/interests"}`, "GET", "/beta/me/profile/interests", true},
		{`{"fault": "drop", "path": "/beta/me/profile/interests/"}`, "GET", "/beta/me/profile/interests", true},
		{`{"fault": "drop", "path": "/beta/me/profile/interests"}`, "GET", "/beta/me/profile/interests/1", true},
		{`{"fault": "drop", "path": "/beta/me/profile/interests"}`, "GET", "/beta/me/profile/interestsandmore", false},
		{`{"fault": "drop", "path": "/beta/me/profile/interests/*"}`, "GET", "/beta/me/profile/interests/1", true},
		{`{"fault": "drop", "path": "/beta/me/profile/interests/*"}`, "GET", "/beta/me/profile/interests", false},
		{`{"fault": "drop", "path": "/beta/me/profile/interests/*"}`, "GET", "/beta/me/profile/interests/", false},
		{`{"fault": "drop", "path": "/beta/users/*@example.com/profile"}`, "GET", "/beta/users/ada@example.com/profile/interests", true},
		{`{"fault": "drop", "path": "/beta/users/*@example.com/profile"}`, "GET", "/beta/users/ada@example.org/profile", false},
		{`{"fault": "drop", "path": "/beta/$batch"}`, "POST", "/beta/$batch", true},
	} {
		s := NewSet(parse(t, `{"rules": [`+c.rule+`]}`))
		if got := s.plan(t, c.method, c.path).Before.Drop; got != c.want {
			t.Errorf("%s, %s %s: %t", c.rule, c.method, c.path, got)
		}
	}
}

// TestPlan tests the plan that rules result in.
func TestPlan(t *testing.T) {
	s := NewSet(parse(t, `{"rules": [
		{"fault": "delay", "seconds": 0.25}, {"fault": "delay", "seconds": 1},
		{"fault": "delay", "seconds": 2, "after": true},
		{"fault": "error", "status": 429, "retryAfter": 2.128}, {"fault": "error", "status": 503},
		{"fault": "error", "status": 504, "retryAfter": 90, "retryAfterAsDate": true, "code": "", "message": "no", "after": true},
		{"fault": "truncate"}, {"fault": "append"}, {"fault": "numericEnums"}, {"fault": "noContent"},
		{"fault": "lag", "seconds": 3}, {"fault": "nulls", "properties": ["a"]}
	]}`))
	p := s.plan(t, "PATCH", "/beta/x")
	if p.Before.Delay != 1250*time.Millisecond || p.After.Delay != 2*time.Second || p.Before.Drop || p.After.Drop {
		t.Errorf("%+v", p)
	}
	if e := p.Before.Error; e == nil || e.Status != 429 || e.RetryAfter != "2.128" || e.Code != nil {
		t.Errorf("before: %+v", e)
	}
	if e := p.After.Error; e == nil || e.RetryAfter != "Mon, 23 Nov 2026 12:01:30 GMT" || *e.Code != "" || *e.Message != "no" {
		t.Errorf("after: %+v", e)
	}
	if p.Cut != Truncated || !p.NumericEnums || !p.NoContent || p.Lag != 3*time.Second {
		t.Errorf("%+v", p)
	}
	if !p.Nulls.Property("a") || p.Nulls.Property("b") || p.Nulls.Entry() {
		t.Error("the wrong properties are null")
	}
	if p := NewSet(Config{}).plan(t, "GET", "/"); p != (Plan{}) || p.Nulls.Property("a") || p.Nulls.Entry() {
		t.Errorf("an API without rules: %+v", p)
	}
}

// TestNext tests that a rule with next is applied to that many requests, and that the counts show it.
func TestNext(t *testing.T) {
	s := NewSet(parse(t, `{"rules": [{"fault": "drop", "methods": ["PATCH"], "next": 2}]}`))
	got := ""
	for _, method := range []string{"PATCH", "GET", "PATCH", "PATCH", "PATCH"} {
		got += map[bool]string{true: "x", false: "."}[s.plan(t, method, "/").Before.Drop]
	}
	if got != "x.x.." {
		t.Errorf("got %s", got)
	}
}

// TestChances tests that a share is kept approximately, and that the same seed results in the same decisions,
// whatever the other rules are.
func TestChances(t *testing.T) {
	drops := func(config string) (pattern string) {
		s := NewSet(parse(t, config))
		for range 1000 {
			pattern += map[bool]string{true: "x", false: "."}[s.plan(t, "GET", "/a").Before.Drop]
			s.plan(t, "GET", "/b")
		}
		return pattern
	}
	one := drops(`{"seed": 7, "rules": [{"fault": "drop", "share": 0.25, "path": "/a"}]}`)
	if n := strings.Count(one, "x"); n < 200 || n > 300 {
		t.Errorf("%d of 1000", n)
	}
	if drops(`{"seed": 7, "rules": [{"fault": "drop", "share": 0.25, "path": "/a"}, {"fault": "stall", "share": 0.5}]}`) != one {
		t.Error("another rule changes the chances")
	}
	if drops(`{"seed": 8, "rules": [{"fault": "drop", "share": 0.25, "path": "/a"}]}`) == one {
		t.Error("another seed does not change the chances")
	}
}

// TestHeader tests the faults that a request can ask for in its headers.
func TestHeader(t *testing.T) {
	s := NewSet(Config{})
	p := s.plan(t, "GET", "/", `error; status=503; RETRYAFTER=0.5; message="a; b"; after=true`, "delay; seconds=2", `nulls; properties="a,b"`)
	if e := p.After.Error; e == nil || e.Status != 503 || e.RetryAfter != "0.5" || *e.Message != "a; b" {
		t.Errorf("%+v", e)
	}
	if p.Before.Delay != 2*time.Second || !p.Nulls.Property("b") {
		t.Errorf("%+v", p)
	}
	if p := s.plan(t, "GET", "/"); p != (Plan{}) {
		t.Errorf("it holds for the next request too: %+v", p)
	}
	for text, want := range map[string]string{
		"":                      "no media type",
		"thunder":               `there is no fault "thunder"`,
		"error; status=abc":     `status is "abc", which is neither a number nor true or false`,
		"error; status=12":      "needs a status from 400 to 599",
		"error; status=\"4\"00": "invalid",
		"drop; seconds=1":       "the fault drop does not take seconds",
		"drop; x=1":             `unknown field "x"`,
		"drop; after=1":         "cannot unmarshal number",
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header[Header] = []string{text}
		if _, err := s.Plan(r, noon); err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "Sandbox-Fault: ") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestAdmin tests that rules can be read, replaced and removed while the sandbox runs.
func TestAdmin(t *testing.T) {
	s := NewSet(Config{})
	do := func(method, body string) (int, string) {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(method, "/faults", strings.NewReader(body)))
		return w.Code, w.Body.String()
	}
	if status, text := do("PUT", `{"seed": 3, "rules": [{"fault": "drop", "next": 1}]}`); status != http.StatusOK {
		t.Errorf("%d %s", status, text)
	}
	s.plan(t, "GET", "/")
	s.plan(t, "GET", "/")
	if status, text := do("PUT", `{"rules": [{"fault": "nope"}]}`); status != http.StatusBadRequest || !strings.Contains(text, "rules[0]: there is no fault") {
		t.Errorf("%d %s", status, text)
	}
	if status, _ := do("PUT", strings.Repeat(" ", maxBody+1)); status != http.StatusBadRequest {
		t.Errorf("a large body: %d", status)
	}
	var shown struct {
		Seed  int
		Rules []struct {
			Fault                  string
			Next, Matched, Applied int
		}
	}
	if _, text := do("GET", ""); json.Unmarshal([]byte(text), &shown) != nil || shown.Seed != 3 || len(shown.Rules) != 1 ||
		shown.Rules[0].Fault != "drop" || shown.Rules[0].Matched != 1 || shown.Rules[0].Applied != 1 {
		t.Errorf("shown: %+v", shown)
	}
	if status, _ := do("DELETE", ""); status != http.StatusNoContent {
		t.Errorf("DELETE: %d", status)
	}
	if _, text := do("GET", ""); !strings.Contains(text, `"rules": []`) {
		t.Errorf("rules are left: %s", text)
	}
	if status, _ := do("POST", ""); status != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", status)
	}
}

// FuzzConfig tests that a parsed configuration can be written and parsed again with the same meaning.
func FuzzConfig(f *testing.F) {
	f.Add(`{"seed": 1, "rules": [{"fault": "error", "status": 429, "retryAfter": 2.128, "path": "/beta/*", "share": 0.5}]}`)
	f.Add(`{"rules": [{"fault": "nulls", "properties": []}, {"fault": "delay", "seconds": 1e-3, "methods": ["GET"]}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Parse([]byte(text))
		if err != nil {
			return
		}
		shown, err := json.Marshal(c)
		if err != nil {
			t.Fatalf("%s cannot be shown: %v", text, err)
		}
		again, err := Parse(shown)
		if err != nil {
			t.Fatalf("%s is shown as %s: %v", text, shown, err)
		}
		if a, b := NewSet(c).plan(t, "GET", "/beta/x"), NewSet(again).plan(t, "GET", "/beta/x"); a.Lag != b.Lag || a.Before.Delay != b.Before.Delay || a.Cut != b.Cut {
			t.Errorf("%s is shown as %s", text, shown)
		}
	})
}

// FuzzHeader tests that no header causes a panic, and that invalid ones are refused.
func FuzzHeader(f *testing.F) {
	for _, seed := range []string{"drop", "error; status=503", `error; status=400; code=""`, "a;b=c;d", "delay; seconds=1e400", "nulls; properties*=x"} {
		f.Add(seed)
	}
	s := NewSet(Config{})
	f.Fuzz(func(t *testing.T, text string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header[Header] = []string{text}
		if _, err := s.Plan(r, noon); err != nil && !strings.HasPrefix(err.Error(), "Sandbox-Fault: ") {
			t.Errorf("%q: %v", text, err)
		}
	})
}
