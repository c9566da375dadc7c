package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Traces sends spans to an OpenTelemetry collector. No attribute of a span has a value from a caller. It is safe for
// concurrent use. A nil *Traces traces nothing.
type Traces struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
	abort    context.CancelFunc // ends the requests to the collector
	sampler  string             // OTEL_TRACES_SAMPLER
	log      *slog.Logger
}

// NewTraces returns the traces that OpenTelemetry's environment variables ask for, or nil if they ask for none: if they name
// no endpoint, or say that there are none. What is wrong in them is an error. It has the name of the variable, and not its
// value if that can be a secret.
//
// The variables of the SDK, such as OTEL_TRACES_SAMPLER and OTEL_BSP_MAX_QUEUE_SIZE, are those of package sdk.
func NewTraces(version string, log *slog.Logger) (*Traces, error) {
	if !tracesAreAsked() {
		return nil, nil
	}
	if e := os.Getenv("OTEL_TRACES_EXPORTER"); e != "" && e != "otlp" {
		return nil, errors.New("OTEL_TRACES_EXPORTER is neither otlp nor none")
	}
	c, err := newCollector()
	if err != nil {
		return nil, err
	}
	return newTraces(version, c, log)
}

func newTraces(version string, c *collector, log *slog.Logger) (*Traces, error) {
	exporter, err := otlptrace.New(context.Background(), c)
	if err != nil {
		return nil, err
	}
	provider, err := newProvider(version, &lossLog{SpanExporter: exporter, log: log}, log)
	if err != nil {
		return nil, err
	}
	return &Traces{
		provider: provider, tracer: provider.Tracer("profileql", trace.WithInstrumentationVersion(version)), abort: c.abort,
		sampler: strings.ToLower(strings.TrimSpace(os.Getenv("OTEL_TRACES_SAMPLER"))), log: log,
	}, nil
}

// tracesAreAsked reports whether the environment asks for traces.
func tracesAreAsked() bool {
	endpoint, _ := otlpVariable("ENDPOINT")
	return endpoint != "" && !strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") && os.Getenv("OTEL_TRACES_EXPORTER") != "none"
}

// newProvider returns a provider with the limits, the sampler and the attributes that the environment sets. The SDK tells
// what is wrong with them only to OpenTelemetry's error handler, and goes on with defaults.
func newProvider(version string, e sdk.SpanExporter, log *slog.Logger) (*sdk.TracerProvider, error) {
	var problems []error
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { problems = append(problems, err) }))
	defer otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("OpenTelemetry has a problem", "error", err) }))
	described, err := resource.New(context.Background(), resource.WithTelemetrySDK(), resource.WithAttributes(
		attribute.String("service.name", "profileql"), attribute.String("service.version", version),
		attribute.String("service.instance.id", uuid.NewString()),
	), resource.WithFromEnv()) // the environment's have precedence
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	provider := sdk.NewTracerProvider(sdk.WithBatcher(e), sdk.WithResource(described), sdk.WithoutPanicRecording())
	if err := errors.Join(problems...); err != nil {
		return nil, errors.Join(err, provider.Shutdown(context.Background()))
	}
	return provider, nil
}

// maxFlush is the maximum time in which the last spans are sent.
const maxFlush = 5 * time.Second

// Close sends the spans that have not been sent yet.
func (t *Traces) Close() {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), maxFlush)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		t.log.Warn("the last traces were not sent in time")
	}
	t.abort()
}

// Operation begins the span of a GraphQL request with these headers, which may have the caller's trace context
// (https://www.w3.org/TR/trace-context/). It returns the context that the request continues with, and a function that ends
// the span.
func (t *Traces) Operation(ctx context.Context, header http.Header) (context.Context, func(Operation)) {
	ctx = propagation.TraceContext{}.Extract(ctx, traceHeader(header))
	callers := trace.SpanContextFromContext(ctx)
	if t.isOff(callers) {
		return ctx, ignore
	}
	spanCtx, span := t.tracer.Start(ctx, "GraphQL Operation", trace.WithSpanKind(trace.SpanKindServer))
	switch {
	case span.IsRecording():
		return spanCtx, func(o Operation) { endOperation(span, o) }
	case callers.IsValid():
		return ctx, ignore // the caller's trace id is in the log, and goes on to sources as it came
	}
	return spanCtx, ignore
}

func ignore(Operation) {}

// isOff reports whether the sampler surely records nothing, given the trace context of a caller. Asking the sampler itself
// takes a span, and so several times as long.
func (t *Traces) isOff(callers trace.SpanContext) bool {
	switch t.sampler {
	case "always_off":
		return true
	case "parentbased_always_off":
		return !callers.IsSampled()
	case "", "parentbased_always_on", "parentbased_traceidratio":
		return callers.IsValid() && !callers.IsSampled()
	}
	return false
}

// traceHeader is the headers of the trace context. [propagation.HeaderCarrier] would make their names canonical each time.
type traceHeader http.Header

var traceHeaderNames = map[string]string{"traceparent": "Traceparent", "tracestate": "Tracestate"}

// Get implements [propagation.TextMapCarrier].
func (h traceHeader) Get(name string) string {
	if values := h[traceHeaderNames[name]]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// Set implements [propagation.TextMapCarrier].
func (h traceHeader) Set(name, value string) { h[traceHeaderNames[name]] = []string{value} }

// Keys implements [propagation.TextMapCarrier].
func (h traceHeader) Keys() []string { return slices.Collect(maps.Keys(h)) }

// endOperation ends the span of an operation (https://opentelemetry.io/docs/specs/semconv/graphql/graphql-spans/). The
// document itself is left out, because its literals are the caller's.
func endOperation(span trace.Span, o Operation) {
	attributes := []attribute.KeyValue{attribute.Int(statusCode, o.Status)}
	if o.Type != "" {
		attributes = append(attributes, operation(o.Type, o.Name)...)
		span.SetName(strings.TrimSpace(o.Type + " " + o.Name))
	}
	if o.Document != "" {
		attributes = append(attributes, attribute.String("graphql.document.hash", o.Document))
	}
	if len(o.Codes) > 0 {
		attributes = append(attributes, attribute.String(errorType, o.Codes[0]), attribute.StringSlice("profileql.error.codes", o.Codes))
		span.SetStatus(codes.Error, "")
	}
	span.SetAttributes(attributes...)
	span.End()
}

// TokenExchange records the span of a request for the token of a source, caused by the request with this context. The code
// is that of its error; empty for a success.
func (t *Traces) TokenExchange(ctx context.Context, source, code string, began time.Time, took time.Duration) {
	if t == nil || !trace.SpanFromContext(ctx).IsRecording() {
		return
	}
	_, span := t.tracer.Start(ctx, "token exchange", trace.WithSpanKind(trace.SpanKindClient), trace.WithTimestamp(began),
		trace.WithAttributes(attribute.String(sourceName, source)))
	if code != "" {
		span.SetAttributes(attribute.String(errorType, code))
		span.SetStatus(codes.Error, "")
	}
	span.End(trace.WithTimestamp(began.Add(took)))
}

// Log returns a logger whose lines also have the trace id of their context, if the trace is recorded or is the caller's.
func (t *Traces) Log(log *slog.Logger) *slog.Logger {
	if t == nil {
		return log
	}
	return slog.New(tracedHandler{log.Handler()})
}

// tracedHandler adds the trace id to the lines of its Handler.
type tracedHandler struct{ slog.Handler }

// Handle implements [slog.Handler].
func (h tracedHandler) Handle(ctx context.Context, r slog.Record) error {
	if c := trace.SpanContextFromContext(ctx); c.IsSampled() || c.IsRemote() {
		r.AddAttrs(slog.String("trace_id", c.TraceID().String()))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements [slog.Handler].
func (h tracedHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return tracedHandler{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements [slog.Handler].
func (h tracedHandler) WithGroup(name string) slog.Handler {
	return tracedHandler{h.Handler.WithGroup(name)}
}
