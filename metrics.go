package main

import (
	"context"
	"net/http"
	"time"

	"profileql/internal/buildinfo"
	"profileql/internal/config"
	"profileql/internal/graphqlhttp"
	"profileql/internal/profile"
	"profileql/internal/profileapi"
	"profileql/internal/sources"
	"profileql/internal/telemetry"
)

// newMetrics returns the metrics that the operator's listener serves, or nil without one: nothing is measured then.
func newMetrics(c *config.Config) (*telemetry.Metrics, error) {
	if c.Admin == "" {
		return nil, nil
	}
	return telemetry.NewMetrics(buildinfo.Version())
}

// observeOperations returns the observers of GraphQL requests.
func observeOperations(m *telemetry.Metrics) []graphqlhttp.Observer {
	if m == nil {
		return nil
	}
	ended := func(op graphqlhttp.Operation) {
		m.OperationEnds(observed(op))
		if op.Cached != "" {
			m.DocumentLookup(op.Cached == graphqlhttp.Hit)
		}
		if op.Persisted != "" {
			m.PersistedLookup(op.Persisted == graphqlhttp.Hit)
		}
	}
	return []graphqlhttp.Observer{func(ctx context.Context, _ http.Header) (context.Context, func(graphqlhttp.Operation)) {
		m.OperationBegins()
		return ctx, ended
	}}
}

// observed returns what metrics and traces show of an operation: nothing that is the caller's choice, as the names of
// operations are that are not listed.
func observed(op graphqlhttp.Operation) telemetry.Operation {
	o := telemetry.Operation{Type: op.Type, Document: op.Document, Status: op.Status, Codes: op.Codes, Duration: op.Duration}
	if op.Listed {
		o.Name = op.Name
	}
	return o
}

// observeParts returns the function that is told the responses in batches.
func observeParts(source string, limiter *sources.Limiter, m *telemetry.Metrics) func(context.Context, int, http.Header) {
	if m == nil {
		return limiter.Observe
	}
	return func(ctx context.Context, status int, header http.Header) {
		limiter.Observe(ctx, status, header)
		m.BatchPart(source, status)
	}
}

// observeRetries returns the function that is told of requests that are sent again, or nil.
func observeRetries(source string, m *telemetry.Metrics) func(method string, status int) {
	if m == nil {
		return nil
	}
	return func(method string, status int) { m.Retry(source, method, status) }
}

// observeExchanges returns the function that is told of requests for tokens of a source, or nil.
func observeExchanges(source string, with shared) func(context.Context, profile.Code, time.Time, time.Duration) {
	if with.metrics == nil && with.traces == nil {
		return nil
	}
	return func(ctx context.Context, code profile.Code, began time.Time, took time.Duration) {
		with.metrics.TokenExchange(source, string(code), took)
		with.traces.TokenExchange(ctx, source, string(code), began, took)
	}
}

// stateOf returns the state for the metrics.
func stateOf(all sourceList, memory *profileapi.MemoryBudget, lines *telemetry.Queue) telemetry.State {
	small, large := memory.State()
	state := telemetry.State{DroppedLines: lines.Dropped(), Memory: []telemetry.MemoryState{
		{Pool: "small", Used: small.Used, Limit: small.Size}, {Pool: "large", Used: large.Used, Limit: large.Size},
	}}
	for _, s := range all {
		load := s.limiter.Load()
		state.Sources = append(state.Sources, telemetry.SourceState{
			Name: s.Name, InFlight: load.InFlight, CallersQueued: load.CallersQueued, Queued: load.Queued,
			Limit: int64(s.MaxConcurrency), Throttled: int64(load.Throttled), Breaker: string(load.Breaker), Openings: load.Openings,
			Shed: map[string]int64{
				"queue_full": load.QueueFull, "queue_timeout": load.QueueTimeout,
				"breaker_open": load.BreakerOpen, "breaker_half_open": load.BreakerHalfOpen,
			},
		})
	}
	return state
}
