package graphqlhttp

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/99designs/gqlgen/graphql/handler/transport"
	"github.com/vektah/gqlparser/v2/ast"
	"golang.org/x/sys/unix"
)

// query returns the body of a request with a document.
func query(text string) string {
	q, _ := json.Marshal(text)
	return `{"query":` + string(q) + `}`
}

// vars returns the body of a request with variables.
func vars(v string) string {
	return `{"query": "query($ids: [ID!]!) { nodes(ids: $ids) { id } }", "variables": ` + v + `}`
}

// input returns the body of a request with the input of an update.
func input(v string) string {
	return `{"query": "mutation($input: UpdatePersonInterestInput!) { updatePersonInterest(input: $input) { ` +
		`personInterest { id } } }", "variables": {"input": ` + v + `}}`
}

// rep repeats a text n times. It replaces # with the index, and ~ with the index plus one.
func rep(n int, text string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.ReplaceAll(strings.ReplaceAll(text, "#", strconv.Itoa(i)), "~", strconv.Itoa(i+1)))
	}
	return b.String()
}

// entries repeats an entry as rep does, separated by commas.
func entries(n int, text string) string { return strings.TrimSuffix(rep(n, text+","), ",") }

// hostile has functions that return the body of an expensive request, in which something is repeated n times.
var hostile = map[string]func(n int) string{
	"aliases":    func(n int) string { return query("{" + rep(n, " a#: __typename") + "}") },
	"same field": func(n int) string { return query("{" + strings.Repeat(" __typename", n) + "}") },
	"same me":    func(n int) string { return query("{" + strings.Repeat(" me { id }", n) + "}") },
	"overlapping": func(n int) string {
		return query("{ me { " + strings.Repeat("interests { nodes { id displayName } } ", n) + "} }")
	},
	"nested fragments": func(n int) string {
		return query("{ ...f0 } " + rep(n, " fragment f# on Query { ...f~ ...f~ }") + fmt.Sprintf(" fragment f%d on Query { __typename }", n))
	},
	"circular fragments": func(n int) string {
		return query("{ ...f0 } " + rep(n, " fragment f# on Query { ...f~ ...f0 }") + fmt.Sprintf(" fragment f%d on Query { ...f0 }", n))
	},
	"many fragments spread": func(n int) string {
		return query("{" + rep(n, " ...f#") + " }" + rep(n, " fragment f# on Query { me { id user: id } }"))
	},
	"unused fragments":   func(n int) string { return query("{ __typename }" + rep(n, " fragment f# on Query { me { id } }")) },
	"inline fragments":   func(n int) string { return query("{" + strings.Repeat(" ... on Query { me { id } }", n) + "}") },
	"directives":         func(n int) string { return query("{ __typename" + rep(n, " @x#") + " }") },
	"directives include": func(n int) string { return query("{ __typename" + strings.Repeat(" @include(if: true)", n) + " }") },
	"deep":               func(n int) string { return query(strings.Repeat("{ me ", n) + "{ id }" + strings.Repeat("}", n)) },
	"deep lists": func(n int) string {
		return query("{ nodes(ids: " + strings.Repeat("[", n) + strings.Repeat("]", n) + ") { id } }")
	},
	"deep objects": func(n int) string {
		return query("mutation { updatePersonInterest(input: " + strings.Repeat("{a: ", n) + "1" + strings.Repeat("}", n) + ") { __typename } }")
	},
	"unclosed":          func(n int) string { return query(strings.Repeat("{ a", n)) },
	"unknown fields":    func(n int) string { return query("{" + rep(n, " unknown#") + " }") },
	"unknown args":      func(n int) string { return query("{ me(" + rep(n, " a#: 1") + ") { id } }") },
	"unknown variables": func(n int) string { return query("query(" + rep(n, " $a#: X#") + ") { __typename }") },
	"unused variables":  func(n int) string { return query("query(" + rep(n, " $a#: Int") + ") { __typename }") },
	"same variables":    func(n int) string { return query("query(" + strings.Repeat(" $a: Int", n) + ") { __typename }") },
	"operations":        func(n int) string { return query(rep(n, " query q# { __typename }")) },
	"long string":       func(n int) string { return query(`{ node(id: "` + strings.Repeat("x", n) + `") { id } }`) },
	"long escapes":      func(n int) string { return query(`{ node(id: "` + strings.Repeat(`\u00e9`, n) + `") { id } }`) },
	"block string":      func(n int) string { return query(`{ node(id: """` + strings.Repeat("x\n ", n) + `""") { id } }`) },
	"long name":         func(n int) string { return query(`{ ` + strings.Repeat("x", n) + ` }`) },
	"comments":          func(n int) string { return query(strings.Repeat("#\n", n) + "{ __typename }") },
	"long comment":      func(n int) string { return query("#" + strings.Repeat("x", n) + "\n{ __typename }") },
	"commas":            func(n int) string { return query(strings.Repeat(",", n) + "{ __typename }") },
	"number":            func(n int) string { return query("{ nodes(ids: [" + strings.Repeat("1", n) + "]) { id } }") },
	"wide variables": func(n int) string {
		return vars(`{"ids": [` + entries(n, `"x"`) + `]}`)
	},
	"wide objects":  func(n int) string { return vars(`{` + entries(n, `"a#": 1`) + `}`) },
	"input unknown": func(n int) string { return input(`{` + entries(n, `"a#": 1`) + `}`) },
	"input categories": func(n int) string {
		return input(`{"id": "x", "patch": {"categories": [` + entries(n, `"x"`) + `]}}`)
	},
	"input long text": func(n int) string {
		return input(`{"id": "x", "patch": {"description": "` + strings.Repeat("x", n) + `"}}`)
	},
	"input audiences": func(n int) string {
		return input(`{"id": "x", "patch": {"allowedAudiences": [` + entries(n, `"ME"`) + `]}}`)
	},
	"deep variables": func(n int) string { return vars(`{"ids": ` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}`) },
	"deep JSON":      func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) },
	"long key":       func(n int) string { return vars(`{"` + strings.Repeat("x", n) + `": 1}`) },
	"colons":         func(n int) string { return `{"a" ` + strings.Repeat(" ", n) + `: 1}` },
	"blank keys":     func(n int) string { return `{` + strings.Repeat(`"a"   `, n) },
	"extensions": func(n int) string {
		return `{"query": "{ __typename }", "extensions": {"a": [` + entries(n, `{"b": 1}`) + `]}}`
	},
	"many bodies":   func(n int) string { return strings.Repeat(`{"query":"{ __typename }"}`, n) },
	"escaped names": func(n int) string { return `{` + entries(n, `"\u0061%[1]d": 1`) + `}` },
}

// exchange sends a body to a handler without a socket, and returns the response and the CPU time that it took.
func exchange(ctx context.Context, h http.Handler, body string, header ...string) (*httptest.ResponseRecorder, time.Duration) {
	r := httptest.NewRequestWithContext(ctx, "POST", "/graphql", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	return exchangeRequest(h, r, header...)
}

func exchangeRequest(h http.Handler, r *http.Request, header ...string) (*httptest.ResponseRecorder, time.Duration) {
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	began := threadTime()
	h.ServeHTTP(w, r)
	return w, threadTime() - began
}

// byGET returns a GET request with the members of a body as parameters. It returns nil if the body is not an object, or
// if the URL would be much longer than the limit.
func byGET(ctx context.Context, body string) *http.Request {
	var members map[string]json.RawMessage
	if json.Unmarshal([]byte(body), &members) != nil {
		return nil
	}
	parameters := make(url.Values)
	for name, value := range members {
		text := string(value)
		if name == "query" && json.Unmarshal(value, &text) != nil {
			return nil
		}
		parameters.Set(name, text)
	}
	address := "/graphql?" + parameters.Encode()
	if len(address) > 4*maxAddress.value {
		return nil
	}
	return httptest.NewRequestWithContext(ctx, "GET", address, nil)
}

// threadTime returns the CPU time of the calling thread, which does not include tests that run in parallel.
func threadTime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		panic(err)
	}
	return time.Duration(t.Nano())
}

const (
	mostTime   = 300 * time.Millisecond // maximum CPU time of a request
	mostAnswer = 64 << 10               // maximum size of the response to a rejected request, in bytes
	mostGrowth = 2.5                    // maximum factor of the CPU time if the size of the request is doubled
)

// raceDetector is true if the race detector is on.
var raceDetector bool

// TestGrowth checks the CPU time of each kind of hostile request, at all sizes up to the limit: it is bounded, and
// about linear in the size. It also checks that the responses are short.
func TestGrowth(t *testing.T) {
	if raceDetector {
		t.Skip("times mean nothing with the race detector on; the gate runs this without it, too")
	}
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // as main does
	h := testEndpoint(t)
	for name, body := range hostile {
		t.Run(name, func(t *testing.T) {
			last, longest := time.Duration(0), time.Duration(0)
			for n := 64; len(body(n)) <= maxBody.value; n *= 2 {
				taken, w := fastest(t, h, body(n))
				if r := byGET(t.Context(), body(n)); r != nil {
					if w, taken := exchangeRequest(h, r); slow(w, taken) || wordy(w, taken) {
						t.Errorf("%d bytes by GET: %v, %d bytes of answer", len(body(n)), taken, w.Body.Len())
					}
				}
				zipped, takenOfZipped := exchange(t.Context(), h, compressed(body(n)), "Content-Encoding", "gzip")
				if slow(zipped, takenOfZipped) || wordy(zipped, takenOfZipped) || gist(zipped) != gist(w) {
					t.Errorf("%d bytes compressed: %v, %d %.300s", len(body(n)), takenOfZipped, zipped.Code, zipped.Body)
				}
				if taken > mostTime || w.Body.Len() > mostAnswer {
					t.Errorf("%d bytes: %v, %d bytes of answer", len(body(n)), taken, w.Body.Len())
				}
				// Shorter times depend mostly on CPU caches and on the fixed cost of a request.
				const telling = 2 * time.Millisecond
				grown := func() bool { return last > telling && float64(taken) > mostGrowth*float64(last) }
				for try := 0; try < 4 && grown(); try++ {
					last, _ = fastest(t, h, body(n/2))
					taken, _ = fastest(t, h, body(n))
				}
				if grown() {
					t.Errorf("%d bytes take %v, half of them %v", len(body(n)), taken, last)
				}
				last, longest = taken, max(longest, taken)
			}
			t.Logf("at most %v", longest.Round(100*time.Microsecond))
			if w, _ := exchange(t.Context(), h, query("{ __typename }")); w.Body.String() != `{"data":{"__typename":"Query"}}` {
				t.Errorf("the next request: %s", w.Body)
			}
		})
	}
}

var told = regexp.MustCompile(`"(?:code|limit)":"[A-Za-z_]+"|"data":(?:null|\{)`)

// gist returns the status of a response, and its codes, limits and kinds of data, without duplicates. It has no other
// text, because the ids of nodes are resolved concurrently, and only some of many errors are returned.
func gist(w *httptest.ResponseRecorder) string {
	all := told.FindAllString(w.Body.String(), -1)
	slices.Sort(all)
	return strconv.Itoa(w.Code) + strings.Join(slices.Compact(all), " ")
}

// fastest returns the shortest time of several tries, to reduce the effect of a busy machine.
func fastest(t *testing.T, h http.Handler, body string) (best time.Duration, w *httptest.ResponseRecorder) {
	best = time.Hour
	for range 9 {
		answer, taken := exchange(t.Context(), h, body)
		w, best = answer, min(best, taken)
	}
	return best, w
}

// withDefer is an executable schema with @defer, which gqlparser adds to every schema.
type withDefer struct{ graphql.ExecutableSchema }

func (withDefer) Schema() *ast.Schema { return testSchema }

// stock returns gqlgen's own handler, as its guide configures it.
func stock(t *testing.T) http.Handler {
	s := handler.New(withDefer{testOptions(t).Executable})
	s.AddTransport(transport.POST{})
	s.SetQueryCache(lru.New[*ast.QueryDocument](1000))
	s.Use(extension.Introspection{})
	s.Use(extension.FixedComplexityLimit(100_000))
	return s
}

// harm reports whether a response, or the time that it took, shows that a request was harmful.
type harm func(w *httptest.ResponseRecorder, taken time.Duration) bool

func slow(_ *httptest.ResponseRecorder, taken time.Duration) bool { return taken > mostTime }
func wordy(w *httptest.ResponseRecorder, _ time.Duration) bool    { return w.Body.Len() > mostAnswer }
func ran(w *httptest.ResponseRecorder, _ time.Duration) bool {
	return strings.Contains(w.Body.String(), `"data":{`)
}
func silent(w *httptest.ResponseRecorder, _ time.Duration) bool { return w.Body.String() == "null" }
func says(text string) harm {
	return func(w *httptest.ResponseRecorder, _ time.Duration) bool {
		return strings.Contains(w.Body.String(), text)
	}
}

// TestHostileRequests checks that hostile requests are rejected quickly and with a short response, with the right
// status and code. It also checks that gqlgen's own handler is harmed by each, which shows that the protection is
// needed.
func TestHostileRequests(t *testing.T) {
	past, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	const ok = `{"query": "{ __typename }"}`
	ours, theirs := testEndpoint(t), stock(t)
	for _, test := range []struct {
		name, body string
		ctx        context.Context
		header     []string
		harm       harm
		status     int
		code       string
	}{
		{"20,000 aliases", hostile["aliases"](20_000), nil, nil, slow, 400, `"limit":"tokens"`},
		{"3,000 times a field", hostile["same me"](5000), nil, nil, slow, 400, `"limit":"tokens"`},
		{"overlapping lists", hostile["overlapping"](2000), nil, nil, slow, 400, `"limit":"tokens"`},
		{"fragments that double", hostile["nested fragments"](23), nil, nil, slow, 400, `"limit":"selections"`},
		{"unknown directives", hostile["directives"](4000), nil, nil, wordy, 400, `"limit":"tokens"`},
		{"unknown fields", hostile["unknown fields"](1500), nil, nil, wordy, 400, `"limit":"rootFields"`},
		{"unknown arguments", hostile["unknown args"](600), nil, nil, wordy, 400, `"limit":"errors"`},
		{"a long name", hostile["long name"](100_000), nil, nil, wordy, 400, `"limit":"nameBytes"`},
		{"a body that is no JSON", strings.Repeat("secret", 20_000), nil, nil, wordy, 400, `"BAD_REQUEST"`},
		{"a body of 2 MiB", query("#" + strings.Repeat("x", 2<<20) + "\n{ __typename }"), nil, nil, ran, 413, `"limit":"bodyBytes"`},
		{"deep variables", `{"query": "{ __typename }", "variables": {"a": ` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + `}}`, nil, nil, ran, 400, `"limit":"jsonDepth"`},
		{"20,000 values", `{"query": "{ __typename }", "variables": {"a": [` + entries(20_000, "1") + `]}}`, nil, nil, ran, 400, `"limit":"jsonValues"`},
		{"deep selections", query(strings.Repeat("{ me ", 30) + "{ id }" + strings.Repeat("}", 30)), nil, nil, says("Cannot query field"), 400, `"limit":"depth"`},
		{"50 mutations", query("mutation {" + rep(50, ` a#: deleteProfileItem(input: {id: "x"}) { deletedId }`) + "}"), nil, nil, says(`"path":["a49"]`), 400, `"limit":"mutations"`},
		{"two documents", ok + ok, nil, nil, ran, 400, `"BAD_REQUEST"`},
		{"a name twice", `{"query": "{ __typename }", "query": "{ __typename }"}`, nil, nil, ran, 400, `"BAD_REQUEST"`},
		{"another charset", ok, nil, []string{"Content-Type", "application/json; charset=utf-16"}, ran, 415, `"BAD_REQUEST"`},
		{"nothing is acceptable", ok, nil, []string{"Accept", "text/html"}, ran, 406, `"BAD_REQUEST"`},
		{"@defer", query("{ me { ... @defer { interests { totalCount } } } }"), nil, nil, says(`"hasNext":true`), 400, "not incremental"},
		{"a caller that has left", ok, past, nil, silent, 499, `"BAD_REQUEST"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx := test.ctx
			if ctx == nil {
				ctx = t.Context()
			}
			if w, taken := exchange(ctx, theirs, test.body, test.header...); !test.harm(w, taken) {
				t.Errorf("does no harm to gqlgen's handler: %d, %v, %.300s", w.Code, taken, w.Body)
			}
			header := append([]string{"Accept", mediaTypeResponse}, test.header...)
			w, taken := exchange(ctx, ours, test.body, header...)
			if w.Code != test.status || !strings.Contains(w.Body.String(), test.code) || slow(w, taken) || wordy(w, taken) {
				t.Errorf("got %d, %v, %d bytes: %.300s", w.Code, taken, w.Body.Len(), w.Body)
			}
			zipped, taken := exchange(ctx, ours, compressed(test.body), append(header, "Content-Encoding", "gzip")...)
			if zipped.Code != w.Code || zipped.Body.String() != w.Body.String() || slow(zipped, taken) {
				t.Errorf("compressed: got %d, %v: %.300s", zipped.Code, taken, zipped.Body)
			}
			if strings.Contains(w.Body.String(), "secret") || strings.Contains(w.Body.String(), `"data"`) {
				t.Errorf("says too much: %.300s", w.Body)
			}
			if w, _ := exchange(t.Context(), ours, ok); !strings.Contains(w.Body.String(), `"data":{`) {
				t.Errorf("the next request: %s", w.Body)
			}
		})
	}
}

// TestHostileAddresses is [TestHostileRequests] with GET, for the requests that are short enough for a URL.
func TestHostileAddresses(t *testing.T) {
	t.Parallel()
	h := testEndpoint(t)
	for name, test := range map[string]struct {
		body   string
		status int
		code   string
	}{
		"3,600 times a field":   {query("{" + strings.Repeat(" id", 3600) + "}"), 400, `"limit":"tokens"`},
		"fragments that double": {hostile["nested fragments"](23), 400, `"limit":"selections"`},
		"unknown arguments":     {hostile["unknown args"](600), 400, `"limit":"errors"`},
		"a long name":           {hostile["long name"](10_000), 400, `"limit":"nameBytes"`},
		"deep variables":        {hostile["deep variables"](2000), 400, `"limit":"jsonDepth"`},
		"50 mutations":          {query("mutation {" + rep(50, ` a#: deleteProfileItem(input: {id: "x"}) { deletedId }`) + "}"), 400, `"limit":"mutations"`},
		"a mutation":            {query(`mutation { deleteProfileItem(input: {id: "x"}) { deletedId } }`), 405, `"BAD_REQUEST"`},
	} {
		t.Run(name, func(t *testing.T) {
			w, taken := exchangeRequest(h, byGET(t.Context(), test.body), "Accept", mediaTypeResponse)
			if w.Code != test.status || !strings.Contains(w.Body.String(), test.code) || slow(w, taken) || wordy(w, taken) {
				t.Errorf("got %d, %v, %d bytes: %.300s", w.Code, taken, w.Body.Len(), w.Body)
			}
			if strings.Contains(w.Body.String(), `"data"`) {
				t.Errorf("ran: %.300s", w.Body)
			}
		})
	}
}
