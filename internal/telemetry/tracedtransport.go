package telemetry

import (
	"maps"
	"net/http"
	"net/url"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// TransportOptions are the options of [Traces.Transport].
type TransportOptions struct {
	Source    string            // its configured name
	Base      http.RoundTripper // the network
	Propagate bool              // whether requests have the headers of the trace context

	// Describe returns what may be told of a request: its path with names in place of ids, empty if that is not known;
	// whether it is sent again; and how many requests it is a batch of, 0 for a single one.
	Describe func(*http.Request) (template string, isRetry bool, parts int)
}

// Transport returns a transport that makes a span for each request to a source. It belongs right in front of the network, as
// [Metrics.Transport] does. Nil traces return the base itself.
func (t *Traces) Transport(o TransportOptions) http.RoundTripper {
	if t == nil {
		return o.Base
	}
	return &tracingTransport{o, t.tracer}
}

type tracingTransport struct {
	TransportOptions
	tracer trace.Tracer
}

// RoundTrip implements [http.RoundTripper]. Requests of operations whose span is not recorded have none either.
func (t *tracingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if !trace.SpanFromContext(r.Context()).IsRecording() {
		return t.Base.RoundTrip(t.propagated(r))
	}
	name, attributes := t.describe(r)
	ctx, span := t.tracer.Start(r.Context(), name, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attributes...))
	traced := &tracedRequest{span: span}
	traced.body = endingBody{ctx: ctx, request: traced}
	resp, err := t.Base.RoundTrip(t.propagated(r.WithContext(ctx)))
	if err != nil {
		traced.body.end(err)
		return nil, err
	}
	traced.status = resp.StatusCode
	traced.body.ReadCloser, resp.Body = resp.Body, &traced.body
	return resp, nil
}

// describe returns the name and the attributes of a span (https://opentelemetry.io/docs/specs/semconv/http/http-spans/). The
// URL is left out, because it has the ids of people and items.
func (t *tracingTransport) describe(r *http.Request) (name string, attributes []attribute.KeyValue) {
	template, isRetry, parts := t.Describe(r)
	name = r.Method
	attributes = append(make([]attribute.KeyValue, 0, 9), // with those of the response
		attribute.String(sourceName, t.Source), attribute.String(requestMethod, r.Method),
		attribute.String("server.address", r.URL.Hostname()), attribute.Int("server.port", portOf(r.URL)))
	if template != "" {
		name += " " + template
		attributes = append(attributes, attribute.String("url.template", template))
	}
	if isRetry {
		attributes = append(attributes, attribute.Int("http.request.resend_count", 1))
	}
	if parts > 0 {
		attributes = append(attributes, attribute.Int("profileql.batch.size", parts))
	}
	return name, attributes
}

func portOf(u *url.URL) int {
	if port, err := strconv.Atoi(u.Port()); err == nil {
		return port
	}
	if u.Scheme == "http" {
		return 80
	}
	return 443
}

// propagated returns the request with the headers of the trace context, if the source receives them. A RoundTripper must not modify the
// request.
func (t *tracingTransport) propagated(r *http.Request) *http.Request {
	if !t.Propagate || !trace.SpanContextFromContext(r.Context()).IsValid() {
		return r
	}
	r = r.WithContext(r.Context())
	r.Header = maps.Clone(r.Header)
	propagation.TraceContext{}.Inject(r.Context(), traceHeader(r.Header))
	return r
}

// tracedRequest is a request to a source that has a span.
type tracedRequest struct {
	body   endingBody
	span   trace.Span
	status int // 0 without a response
}

func (r *tracedRequest) ended(failure string) {
	if r.status > 0 {
		r.span.SetAttributes(attribute.Int(statusCode, r.status))
	}
	if failure == "" && r.status >= 400 {
		failure = strconv.Itoa(r.status)
	}
	if failure != "" {
		r.span.SetAttributes(attribute.String(errorType, failure))
		r.span.SetStatus(codes.Error, "")
	}
	r.span.End()
}
