package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"profileql/internal/sandbox"
	"profileql/internal/sandbox/faults"
	"profileql/test/scene"
)

// exchange is an entry of extensions.trace.
type exchange struct {
	Number, Attempt, Batch, Status int
	Source, Method, Path           string
	Body                           json.RawMessage
	Reason, Failure                string
	Truncated, NotSent             bool
	StartMS, DurationMS            float64
	RetryAfter                     *float64
	ResponseBytes                  int
	RequestID, ClientRequestID     string
	Learned                        []string
}

// String returns what an exchange has in common with a request that a source has received.
func (e exchange) String() string {
	return fmt.Sprintf("%s %s %s -> %d", e.Method, e.Path, e.Body, e.Status)
}

// traceOf returns the trace in an answer; nil if there is none.
func traceOf(t testing.TB, r reply) []exchange {
	t.Helper()
	var answer struct {
		Extensions struct {
			Trace *struct{ Requests []exchange }
		}
	}
	if err := json.Unmarshal([]byte(r.Body), &answer); err != nil {
		t.Fatal(err)
	}
	if answer.Extensions.Trace == nil {
		return nil
	}
	return answer.Extensions.Trace.Requests
}

// witness is a source that records each request with the status of its response, 0 if there was none.
type witness struct {
	next http.Handler
	mu   sync.Mutex
	seen []string
}

func (w *witness) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	rec := recorder{Answer: func(http.ResponseWriter, *http.Request) {}}
	rec.ServeHTTP(nil, r)
	r.Body = http.NoBody
	body := rec.requests[0].Body
	if body != "" {
		r = httptest.NewRequestWithContext(r.Context(), r.Method, r.RequestURI, strings.NewReader(body)).WithContext(r.Context())
		r.Header, r.Host = rec.requests[0].Header, "127.0.0.1"
	}
	status := &statusWriter{ResponseWriter: out}
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.seen = append(w.seen, fmt.Sprintf("%s %s %s -> %d", r.Method, strings.TrimPrefix(r.RequestURI, "/beta"), body, status.status))
	}()
	w.next.ServeHTTP(status, r)
}

// saw reports whether the witness has seen these requests since the last call, in any order, and returns what it has seen. A
// source ends a request later than a ProfileQL that has given up.
func (w *witness) saw(want []string) (seen []string, ok bool) {
	slices.Sort(want)
	for end := time.Now().Add(scene.Patience); !ok && time.Now().Before(end); time.Sleep(time.Millisecond) {
		w.mu.Lock()
		seen = slices.Sorted(slices.Values(w.seen))
		if ok = slices.Equal(seen, want); ok {
			w.seen = nil
		}
		w.mu.Unlock()
	}
	return seen, ok
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// TestTraceOfFaults compares the trace of operations with what the source has seen, for each kind of fault.
func TestTraceOfFaults(t *testing.T) {
	t.Parallel()
	const update = `mutation { updatePersonInterest(input: {id: "` + sandbox.SampleInterest + `", patch: {description: null, categories: []}}) { personInterest { id } } }`
	const secret = "s3cret-bearer-t0ken"
	many := lists(t, 19, "{ nodes { id } }")
	item := scene.GlobalID("box", "", "interests", sandbox.SampleInterest)
	operations := []string{
		update, update, `{ me { interests(first: 3) { nodes { id } } } }`, `{ me { interests(first: 3) { nodes { id } totalCount } } }`,
		`mutation { createPersonInterest(input: {item: {displayName: "x"}}) { personInterest { id } } }`,
		`{ node(id: "` + item + `") { id } }`, many, many, "{ __typename }",
		`mutation { deleteProfileItem(input: {id: "` + item + `"}) { deletedId } }`,
	}
	for name, rule := range map[string]faults.Rule{
		"none": {Fault: faults.NumericEnums, Path: "/beta/nowhere"}, "numeric enums": {Fault: faults.NumericEnums}, "nulls": {Fault: faults.Nulls},
		"no content": {Fault: faults.NoContent}, "append": {Fault: faults.Append}, "truncate": {Fault: faults.Truncate}, "drop": {Fault: faults.Drop},
		"drop after": {Fault: faults.Drop, After: true}, "delay": {Fault: faults.Delay, Seconds: 0.05}, "lag": {Fault: faults.Lag, Seconds: 60},
		"stall": {Fault: faults.Stall}, "no batch": {Fault: faults.Refuse, Status: 404, Path: "/beta/$batch"},
		"400": {Fault: faults.Refuse, Status: 400}, "401": {Fault: faults.Refuse, Status: 401}, "403": {Fault: faults.Refuse, Status: 403},
		"404": {Fault: faults.Refuse, Status: 404}, "409": {Fault: faults.Refuse, Status: 409}, "423": {Fault: faults.Refuse, Status: 423},
		"429": {Fault: faults.Refuse, Status: 429, RetryAfter: "0.01", Next: 1}, "429 for long": {Fault: faults.Refuse, Status: 429, RetryAfter: "60"},
		"500": {Fault: faults.Refuse, Status: 500}, "503": {Fault: faults.Refuse, Status: 503, RetryAfter: "0.01", Next: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := &witness{next: openBox(t, faults.Config{Rules: []faults.Rule{rule}})}
			s := serveSource(t, "box", w)
			s.Token = token{From: "caller"}
			if rule.Fault == faults.Stall { // each request takes as long as it may
				s.Timeout = 3 * time.Second
			}
			f := newFacadeOf(t, s)
			for _, operation := range operations {
				r := f.do(operation, nil, "ProfileQL-Trace", "1", "Authorization", "Bearer "+secret, "Cookie", secret)
				trace := traceOf(t, r)
				if trace == nil {
					t.Fatalf("%s: no trace in %s", operation, r.Body)
				}
				if strings.Contains(r.Body, secret) {
					t.Errorf("%s: a token in %s", operation, r.Body)
				}
				var sent []string
				parts := 0
				for i, e := range trace {
					switch {
					case e.Number != i+1 || e.Source != "box" || e.StartMS < 0 || e.ClientRequestID == "":
						t.Errorf("%s: %+v", operation, e)
					case e.Batch > 0:
						parts++
					case !e.NotSent:
						sent = append(sent, e.String())
					}
				}
				if seen, ok := w.saw(sent); !ok {
					t.Errorf("%s: the trace has\n%s\nand the source has seen\n%s", operation, strings.Join(sent, "\n"), strings.Join(seen, "\n"))
				}
				if name == "none" && operation == many && parts != 19 {
					t.Errorf("the batch has %d parts", parts)
				}
			}
		})
	}
}

// TestTraceTells tests what a trace tells about the requests that an operation did not ask for.
func TestTraceTells(t *testing.T) {
	t.Parallel()
	const update = `mutation { updatePersonInterest(input: {id: "` + sandbox.SampleInterest + `", patch: {description: null}}) { personInterest { id } } }`
	const list = `{ me { interests(first: 3) { nodes { id } } } }`
	refuses := func(option string) http.Handler {
		box := openBox(t, faults.Config{})
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "batch") || r.URL.Query().Has(option) {
				answerJSON(http.StatusBadRequest, `{"error": {"code": "BadRequest", "message": "no"}}`)(w, r)
				return
			}
			box.ServeHTTP(w, r)
		})
	}
	boxWith := func(rule faults.Rule) http.Handler { return openBox(t, faults.Config{Rules: []faults.Rule{rule}}) }
	for name, test := range map[string]struct {
		source    http.Handler
		operation string
		want      []string
	}{
		"an update": {openBox(t, faults.Config{}), update, []string{`PATCH {"description":null} 200`}},
		"a retry": {boxWith(faults.Rule{Fault: faults.Refuse, Status: 429, RetryAfter: "0.01", Next: 1}), update,
			[]string{`PATCH {"description":null} 429 after 0.01`, `PATCH {"description":null} 200 attempt 2`}},
		"a read back": {boxWith(faults.Rule{Fault: faults.NoContent}), update, []string{`PATCH {"description":null} 204`, "GET 200 READ_BACK"}},
		"$select":     {refuses("$select"), list, []string{"GET 400", "GET 200 FALLBACK [not supported: interests $select]"}},
		"$orderby":    {refuses("$orderby"), list, []string{"GET 400", "GET 400 FALLBACK", "GET 200 FALLBACK [not supported: interests ordering createdDateTime]"}},
		"$count and $batch": {refuses("$count"), `{ me { interests(first: 3) { nodes { id } totalCount } } }`,
			[]string{"POST batch 400 [not supported: $batch]", "GET 200 FALLBACK", "GET 400 FALLBACK"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFacade(t, test.source)
			var got []string
			for _, e := range traceOf(t, f.do(test.operation, nil, "ProfileQL-Trace", "1")) {
				text := e.Method
				switch {
				case e.Path == "/$batch":
					text += " batch"
				case e.Body != nil:
					text += " " + string(e.Body)
				}
				text += fmt.Sprint(" ", e.Status)
				if e.RetryAfter != nil {
					text += fmt.Sprint(" after ", *e.RetryAfter)
				}
				if e.Attempt > 1 {
					text += fmt.Sprint(" attempt ", e.Attempt)
				}
				if e.Reason != "" {
					text += " " + e.Reason
				}
				if e.Learned != nil {
					text += fmt.Sprint(" ", e.Learned)
				}
				got = append(got, text)
			}
			if name == "$count and $batch" { // the page and its length are read at the same time
				slices.Sort(got[1:])
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

// TestTraceOfRejected tests that requests which the circuit breaker stops are told apart.
func TestTraceOfRejected(t *testing.T) {
	t.Parallel()
	rec := &recorder{Answer: answerJSON(http.StatusInternalServerError, "{}")}
	f := newFacade(t, rec)
	sent := 0
	for range 100 {
		for _, e := range traceOf(t, f.do(`{ me { interests { nodes { id } } } }`, nil, "ProfileQL-Trace", "1")) {
			switch {
			case !e.NotSent:
				sent++
			case e.Failure != "OVERLOADED" || e.RetryAfter == nil || e.Status != 0:
				t.Errorf("%+v", e)
			default:
				if n := len(rec.take()); n != sent {
					t.Errorf("the source was asked %d times, and the trace has %d requests", n, sent)
				}
				return
			}
		}
	}
	t.Error("the circuit breaker does not open")
}

// TestTraceIsForDevelopers tests who gets a trace: who may see the schema, and asks for it.
func TestTraceIsForDevelopers(t *testing.T) {
	t.Parallel()
	box := openBox(t, faults.Config{})
	const list = `query List { me { interests(first: 1) { nodes { id } } } }`
	server := httptest.NewServer(box)
	t.Cleanup(server.Close)
	manifest := fileWriter(t)("operations.json", `{"list": "`+list+`"}`)
	upstream := []string{"--upstream", server.URL + "/beta"}
	for name, test := range map[string]struct {
		args   []string
		header []string
		traced bool
	}{
		"asked for":               {nil, []string{"ProfileQL-Trace", "1"}, true},
		"not asked for":           {nil, nil, false},
		"another value":           {nil, []string{"ProfileQL-Trace", "true"}, false},
		"behind a proxy":          {nil, []string{"ProfileQL-Trace", "1", "X-Forwarded-For", "192.0.2.1"}, false},
		"behind another":          {nil, []string{"ProfileQL-Trace", "1", "Via", "1.1 proxy"}, false},
		"behind one, and allowed": {[]string{"--introspection"}, []string{"ProfileQL-Trace", "1", "Forwarded", "for=192.0.2.1"}, true},
		"persisted operations":    {[]string{"--operations", manifest}, []string{"ProfileQL-Trace", "1"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFacadeWith(t, nil, append(test.args, upstream...)...)
			r := f.do(list, nil, test.header...)
			if len(r.Errors) > 0 || (traceOf(t, r) != nil) != test.traced || strings.Contains(r.Body, "extensions") != test.traced {
				t.Error(r.Body)
			}
		})
	}
}
