package sources

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"
	"golang.org/x/sync/semaphore"

	"profileql/internal/profile"
)

const (
	queuedPerSlot = 16          // queued requests per concurrent one; more are rejected
	maxQueueTime  = time.Second // in the queue of all callers

	maxFailures      = 5                // consecutive failures that open the circuit breaker
	openTimeout      = 10 * time.Second // before the breaker lets probes through
	halfOpenRequests = 2                // probes that must succeed to close it: a list sends two, for a page and its count

	maxThrottle         = time.Hour // longer Retry-After values are cut
	maxThrottledCallers = 10_000    // remembered at a time
)

// LimiterOptions are the options of [NewLimiter].
type LimiterOptions struct {
	Name   string                       // the source's
	Base   http.RoundTripper            // its errors count as failures of the source
	Caller func(context.Context) uint64 // tells callers apart
	Log    *slog.Logger                 // for failures and changes of the circuit breaker

	Concurrency    int // concurrent requests of one caller; 0 for no limit, where callers are not told apart
	MaxConcurrency int // concurrent requests of all callers, at least 1
}

// Limiter is an [http.RoundTripper] in front of one source. It limits concurrent requests per caller and in total, with a
// bounded queue (a bulkhead), has a circuit breaker, and remembers the Retry-After of throttled callers. So a slow or broken
// source does not affect other sources, nor a busy caller other callers. It is safe for concurrent use.
type Limiter struct {
	name      string
	base      http.RoundTripper
	caller    func(context.Context) uint64
	log       *slog.Logger
	perCaller int                 // concurrent requests of one caller; 0 for no limit
	running   *semaphore.Weighted // concurrent requests of all callers
	queued    atomic.Int64        // requests that wait for running
	maxQueued int64               // limit of queued
	breaker   *gobreaker.TwoStepCircuitBreaker[struct{}]
	retryAt   atomic.Pointer[time.Time] // when an open breaker lets probes through
	counts    counts

	mu        sync.Mutex
	callers   map[uint64]*caller   // those with requests in flight or queued
	throttled map[uint64]time.Time // until this time
	lastSweep time.Time            // when expired entries of throttled were last removed
}

// caller is a caller with requests in flight or queued.
type caller struct {
	id       uint64
	requests int           // guarded by Limiter.mu
	slots    chan struct{} // semaphore of concurrent requests; nil for no limit
}

// NewLimiter returns a limiter whose circuit breaker is closed.
func NewLimiter(o LimiterOptions) *Limiter {
	l := &Limiter{
		name: o.Name, base: o.Base, caller: o.Caller, log: o.Log.With("source", o.Name),
		callers: make(map[uint64]*caller), throttled: make(map[uint64]time.Time),
		perCaller: o.Concurrency, running: semaphore.NewWeighted(int64(o.MaxConcurrency)), maxQueued: int64(queuedPerSlot * o.MaxConcurrency),
	}
	l.breaker = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		MaxRequests: halfOpenRequests,
		Timeout:     openTimeout - 1, // it becomes half-open after its timeout, not at it
		ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= maxFailures },
		IsExcluded:  isExcluded,
		OnStateChange: func(_ string, _, to gobreaker.State) {
			switch to {
			case gobreaker.StateOpen:
				l.counts.openings.Add(1)
				at := time.Now().Add(openTimeout)
				l.retryAt.Store(&at)
				l.log.Warn("circuit breaker open", "until", at)
			case gobreaker.StateClosed:
				l.log.Info("circuit breaker closed")
			}
		},
	})
	return l
}

// RoundTrip implements [http.RoundTripper]. A request whose context ends in the queue fails with the context's error. If the
// queue is full, the wait takes too long or the circuit breaker is open, the error is a *[profile.Error] with the code
// Overloaded. Canceling a request's context with a cause of its own counts as a failure of the source; without one, as the
// caller's cancellation.
func (l *Limiter) RoundTrip(r *http.Request) (*http.Response, error) {
	req, err := l.begin(r.Context())
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close() // as every RoundTripper must
		}
		return nil, err
	}
	failure := errPanicked // unless RoundTrip returns
	defer func() {
		if failure != nil {
			req.finish(req.classify(failure))
		}
	}()
	resp, err := l.base.RoundTrip(r)
	failure = err
	if err != nil {
		return nil, err
	}
	req.statusError = l.outcomeOf(resp.StatusCode, resp.Header, req.caller.id)
	req.ReadCloser, resp.Body = resp.Body, req
	return resp, nil
}

// Observe records the status of one response in a batch for the circuit breaker and the caller's throttling, as RoundTrip
// does for a response of its own.
func (l *Limiter) Observe(ctx context.Context, status int, header http.Header) {
	outcome := l.outcomeOf(status, header, l.caller(ctx))
	if outcome != nil {
		l.log.WarnContext(ctx, "the source failed", "reason", failureReason(outcome))
	}
	if report, err := l.breaker.Allow(); err == nil {
		report(outcome)
	}
}

// outcomeOf returns the outcome of a request with this status for the circuit breaker, nil for a success. It remembers the
// Retry-After of a 429 for the caller.
func (l *Limiter) outcomeOf(status int, header http.Header, caller uint64) error {
	switch status {
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return statusError(status)
	case http.StatusTooManyRequests:
		l.noteThrottled(caller, header)
	}
	return nil
}

// Status is the state of a source as its limiter has last seen it.
type Status struct {
	Failing        bool      // the circuit breaker is open or half-open
	ThrottledUntil time.Time // of the context's caller; zero if not throttled
}

// Status returns the state of the source for the context's caller.
func (l *Limiter) Status(ctx context.Context) Status {
	s := Status{Failing: l.breaker.State() != gobreaker.StateClosed}
	id := l.caller(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	if until := l.throttled[id]; time.Now().Before(until) {
		s.ThrottledUntil = until
	}
	return s
}

// begin waits for a slot of the caller, then for one of all callers, and then asks the circuit breaker. Requests that wait
// for their own caller's slots are not in the queue of all callers: otherwise one caller could fill it.
func (l *Limiter) begin(ctx context.Context) (*inflight, error) {
	c, queuedAt := l.retainCaller(l.caller(ctx)), time.Now()
	if err := c.acquire(ctx, &l.counts.waiting); err != nil {
		l.releaseCaller(c)
		return nil, err
	}
	report, err := l.admit(ctx)
	if err != nil {
		c.release()
		l.releaseCaller(c)
		return nil, err
	}
	l.counts.inFlight.Add(1)
	now := time.Now()
	return &inflight{ctx: ctx, limiter: l, caller: c, queueTime: now.Sub(queuedAt), sentAt: now, report: report}, nil
}

// acquire waits for one of the caller's slots, until the caller cancels. It counts itself as waiting meanwhile.
func (c *caller) acquire(ctx context.Context, waiting *atomic.Int64) error {
	if c.slots == nil {
		return nil
	}
	caller := profile.CallerContext(ctx)
	select {
	case c.slots <- struct{}{}:
		return nil
	default:
	}
	waiting.Add(1)
	defer waiting.Add(-1)
	select {
	case c.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-caller.Done():
		return caller.Err()
	}
}

// release frees the caller's slot.
func (c *caller) release() {
	if c.slots != nil {
		<-c.slots
	}
}

// admit waits for a slot and asks the circuit breaker. It returns the function that reports the outcome to the breaker.
func (l *Limiter) admit(ctx context.Context) (report func(error), err error) {
	// A request that ends before it is sent must not count against the source.
	if err := cmp.Or(ctx.Err(), profile.CallerContext(ctx).Err()); err != nil {
		return nil, err
	}
	if err := l.acquire(ctx); err != nil {
		return nil, err
	}
	report, err = l.breaker.Allow()
	if err == nil {
		return report, nil
	}
	l.running.Release(1)
	if errors.Is(err, gobreaker.ErrOpenState) {
		l.counts.breakerOpen.Add(1)
		retryAfter := max(0, math.Ceil(time.Until(*l.retryAt.Load()).Seconds()*1000)/1000)
		return nil, l.overloaded("The source has failed several times in a row. Requests to it are paused for some seconds.", &retryAfter)
	}
	l.counts.breakerHalfOpen.Add(1)
	return nil, l.overloaded("The source has failed several times in a row. Other requests are checking whether it has recovered.", nil)
}

// acquire waits for a slot of all callers, first in, first out, for at most maxQueueTime.
func (l *Limiter) acquire(ctx context.Context) error {
	if l.running.TryAcquire(1) {
		return nil
	}
	if l.queued.Add(1) > l.maxQueued {
		l.queued.Add(-1)
		l.counts.queueFull.Add(1)
		return l.overloaded("Too many requests to the source are waiting. Try again in a moment.", nil)
	}
	defer l.queued.Add(-1)
	queueCtx, cancel := context.WithTimeout(ctx, maxQueueTime)
	defer cancel()
	waitCtx, cancelWait := profile.WaitContext(queueCtx)
	defer cancelWait()
	caller := profile.CallerContext(ctx)
	if l.running.Acquire(waitCtx, 1) != nil {
		if err := cmp.Or(ctx.Err(), caller.Err()); err != nil {
			return err
		}
		l.counts.queueTimeout.Add(1)
		return l.overloaded("Too many requests to the source are in progress. Try again in a moment.", nil)
	}
	if err := cmp.Or(ctx.Err(), caller.Err()); err != nil { // canceled just as the slot became free
		l.running.Release(1)
		return err
	}
	return nil
}

func (l *Limiter) overloaded(message string, retryAfter *float64) *profile.Error {
	return &profile.Error{Code: profile.Overloaded, Message: message, Source: l.name, RetryAfter: retryAfter}
}

// retainCaller returns the caller, creating it for its first request.
func (l *Limiter) retainCaller(id uint64) *caller {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.callers[id]
	if c == nil {
		c = &caller{id: id}
		if l.perCaller > 0 {
			c.slots = make(chan struct{}, l.perCaller)
		}
		l.callers[id] = c
	}
	c.requests++
	return c
}

// releaseCaller removes the caller with its last request, and expired entries of throttled once a second.
func (l *Limiter) releaseCaller(c *caller) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.requests--; c.requests == 0 {
		delete(l.callers, c.id)
	}
	if len(l.throttled) == 0 {
		return
	}
	if now := time.Now(); now.Sub(l.lastSweep) >= time.Second {
		l.lastSweep = now
		maps.DeleteFunc(l.throttled, func(_ uint64, until time.Time) bool { return !now.Before(until) })
	}
}

// noteThrottled remembers the Retry-After of a 429 for its caller.
func (l *Limiter) noteThrottled(id uint64, h http.Header) {
	seconds, ok := profile.RetryAfter(h)
	if !ok {
		return
	}
	until := time.Now().Add(time.Duration(min(seconds, maxThrottle.Seconds()) * float64(time.Second)))
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, known := l.throttled[id]; known || len(l.throttled) < maxThrottledCallers {
		l.throttled[id] = until
	}
}

// Outcomes of a request besides the transport's own errors. The breaker counts all as failures except those that
// isExcluded names.
var (
	errCanceled  = errors.New("canceled by the caller")
	errLateStart = errors.New("most of the deadline passed in the queue")
	errPanicked  = errors.New("panic")
)

// isExcluded reports whether an outcome counts neither as a success nor as a failure.
func isExcluded(outcome error) bool {
	return errors.Is(outcome, errCanceled) || errors.Is(outcome, errLateStart)
}

// statusError is the outcome of a request whose response has this status.
type statusError int

func (s statusError) Error() string { return fmt.Sprintf("status %d", int(s)) }

// classify tells failures of the source from those of the caller. A caller cancels the context without a cause of its own.
// A request that was queued for long leaves the source less time than it may take.
func (req *inflight) classify(failure error) error {
	switch cause := context.Cause(req.ctx); {
	case errors.Is(cause, context.Canceled):
		return errCanceled
	case errors.Is(cause, context.DeadlineExceeded) && time.Since(req.sentAt) < req.queueTime:
		return errLateStart
	}
	return failure
}

// failureReason describes a failure for the log, without addresses or anything that the source has sent.
func failureReason(failure error) string {
	if status, ok := errors.AsType[statusError](failure); ok {
		return status.Error()
	}
	return profile.FailureReason(failure)
}

// inflight is a request in progress, and then the body of its response.
type inflight struct {
	io.ReadCloser
	ctx         context.Context
	limiter     *Limiter
	caller      *caller
	queueTime   time.Duration // before it was sent
	sentAt      time.Time
	report      func(error)
	statusError error // set for 500, 502, 503 and 504
	finished    atomic.Bool
}

// Read finishes the request with the end of the body, complete or not.
func (req *inflight) Read(b []byte) (int, error) {
	n, err := req.ReadCloser.Read(b)
	switch {
	case err == nil:
	case err == io.EOF || req.statusError != nil:
		req.finish(req.statusError)
	default:
		req.finish(req.classify(err))
	}
	return n, err
}

// Close finishes the request. A body that was not read to its end is no failure.
func (req *inflight) Close() error {
	defer req.finish(req.statusError)
	return req.ReadCloser.Close()
}

// finish reports the outcome and frees the slots, once.
func (req *inflight) finish(outcome error) {
	if req.finished.Swap(true) {
		return
	}
	if outcome != nil && !isExcluded(outcome) {
		req.limiter.log.WarnContext(req.ctx, "the source failed", "reason", failureReason(outcome))
	}
	req.report(outcome)
	req.limiter.counts.inFlight.Add(-1)
	req.limiter.running.Release(1)
	req.caller.release()
	req.limiter.releaseCaller(req.caller)
}
