package main

import (
	"context"
	"net/http"

	"profileql/internal/config"
	"profileql/internal/graphqlhttp"
	"profileql/internal/profileapi"
	"profileql/internal/telemetry"
)

// traceOperations returns the observers of GraphQL requests that make their spans.
func traceOperations(t *telemetry.Traces) []graphqlhttp.Observer {
	if t == nil {
		return nil
	}
	return []graphqlhttp.Observer{func(ctx context.Context, header http.Header) (context.Context, func(graphqlhttp.Operation)) {
		ctx, end := t.Operation(ctx, header)
		return ctx, func(op graphqlhttp.Operation) { end(observed(op)) }
	}}
}

// observeSource returns the transport that traces and measures the requests to a source.
func observeSource(s config.Source, transport http.RoundTripper, with shared) http.RoundTripper {
	return with.traces.Transport(telemetry.TransportOptions{
		Source: s.Name, Base: with.metrics.Transport(s.Name, transport), Propagate: s.Traceparent, Describe: profileapi.Describe,
	})
}
