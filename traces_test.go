package main

import (
	"io"
	"maps"
	"net/http"
	"reflect"
	"testing"

	"profileql/internal/config"
	"profileql/internal/telemetry"
	"profileql/test/scene"
)

// TestNoTraces tests that nothing is in the way of a request without traces.
func TestNoTraces(t *testing.T) {
	t.Parallel()
	transport, log := answering(""), telemetry.NewLog(io.Discard)
	observed := observeSource(config.Source{Traceparent: true}, transport, shared{})
	if reflect.ValueOf(observed).Pointer() != reflect.ValueOf(transport).Pointer() {
		t.Errorf("requests to sources go through a %T", observed)
	}
	if (*telemetry.Traces)(nil).Log(log) != log || traceOperations(nil) != nil || observeExchanges("s", shared{}) != nil {
		t.Error("operations are observed")
	}
}

// mostForUnsampledTraces is the maximum factor by which traces may increase the time of a request that is not recorded.
const mostForUnsampledTraces = 1.1

// BenchmarkTraces compares the CPU time of an update with and without traces. Rounds alternate, as in [BenchmarkMetrics]. It
// fails if an update that is not recorded is over the limit three times.
func BenchmarkTraces(b *testing.B) {
	for name, c := range map[string]struct {
		sampler string
		header  http.Header
		most    float64 // 0 for no limit
	}{
		"off":                {"always_off", nil, mostForUnsampledTraces},
		"off, caller is not": {"always_off", callersTrace("01"), mostForUnsampledTraces},
		"on, caller is off":  {"parentbased_always_on", callersTrace("00"), mostForUnsampledTraces},
		"on":                 {"parentbased_always_on", nil, 0},
	} {
		b.Run(name, func(b *testing.B) {
			b.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1") // nobody is there
			b.Setenv("OTEL_TRACES_SAMPLER", c.sampler)
			traces, err := telemetry.NewTraces("test", telemetry.NewLog(io.Discard))
			if err != nil {
				b.Fatal(err)
			}
			defer traces.Close()
			handler := func(t *telemetry.Traces) http.Handler {
				inner := newObservedHandler(b, shared{traces: t}, "http://source.example/beta", answering(string(scene.StubAnswer)), io.Discard)
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					maps.Copy(r.Header, c.header)
					inner.ServeHTTP(w, r)
				})
			}
			compare(b, handler(traces), handler(nil), updateRequest(b), c.most)
		})
	}
}

// callersTrace returns the header of a caller's trace with these flags.
func callersTrace(flags string) http.Header {
	return http.Header{"Traceparent": {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-" + flags}}
}
