package e2e

import (
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"profileql/internal/sandbox"
	"profileql/internal/sandbox/faults"
)

// newFacadeOfSandbox serves ProfileQL in front of a sandbox over HTTP.
func newFacadeOfSandbox(t testing.TB, o sandbox.Options) *facade {
	t.Helper()
	box, err := sandbox.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(box.Handler())
	t.Cleanup(func() {
		server.Close()
		if err := box.Close(); err != nil {
			t.Error(err)
		}
	})
	return newFacadeAt(t, server.URL+"/beta")
}

// TestThroughFaults tests what a client gets when the source misbehaves: an error code, or the data as usual.
func TestThroughFaults(t *testing.T) {
	t.Parallel()
	const update = `mutation { updatePersonInterest(input: {id: "` + sandbox.SampleInterest + `", patch: {description: "new"}}) {
		personInterest { id description allowedAudiences } } }`
	const list = `{ me { interests(first: 100) { nodes { id displayName allowedAudiences createdBy { user { id } } } } } }`
	for _, test := range []struct {
		name, operation string
		rule            faults.Rule
		code            string // empty for none
		shows           string
	}{
		{"throttled for a moment", update, faults.Rule{Fault: faults.Refuse, Status: 429, RetryAfter: "0.01", Next: 1}, "", `"description":"new"`},
		{"throttled for long", update, faults.Rule{Fault: faults.Refuse, Status: 429, RetryAfter: "60.5"}, "THROTTLED", `"retryAfter":60.5`},
		{"busy for a moment", update, faults.Rule{Fault: faults.Refuse, Status: 503, RetryAfter: "0.01", Next: 1}, "", `"description":"new"`},
		{"busy, and who knows", update, faults.Rule{Fault: faults.Refuse, Status: 503, Next: 1}, "OUTCOME_UNKNOWN", ""},
		{"a gateway gives up", update, faults.Rule{Fault: faults.Refuse, Status: 504, After: true}, "OUTCOME_UNKNOWN", ""},
		{"lost before", update, faults.Rule{Fault: faults.Drop}, "OUTCOME_UNKNOWN", ""},
		{"lost after", update, faults.Rule{Fault: faults.Drop, After: true}, "OUTCOME_UNKNOWN", ""},
		{"no content", update, faults.Rule{Fault: faults.NoContent}, "", `"description":"new"`},
		{"a broken answer", update, faults.Rule{Fault: faults.Append}, "OUTCOME_UNKNOWN", "accepted"},
		{"half an answer", update, faults.Rule{Fault: faults.Truncate}, "OUTCOME_UNKNOWN", ""},
		{"numeric enumerations", update, faults.Rule{Fault: faults.NumericEnums}, "", `"allowedAudiences":["ORGANIZATION"]`},
		{"nulls", update, faults.Rule{Fault: faults.Nulls, Properties: []string{"description"}}, "", `"description":null`},
		{"a write that shows late", update, faults.Rule{Fault: faults.Lag, Seconds: 60}, "", `"description":"new"`},

		{"a list with numeric enumerations", list, faults.Rule{Fault: faults.NumericEnums}, "", `"allowedAudiences":["ORGANIZATION"]`},
		{"a list with nulls everywhere", list, faults.Rule{Fault: faults.Nulls}, "", `"displayName":null`},
		{"half a list, once", list, faults.Rule{Fault: faults.Truncate, Next: 1}, "", `"displayName":"Chess"`},
		{"half a list", list, faults.Rule{Fault: faults.Truncate}, "SOURCE_UNAVAILABLE", ""},
		{"a list with an error in it", list, faults.Rule{Fault: faults.Append}, "SOURCE_INVALID_RESPONSE", ""},
		{"a list that is lost", list, faults.Rule{Fault: faults.Drop}, "SOURCE_UNAVAILABLE", ""},
		{"a list that is refused without a word", list, faults.Rule{Fault: faults.Refuse, Status: 400}, "SOURCE_REFUSED", ""},
		{"a list of somebody else", list, faults.Rule{Fault: faults.Refuse, Status: 403}, "FORBIDDEN", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFacadeOfSandbox(t, sandbox.Options{Faults: faults.Config{Rules: []faults.Rule{test.rule}}})
			r := f.do(test.operation, nil)
			switch {
			case test.code == "" && len(r.Errors) > 0:
				t.Errorf("errors: %s", r.Body)
			case test.code != "" && r.Code(t) != test.code:
				t.Errorf("want %s, got %s", test.code, r.Body)
			}
			if !strings.Contains(r.Body, test.shows) {
				t.Errorf("no %s in %s", test.shows, r.Body)
			}
		})
	}
}

// TestRequiredToken tests that a sandbox which requires tokens gets the caller's.
func TestRequiredToken(t *testing.T) {
	t.Parallel()
	f := newFacadeOfSandbox(t, sandbox.Options{RequireToken: true})
	const query = `{ me { interests(first: 1) { nodes { createdBy { user { displayName } } } } } }`
	if r := f.do(query, nil); r.Code(t) != "UNAUTHENTICATED" {
		t.Error(r.Body)
	}
	if r := f.do(query, nil, "Authorization", "Bearer yuki@example.com"); len(r.Errors) > 0 || !strings.Contains(r.Body, "displayName") {
		t.Error(r.Body)
	}
}

// TestFaultsFile tests that both ways to start the sandbox accept a faults file, and report errors in it.
func TestFaultsFile(t *testing.T) {
	t.Parallel()
	write := fileWriter(t)
	good := write("good.json", `{"rules": [{"fault": "error", "status": 403, "methods": ["GET"], "path": "/beta/me/profile/interests"}]}`)
	p := start(t, "--listen", "127.0.0.1:0", "--faults", good)
	if r := p.graphQL(t, `{ me { interests { nodes { id } } } }`, nil); r.Code(t) != "FORBIDDEN" {
		t.Errorf("ProfileQL: %s", r.Body)
	}
	alone := start(t, "sandbox", "--listen", "127.0.0.1:0", "--faults", good, "--require-token")
	front := newFacadeAt(t, alone.url()+"/beta")
	if r := front.do(`{ me { interests { nodes { id } } } }`, nil, "Authorization", "Bearer x"); r.Code(t) != "FORBIDDEN" {
		t.Errorf("the sandbox alone: %s", r.Body)
	}
	if r := front.do(`mutation { updatePersonInterest(input: {id: "x", patch: {description: "x"}}) { personInterest { id } } }`, nil); r.Code(t) != "UNAUTHENTICATED" {
		t.Errorf("the sandbox alone, without a token: %s", r.Body)
	}
	bad := write("bad.json", `{"rules": [{"fault": "thunder"}]}`)
	for _, args := range [][]string{{"--faults", bad}, {"sandbox", "--faults", bad}} {
		if _, stderr, err := output(t, nil, append(args, "--listen", "127.0.0.1:0")...); err == nil || !strings.Contains(stderr, `bad.json: rules[0]: there is no fault "thunder"`) {
			t.Errorf("%v: %v, %s", args, err, stderr)
		}
	}
	if _, stderr, err := output(t, nil, "--faults", filepath.Join(t.TempDir(), "none")); err == nil || !strings.Contains(stderr, "faults: open ") {
		t.Errorf("no file: %v, %s", err, stderr)
	}
}
