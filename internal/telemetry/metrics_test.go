package telemetry

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// page returns the page of metrics.
func page(m *Metrics) string {
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return w.Body.String()
}

// TestConcurrentMetrics counts in many goroutines, with keys that are new to all of them, while the metrics are read.
func TestConcurrentMetrics(t *testing.T) {
	t.Parallel()
	m, err := NewMetrics("v1")
	if err != nil {
		t.Fatal(err)
	}
	m.Watch(func() State { return State{Sources: []SourceState{{Name: "one", Breaker: "open"}}} })
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			for status := range 100 {
				m.OperationBegins()
				m.Retry("one", http.MethodGet, 400+status%10)
				m.OperationEnds(Operation{Type: "query", Status: 200, Codes: []string{"A", "B"}, Duration: time.Second})
				if status%50 == 0 {
					page(m)
				}
			}
		})
	}
	all.Wait()
	got := page(m)
	for _, want := range []string{
		`profileql_source_retries_total{http_request_method="GET",http_response_status_code="409",source="one"} 100`,
		`profileql_operation_errors_total{error_type="B",graphql_operation_type="query"} 1000`,
		`profileql_operation_duration_seconds_bucket{graphql_operation_type="query",http_response_status_class="2xx",le="0.5"} 0`,
		`profileql_operation_duration_seconds_bucket{graphql_operation_type="query",http_response_status_class="2xx",le="1"} 1000`,
		`profileql_operation_duration_seconds_sum{graphql_operation_type="query",http_response_status_class="2xx"} 1000`,
		`profileql_operations_in_flight 0`,
		`profileql_source_circuit_breaker_state{source="one",state="open"} 1`,
		`profileql_source_circuit_breaker_state{source="one",state="closed"} 0`,
	} {
		if !strings.Contains(got, want+"\n") {
			t.Errorf("no %s", want)
		}
	}
}

// TestStatuses holds that a source cannot make a series for each number that it sends as a status.
func TestStatuses(t *testing.T) {
	t.Parallel()
	texts := make(map[string]bool)
	for status := 100; status < 1000; status++ {
		texts[statusText(status)] = true
	}
	if statusText(0) != "none" || statusText(200) != "200" || statusText(299) != "2xx" || statusText(999) != "9xx" || len(texts) > 80 {
		t.Errorf("%d: %v", len(texts), texts)
	}
}
