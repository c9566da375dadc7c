package telemetry

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	stdlog "log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/trace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"
)

// receiver is a collector: it answers as the test says, and keeps what it has accepted.
type receiver struct {
	mu       sync.Mutex
	answers  []int // statuses of the next answers; then 200
	requests []*http.Request
	spans    []*tracepb.Span
	resource string // of the last batch
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests = append(r.requests, req)
	if len(r.answers) > 0 {
		w.WriteHeader(r.answers[0])
		r.answers = r.answers[1:]
		return
	}
	body := io.Reader(req.Body)
	if req.Header.Get("Content-Encoding") == "gzip" {
		body, _ = gzip.NewReader(body)
	}
	text, _ := io.ReadAll(body)
	var data tracepb.TracesData
	if err := proto.Unmarshal(text, &data); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	for _, of := range data.ResourceSpans {
		r.resource = of.Resource.String()
		for _, scope := range of.ScopeSpans {
			r.spans = append(r.spans, scope.Spans...)
		}
	}
}

// set sets the environment variables of OpenTelemetry. All others are unset.
func set(t *testing.T, variables ...string) {
	t.Helper()
	for _, name := range []string{
		"OTEL_SDK_DISABLED", "OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES", "OTEL_TRACES_EXPORTER", "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG",
		"ENDPOINT", "HEADERS", "PROTOCOL", "COMPRESSION", "TIMEOUT", "CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY",
	} {
		if !strings.HasPrefix(name, "OTEL_") {
			t.Setenv("OTEL_EXPORTER_OTLP_TRACES_"+name, "")
			name = "OTEL_EXPORTER_OTLP_" + name
		}
		t.Setenv(name, "")
	}
	for _, v := range variables {
		name, value, _ := strings.Cut(v, "=")
		t.Setenv(name, value)
	}
}

const someEndpoint = "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1"

// TestTracesAreOptional tests which variables switch traces on.
func TestTracesAreOptional(t *testing.T) {
	for _, test := range []struct {
		variables []string
		active    bool
	}{
		{nil, false},
		{[]string{"OTEL_TRACES_EXPORTER=otlp"}, false},
		{[]string{someEndpoint}, true},
		{[]string{someEndpoint, "OTEL_TRACES_EXPORTER=otlp", "OTEL_SDK_DISABLED=false"}, true},
		{[]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://127.0.0.1:1"}, true},
		{[]string{someEndpoint, "OTEL_SDK_DISABLED=TRUE"}, false},
		{[]string{someEndpoint, "OTEL_TRACES_EXPORTER=none"}, false},
		{[]string{someEndpoint, "OTEL_TRACES_EXPORTER=none", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc"}, false},
	} {
		set(t, test.variables...)
		traces, err := NewTraces("v1", slog.New(slog.DiscardHandler))
		if err != nil || (traces != nil) != test.active {
			t.Errorf("%v: %v, %v", test.variables, traces, err)
		}
		traces.Close()
	}
}

// TestWrongVariables tests that what is wrong is an error with the name of the variable, and without what can be a secret.
func TestWrongVariables(t *testing.T) {
	for variable, want := range map[string]string{
		"OTEL_EXPORTER_OTLP_PROTOCOL=grpc":                             `OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" is not supported; write http/protobuf`,
		"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/json":                 `OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: "http/json" is not supported`,
		"OTEL_TRACES_EXPORTER=console":                                 "OTEL_TRACES_EXPORTER is neither otlp nor none",
		"OTEL_TRACES_SAMPLER=sometimes":                                "unsupported sampler: sometimes",
		"OTEL_RESOURCE_ATTRIBUTES=a":                                   "OTEL_RESOURCE_ATTRIBUTES: ",
		"OTEL_EXPORTER_OTLP_ENDPOINT=s3cret.example:4318":              "OTEL_EXPORTER_OTLP_ENDPOINT is not a URL with http:// or https:// and a host",
		"OTEL_EXPORTER_OTLP_ENDPOINT=http://s3cret\x7f":                "OTEL_EXPORTER_OTLP_ENDPOINT is not a URL",
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=https://me:s3cret@example": "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT has a password; write OTEL_EXPORTER_OTLP_HEADERS instead",
		"OTEL_EXPORTER_OTLP_HEADERS=api key=s3cret":                    "OTEL_EXPORTER_OTLP_HEADERS is not a list such as name=value,name=value",
		"OTEL_EXPORTER_OTLP_HEADERS=s3cret":                            "OTEL_EXPORTER_OTLP_HEADERS is not a list",
		"OTEL_EXPORTER_OTLP_HEADERS=key=s3cret%zz":                     "OTEL_EXPORTER_OTLP_HEADERS is not a list",
		"OTEL_EXPORTER_OTLP_TRACES_HEADERS=key=s3cret%0d%0ax":          "OTEL_EXPORTER_OTLP_TRACES_HEADERS is not a list",
		"OTEL_EXPORTER_OTLP_TIMEOUT=10s":                               `OTEL_EXPORTER_OTLP_TIMEOUT: "10s" is not a number of milliseconds`,
		"OTEL_EXPORTER_OTLP_COMPRESSION=br":                            `OTEL_EXPORTER_OTLP_COMPRESSION: "br" is not supported; write gzip or none`,
		"OTEL_EXPORTER_OTLP_CERTIFICATE=nowhere.pem":                   "OTEL_EXPORTER_OTLP_CERTIFICATE: open nowhere.pem",
		"OTEL_EXPORTER_OTLP_CERTIFICATE=traces.go":                     "OTEL_EXPORTER_OTLP_CERTIFICATE: traces.go has no certificate in PEM",
		"OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE=nowhere.pem":     "OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE: open nowhere.pem",
	} {
		set(t, someEndpoint, variable)
		traces, err := NewTraces("v1", slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", variable, err)
		}
		traces.Close()
	}
}

// TestCollectorReceives tests what a collector receives: where, with which headers, and about which service.
func TestCollectorReceives(t *testing.T) {
	defer goleak.VerifyNone(t)
	for _, test := range []struct {
		endpoint, path, encoding string
		variables                []string
		resource                 []string
	}{
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "/v1/traces", "", nil, []string{`"profileql"`, `"service.version"`, `"v1"`, `"service.instance.id"`, `"telemetry.sdk.language"`}},
		{
			"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "/", "gzip", []string{"OTEL_EXPORTER_OTLP_COMPRESSION=gzip", "OTEL_SERVICE_NAME=facade", "OTEL_RESOURCE_ATTRIBUTES=deployment.environment.name=test,service.name=other"},
			[]string{`"facade"`, `"deployment.environment.name"`, `"test"`},
		},
	} {
		received := new(receiver)
		server := httptest.NewServer(received)
		set(t, append(test.variables, test.endpoint+"="+server.URL, "OTEL_EXPORTER_OTLP_HEADERS=api-key=a%20b, x = y")...)
		traces, err := NewTraces("v1", slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		ctx, end := traces.Operation(t.Context(), nil)
		traces.TokenExchange(ctx, "hr", "SOURCE_TIMEOUT", time.Now(), time.Second)
		end(Operation{Type: "query", Status: 200})
		traces.Close()
		server.Close()
		if len(received.requests) != 1 || len(received.spans) != 2 {
			t.Fatalf("%d requests, %d spans", len(received.requests), len(received.spans))
		}
		r := received.requests[0]
		if h := r.Header; r.URL.Path != test.path || h.Get("Content-Encoding") != test.encoding || h.Get("Api-Key") != "a b" || h.Get("X") != "y" || h.Get("Content-Type") != "application/x-protobuf" {
			t.Errorf("%s %v", r.URL, h)
		}
		for _, want := range test.resource {
			if !strings.Contains(received.resource, want) {
				t.Errorf("no %s in %s", want, received.resource)
			}
		}
	}
}

// TestCollectorTLS tests that the certificate of the collector is checked, and that ProfileQL shows its own.
func TestCollectorTLS(t *testing.T) {
	received := new(receiver)
	server := httptest.NewUnstartedServer(received)
	server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	server.Config.ErrorLog = stdlog.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	key, err := x509.MarshalPKCS8PrivateKey(server.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	write := func(kind string, content []byte) (file string) {
		file = filepath.Join(t.TempDir(), "pem")
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	cert, keyFile := write("CERTIFICATE", server.Certificate().Raw), write("PRIVATE KEY", key)
	trusted := "OTEL_EXPORTER_OTLP_CERTIFICATE=" + cert
	own := []string{"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=" + cert, "OTEL_EXPORTER_OTLP_CLIENT_KEY=" + keyFile}
	for _, test := range []struct {
		variables []string
		problem   string // empty for none
	}{
		{append(own, trusted), ""},
		{own, "certificate signed by unknown authority"},
		{[]string{trusted}, "certificate required"},
	} {
		set(t, append(test.variables, "OTEL_EXPORTER_OTLP_ENDPOINT="+server.URL)...)
		c, err := newCollector()
		if err != nil {
			t.Fatal(err)
		}
		err = c.UploadTraces(t.Context(), nil)
		if test.problem == "" && err != nil || test.problem != "" && (err == nil || !strings.Contains(lossReason(err), test.problem)) {
			t.Errorf("%v: %v", test.variables, err)
		}
		_ = c.Stop(t.Context())
	}
	if len(received.requests) != 1 {
		t.Errorf("%d requests", len(received.requests))
	}
}

// TestBusyCollector tests which answers of a collector lead to another attempt.
func TestBusyCollector(t *testing.T) {
	for status, attempts := range map[int]int{429: 2, 502: 2, 503: 2, 504: 2, 400: 1, 401: 1, 500: 1, 301: 1} {
		synctest.Test(t, func(t *testing.T) {
			set(t, someEndpoint)
			c, err := newCollector()
			if err != nil {
				t.Fatal(err)
			}
			received := &receiver{answers: []int{status}}
			c.client.Transport = handled{received}
			err = c.UploadTraces(t.Context(), nil)
			if len(received.requests) != attempts || (err == nil) != (attempts == 2) {
				t.Errorf("%d: %d attempts: %v", status, len(received.requests), err)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		set(t, someEndpoint)
		c, err := newCollector()
		if err != nil {
			t.Fatal(err)
		}
		c.client.Transport = handled{&receiver{answers: slices.Repeat([]int{503}, 100)}}
		began := time.Now()
		if err := c.UploadTraces(t.Context(), nil); err == nil || time.Since(began) != 10*time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}

// handled is a network with one server.
type handled struct{ http.Handler }

func (h handled) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result(), nil
}

// TestLostSpans tests that losses are logged, all of them, but not each, and without addresses.
func TestLostSpans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set(t, "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1/s3cret")
		var out bytes.Buffer
		traces, err := NewTraces("v1", NewLog(&out))
		if err != nil {
			t.Fatal(err)
		}
		for range 61 { // each is a batch: the SDK sends one every 5 seconds
			_, end := traces.Operation(t.Context(), nil)
			end(Operation{})
			time.Sleep(5 * time.Second)
		}
		traces.Close()
		lines := strings.Count(out.String(), "\n")
		if lines != 6 || !strings.Contains(out.String(), `"spans_lost":1,"reason":"dial tcp 127.0.0.1:1: connect: connection refused"`) ||
			strings.Count(out.String(), `"spans_lost":12`) != 5 || strings.Contains(out.String(), "s3cret") {
			t.Errorf("%d lines: %s", lines, out.String())
		}
	})
}

// TestCloseInTime tests that a collector that does not answer delays the end by no more than five seconds, and that nothing is
// left then.
func TestCloseInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set(t, someEndpoint)
		c, err := newCollector()
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		traces, err := newTraces("v1", c, NewLog(&out))
		if err != nil {
			t.Fatal(err)
		}
		c.client.Transport = handled{http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })}
		for range 5000 { // more than the queue takes
			_, end := traces.Operation(t.Context(), nil)
			end(Operation{})
		}
		began := time.Now()
		traces.Close()
		took := time.Since(began)
		synctest.Wait()
		if took != maxFlush || !strings.Contains(out.String(), "the last traces were not sent in time") {
			t.Errorf("%v: %s", took, out.String())
		}
	})
}

// TestSampling tests which operations are recorded, and which trace id is logged and sent on.
func TestSampling(t *testing.T) {
	const callersID = "0af7651916cd43dd8448eb211c80319c"
	callers := func(flags string) string { return "00-" + callersID + "-b7ad6b7169203331-" + flags }
	for _, test := range []struct {
		name, sampler, traceparent string
		recorded, logged           bool
		flags                      string // that are sent on; empty if nothing is
	}{
		{"by default", "", "", true, true, "01"},
		{"the caller records", "", callers("01"), true, true, "01"},
		{"the caller does not", "", callers("00"), false, true, "00"},
		{"no trace context", "", "00-0-0-01", true, true, "01"},
		{"off", "always_off", "", false, false, ""},
		{"off, the caller records", "always_off", callers("01"), false, true, "01"},
		{"off by default", "parentbased_always_off", "", false, false, ""},
		{"off by chance", "traceidratio", "", false, false, "00"},
		{"off by default, the caller records", "parentbased_always_off", callers("01"), true, true, "01"},
		{"on, the caller does not", "always_on", callers("00"), true, true, "01"},
		{"on by chance", "parentbased_traceidratio", "", true, true, "01"},
	} {
		t.Run(test.name, func(t *testing.T) {
			received := new(receiver)
			server := httptest.NewServer(received)
			defer server.Close()
			set(t, "OTEL_EXPORTER_OTLP_ENDPOINT="+server.URL, "OTEL_TRACES_SAMPLER="+test.sampler)
			if test.name == "off by chance" {
				t.Setenv("OTEL_TRACES_SAMPLER_ARG", "0")
			}
			traces, err := NewTraces("v1", slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			header := http.Header{"Tracestate": {"a=b"}, "Baggage": {"s3cret=s3cret"}}
			if test.traceparent != "" {
				header.Set("traceparent", test.traceparent)
			}
			ctx, end := traces.Operation(t.Context(), header)
			id := trace.SpanContextFromContext(ctx).TraceID().String()
			if continued := strings.Contains(test.traceparent, callersID); continued && id != callersID {
				t.Errorf("the trace is %s", id)
			}
			var out bytes.Buffer
			traces.Log(NewLog(&out)).With("a", 1).InfoContext(ctx, "x")
			if logged := strings.Contains(out.String(), `"trace_id":"`+id+`"`); logged != test.logged || strings.Contains(out.String(), "trace_id") != test.logged {
				t.Errorf("the log: %s", out.String())
			}
			for _, propagate := range []bool{true, false} {
				got := headerAtSource(ctx, traces, propagate)
				parent := got.Get("traceparent")
				if !propagate && (parent != "" || got.Get("tracestate") != "") {
					t.Errorf("sent without being asked: %v", got)
				}
				if sent := strings.HasPrefix(parent, "00-"+id+"-") && strings.HasSuffix(parent, "-"+test.flags); propagate && sent != (test.flags != "") {
					t.Errorf("sent: %v", got)
				}
				if got.Get("baggage") != "" {
					t.Errorf("baggage: %v", got)
				}
			}
			end(Operation{Type: "query"})
			traces.Close()
			if want := map[bool]int{true: 3}[test.recorded]; len(received.spans) != want {
				t.Errorf("%d spans, want %d", len(received.spans), want)
			}
		})
	}
}

// headerAtSource returns the headers that a source receives.
func headerAtSource(ctx context.Context, traces *Traces, propagate bool) (got http.Header) {
	transport := traces.Transport(TransportOptions{
		Source: "s", Propagate: propagate, Describe: func(*http.Request) (string, bool, int) { return "/x/{item}", false, 0 },
		Base: handled{http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header })},
	})
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet, "https://source.example/x/s3cret?s3cret", http.NoBody)
	resp, err := transport.RoundTrip(r)
	if err == nil {
		_ = resp.Body.Close()
	}
	return got
}

// TestSpansOfRequests tests the attributes of requests to sources that end in different ways.
func TestSpansOfRequests(t *testing.T) {
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, test := range []struct {
		name string
		ctx  context.Context
		url  string
		base http.RoundTripper
		want []string
		not  string
	}{
		{"200", t.Context(), "https://source.example/x/s3cret?$top=s3cret", answers(200, nil), []string{`"GET /x/{item}"`, `"source.example"`, "int_value:443", "int_value:200", `"a source"`, `"url.template"`}, "error.type"},
		{"404", t.Context(), "http://source.example/", answers(404, nil), []string{"int_value:80", "int_value:404", `"error.type" value:{string_value:"404"}`, "STATUS_CODE_ERROR"}, ""},
		{"half of a body", t.Context(), "http://source.example:8080/", answers(200, errors.New("s3cret")), []string{"int_value:8080", "int_value:200", `"connection"`, "STATUS_CODE_ERROR"}, ""},
		{"a caller who has left", canceled, "http://source.example/", answers(200, nil), []string{`"canceled"`, "STATUS_CODE_ERROR"}, "status_code\""},
	} {
		received := new(receiver)
		server := httptest.NewServer(received)
		set(t, "OTEL_EXPORTER_OTLP_ENDPOINT="+server.URL)
		traces, err := NewTraces("v1", slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		ctx, _ := traces.Operation(test.ctx, nil)
		r, _ := http.NewRequestWithContext(ctx, http.MethodGet, test.url, http.NoBody)
		transport := traces.Transport(TransportOptions{
			Source: "a source", Base: test.base, Describe: func(*http.Request) (string, bool, int) { return "/x/{item}", true, 7 },
		})
		if resp, err := transport.RoundTrip(r); err == nil {
			_, _ = io.ReadAll(resp.Body)
			_ = resp.Body.Close()
		}
		traces.Close()
		server.Close()
		if len(received.spans) != 1 {
			t.Errorf("%s: %d spans", test.name, len(received.spans))
			continue
		}
		span := strings.ReplaceAll(received.spans[0].String(), "  ", " ") // the package varies the spaces
		for _, want := range append(test.want, "SPAN_KIND_CLIENT", `"http.request.resend_count" value:{int_value:1}`, `"profileql.batch.size" value:{int_value:7}`) {
			if !strings.Contains(span, want) {
				t.Errorf("%s: no %s in %s", test.name, want, span)
			}
		}
		if test.not != "" && strings.Contains(span, test.not) || strings.Contains(span, "s3cret") {
			t.Errorf("%s: too much in %s", test.name, span)
		}
	}
}

// answers returns a transport that answers with a status, and with a body that ends with an error.
func answers(status int, failure error) http.RoundTripper {
	return answering(func(r *http.Request) (*http.Response, error) {
		if err := r.Context().Err(); err != nil {
			return nil, err
		}
		body := io.Reader(strings.NewReader("{}"))
		if failure != nil {
			body = io.MultiReader(body, failing{failure})
		}
		return &http.Response{StatusCode: status, Body: io.NopCloser(body)}, nil
	})
}

type answering func(*http.Request) (*http.Response, error)

func (f answering) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

type failing struct{ error }

func (f failing) Read([]byte) (int, error) { return 0, f.error }
