package telemetry

import (
	"fmt"
	"net/http"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/otlptranslator"
	"go.opentelemetry.io/otel/attribute"
	exporter "go.opentelemetry.io/otel/exporters/prometheus"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/exemplar"
)

// Names of attributes of metrics and spans. Prometheus has an underscore for each dot.
const (
	operationType = "graphql.operation.type"
	operationName = "graphql.operation.name"
	statusClass   = "http.response.status_class" // 2xx, 4xx, 5xx
	statusCode    = "http.response.status_code"
	requestMethod = "http.request.method"
	errorType     = "error.type"
	sourceName    = "source"
)

// none is the value of an attribute for what a measurement does not have, such as the status of a lost request.
const none = "none"

// durations are the bounds of the buckets of histograms, in seconds: from a sandbox on the same machine to a write that
// takes as long as one may, and its retry.
var durations = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20}

// Metrics measures ProfileQL with OpenTelemetry, for Prometheus. No value of an attribute comes from a caller. It is safe
// for concurrent use. A nil *Metrics measures nothing.
type Metrics struct {
	registry *prometheus.Registry
	state    atomic.Pointer[func() State]

	inFlight         atomic.Int64 // operations
	internalErrors   atomic.Int64
	documents        hitsAndMisses
	persisted        hitsAndMisses
	operations       *histogram[operationKey]
	operationErrors  *counter[errorKey]
	sourceRequests   *histogram[sourceRequestKey]
	sourceBatchParts *counter[sourceStatusKey]
	sourceRetries    *counter[sourceRetryKey]
	tokenExchanges   *histogram[tokenExchangeKey]
}

type hitsAndMisses struct{ hits, misses atomic.Int64 }

func (c *hitsAndMisses) count(hit bool) {
	if hit {
		c.hits.Add(1)
	} else {
		c.misses.Add(1)
	}
}

type (
	operationKey     struct{ kind, name, status string }
	errorKey         struct{ code, kind, name string }
	sourceStatusKey  struct{ source, status string }
	sourceRetryKey   struct{ source, method, status string }
	tokenExchangeKey struct{ source, outcome string }
	sourceRequestKey struct {
		source, method, failure string
		batch                   bool
		status                  int
	}
)

// NewMetrics returns metrics of a build with this version.
func NewMetrics(version string) (*Metrics, error) {
	m := &Metrics{registry: prometheus.NewRegistry()}
	// The collectors for the Go runtime and the process are those of Prometheus' library, which the exporter needs anyway.
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	e, err := exporter.New(exporter.WithRegisterer(m.registry), exporter.WithoutScopeInfo(), exporter.WithoutTargetInfo(),
		// The default names need a Prometheus that allows dots.
		exporter.WithTranslationStrategy(otlptranslator.UnderscoreEscapingWithSuffixes))
	if err != nil {
		return nil, err
	}
	// There are no exemplars in the text format of Prometheus.
	provider := sdk.NewMeterProvider(sdk.WithReader(e), sdk.WithExemplarFilter(exemplar.AlwaysOffFilter))
	i := &instruments{meter: provider.Meter("profileql")}
	m.makeSynchronous(i)
	i.gauge("profileql.build_info", "", "1, with the version of this build and of Go", func(_ State, observe observer) {
		observe(1, attribute.String("version", version), attribute.String("go_version", runtime.Version()))
	})
	m.observeOperations(i)
	observeState(i)
	i.register(m.current)
	return m, i.err
}

func (m *Metrics) makeSynchronous(i *instruments) {
	m.operations = newHistogram(i, "profileql.operation.duration", "Duration of GraphQL requests, answered or refused",
		func(k operationKey) []attribute.KeyValue {
			return append(operation(k.kind, k.name), attribute.String(statusClass, k.status))
		})
	m.operationErrors = newCounter(i, "profileql.operation.errors", "{error}", "GraphQL requests whose answer has an error of this code",
		func(k errorKey) []attribute.KeyValue {
			return append(operation(k.kind, k.name), attribute.String(errorType, k.code))
		})
	m.sourceRequests = newHistogram(i, "profileql.source.request.duration", "Duration of requests to a source, until the end of the response",
		func(k sourceRequestKey) []attribute.KeyValue {
			kind := "single"
			if k.batch {
				kind = "batch"
			}
			attributes := []attribute.KeyValue{
				attribute.String(sourceName, k.source), attribute.String(requestMethod, k.method), attribute.String("kind", kind),
				attribute.String(statusCode, statusText(k.status)),
			}
			if k.failure != "" {
				attributes = append(attributes, attribute.String(errorType, k.failure))
			}
			return attributes
		})
	m.sourceBatchParts = newCounter(i, "profileql.source.batch.parts", "{request}", "Requests that were sent in a batch and answered",
		func(k sourceStatusKey) []attribute.KeyValue {
			return []attribute.KeyValue{attribute.String(sourceName, k.source), attribute.String(statusCode, k.status)}
		})
	m.sourceRetries = newCounter(i, "profileql.source.retries", "{request}", "Requests that were sent again, after a response with this status or after none",
		func(k sourceRetryKey) []attribute.KeyValue {
			return []attribute.KeyValue{
				attribute.String(sourceName, k.source), attribute.String(requestMethod, k.method), attribute.String(statusCode, k.status),
			}
		})
	m.tokenExchanges = newHistogram(i, "profileql.token.exchange.duration", "Duration of requests for the token of a source",
		func(k tokenExchangeKey) []attribute.KeyValue {
			return []attribute.KeyValue{attribute.String(sourceName, k.source), attribute.String("outcome", k.outcome)}
		})
}

func operation(kind, name string) []attribute.KeyValue {
	attributes := []attribute.KeyValue{attribute.String(operationType, kind)}
	if name != "" {
		attributes = append(attributes, attribute.String(operationName, name))
	}
	return attributes
}

// Handler serves the metrics in the text format of Prometheus.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Operation is an answered GraphQL request.
type Operation struct {
	Type     string // query or mutation; empty if it was refused before that was known
	Name     string // empty, unless it is one of a list of the operator's
	Document string // hash of the document; empty if there is none
	Status   int    // of the HTTP response
	Codes    []string
	Duration time.Duration
}

// OperationBegins counts a GraphQL request that is not answered yet.
func (m *Metrics) OperationBegins() { m.inFlight.Add(1) }

// OperationEnds measures a GraphQL request after [Metrics.OperationBegins].
func (m *Metrics) OperationEnds(o Operation) {
	m.inFlight.Add(-1)
	if o.Type == "" {
		o.Type = none
	}
	m.operations.record(o.Duration, operationKey{o.Type, o.Name, classes[min(max(o.Status/100, 0), 5)]})
	for _, code := range o.Codes {
		m.operationErrors.add(errorKey{code, o.Type, o.Name})
		if code == internalError {
			m.internalErrors.Add(1)
		}
	}
}

// internalError is the code of a fault in ProfileQL.
const internalError = "INTERNAL_SERVER_ERROR"

var classes = [6]string{none, "1xx", "2xx", "3xx", "4xx", "5xx"}

// DocumentLookup counts a document that was or was not among the parsed ones.
func (m *Metrics) DocumentLookup(hit bool) { m.documents.count(hit) }

// PersistedLookup counts a document that was or was not known by its hash or id.
func (m *Metrics) PersistedLookup(hit bool) { m.persisted.count(hit) }

// BatchPart counts the response to one request of a batch.
func (m *Metrics) BatchPart(source string, status int) {
	m.sourceBatchParts.add(sourceStatusKey{source, statusText(status)})
}

// Retry counts a request that is sent again, after a response with this status or after none, which is 0.
func (m *Metrics) Retry(source, method string, status int) {
	m.sourceRetries.add(sourceRetryKey{source, method, statusText(status)})
}

// TokenExchange measures a request for the token of a source. The code is that of its error; empty for a success.
func (m *Metrics) TokenExchange(source, code string, d time.Duration) {
	if m == nil {
		return
	}
	if code == "" {
		code = "success"
	}
	m.tokenExchanges.record(d, tokenExchangeKey{source, code})
}

// statusText returns a status as an attribute. What is no status of HTTP is cut to its class, because a source could send
// a thousand of them.
func statusText(status int) string {
	switch {
	case status == 0:
		return none
	case http.StatusText(status) != "":
		return strconv.Itoa(status)
	}
	return fmt.Sprintf("%dxx", status/100)
}
