package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"profileql/internal/sandbox"
	"profileql/internal/sandbox/faults"
	"profileql/test/scene"
)

// lists returns n lists of the signed-in user, each with a name of its own.
func lists(t testing.TB, n int, selection string) string {
	t.Helper()
	facets := facetsOf(parseSchema(t))
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, " l%d: %s(first: 5) %s", i, facets[i%len(facets)].name, selection)
	}
	return "{ me {" + b.String() + " } }"
}

// TestOneRequestForMany tests the number and size of requests for several reads of one operation.
func TestOneRequestForMany(t *testing.T) {
	t.Parallel()
	box := openBox(t, faults.Config{})
	rec := &recorder{Answer: box.ServeHTTP}
	f := newFacade(t, rec)
	ids := make([]string, 100)
	for i := range ids {
		ids[i] = scene.GlobalID("upstream", "", "interests", fmt.Sprintf("%08d-0000-4000-8000-000000000000", i))
	}
	text, _ := json.Marshal(ids)
	const nodes = "{ nodes { id } }"
	for _, test := range []struct {
		name, query string
		batches     []int // number of reads in each
		singles     int
		bytes       int // at most, of the targets and bodies of all requests
	}{
		{"one list", lists(t, 1, nodes), nil, 1, 200},
		{"two lists", lists(t, 2, nodes), []int{2}, 0, 600},
		{"a list and its length", lists(t, 1, "{ totalCount nodes { id } }"), []int{2}, 0, 600},
		{"all facets", lists(t, 19, nodes), []int{19}, 0, 5_000},
		{"21 lists", lists(t, 21, nodes), []int{20}, 1, 5_500},
		{"nothing", "{ me { id } profileSources { name } __typename }", nil, 0, 0},
		{"100 nodes", "{ nodes(ids: " + string(text) + ") { id } }", []int{20, 20, 20, 20, 20}, 0, 21_000},
		{"two people and a node", `{ me { interests { nodes { id } } } profile(user: "yuki@example.com") { interests { nodes { id } } skills { nodes { id } } } node(id: "` + ids[0] + `") { id } }`, []int{4}, 0, 1_000},
		{"a node", `{ node(id: "` + ids[0] + `") { id } }`, nil, 1, 200},
		{"a profile as a node", `{ node(id: "` + scene.GlobalID("", "", "", "") + `") { ... on Profile { interests { nodes { id } } skills { nodes { id } } } } }`, []int{2}, 0, 600},
		{"an unknown user", `{ profile(user: "..") { interests { nodes { id } } } me { interests { nodes { id } } skills { nodes { id } } } }`, []int{2}, 0, 600},
		{"a bad id among others", `{ nodes(ids: ["x", "` + ids[0] + `", "` + ids[1] + `"]) { id } }`, []int{2}, 0, 600},
		{"bad cursors", `{ me { a: interests(after: "x") { nodes { id } } interests { nodes { id } } skills { nodes { id } } } }`, []int{2}, 0, 600},
		{"fields left out", `{ me { a: interests @skip(if: true) { nodes { id } } interests { nodes { id } } ...F } } fragment F on Profile { interests { nodes { displayName } } skills { nodes { id } } }`, []int{2}, 0, 600},
		{"one after the other", `{ me { interests(first: 100) { nodes { id } } } }`, nil, 1, 250},
	} {
		f.do(test.query, nil)
		var batches []int
		singles, bytes := 0, 0
		for _, r := range rec.take() {
			bytes += len(r.Target) + len(r.Body)
			if r.Target != "/beta/$batch" {
				singles++
				continue
			}
			var body struct{ Requests []any }
			if err := json.Unmarshal([]byte(r.Body), &body); err != nil {
				t.Fatal(err)
			}
			batches = append(batches, len(body.Requests))
		}
		if !slices.Equal(batches, test.batches) || singles != test.singles || bytes > test.bytes {
			t.Errorf("%s: batches of %d and %d singles, %d bytes; want %d, %d and %d", test.name, batches, singles, bytes, test.batches, test.singles, test.bytes)
		}
	}
}

// openBox returns the REST API of a sandbox.
func openBox(t testing.TB, config faults.Config) http.Handler {
	t.Helper()
	box, err := sandbox.Open(t.Context(), sandbox.Options{Faults: config})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = box.Close() })
	return box.Handler()
}

// TestBatchesLikeSingles compares an operation's answer with batches with its answer without, for each fault of the
// sandbox: in one list, in all lists, and in the batch itself.
//
// Three kinds of faults change how a response is sent, so they do not exist for a list in a batch. A 401 or 429 to a batch
// is taken for the response to each list, and only there is no batch without batches.
func TestBatchesLikeSingles(t *testing.T) {
	t.Parallel()
	kinds := map[string]faults.Rule{
		"none":          {Fault: faults.NumericEnums, Path: "/beta/nowhere"},
		"numeric enums": {Fault: faults.NumericEnums}, "nulls": {Fault: faults.Nulls, Properties: []string{"createdBy"}}, "append": {Fault: faults.Append},
		"truncate": {Fault: faults.Truncate}, "stall": {Fault: faults.Stall}, "drop": {Fault: faults.Drop},
		"delay": {Fault: faults.Delay, Seconds: 0.05},
		"400":   {Fault: faults.Refuse, Status: 400}, "401": {Fault: faults.Refuse, Status: 401}, "403": {Fault: faults.Refuse, Status: 403},
		"404": {Fault: faults.Refuse, Status: 404}, "410": {Fault: faults.Refuse, Status: 410}, "429": {Fault: faults.Refuse, Status: 429, RetryAfter: "60"},
		"500": {Fault: faults.Refuse, Status: 500}, "503": {Fault: faults.Refuse, Status: 503, RetryAfter: "60"},
	}
	query := lists(t, 4, "{ nodes { id allowedAudiences createdBy { user { id } } } totalCount failedSources { code } }")
	for name, kind := range kinds {
		for where, path := range map[string]string{"one list": "/beta/me/profile/" + facetsOf(parseSchema(t))[1].name, "all lists": "/beta/me/profile", "the batch": "/beta/$batch"} {
			t.Run(name+" in "+where, func(t *testing.T) {
				t.Parallel()
				rule := kind
				if rule.Path == "" {
					rule.Path = path
				}
				isOfResponse := slices.Contains([]string{"append", "truncate", "stall"}, name)
				isOfEachList := slices.Contains([]string{"401", "429"}, name)
				answers := make(map[bool]string)
				for _, batch := range []bool{true, false} {
					switch {
					case !batch && where == "the batch" && isOfEachList:
						rule.Path = "/beta/me/profile"
					case !batch && where != "the batch" && isOfResponse:
						rule.Path = "/beta/nowhere"
					}
					server := httptest.NewServer(openBox(t, faults.Config{Rules: []faults.Rule{rule}}))
					t.Cleanup(server.Close)
					s := source{Name: "box", URL: server.URL + "/beta", Token: token{From: "caller"}, Writable: true, AnyUser: true, Timeout: 3 * time.Second, NoBatch: !batch}
					answers[batch] = comparable(newFacadeOf(t, s).do(query, nil), where != "one list")
				}
				if answers[true] != answers[false] {
					t.Errorf("with batches:    %s\nwithout batches: %s", answers[true], answers[false])
				}
			})
		}
	}
}

// comparable returns the data and the codes of errors by path, as far as they do not depend on the order of requests. Where
// failures may open the circuit breaker, the order decides which read still meets the source's failure, and which the open
// breaker.
func comparable(r scene.Reply, breakerMayOpen bool) string {
	failures := []any{"OVERLOADED", "SOURCE_UNAVAILABLE", "SOURCE_TIMEOUT"}
	var all []string
	for _, e := range r.Errors {
		code, status, retryAfter := e.Extensions["code"], e.Extensions["status"], e.Extensions["retryAfter"]
		if breakerMayOpen && slices.Contains(failures, code) {
			code, status, retryAfter = "failure or open breaker", nil, nil
		}
		all = append(all, fmt.Sprint(e.Path, code, status, retryAfter))
	}
	slices.Sort(all)
	return fmt.Sprintf("%s %q", r.Data, all)
}
