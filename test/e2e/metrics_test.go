package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"profileql/internal/sandbox"
	"profileql/internal/sandbox/faults"
	"profileql/test/scene"
)

// tally counts the requests that a source gets, by method and status, and those in batches by status.
type tally struct {
	next          http.Handler
	mu            sync.Mutex
	single, parts map[string]float64
	batches       map[string]float64
}

func newTally(next http.Handler) *tally {
	return &tally{next: next, single: make(map[string]float64), parts: make(map[string]float64), batches: make(map[string]float64)}
}

// tallied records the status and the body of a response, or that the connection was closed without one.
type tallied struct {
	http.ResponseWriter
	status string
	body   bytes.Buffer
}

func (w *tallied) WriteHeader(status int) {
	w.status = strconv.Itoa(status)
	w.ResponseWriter.WriteHeader(status)
}

func (w *tallied) Write(p []byte) (int, error) {
	w.body.Write(p)
	return w.ResponseWriter.Write(p)
}

func (w *tallied) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *tallied) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.status = "none"
	return http.NewResponseController(w.ResponseWriter).Hijack()
}

// ServeHTTP implements [http.Handler].
func (c *tally) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	recorded := &tallied{ResponseWriter: w, status: "200"}
	c.next.ServeHTTP(recorded, r)
	c.mu.Lock()
	defer c.mu.Unlock()
	if !strings.HasSuffix(r.URL.Path, "/$batch") {
		c.single[r.Method+" "+recorded.status]++
		return
	}
	c.batches[r.Method+" "+recorded.status]++
	var batch struct{ Responses []struct{ Status int } }
	if json.Unmarshal(recorded.body.Bytes(), &batch) == nil {
		for _, part := range batch.Responses {
			c.parts[strconv.Itoa(part.Status)]++
		}
	}
}

// TestMetricsAgree has many callers and a sandbox with faults. The requests in the metrics are those that reached the
// sandbox, the responses are those that callers got, and nothing is left in flight.
func TestMetricsAgree(t *testing.T) {
	t.Parallel()
	box, err := sandbox.Open(t.Context(), sandbox.Options{Faults: faults.Config{Seed: 3, Rules: []faults.Rule{
		{Fault: faults.Refuse, Status: 429, RetryAfter: "0.01", Share: .1},
		{Fault: faults.Refuse, Status: 403, Share: .1},
		{Fault: faults.Refuse, Status: 500, Share: .03},
		{Fault: faults.Refuse, Status: 503, RetryAfter: "0.02", Share: .05},
		{Fault: faults.Drop, Methods: []string{"GET", "PATCH"}, Share: .03},
		{Fault: faults.Truncate, Methods: []string{"PATCH"}, Share: .05},
		{Fault: faults.Delay, Seconds: .01, Share: .1},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	source := newTally(box.Handler())
	server := httptest.NewServer(source)
	t.Cleanup(func() {
		server.Close()
		if err := box.Close(); err != nil {
			t.Error(err)
		}
	})
	p := start(t, "--listen", scene.AnyPort, "--admin", scene.AnyPort, "--upstream", server.URL+"/beta")
	operations, codes := rush(t, p.url()+"/graphql")
	server.Close() // waits until the last request is counted
	var m scene.Metrics
	eventually(t, func() bool { // an answer is measured after it is sent
		_, page := get(p.adminURL(t) + "/metrics")
		m = scene.ReadMetrics(t, page, "profileql_")
		return m["profileql_operations_in_flight"] == 0
	})
	const requests = "profileql_source_request_duration_seconds_count"
	for what, pair := range map[string][2]map[string]float64{
		"single requests": {source.single, m.By(requests, `kind="single"`, "http_request_method", "http_response_status_code")},
		"batches":         {source.batches, m.By(requests, `kind="batch"`, "http_request_method", "http_response_status_code")},
		"parts":           {source.parts, m.By("profileql_source_batch_parts_total", "", "http_response_status_code")},
		"operations":      {operations, m.By("profileql_operation_duration_seconds_count", "", "graphql_operation_type", "http_response_status_class")},
		"codes":           {codes, m.By("profileql_operation_errors_total", "", "error_type")},
	} {
		if diff := cmp.Diff(pair[0], pair[1]); diff != "" {
			t.Errorf("%s: the metrics say something else (-counted +metrics):\n%s", what, diff)
		}
		t.Logf("%s: %v", what, pair[0])
	}
	if len(source.single) < 10 || len(codes) < 4 || source.single["PATCH none"] == 0 {
		t.Error("the faults did not apply")
	}
	for _, idle := range []string{"profileql_source_requests_in_flight", "profileql_answer_memory_usage_bytes"} {
		for series, value := range m {
			if scene.SeriesName(series) == idle && value != 0 {
				t.Errorf("%s is %v", series, value)
			}
		}
	}
}

// rush sends operations of many callers at once. It returns how many were answered by type and class of the status, and in
// how many answers each code was.
func rush(t *testing.T, url string) (operations, codes map[string]float64) {
	const callers, each = 20, 40
	operations, codes = make(map[string]float64), make(map[string]float64)
	texts := []struct{ kind, text string }{
		{"query", `{ me { interests(first: 2) { nodes { id displayName } } } }`},
		{"query", `{ me { interests(first: 2) { nodes { id } totalCount } skills(first: 2) { nodes { id } } emails(first: 2) { nodes { id } } } }`},
		{"mutation", `mutation { updatePersonInterest(input: {id: "` + sandbox.SampleInterest + `", patch: {description: "new"}}) { personInterest { id } } }`},
		{"mutation", `mutation { createPersonInterest(input: {item: {displayName: "one more"}}) { personInterest { id } } }`},
		{"mutation", `mutation { updatePersonInterest(input: {id: "` + sandbox.LockedInterest + `", patch: {description: "new"}}) { personInterest { id } } }`},
		{"none", `{ nothing }`},
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	for caller := range callers {
		all.Go(func() {
			f := &facade{t: t, URL: url}
			for i := range each {
				op := texts[(caller+i)%len(texts)]
				r := f.do(op.text, nil, "Authorization", fmt.Sprint("Bearer caller-", caller))
				mu.Lock()
				operations[fmt.Sprintf("%s %dxx", op.kind, r.Status/100)]++
				for _, code := range distinctCodes(r) {
					codes[code]++
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return operations, codes
}

func distinctCodes(r reply) []string {
	codes := make(map[string]bool)
	for _, e := range r.Errors {
		codes[fmt.Sprint(e.Extensions["code"])] = true
	}
	return slices.Collect(maps.Keys(codes))
}
