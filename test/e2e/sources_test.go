package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"profileql/internal/sandbox"
	"profileql/internal/sandbox/faults"
	"profileql/test/scene"
)

// newSandbox serves a sandbox with the data of the second set, and faults.
func newSandbox(t testing.TB, rules string) http.Handler {
	t.Helper()
	f, err := faults.Parse([]byte(`{"rules": [` + rules + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	box, err := sandbox.Open(t.Context(), sandbox.Options{Seed: "lab", Faults: f})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := box.Close(); err != nil {
			t.Error(err)
		}
	})
	return box.Handler()
}

const severalQuery = `query($user: String!, $sources: [String!], $other: Boolean = false, $first: Int! = 100, $after: String) {
  me @skip(if: $other) { ...list }
  profile(user: $user) @include(if: $other) { ...list }
}
fragment list on Profile {
  interests(first: $first, after: $after, sources: $sources) {
    nodes { id itemId profileSource { name } } totalCount pageInfo { hasNextPage endCursor }
    failedSources { source { name } code message }
  }
}`

type severalData struct {
	Me, Profile *struct{ Interests *severalList }
}

type severalList struct {
	Nodes []struct {
		ID, ItemID    string
		ProfileSource struct{ Name string }
	}
	TotalCount *int
	PageInfo   struct {
		HasNextPage bool
		EndCursor   *string
	}
	FailedSources []failedSource
}

// list asks for a list, of another user if variables has one, and returns it; nil for null.
func (f *facade) list(variables map[string]any, header ...string) (*severalList, reply) {
	f.t.Helper()
	if variables["user"] == nil {
		variables["user"] = "ada@example.com"
	}
	r := f.do(severalQuery, variables, header...)
	var data severalData
	if err := json.Unmarshal(r.Data, &data); err != nil {
		f.t.Fatalf("%v: %s", err, r.Body)
	}
	if data.Profile != nil {
		return data.Profile.Interests, r
	}
	if data.Me == nil {
		f.t.Fatalf("no data: %s", r.Body)
	}
	return data.Me.Interests, r
}

func (l *severalList) bySource() map[string]int {
	n := make(map[string]int)
	for _, node := range l.Nodes {
		n[node.ProfileSource.Name]++
	}
	return n
}

// TestOneOfTwoFails tests a list with two sources, one of which has each fault that the sandbox supports.
func TestOneOfTwoFails(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		rules string
		code  string // of the failed source; empty if the list is complete
	}{
		"401":               {`{"fault": "error", "status": 401}`, "UNAUTHENTICATED"},
		"403":               {`{"fault": "error", "status": 403}`, "FORBIDDEN"},
		"404 about nothing": {`{"fault": "error", "status": 404, "code": "UnknownError"}`, "NOT_FOUND"},
		"400":               {`{"fault": "error", "status": 400}`, "SOURCE_REFUSED"}, // to a request without input
		"409":               {`{"fault": "error", "status": 409}`, "CONFLICT"},
		"410":               {`{"fault": "error", "status": 410}`, "SOURCE_REFUSED"},
		"429":               {`{"fault": "error", "status": 429, "retryAfter": 30.5}`, "THROTTLED"},
		"500":               {`{"fault": "error", "status": 500}`, "SOURCE_UNAVAILABLE"},
		"502":               {`{"fault": "error", "status": 502}`, "SOURCE_UNAVAILABLE"},
		"503":               {`{"fault": "error", "status": 503, "retryAfter": 30}`, "SOURCE_UNAVAILABLE"},
		"504":               {`{"fault": "error", "status": 504}`, "SOURCE_UNAVAILABLE"},
		"dropped":           {`{"fault": "drop"}`, "SOURCE_UNAVAILABLE"},
		"late":              {`{"fault": "delay", "seconds": 20}`, "SOURCE_TIMEOUT"},
		"stalled":           {`{"fault": "stall"}`, "SOURCE_TIMEOUT"},
		"cut short":         {`{"fault": "truncate"}`, "SOURCE_UNAVAILABLE"},
		"an error inside":   {`{"fault": "append"}`, "SOURCE_INVALID_RESPONSE"},
		"once":              {`{"fault": "drop", "next": 1}`, ""},
		"numeric enums":     {`{"fault": "numericEnums"}`, ""},
		"nulls":             {`{"fault": "nulls"}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lab := serveSource(t, "lab", newSandbox(t, test.rules))
			if test.code == "SOURCE_TIMEOUT" { // everything else must be in time even on a busy machine
				lab.Timeout = 1500 * time.Millisecond
			}
			f := newFacadeOf(t, serveSource(t, "main", &pagingSource{items: sampleItems(30)}), lab)
			for _, variables := range []map[string]any{{"sources": []string{"main"}}, {}} {
				whole := variables["sources"] != nil || test.code == ""
				l, r := f.list(variables)
				if l == nil || l.bySource()["main"] != 30 {
					t.Fatalf("main's are not whole: %s", r.Body)
				}
				if whole {
					if len(r.Errors) > 0 || len(l.FailedSources) > 0 || l.TotalCount == nil || variables["sources"] == nil && l.bySource()["lab"] == 0 {
						t.Errorf("got %s", r.Body)
					}
					continue
				}
				if len(r.Errors) != 1 || len(l.FailedSources) != 1 || l.TotalCount != nil || len(l.Nodes) != 30 {
					t.Fatalf("got %s", r.Body)
				}
				e, failed := r.Errors[0], l.FailedSources[0]
				if e.Extensions["code"] != test.code || e.Extensions["source"] != "lab" || fmt.Sprint(e.Path) != "[me interests]" ||
					failed.Code != test.code || failed.Source.Name != "lab" || failed.Message != e.Message {
					t.Errorf("got %s", r.Body)
				}
				if test.code == "THROTTLED" && e.Extensions["retryAfter"] != 30.5 {
					t.Errorf("got %s", r.Body)
				}
				checkDiscreet(t, f, r)
			}
			if l, r := f.list(map[string]any{"sources": []string{"lab"}}); test.code != "" && (l != nil || r.Code(t) == "") {
				t.Errorf("the failed one alone: %s", r.Body)
			}
		})
	}
}

// TestNobodyThereOfTwo has no response from any source: the list is null, with the errors of each source.
func TestNobodyThereOfTwo(t *testing.T) {
	t.Parallel()
	f := newFacadeOf(t,
		serveSource(t, "one", newSandbox(t, `{"fault": "error", "status": 403}`)),
		serveSource(t, "two", newSandbox(t, `{"fault": "error", "status": 500}`)))
	l, r := f.list(map[string]any{})
	if l != nil || len(r.Errors) != 2 {
		t.Fatalf("got %s", r.Body)
	}
	for i, want := range []string{"FORBIDDEN", "SOURCE_UNAVAILABLE"} {
		if e := r.Errors[i]; e.Extensions["code"] != want || fmt.Sprint(e.Path) != "[me interests]" {
			t.Errorf("got %s", r.Body)
		}
	}
}

// TestStranger has a person that one of the sources does not have, and one that none has.
func TestStranger(t *testing.T) {
	t.Parallel()
	f := newFacadeOf(t, serveSource(t, "one", newSandbox(t, ``)), serveSource(t, "two", answerJSON(404,
		`{"error": {"code": "Request_ResourceNotFound", "message": "Resource 'ada@example.com' does not exist."}}`)))
	l, r := f.list(map[string]any{"other": true})
	if l == nil || len(r.Errors) > 0 || len(l.FailedSources) > 0 || l.TotalCount == nil || *l.TotalCount != len(l.Nodes) || len(l.Nodes) == 0 {
		t.Errorf("one knows her: %s", r.Body)
	}
	if l, r := f.list(map[string]any{"other": true, "user": "nobody@example.com"}); l != nil || r.Code(t) != "NOT_FOUND" {
		t.Errorf("none knows them: %s", r.Body)
	}
}

// TestWrongVersion has a source whose base URL has an unknown version. The list reports the source as failed.
func TestWrongVersion(t *testing.T) {
	t.Parallel()
	wrong := serveSource(t, "two", newSandbox(t, ``))
	wrong.URL = strings.TrimSuffix(wrong.URL, "/beta") + "/v9.9"
	f := newFacadeOf(t, serveSource(t, "one", newSandbox(t, ``)), wrong)
	l, r := f.list(map[string]any{})
	if l == nil || len(l.Nodes) == 0 || len(l.FailedSources) != 1 || r.Code(t) != "NOT_FOUND" || r.Errors[0].Extensions["source"] != "two" {
		t.Errorf("%s", r.Body)
	}
}

// TestSlowSource has one of four sources stall. The response is returned at the deadline of that source, with the
// items of the others.
func TestSlowSource(t *testing.T) {
	t.Parallel()
	var described []source
	for _, name := range []string{"a", "b", "c"} {
		described = append(described, serveSource(t, name, &pagingSource{items: sampleItems(9)}))
	}
	stalled := serveSource(t, "d", newSandbox(t, `{"fault": "stall"}`))
	stalled.Timeout = 400 * time.Millisecond
	f := newFacadeOf(t, append(described, stalled)...)
	began := time.Now()
	l, r := f.list(map[string]any{})
	if took := time.Since(began); took < stalled.Timeout || took >= 10*time.Second { // the deadline of the others
		t.Errorf("it took %v", took)
	}
	if l == nil || len(l.Nodes) != 27 || len(l.FailedSources) != 1 || l.FailedSources[0].Code != "SOURCE_TIMEOUT" {
		t.Errorf("got %s", r.Body)
	}
}

// TestNamedSources tests that only the named sources are asked.
func TestNamedSources(t *testing.T) {
	t.Parallel()
	one, two := &pagingSource{items: sampleItems(3)}, &pagingSource{items: sampleItems(5)}
	f := newFacadeOf(t, serveSource(t, "one", one), serveSource(t, "two", two))
	l, r := f.list(map[string]any{"sources": []string{"two", "two"}, "first": 2})
	if len(r.Errors) > 0 || l.bySource()["two"] != 2 || len(one.take()) > 0 {
		t.Errorf("got %s", r.Body)
	}
	for name, variables := range map[string]map[string]any{
		"an unknown source":              {"sources": []string{"one", "three"}},
		"none":                           {"sources": []string{}},
		"the cursor of another list":     {"after": l.PageInfo.EndCursor},
		"the cursor of yet another list": {"after": l.PageInfo.EndCursor, "sources": []string{"one"}},
	} {
		two.take()
		l, r := f.list(variables)
		if l != nil || r.Code(t) != "BAD_USER_INPUT" || len(one.take())+len(two.take()) > 0 {
			t.Errorf("%s: %s", name, r.Body)
		}
	}
	if _, r := f.list(map[string]any{"sources": []string{"two"}, "after": l.PageInfo.EndCursor}); len(r.Errors) > 0 {
		t.Errorf("its own cursor: %s", r.Body)
	}
}

// TestTokensStayApart tests what each source is sent: its own token and no other headers of the caller, no user name
// if the source is only for the signed-in user, and no ids of other sources. A write to a read-only source is refused
// before anything is sent.
func TestTokensStayApart(t *testing.T) {
	t.Parallel()
	sent := map[string]string{"main": "Bearer caller-s3cret", "hr": "Bearer hr-s3cret", "lab": "Bearer own-s3cret", "open": ""}
	tokens := map[string]token{
		"main": {From: "caller"}, "hr": {From: "header", Name: "X-Hr-Authorization"},
		"lab": {From: "env", Name: "LAB", Value: "own-s3cret"}, "open": {},
	}
	recorders := make(map[string]*recorder)
	var described []source
	for _, name := range []string{"main", "hr", "lab", "open"} {
		items := sampleItems(20)
		for i := range items {
			items[i].ID = name + "-" + items[i].ID
		}
		paging := &pagingSource{items: items}
		recorders[name] = &recorder{Answer: scene.Batch(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/interests") {
				r.URL.Path = "/beta/me/profile/interests" // the same items for all users
				paging.ServeHTTP(w, r)
				return
			}
			echo(w, r)
		})}
		s := serveSource(t, name, recorders[name])
		s.Token, s.AnyUser, s.Writable = tokens[name], name != "hr", name != "open"
		described = append(described, s)
	}
	f := newFacadeOf(t, described...)
	header := []string{
		"Authorization", sent["main"], "X-Hr-Authorization", sent["hr"], "Cookie", "session=s3cret", "X-Other", "s3cret",
		"Forwarded", "for=s3cret",
	}
	var ids []string
	var after *string
	for range 5 { // all pages, so that cursors contain positions of all sources
		l, r := f.list(map[string]any{"first": 20, "after": after}, header...)
		if len(r.Errors) > 0 {
			t.Fatal(r.Body)
		}
		for _, node := range l.Nodes {
			ids = append(ids, node.ID)
		}
		after = l.PageInfo.EndCursor
	}
	f.list(map[string]any{"other": true}, header...)
	if l, r := f.list(map[string]any{"other": true, "sources": []string{"main", "hr"}}, header...); r.Code(t) != "UNSUPPORTED_BY_SOURCE" || l.bySource()["main"] == 0 {
		t.Errorf("somebody else's of hr: %s", r.Body)
	}
	for _, id := range ids {
		f.do(`query($id: ID!) { node(id: $id) { id } }`, map[string]any{"id": id}, header...)
		f.do(scene.UpdateMutation, map[string]any{"input": map[string]any{"id": id, "patch": map[string]any{"description": "x"}}}, header...)
	}
	for name := range tokens {
		r := f.do(`mutation($in: CreatePersonInterestInput!) { createPersonInterest(input: $in) { personInterest { id } } }`,
			map[string]any{"in": map[string]any{"source": name, "item": map[string]any{"displayName": "x"}}}, header...)
		if name == "open" && r.Code(t) != "READ_ONLY_SOURCE" {
			t.Errorf("a create at the read-only source: %s", r.Body)
		}
	}
	for name, rec := range recorders {
		requests := rec.take()
		isBatch := func(r scene.Recorded) bool { return strings.HasSuffix(r.Target, "/$batch") }
		if len(requests) < 20 || !slices.ContainsFunc(requests, isBatch) {
			t.Errorf("%s was asked %d times, or without a batch", name, len(requests))
		}
		for _, request := range requests {
			text, _ := json.Marshal(request)
			var own []string
			if sent[name] != "" {
				own = []string{sent[name]}
			}
			if !slices.Equal(request.Header["Authorization"], own) || strings.Count(string(text), "s3cret") != len(own) {
				t.Errorf("%s saw %s", name, text)
			}
			for other := range recorders {
				if other != name && strings.Contains(string(text), other+"-id") {
					t.Errorf("%s saw an id of %s: %s", name, other, text)
				}
			}
			if name == "hr" && strings.Contains(string(text), "example.com") || name == "open" && request.Method != http.MethodGet && !isBatch(request) {
				t.Errorf("%s saw %s", name, text)
			}
		}
	}
}

// TestCallerOfASource tests that a source identifies callers by its own token, whatever they send for other sources.
func TestCallerOfASource(t *testing.T) {
	t.Parallel()
	var running, most atomic.Int64
	one := serveSource(t, "one", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := running.Add(1)
		defer running.Add(-1)
		for was := most.Load(); n > was && !most.CompareAndSwap(was, n); was = most.Load() {
		}
		time.Sleep(50 * time.Millisecond)
		answerJSON(200, `{"value": []}`)(w, r)
	}))
	two := serveSource(t, "two", answerJSON(200, `{"value": []}`))
	one.Token = token{From: "caller"}
	two.Token = token{From: "header", Name: "X-Hr-Authorization"}
	f := newFacadeOf(t, one, two)
	var all sync.WaitGroup
	for i := range 12 {
		all.Go(func() {
			if _, r := f.list(map[string]any{}, "Authorization", "Bearer one", "X-Hr-Authorization", fmt.Sprint("Bearer ", i)); len(r.Errors) > 0 {
				t.Errorf("%s", r.Body)
			}
		})
	}
	all.Wait()
	if most.Load() > 4 {
		t.Errorf("%d requests of one caller at once", most.Load())
	}
}

// TestSourcesAreDescribed tests profileSources, before and after a source has failed or throttled.
func TestSourcesAreDescribed(t *testing.T) {
	t.Parallel()
	const query = `{ profileSources { name kind writable facets state throttledUntil } }`
	fails := &recorder{Answer: answerJSON(500, `{}`)}
	throttles := &recorder{Answer: answerJSON(429, `{}`, "Retry-After", "90.5")}
	readOnly := serveSource(t, "b", throttles)
	readOnly.Writable = false
	f := newFacadeOf(t, serveSource(t, "a", fails), readOnly)
	var data struct {
		ProfileSources []struct {
			Name, Kind, State string
			Writable          bool
			Facets            []string
			ThrottledUntil    *time.Time
		}
	}
	f.do(query, nil).Into(t, &data)
	for i, s := range data.ProfileSources {
		if s.Name != string(rune('a'+i)) || s.Kind != "PROFILE" || s.Writable != (i == 0) || s.State != "UP" || s.ThrottledUntil != nil || !slices.Contains(s.Facets, "interests") {
			t.Errorf("at first: %+v", s)
		}
	}
	for range 5 {
		f.list(map[string]any{})
	}
	f.do(query, nil).Into(t, &data)
	if a, b := data.ProfileSources[0], data.ProfileSources[1]; a.State != "FAILING" || b.State != "THROTTLED" ||
		b.ThrottledUntil == nil || time.Until(*b.ThrottledUntil) > 91*time.Second || time.Until(*b.ThrottledUntil) < 60*time.Second {
		t.Errorf("then: %+v", data.ProfileSources)
	}
	fails.take()
	if _, r := f.list(map[string]any{}); r.Errors[0].Extensions["code"] != "OVERLOADED" || len(fails.take()) > 0 {
		t.Errorf("left alone: %s", r.Body)
	}
}
