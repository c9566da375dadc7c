package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"profileql/internal/config"
	"profileql/internal/edge"
	"profileql/internal/profile"
	"profileql/internal/profileapi"
	"profileql/internal/telemetry"
	"profileql/test/scene"
)

// metered is ProfileQL with metrics and one source, upstream, which does what the test says. It runs in a synctest bubble.
type metered struct {
	*testing.T
	metrics *telemetry.Metrics
	lines   *telemetry.Queue
	handler http.Handler
	source  http.RoundTripper
	log     *blockedLog
	last    scene.Metrics
	tested  map[string]bool // names of metrics
}

// blockedLog takes no line until it is released.
type blockedLog struct{ release chan struct{} }

func (l *blockedLog) Write(p []byte) (int, error) {
	<-l.release
	return len(p), nil
}

// newMetered returns ProfileQL with limits of concurrent requests, and with a list of persisted operations if it is not
// empty.
func newMetered(t *testing.T, manifest string, concurrency int) *metered {
	w := &metered{T: t, log: &blockedLog{make(chan struct{})}, tested: make(map[string]bool)}
	w.lines = telemetry.NewQueue(w.log)
	t.Cleanup(w.lines.Close)
	t.Cleanup(sync.OnceFunc(func() { close(w.log.release) })) // before Close
	var err error
	if w.metrics, err = telemetry.NewMetrics("v1"); err != nil {
		t.Fatal(err)
	}
	s := config.Source{
		Name: "upstream", Kind: config.KindProfile, URL: "http://source.example/beta", Writable: true, AnyUser: true, Batch: true,
		Token: config.Token{From: config.FromCaller, Name: "Authorization"}, Concurrency: concurrency, MaxConcurrency: concurrency,
	}
	with := shared{
		memory: profileapi.NewMemoryBudget(0), health: new(edge.Health), metrics: w.metrics, log: telemetry.NewLog(io.Discard),
	}
	source, err := connect(s, roundTripperFunc(func(r *http.Request) (*http.Response, error) {
		if trace := httptrace.ContextClientTrace(r.Context()); trace != nil {
			trace.GotConn(httptrace.GotConnInfo{})
		}
		return w.source.RoundTrip(r)
	}), with)
	if err != nil {
		t.Fatal(err)
	}
	all := sourceList{source}
	w.metrics.Watch(func() telemetry.State { return stateOf(all, with.memory, w.lines) })
	c := &config.Config{Command: config.Serve, Listen: scene.AnyPort, Sources: []config.Source{s}, Operations: manifest}
	if w.handler, err = newHandler(c, all, nil, with); err != nil {
		t.Fatal(err)
	}
	w.last = w.read()
	return w
}

// read reads the metrics of ProfileQL.
func (w *metered) read() scene.Metrics {
	w.Helper()
	page := httptest.NewRecorder()
	w.metrics.Handler().ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return scene.ReadMetrics(w, page.Body.String(), "profileql_")
}

// moved checks which metrics have moved since the last time, and by how much. The buckets and sums of histograms are left
// out.
func (w *metered) moved(about string, want scene.Metrics) {
	w.Helper()
	now := w.read()
	got := now.Since(w.last)
	for series := range got {
		if name := scene.SeriesName(series); strings.HasSuffix(name, "_bucket") || strings.HasSuffix(name, "_seconds_sum") {
			delete(got, series)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		w.Errorf("%s: other metrics have moved (-want +got):\n%s", about, diff)
	}
	w.last = now
	for series := range want {
		w.tested[metricOf(series)] = true
	}
}

// does sends an operation, whose requests to the source get these answers: the last one again and again. Without answers,
// the source goes on as before.
func (w *metered) does(text string, answers ...func(*http.Request) (*http.Response, error)) {
	w.sends(w.Context(), scene.Body(w, text, nil), answers...)
}

func (w *metered) sends(ctx context.Context, body []byte, answers ...func(*http.Request) (*http.Response, error)) {
	var n atomic.Int64
	if len(answers) > 0 {
		w.source = roundTripperFunc(func(r *http.Request) (*http.Response, error) {
			return answers[min(int(n.Add(1)), len(answers))-1](r)
		})
	}
	serveInProcess(ctx, w.handler, body)
}

// says returns an answer of the source.
func says(status int, body string, header ...string) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		h := http.Header{"Content-Type": {"application/json"}}
		for i := 0; i+1 < len(header); i += 2 {
			h.Set(header[i], header[i+1])
		}
		return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r}, nil
	}
}

var (
	fine = says(200, `{"id": "abc", "displayName": "Chess", "value": []}`)

	lost = func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }

	silent = func(r *http.Request) (*http.Response, error) { // until the caller or the time limit
		<-r.Context().Done()
		return nil, r.Context().Err()
	}

	cut = func(r *http.Request) (*http.Response, error) { // in the middle of the body
		resp, err := says(200, `{"id"`)(r)
		resp.Body, resp.ContentLength = io.NopCloser(io.MultiReader(resp.Body, failingReader{})), -1
		return resp, err
	}
)

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

const (
	meteredList   = `query MyInterests { me { interests(first: 1) { nodes { id } } } }`
	meteredUpdate = `mutation { updatePersonInterest(input: {id: "abc", patch: {displayName: "x"}}) { personInterest { id } } }`
	meteredTwo    = `{ me { interests(first: 1) { nodes { id } } skills(first: 1) { nodes { id } } } }`
)

// Series that many events move.
const (
	queries   = `profileql_operation_duration_seconds_count{graphql_operation_type="query",http_response_status_class="2xx"}`
	mutations = `profileql_operation_duration_seconds_count{graphql_operation_type="mutation",http_response_status_class="2xx"}`
	hits      = `profileql_document_lookups_total{result="hit"}`
	misses    = `profileql_document_lookups_total{result="miss"}`
)

// sent returns the series of single requests to the source.
func sent(method, status string) string {
	return `profileql_source_request_duration_seconds_count{http_request_method="` + method + `",http_response_status_code="` + status + `",kind="single",source="upstream"}`
}

// broken returns the series of single requests to the source that failed.
func broken(method, status, reason string) string {
	return `profileql_source_request_duration_seconds_count{error_type="` + reason + `",` + strings.TrimPrefix(sent(method, status), "profileql_source_request_duration_seconds_count{")
}

func batched(status string) string {
	return strings.Replace(sent("POST", status), "single", "batch", 1)
}

func retried(method, status string) string {
	return `profileql_source_retries_total{http_request_method="` + method + `",http_response_status_code="` + status + `",source="upstream"}`
}

func failedWith(code, kind string) string {
	return `profileql_operation_errors_total{error_type="` + code + `",graphql_operation_type="` + kind + `"}`
}

func shed(reason string) string {
	return `profileql_source_requests_shed_total{reason="` + reason + `",source="upstream"}`
}

func breaker(state string) string {
	return `profileql_source_circuit_breaker_state{source="upstream",state="` + state + `"}`
}

// meteredEvents are the events that metrics count, each with all metrics that it moves.
var meteredEvents = map[string]func(w *metered){
	"operations": func(w *metered) {
		w.does(meteredList, fine)
		w.moved("a query", scene.Metrics{queries: 1, misses: 1, sent("GET", "200"): 1})
		w.does(meteredList, fine)
		w.moved("the same again", scene.Metrics{queries: 1, hits: 1, sent("GET", "200"): 1})
		w.does(meteredUpdate, fine)
		w.moved("a mutation", scene.Metrics{mutations: 1, misses: 1, sent("PATCH", "200"): 1})
		w.does(`{ nothing }`)
		w.moved("an invalid document", scene.Metrics{
			strings.Replace(queries, `"query"`, `"none"`, 1): 1, failedWith("GRAPHQL_VALIDATION_FAILED", "none"): 1, misses: 1,
		})
		w.sends(w.Context(), []byte("["))
		w.moved("no GraphQL", scene.Metrics{
			strings.NewReplacer(`"query"`, `"none"`, "2xx", "4xx").Replace(queries): 1, failedWith("BAD_REQUEST", "none"): 1,
		})
	},
	"persisted queries": func(w *metered) {
		byHash := []byte(`{"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "` + hashOfMeteredList + `"}}}`)
		w.sends(w.Context(), byHash)
		w.moved("an unknown hash", scene.Metrics{
			strings.Replace(queries, `"query"`, `"none"`, 1): 1, failedWith("PERSISTED_QUERY_NOT_FOUND", "none"): 1,
			`profileql_persisted_query_lookups_total{result="miss"}`: 1,
		})
		w.does(meteredList, fine)
		w.moved("its document", scene.Metrics{queries: 1, misses: 1, sent("GET", "200"): 1})
		w.sends(w.Context(), byHash, fine)
		w.moved("the hash", scene.Metrics{
			queries: 1, hits: 1, sent("GET", "200"): 1, `profileql_persisted_query_lookups_total{result="hit"}`: 1,
		})
	},
	"responses of the source": func(w *metered) {
		w.does(meteredList, says(404, `{}`))
		w.moved("404", scene.Metrics{queries: 1, misses: 1, sent("GET", "404"): 1, failedWith("NOT_FOUND", "query"): 1})
		w.does(meteredUpdate, says(422, `{}`))
		w.moved("422", scene.Metrics{mutations: 1, misses: 1, sent("PATCH", "422"): 1, failedWith("BAD_USER_INPUT", "mutation"): 1})
		w.does(meteredUpdate, says(499, `{}`))
		w.moved("a status that is none", scene.Metrics{mutations: 1, hits: 1, sent("PATCH", "4xx"): 1, failedWith("SOURCE_REFUSED", "mutation"): 1})
		w.does(meteredList, lost, fine)
		w.moved("a lost connection", scene.Metrics{
			queries: 1, hits: 1, broken("GET", "none", "connection"): 1, sent("GET", "200"): 1, retried("GET", "none"): 1,
		})
		w.does(meteredUpdate, cut)
		w.moved("half of a body", scene.Metrics{
			mutations: 1, hits: 1, broken("PATCH", "200", "connection"): 1, failedWith("OUTCOME_UNKNOWN", "mutation"): 1,
		})
		w.does(meteredUpdate, silent)
		w.moved("silence", scene.Metrics{
			mutations: 1, hits: 1, broken("PATCH", "none", "timeout"): 1, failedWith("OUTCOME_UNKNOWN", "mutation"): 1,
		})
		ctx, leave := context.WithCancel(w.Context())
		time.AfterFunc(time.Second, leave)
		w.sends(ctx, scene.Body(w, meteredList, nil), silent)
		w.moved("a caller who leaves", scene.Metrics{
			queries: 1, hits: 1, broken("GET", "none", "canceled"): 1, failedWith("BAD_REQUEST", "query"): 1,
		})
	},
	"faults in ProfileQL": func(w *metered) {
		w.does(meteredList, func(*http.Request) (*http.Response, error) { panic("a fault") })
		w.moved("a panic", scene.Metrics{
			queries: 1, misses: 1, failedWith("INTERNAL_SERVER_ERROR", "query"): 1, "profileql_internal_errors_total": 1,
		})
	},
	"retries": func(w *metered) {
		w.does(meteredUpdate, says(429, `{}`, "Retry-After", "1"), fine)
		w.moved("a write", scene.Metrics{
			mutations: 1, misses: 1, sent("PATCH", "429"): 1, sent("PATCH", "200"): 1, retried("PATCH", "429"): 1,
		})
		w.does(meteredList, says(503, `{}`), fine)
		w.moved("a read", scene.Metrics{
			queries: 1, misses: 1, sent("GET", "503"): 1, sent("GET", "200"): 1, retried("GET", "503"): 1,
		})
	},
	"batches": func(w *metered) {
		w.does(meteredTwo, says(200, `{"responses": [{"id": "0", "status": 200, "body": {"value": []}}, {"id": "1", "status": 403, "body": {}}]}`))
		w.moved("two lists", scene.Metrics{
			queries: 1, misses: 1, batched("200"): 1, failedWith("FORBIDDEN", "query"): 1,
			`profileql_source_batch_parts_total{http_response_status_code="200",source="upstream"}`: 1,
			`profileql_source_batch_parts_total{http_response_status_code="403",source="upstream"}`: 1,
		})
	},
	"throttling": func(w *metered) {
		w.does(meteredUpdate, says(429, `{}`, "Retry-After", "30"))
		w.moved("429", scene.Metrics{
			mutations: 1, misses: 1, sent("PATCH", "429"): 1, failedWith("THROTTLED", "mutation"): 1,
			`profileql_source_throttled_callers{source="upstream"}`: 1,
		})
		time.Sleep(30 * time.Second)
		w.moved("its end", scene.Metrics{`profileql_source_throttled_callers{source="upstream"}`: -1})
	},
	"circuit breaker": func(w *metered) {
		for range 5 {
			w.does(meteredUpdate, says(500, `{}`))
		}
		w.moved("five failures", scene.Metrics{
			mutations: 5, misses: 1, hits: 4, sent("PATCH", "500"): 5, failedWith("OUTCOME_UNKNOWN", "mutation"): 5,
			breaker("closed"): -1, breaker("open"): 1, `profileql_source_circuit_breaker_openings_total{source="upstream"}`: 1,
		})
		w.does(meteredUpdate)
		w.moved("a request to it", scene.Metrics{mutations: 1, hits: 1, failedWith("OVERLOADED", "mutation"): 1, shed("breaker_open"): 1})
		time.Sleep(10 * time.Second)
		w.moved("ten seconds", scene.Metrics{breaker("open"): -1, breaker("half_open"): 1})
		w.source = roundTripperFunc(func(r *http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			return fine(r)
		})
		w.crowd(3)
		w.moved("a probe too many", scene.Metrics{
			mutations: 3, hits: 3, sent("PATCH", "200"): 2, failedWith("OVERLOADED", "mutation"): 1, shed("breaker_half_open"): 1,
			breaker("half_open"): -1, breaker("closed"): 1,
		})
	},
	"log": func(w *metered) {
		_, _ = w.lines.Write([]byte("one that is being written"))
		synctest.Wait()
		for range 300 {
			_, _ = w.lines.Write(bytes.Repeat([]byte("x"), 4096))
		}
		w.moved("1.2 MB where there is room for 1 MiB", scene.Metrics{`profileql_log_lines_dropped_total`: 44})
	},
	"load": func(w *metered) {
		w.source = roundTripperFunc(silent)
		go w.does(meteredUpdate)
		synctest.Wait()
		const inFlight, operations = `profileql_source_requests_in_flight{source="upstream"}`, `profileql_operations_in_flight`
		const memory = `profileql_answer_memory_usage_bytes{pool="small"}`
		w.moved("a request in flight", scene.Metrics{operations: 1, inFlight: 1, memory: 3 * 128 << 10})
		time.Sleep(time.Second) // then the one that waits is sent when the first is over, and its own time is not
		go w.does(meteredUpdate)
		go w.does(meteredUpdate)
		go w.does(meteredUpdate)
		go w.does(meteredUpdate)
		synctest.Wait()
		const ofCaller = `profileql_source_requests_queued{queue="caller",source="upstream"}`
		w.moved("four more of the same caller, of which one waits", scene.Metrics{
			operations: 4, inFlight: 3, memory: 4 * 3 * 128 << 10, ofCaller: 1,
		})
		const ofAll = `profileql_source_requests_queued{queue="source",source="upstream"}`
		go w.crowd(65)
		synctest.Wait()
		w.moved("65 others, of which 64 may wait", scene.Metrics{
			operations: 64, mutations: 1, memory: 64 * 3 * 128 << 10, ofAll: 64, hits: 1, shed("queue_full"): 1,
			failedWith("OVERLOADED", "mutation"): 1,
		})
		time.Sleep(time.Second)
		synctest.Wait()
		w.moved("a second, which is as long as they wait", scene.Metrics{
			operations: -64, mutations: 64, memory: -64 * 3 * 128 << 10, ofAll: -64, hits: 64, shed("queue_timeout"): 64,
			failedWith("OVERLOADED", "mutation"): 64,
		})
		time.Sleep(time.Minute)
		w.moved("the end", scene.Metrics{
			operations: -5, mutations: 5, misses: 1, hits: 4, memory: -5 * 3 * 128 << 10, inFlight: -4, ofCaller: -1,
			broken("PATCH", "none", "timeout"): 5, failedWith("OUTCOME_UNKNOWN", "mutation"): 5,
		})
	},
	"large answers": func(w *metered) {
		reached := make(chan struct{})
		go w.does(meteredList, func(r *http.Request) (*http.Response, error) {
			resp, err := says(200, `{"value": [`+strings.Repeat(" ", 1<<20))(r)
			resp.Body = io.NopCloser(io.MultiReader(resp.Body, readerFunc(func([]byte) (int, error) { <-reached; return 0, io.EOF })))
			resp.ContentLength = -1
			return resp, err
		})
		synctest.Wait()
		moved := w.read().Since(w.last)
		if large := moved[`profileql_answer_memory_usage_bytes{pool="large"}`]; large != 3*8<<20 {
			w.Errorf("the beginning of an answer over 1 MiB: %v", moved)
		}
		close(reached)
		synctest.Wait()
		if after := w.read()[`profileql_answer_memory_usage_bytes{pool="large"}`]; after != 0 {
			w.Errorf("after it, %v bytes are held", after)
		}
	},
	"what is constant": func(w *metered) {
		for series, want := range map[string]float64{
			`profileql_build_info{go_version="` + runtime.Version() + `",version="v1"}`: 1,
			`profileql_source_requests_limit{source="upstream"}`:                        4,
			`profileql_answer_memory_limit_bytes{pool="small"}`:                         48 << 20,
			`profileql_answer_memory_limit_bytes{pool="large"}`:                         48 << 20,
		} {
			w.tested[metricOf(series)] = true
			if got := w.last[series]; got != want {
				w.Errorf("%s is %v, want %v", series, got, want)
			}
		}
	},
	"token exchanges": func(w *metered) {
		exchanged := observeExchanges("upstream", shared{metrics: w.metrics})
		exchanged(w.Context(), "", time.Now(), time.Second)
		exchanged(w.Context(), profile.SourceTimeout, time.Now(), time.Second)
		w.moved("two", scene.Metrics{
			`profileql_token_exchange_duration_seconds_count{outcome="success",source="upstream"}`:        1,
			`profileql_token_exchange_duration_seconds_count{outcome="SOURCE_TIMEOUT",source="upstream"}`: 1,
		})
	},
}

// hashOfMeteredList is the SHA-256 of meteredList.
const hashOfMeteredList = "e03acf66b5ba314df1fa899696c671de9427e77ae7c445d9c4499ae027a8f168"

// crowd sends updates of as many callers at once, and returns when they are answered.
func (w *metered) crowd(callers int) {
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			r := httptest.NewRequestWithContext(w.Context(), http.MethodPost, "/graphql", bytes.NewReader(scene.Body(w, meteredUpdate, nil)))
			r.Host = "localhost"
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Authorization", fmt.Sprint("Bearer caller-", i))
			w.handler.ServeHTTP(connected{httptest.NewRecorder()}, r)
		})
	}
	all.Wait()
}

// TestMetrics holds that each event moves the metrics that count it, and no other one, and that there is an event for each
// metric.
func TestMetrics(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	there, tested := make(map[string]bool), make(map[string]bool)
	t.Run("events", func(t *testing.T) {
		for name, event := range meteredEvents {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					w := newMetered(t, "", 4)
					event(w)
					mu.Lock()
					defer mu.Unlock()
					maps.Copy(tested, w.tested)
					for series := range w.read() {
						there[metricOf(series)] = true
					}
				})
			})
		}
	})
	page, err := os.ReadFile("docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	for name := range there {
		if !tested[name] {
			t.Errorf("no event moves %s", name)
		}
		if !strings.Contains(string(page), "| `"+name) {
			t.Errorf("docs/metrics.md has no row for %s", name)
		}
	}
}

// metricOf returns the metric that a series belongs to.
func metricOf(series string) string {
	name := scene.SeriesName(series)
	for _, suffix := range []string{"_bucket", "_seconds_sum", "_seconds_count"} {
		name = strings.TrimSuffix(name, suffix)
	}
	return strings.TrimSuffix(name, "_seconds")
}

// TestNamesOfOperations holds that the name of an operation is a label only if it is from the list of persisted operations,
// and that nothing else that a caller sends is one.
func TestNamesOfOperations(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "operations.json")
	manifest, err := json.Marshal(map[string]string{"1": meteredList})
	if err == nil {
		err = os.WriteFile(file, manifest, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		w := newMetered(t, file, 4)
		named := func(series string) string {
			return strings.Replace(series, "graphql_operation_type", `graphql_operation_name="MyInterests",graphql_operation_type`, 1)
		}
		const listed = `profileql_persisted_query_lookups_total{result="hit"}`
		w.does(meteredList, fine)
		w.moved("a listed one", scene.Metrics{named(queries): 1, misses: 1, listed: 1, sent("GET", "200"): 1})
		w.does(meteredList, says(404, `{}`))
		w.moved("its error", scene.Metrics{
			named(queries): 1, hits: 1, listed: 1, sent("GET", "404"): 1, named(failedWith("NOT_FOUND", "query")): 1,
		})
		w.does("query Mine { __typename }")
		w.moved("another one", scene.Metrics{
			strings.NewReplacer(`"query"`, `"none"`, "2xx", "4xx").Replace(queries): 1, failedWith("OPERATION_NOT_LISTED", "none"): 1,
			`profileql_persisted_query_lookups_total{result="miss"}`: 1,
		})
	})
	synctest.Test(t, func(t *testing.T) {
		w := newMetered(t, "", 4)
		for i := range 100 {
			w.does(fmt.Sprintf(`query Q%d { a%d: node(id: "x%d") { id } }`, i, i, i))
		}
		w.moved("a hundred names", scene.Metrics{queries: 100, misses: 100, failedWith("BAD_USER_INPUT", "query"): 100})
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// mostForMetrics is the maximum factor by which metrics may increase the time of a request. An update takes some 40 µs
// inside ProfileQL, and its metrics about two. The bound leaves room for a busy machine.
const mostForMetrics = 1.10

// BenchmarkMetrics compares the CPU time of an update and of a page with and without metrics. Rounds alternate, and the median
// of their ratios counts, because machines are noisy. The benchmark fails if it is over the limit three times.
func BenchmarkMetrics(b *testing.B) {
	page := `{"value": [` + strings.Repeat(string(scene.StubAnswer)+",", 20) + string(scene.StubAnswer) + `]}`
	for name, c := range map[string]struct {
		answer string
		body   []byte
	}{
		"update":     {string(scene.StubAnswer), updateRequest(b)},
		"page of 20": {page, scene.Body(b, inProcessPage, map[string]any{"first": 20})},
	} {
		b.Run(name, func(b *testing.B) {
			m, err := telemetry.NewMetrics("test")
			if err != nil {
				b.Fatal(err)
			}
			handler := func(m *telemetry.Metrics) http.Handler {
				return newObservedHandler(b, shared{metrics: m}, "http://source.example/beta", answering(c.answer), io.Discard)
			}
			compare(b, handler(m), handler(nil), c.body, mostForMetrics)
		})
	}
}

// compare reports the ratio of the CPU times that two handlers take for the same requests. It fails if the ratio is over the
// limit three times. The limit is 0 for none.
func compare(b *testing.B, with, without http.Handler, body []byte, most float64) {
	b.Helper()
	for b.Loop() {
		var ratio float64
		for range 3 {
			if ratio = ratioOf(b, with, without, body); most == 0 || ratio <= most {
				break
			}
		}
		b.ReportMetric(ratio, "times")
		if most > 0 && ratio > most {
			b.Errorf("it takes %.3f times the CPU time", ratio)
		}
	}
}

// ratioOf returns the median ratio of the CPU times that two handlers take for the same requests.
func ratioOf(b *testing.B, with, without http.Handler, body []byte) float64 {
	return ratioOfBodies(b, with, body, without, body)
}

// ratioOfBodies is [ratioOf] for a request of its own for each handler.
func ratioOfBodies(b *testing.B, first http.Handler, firstBody []byte, second http.Handler, secondBody []byte) float64 {
	const rounds, perRound = 301, 50
	timeOf := func(handler http.Handler, body []byte) float64 {
		began := processTime(b)
		for range perRound {
			if answer := serveInProcess(b.Context(), handler, body); strings.Contains(answer, "errors") {
				b.Fatal(answer)
			}
		}
		return (processTime(b) - began).Seconds()
	}
	ratios := make([]float64, rounds)
	for i := range ratios {
		if i%2 == 0 {
			ratios[i] = timeOf(first, firstBody) / timeOf(second, secondBody)
		} else {
			other := timeOf(second, secondBody)
			ratios[i] = timeOf(first, firstBody) / other
		}
	}
	slices.Sort(ratios)
	return ratios[rounds/2]
}

// processTime returns the CPU time of the process so far.
func processTime(b *testing.B) time.Duration {
	b.Helper()
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// answering returns a transport that gives the same answer to every request.
func answering(answer string) http.RoundTripper {
	return roundTripperFunc(func(r *http.Request) (*http.Response, error) {
		return &http.Response{
			StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}},
			Body: io.NopCloser(bytes.NewReader([]byte(answer))), ContentLength: int64(len(answer)), Request: r,
		}, nil
	})
}
