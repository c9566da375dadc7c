package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"profileql/internal/sandbox/faults"
	"profileql/test/scene"
)

// traceCollector is an OpenTelemetry collector that keeps what it receives by OTLP over HTTP.
type traceCollector struct {
	url string

	mu    sync.Mutex
	raw   []byte // all bodies
	spans []span
}

// span is a span, with its attributes as text.
type span struct {
	*tracepb.Span
	attributes map[string]string
}

func newTraceCollector(t *testing.T) *traceCollector {
	t.Helper()
	c := new(traceCollector)
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	c.url = server.URL
	return c
}

// env is the environment of a ProfileQL that sends its spans here, soon.
func (c *traceCollector) env(more ...string) []string {
	return append([]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT=" + c.url, "OTEL_EXPORTER_OTLP_HEADERS=api-key=s3cret-of-the-collector", "OTEL_BSP_SCHEDULE_DELAY=50",
	}, more...)
}

func (c *traceCollector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var data tracepb.TracesData // has the same form as the request
	if err == nil {
		err = proto.Unmarshal(body, &data)
	}
	if err != nil || r.URL.Path != "/v1/traces" || r.Header.Get("Api-Key") != "s3cret-of-the-collector" {
		http.Error(w, "no traces", http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.raw = append(c.raw, body...)
	for _, of := range data.ResourceSpans {
		for _, scope := range of.ScopeSpans {
			for _, s := range scope.Spans {
				c.spans = append(c.spans, span{s, textOf(s.Attributes)})
			}
		}
	}
}

func textOf(attributes []*commonpb.KeyValue) map[string]string {
	texts := make(map[string]string)
	for _, a := range attributes {
		switch v := a.Value.Value.(type) {
		case *commonpb.AnyValue_StringValue:
			texts[a.Key] = v.StringValue
		case *commonpb.AnyValue_IntValue:
			texts[a.Key] = fmt.Sprint(v.IntValue)
		default:
			texts[a.Key] = a.Value.String()
		}
	}
	return texts
}

// trace returns the spans of a trace once its operation has ended: that of the operation, and those of its requests by name.
func (c *traceCollector) trace(t *testing.T, id string) (operation span, requests map[string][]span) {
	t.Helper()
	requests = make(map[string][]span)
	eventually(t, func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		clear(requests)
		for _, s := range c.spans {
			switch {
			case hex.EncodeToString(s.TraceId) != id:
			case s.Kind == tracepb.Span_SPAN_KIND_SERVER:
				operation = s
			default:
				requests[s.Name] = append(requests[s.Name], s)
			}
		}
		return operation.Span != nil
	})
	for name, all := range requests {
		for _, s := range all {
			if !bytes.Equal(s.ParentSpanId, operation.SpanId) || s.Kind != tracepb.Span_SPAN_KIND_CLIENT {
				t.Errorf("%s is not a request of its operation: %v", name, s)
			}
			if s.StartTimeUnixNano > s.EndTimeUnixNano || s.StartTimeUnixNano < operation.StartTimeUnixNano {
				t.Errorf("%s is not within its operation: %v", name, s)
			}
		}
	}
	return operation, requests
}

// has checks the attributes of a span, and that there are no others. An empty value stands for any.
func (s span) has(t *testing.T, failed bool, want map[string]string) {
	t.Helper()
	for name, value := range want {
		if got, ok := s.attributes[name]; !ok || value != "" && got != value {
			t.Errorf("%s: %s is %q, want %q", s.Name, name, got, value)
		}
	}
	for name, value := range s.attributes {
		if _, ok := want[name]; !ok {
			t.Errorf("%s has %s: %s", s.Name, name, value)
		}
	}
	if got := s.Status.GetCode() == tracepb.Status_STATUS_CODE_ERROR; got != failed {
		t.Errorf("%s: status %v", s.Name, s.Status)
	}
}

const (
	callersTrace = "0af7651916cd43dd8448eb211c8031"
	callersSpan  = "b7ad6b7169203331"
)

// tracedBy returns the headers of a caller's trace, and its id.
func tracedBy(number int, flags string) (id string, header []string) {
	id = fmt.Sprintf("%s%02x", callersTrace, number)
	return id, []string{"traceparent", "00-" + id + "-" + callersSpan + "-" + flags, "tracestate", "vendor=s3cret-state", "baggage", "user=s3cret-baggage"}
}

// TestTraces tests the spans of operations, of their requests to sources and of token exchanges, and that nothing of a caller is
// in them.
func TestTraces(t *testing.T) {
	t.Parallel()
	c, collector := newTracedCompany(t)
	do := func(number int, operation string, variables any) (span, map[string][]span, reply) {
		id, header := tracedBy(number, "01")
		token := c.provider.Mint(yuki)
		if number > 1 {
			token = c.tokens[0] // remembered
		}
		c.tokens = append(c.tokens, token)
		r := c.do(operation, variables, append(header, "Authorization", "Bearer "+token)...)
		c.tellsNothing(t, r.Body)
		op, requests := collector.trace(t, id)
		if hex.EncodeToString(op.ParentSpanId) != callersSpan || op.TraceState != "vendor=s3cret-state" {
			t.Errorf("it does not continue the caller's trace: %v", op)
		}
		return op, requests, r
	}
	at := func(rec string, more map[string]string) map[string]string {
		all := map[string]string{"source": rec, "server.address": "127.0.0.1", "server.port": "", "http.response.status_code": "200"}
		for name, value := range more {
			all[name] = value
		}
		return all
	}

	op, requests, r := do(1, `mutation SecretName($v: String) { createPersonInterest(input: {item: {displayName: $v, description: "s3cret-literal"}, source: "hr"}) { personInterest { id } } }`, map[string]any{"v": "s3cret-variable"})
	op.has(t, false, map[string]string{"graphql.operation.type": "mutation", "graphql.document.hash": "", "http.response.status_code": "200"})
	const list, item = "/beta/users/{user}/profile/interests", "/beta/users/{user}/profile/interests/{item}"
	if len(requests) != 2 || op.Name != "mutation" {
		t.Fatalf("a create: %v, %v: %s", op, requests, r.Body)
	}
	requests["token exchange"][0].has(t, false, map[string]string{"source": "hr"})
	requests["POST "+list][0].has(t, false, at("hr", map[string]string{"http.request.method": "POST", "url.template": list, "http.response.status_code": "201"}))
	id := strings.Split(string(r.Data), `"`)[7]

	c.hr.answerOnce(answerJSON(http.StatusTooManyRequests, `{"error": {"message": "s3cret-message"}}`, "Retry-After", "0.01"))
	op, requests, r = do(2, scene.UpdateMutation, map[string]any{"input": map[string]any{"id": id, "patch": map[string]any{"displayName": "s3cret-variable"}}})
	op.has(t, false, map[string]string{"graphql.operation.type": "mutation", "graphql.document.hash": "", "http.response.status_code": "200"})
	if patches := requests["PATCH "+item]; len(patches) != 2 || len(requests) != 1 {
		t.Fatalf("an update: %v: %s", requests, r.Body)
	} else {
		slices.SortFunc(patches, func(a, b span) int { return int(a.StartTimeUnixNano) - int(b.StartTimeUnixNano) })
		attributes := map[string]string{"http.request.method": "PATCH", "url.template": item}
		patches[1].has(t, false, at("hr", map[string]string{"http.request.method": "PATCH", "url.template": item, "http.request.resend_count": "1"}))
		attributes["http.response.status_code"], attributes["error.type"] = "429", "429"
		patches[0].has(t, true, at("hr", attributes))
	}

	facets, wholeProfile := facetsOf(parseSchema(t)), ""
	for _, f := range facets {
		wholeProfile += " " + f.name + `(sources: ["tenant"]) { nodes { id } }`
	}
	op, requests, r = do(3, "{ me {"+wholeProfile+" } }", nil)
	op.has(t, false, map[string]string{"graphql.operation.type": "query", "graphql.document.hash": "", "http.response.status_code": "200"})
	if len(requests["POST /beta/$batch"]) != 1 || len(requests["token exchange"]) != 1 || len(requests) != 2 {
		t.Fatalf("a whole profile: %v: %s", requests, r.Body)
	}
	requests["POST /beta/$batch"][0].has(t, false, at("tenant", map[string]string{"http.request.method": "POST", "url.template": "/beta/$batch", "profileql.batch.size": fmt.Sprint(len(facets))}))

	c.tenant.answerOnce(answerJSON(http.StatusNotFound, `{"error": {"code": "s3cret-code", "message": "s3cret-message"}}`))
	op, requests, r = do(4, `{ node(id: "`+scene.GlobalID("tenant", "", "interests", "s3cret-item")+`") { id } }`, nil)
	op.has(t, true, map[string]string{"graphql.operation.type": "query", "graphql.document.hash": "", "http.response.status_code": "200", "error.type": "NOT_FOUND", "profileql.error.codes": ""})
	const mine = "/beta/me/profile/interests/{item}"
	if len(requests["GET "+mine]) != 1 {
		t.Fatalf("an item: %v: %s", requests, r.Body)
	}
	requests["GET "+mine][0].has(t, true, at("tenant", map[string]string{"http.request.method": "GET", "url.template": mine, "http.response.status_code": "404", "error.type": "404"}))

	op, requests, _ = do(5, `{ s3cretField }`, nil)
	op.has(t, true, map[string]string{"graphql.document.hash": "", "http.response.status_code": "200", "error.type": "GRAPHQL_VALIDATION_FAILED", "profileql.error.codes": ""})
	if op.Name != "GraphQL Operation" || len(requests) > 0 {
		t.Errorf("an invalid one: %v, %v", op, requests)
	}

	for number := range 5 {
		id, _ := tracedBy(number+1, "")
		eventually(t, func() bool { return strings.Contains(c.log.String(), `"trace_id":"`+id+`"`) })
	}
	c.tellsNothing(t, collector.text())
	for _, untold := range []string{
		"s3cret-variable", "s3cret-literal", "s3cret-message", "s3cret-code", "s3cret-item", "s3cret-baggage", "s3cretField", "SecretName", "s3cret-of",
		"yuki", "example.com", itemOf(t, id), id, "select", "top=", "Chess", "Bearer", "personInterest",
	} {
		if strings.Contains(collector.text(), untold) {
			t.Errorf("%s is told to the collector", untold)
		}
	}
	for _, seen := range append(c.hr.take(), c.tenant.take()...) {
		for _, name := range []string{"traceparent", "tracestate", "baggage"} {
			if value := seen.Header.Get(name); value != "" {
				t.Errorf("a source received %s: %s", name, value)
			}
		}
	}
}

// newTracedCompany returns a company whose spans are sent to the collector.
func newTracedCompany(t *testing.T) (*company, *traceCollector) {
	collector := newTraceCollector(t)
	return newCompany(t, collector.env()...), collector
}

// text returns all that the collector has received.
func (c *traceCollector) text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return string(c.raw)
}

// itemOf returns the source's own id in a global one.
func itemOf(t *testing.T, id string) string {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(id, "pq1."))
	parts := strings.Split(string(text), "\x00")
	if err != nil || len(parts) != 4 {
		t.Fatalf("%s has %q, %v", id, parts, err)
	}
	return parts[3]
}

// answerOnce answers the next request in this way.
func (rec *recorder) answerOnce(answer http.HandlerFunc) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	before := rec.Answer
	rec.Answer = func(w http.ResponseWriter, r *http.Request) {
		rec.answerWith(before)
		answer(w, r)
	}
}

// TestNamesInTraces tests that the name of an operation is in its span only if it is from the list of persisted operations.
func TestNamesInTraces(t *testing.T) {
	t.Parallel()
	collector := newTraceCollector(t)
	manifest, err := json.Marshal(map[string]string{"one": observedQuery})
	if err != nil {
		t.Fatal(err)
	}
	p := startWith(t, collector.env(), "--listen", scene.AnyPort, "--operations", writeFile(t, string(manifest)))
	id, header := tracedBy(1, "01")
	(&facade{t: t, URL: p.url() + "/graphql"}).post([]byte(`{"documentId": "one"}`), append(header, "Content-Type", "application/json")...)
	if op, _ := collector.trace(t, id); op.Name != "query Interests" || op.attributes["graphql.operation.name"] != "Interests" {
		t.Errorf("a listed one: %v", op)
	}
}

// TestTraceparent tests that the caller's trace context reaches the source whose configuration says so, and no other one.
func TestTraceparent(t *testing.T) {
	t.Parallel()
	collector := newTraceCollector(t)
	var told, untold recorder
	file := "sources:\n"
	for name, rec := range map[string]*recorder{"told": &told, "untold": &untold} {
		rec.Answer = openBox(t, faults.Config{}).ServeHTTP
		server := httptest.NewServer(rec)
		t.Cleanup(server.Close)
		file += fmt.Sprintf("  - {name: %s, kind: profile, url: '%s/beta', token: {from: nobody}, traceparent: %v}\n", name, server.URL, name == "told")
	}
	p := startWith(t, collector.env(), "--listen", scene.AnyPort, "--config", writeFile(t, file))
	f := &facade{t: t, URL: p.url() + "/graphql"}
	for i, flags := range []string{"01", "00"} {
		id, header := tracedBy(i, flags)
		if r := f.do(interests, nil, header...); len(r.Errors) > 0 {
			t.Fatal(r.Body)
		}
		seen, others := told.take(), untold.take()
		if len(seen) != 1 || len(others) != 1 {
			t.Fatalf("%d and %d requests", len(seen), len(others))
		}
		if h := others[0].Header; h.Get("traceparent") != "" || h.Get("tracestate") != "" || h.Get("baggage") != "" {
			t.Errorf("the other source received %v", h)
		}
		parent := callersSpan
		if flags == "01" {
			_, requests := collector.trace(t, id)
			for _, s := range requests["GET /beta/me/profile/interests"] {
				if s.attributes["source"] == "told" {
					parent = hex.EncodeToString(s.SpanId)
				}
			}
			if parent == callersSpan {
				t.Errorf("the request has no span: %v", requests)
			}
		}
		if got, want := seen[0].Header.Get("traceparent"), "00-"+id+"-"+parent+"-"+flags; got != want || seen[0].Header.Get("tracestate") != "vendor=s3cret-state" {
			t.Errorf("the source received %s, want %s; %v", got, want, seen[0].Header)
		}
		if seen[0].Header.Get("baggage") != "" {
			t.Error("the source received baggage")
		}
		eventually(t, func() bool { return strings.Contains(p.stderr.String(), `"trace_id":"`+id+`"`) })
	}
	collector.mu.Lock()
	defer collector.mu.Unlock()
	for _, s := range collector.spans {
		if id, _ := tracedBy(1, ""); hex.EncodeToString(s.TraceId) == id {
			t.Errorf("a span of a trace that the caller does not record: %v", s)
		}
	}
}

// TestWithoutTraces tests that a caller's trace context changes nothing without the variables.
func TestWithoutTraces(t *testing.T) {
	t.Parallel()
	var rec recorder
	rec.Answer = openBox(t, faults.Config{}).ServeHTTP
	server := httptest.NewServer(&rec)
	t.Cleanup(server.Close)
	file := fmt.Sprintf("sources: [{name: told, kind: profile, url: '%s/beta', token: {from: nobody}, traceparent: true}]\n", server.URL)
	p := startWith(t, []string{"OTEL_SERVICE_NAME=x"}, "--listen", scene.AnyPort, "--config", writeFile(t, file))
	_, header := tracedBy(1, "01")
	(&facade{t: t, URL: p.url() + "/graphql"}).do(interests, nil, header...)
	if seen := rec.take(); len(seen) != 1 || seen[0].Header.Get("traceparent") != "" {
		t.Errorf("the source received %v", seen)
	}
	if strings.Contains(p.stderr.String(), "trace_id") {
		t.Errorf("the log has a trace id: %s", p.stderr)
	}
}

// TestCollectorFails tests that operations do not notice a collector that is down, slow or busy, that the log says so once, and
// that ProfileQL ends in time.
func TestCollectorFails(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", scene.AnyPort) // accepts, and never answers
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	busy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	t.Cleanup(busy.Close)
	for name, test := range map[string]struct {
		url    string
		within time.Duration // of its end, without what a busy machine adds
	}{
		"down": {"http://127.0.0.1:1", 0}, "silent": {"http://" + silent.Addr().String(), 5 * time.Second}, "busy": {busy.URL, 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + test.url + "/s3cret-path", "OTEL_BSP_SCHEDULE_DELAY=20", "OTEL_EXPORTER_OTLP_TIMEOUT=500"}
			if name == "silent" {
				env = append(env, "OTEL_EXPORTER_OTLP_TIMEOUT=60000")
			}
			p, started := startWith(t, env, "--listen", scene.AnyPort), time.Now()
			for range 300 {
				if r := p.graphQL(t, `{ me { interests(first: 1) { nodes { id } } } }`, nil); len(r.Errors) > 0 {
					t.Fatal(r.Body)
				}
			}
			began := time.Now()
			if err := p.stop(t); err != nil {
				t.Error(err)
			}
			if took := time.Since(began); took > test.within+15*time.Second {
				t.Errorf("it ended after %v", took)
			}
			lines := 0
			for line := range strings.Lines(p.stderr.String()) {
				if strings.Contains(line, "traces ") {
					lines++
				}
			}
			if most := 2 + int(time.Since(started)/time.Minute); lines < 1 || lines > most || strings.Contains(p.stderr.String(), "s3cret") {
				t.Errorf("%d lines: %s", lines, p.stderr)
			}
		})
	}
}

// TestWrongTraceVariables tests that a protocol that is not supported is told at the start.
func TestWrongTraceVariables(t *testing.T) {
	t.Parallel()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	env := []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4317", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc"}
	out, err := command(t.Context(), path, env, "--listen", scene.AnyPort).CombinedOutput()
	if _, failed := errors.AsType[*exec.ExitError](err); !failed || string(out) != "profileql: OTEL_EXPORTER_OTLP_PROTOCOL: \"grpc\" is not supported; write http/protobuf, or leave it out\n" {
		t.Errorf("%v: %s", err, out)
	}
}

// TestLastTraces tests that the spans of requests in progress are sent when ProfileQL ends.
func TestLastTraces(t *testing.T) {
	t.Parallel()
	collector := newTraceCollector(t)
	p := startWith(t, append(collector.env(), "OTEL_BSP_SCHEDULE_DELAY=60000"), "--listen", scene.AnyPort)
	id, header := tracedBy(1, "01")
	(&facade{t: t, URL: p.url() + "/graphql"}).do(interests, nil, header...)
	if collector.text() != "" {
		t.Fatal("spans were sent before")
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.wait(); err != nil {
		t.Error(err)
	}
	if _, requests := collector.trace(t, id); len(requests) == 0 {
		t.Error("the last requests have no spans")
	}
}
