package sources

import (
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"
)

// counts is what a limiter counts for [Limiter.Load].
type counts struct {
	inFlight, waiting                                     atomic.Int64
	queueFull, queueTimeout, breakerOpen, breakerHalfOpen atomic.Int64
	openings                                              atomic.Int64
}

// Load is the load of a source, of all callers together.
type Load struct {
	InFlight      int64 // requests that were sent and whose responses have not been read yet
	CallersQueued int64 // requests that wait for another request of their own caller
	Queued        int64 // requests that wait for a request of any caller
	Throttled     int   // callers that the source has told to wait

	// Requests so far that were not sent because of the load, by reason.
	QueueFull, QueueTimeout, BreakerOpen, BreakerHalfOpen int64

	Breaker  BreakerState
	Openings int64 // how often the circuit breaker has opened so far
}

// BreakerState is the state of a circuit breaker.
type BreakerState string

// The states of a circuit breaker.
const (
	Closed   BreakerState = "closed"
	HalfOpen BreakerState = "half_open"
	Open     BreakerState = "open"
)

var breakerStates = map[gobreaker.State]BreakerState{
	gobreaker.StateClosed: Closed, gobreaker.StateHalfOpen: HalfOpen, gobreaker.StateOpen: Open,
}

// Load returns the load of the source.
func (l *Limiter) Load() Load {
	load := Load{
		InFlight: l.counts.inFlight.Load(), CallersQueued: l.counts.waiting.Load(), Queued: l.queued.Load(),
		QueueFull: l.counts.queueFull.Load(), QueueTimeout: l.counts.queueTimeout.Load(),
		BreakerOpen: l.counts.breakerOpen.Load(), BreakerHalfOpen: l.counts.breakerHalfOpen.Load(),
		Breaker: breakerStates[l.breaker.State()], Openings: l.counts.openings.Load(),
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	for _, until := range l.throttled {
		if now.Before(until) {
			load.Throttled++
		}
	}
	return load
}
