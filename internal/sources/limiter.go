package sources

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sony/gobreaker/v2"
	"golang.org/x/sync/semaphore"

	"profileql/internal/profile"
)

const (
	queuedPerSlot = 16          // requests that wait for their turn, for each one that may run; further ones are refused
	maxQueueTime  = time.Second // that a request waits for others than its caller's

	maxFailures      = 5                // in a row; then the source is left alone
	openTimeout      = 10 * time.Second // before requests try whether it is back
	halfOpenRequests = 2                // that may try, and have to go well: a page of a list and its length come together

	maxThrottle         = time.Hour // of a Retry-After, what is believed
	maxThrottledCallers = 10_000    // callers that are known to be throttled
)

// LimiterOptions say what a [Limiter] stands before.
type LimiterOptions struct {
	Name   string                       // the source's
	Base   http.RoundTripper            // every error of it counts against the source
	Caller func(context.Context) uint64 // tells callers apart
	Log    *slog.Logger                 // is told why the source fails, and from when to when it is left alone

	Concurrency    int // requests of one caller that run at once; 0 where callers are not told apart, so that only the next holds
	MaxConcurrency int // requests of all callers that run at once, at least 1
}

// Limiter is an [http.RoundTripper] before one source, so that a slow or broken source costs only itself, and a greedy
// caller nobody else. It may be used by many goroutines at once.
type Limiter struct {
	name      string
	base      http.RoundTripper
	caller    func(context.Context) uint64
	log       *slog.Logger
	perCaller int                 // requests of one caller that run at once; 0 for any number
	running   *semaphore.Weighted // of all callers
	queued    atomic.Int64        // requests that wait for running
	maxQueued int64               // how many may
	breaker   *gobreaker.TwoStepCircuitBreaker[struct{}]
	retryAt   atomic.Pointer[time.Time] // when an open breaker lets requests try

	mu        sync.Mutex
	callers   map[uint64]*caller   // those with requests here
	throttled map[uint64]time.Time // until when
	lastSweep time.Time            // when those that are throttled no more were last forgotten
}

// caller is somebody who has requests here, running or waiting.
type caller struct {
	id       uint64
	requests int           // guarded by Guard.mu
	slots    chan struct{} // holds one for each request that runs; nil where any number may
}

// NewLimiter returns a guard that has seen nothing yet.
func NewLimiter(o LimiterOptions) *Limiter {
	l := &Limiter{
		name: o.Name, base: o.Base, caller: o.Caller, log: o.Log.With("source", o.Name),
		callers: make(map[uint64]*caller), throttled: make(map[uint64]time.Time),
		perCaller: o.Concurrency, running: semaphore.NewWeighted(int64(o.MaxConcurrency)), maxQueued: int64(queuedPerSlot * o.MaxConcurrency),
	}
	l.breaker = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		MaxRequests: halfOpenRequests,
		Timeout:     openTimeout - 1, // it lets them try after its timeout, not at it
		ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= maxFailures },
		IsExcluded:  isExcluded,
		OnStateChange: func(_ string, _, to gobreaker.State) {
			switch to {
			case gobreaker.StateOpen:
				at := time.Now().Add(openTimeout)
				l.retryAt.Store(&at)
				l.log.Warn("the source is left alone", "until", at)
			case gobreaker.StateClosed:
				l.log.Info("the source answers again")
			}
		},
	})
	return l
}

// RoundTrip implements [http.RoundTripper]. A request that waits for others fails with its context's error. One that is not
// sent because too many others wait, or it has waited for too long, or because the source fails, is a *[profile.Error]
// with the code Overloaded. Whoever ends a request's context without a fault of the source's must give no cause of its own: with
// one, it counts as a failure.
func (l *Limiter) RoundTrip(r *http.Request) (*http.Response, error) {
	p, err := l.begin(r.Context())
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close() // as every RoundTripper has to
		}
		return nil, err
	}
	failure := errPanicked // unless there is an end to this
	defer func() {
		if failure != nil {
			p.finish(p.classify(failure))
		}
	}()
	resp, err := l.base.RoundTrip(r)
	failure = err
	if err != nil {
		return nil, err
	}
	switch resp.StatusCode {
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		p.statusError = statusError(resp.StatusCode)
	case http.StatusTooManyRequests:
		l.noteThrottled(p.caller.id, resp.Header)
	}
	p.ReadCloser, resp.Body = resp.Body, p
	return resp, nil
}

// Status is how a source is doing, as its guard has last seen it.
type Status struct {
	Failing        bool      // it has failed several times in a row, and has not answered well since
	ThrottledUntil time.Time // the context's caller; zero where not throttled
}

// Status tells how the source is doing for the context's caller.
func (l *Limiter) Status(ctx context.Context) Status {
	c := Status{Failing: l.breaker.State() != gobreaker.StateClosed}
	id := l.caller(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	if until := l.throttled[id]; time.Now().Before(until) {
		c.ThrottledUntil = until
	}
	return c
}

// begin waits for the caller's turn, then for that of all callers, and then asks for leave to send. Those who wait for
// their own are not in the queue of all: one caller would keep out everybody.
func (l *Limiter) begin(ctx context.Context) (*inflight, error) {
	c, queuedAt := l.retainCaller(l.caller(ctx)), time.Now()
	if err := c.acquire(ctx); err != nil {
		l.releaseCaller(c)
		return nil, err
	}
	report, err := l.admit(ctx)
	if err != nil {
		c.release()
		l.releaseCaller(c)
		return nil, err
	}
	now := time.Now()
	return &inflight{ctx: ctx, limiter: l, caller: c, queueTime: now.Sub(queuedAt), sentAt: now, report: report}, nil
}

// acquire waits for one of the caller's slots, as long as the sender is there.
func (c *caller) acquire(ctx context.Context) error {
	if c.slots == nil {
		return nil
	}
	caller := profile.CallerContext(ctx)
	select {
	case c.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-caller.Done():
		return caller.Err()
	}
}

// release gives the caller's slot free.
func (c *caller) release() {
	if c.slots != nil {
		<-c.slots
	}
}

// admit lets a request be one of those that run, and returns what tells the breaker how it went.
func (l *Limiter) admit(ctx context.Context) (report func(error), err error) {
	// It would count against the source, which is not even asked.
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
		retryAfter := max(0, math.Ceil(time.Until(*l.retryAt.Load()).Seconds()*1000)/1000)
		return nil, l.overloaded("The source has failed several times in a row, and is left alone for some seconds.", &retryAfter)
	}
	return nil, l.overloaded("The source has failed several times in a row, and others are trying it now.", nil)
}

// acquire waits for the request's turn, first come, first served, and no longer than maxQueueTime.
func (l *Limiter) acquire(ctx context.Context) error {
	if l.running.TryAcquire(1) {
		return nil
	}
	if l.queued.Add(1) > l.maxQueued {
		l.queued.Add(-1)
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
		return l.overloaded("Too many requests to the source are under way. Try again in a moment.", nil)
	}
	if err := cmp.Or(ctx.Err(), caller.Err()); err != nil { // at the same moment
		l.running.Release(1)
		return err
	}
	return nil
}

func (l *Limiter) overloaded(message string, retryAfter *float64) *profile.Error {
	return &profile.Error{Code: profile.Overloaded, Message: message, Source: l.name, RetryAfter: retryAfter}
}

// retainCaller finds the caller, who stays until as many requests have left.
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

// releaseCaller forgets the caller with the last request, and now and then those who are throttled no more.
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

// noteThrottled notes what an answer of 429 says about its caller.
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

// Outcomes of a request that are not the transport's own errors. For the breaker, all are failures but those that are
// excused.
var (
	errCanceled  = errors.New("the caller left")
	errLateStart = errors.New("most of its time was over before it was sent")
	errPanicked  = errors.New("panic")
)

// isExcluded tells whether an outcome counts neither for nor against the source.
func isExcluded(outcome error) bool {
	return errors.Is(outcome, errCanceled) || errors.Is(outcome, errLateStart)
}

// statusError is the outcome of a request that is answered with this status.
type statusError int

func (s statusError) Error() string { return fmt.Sprintf("status %d", int(s)) }

// classify says whose fault a request's failure is. A caller who leaves cancels the context and gives no other cause. One
// whose requests have waited for each other leaves the source less time than it may take.
func (p *inflight) classify(failure error) error {
	switch cause := context.Cause(p.ctx); {
	case errors.Is(cause, context.Canceled):
		return errCanceled
	case errors.Is(cause, context.DeadlineExceeded) && time.Since(p.sentAt) < p.queueTime:
		return errLateStart
	}
	return failure
}

// failureReason puts a failure into words for the log, without an address or anything that the source has sent.
func failureReason(failure error) string {
	var dnsError *net.DNSError
	var certError *tls.CertificateVerificationError
	var status statusError
	switch {
	case errors.Is(failure, context.DeadlineExceeded):
		return "no answer in time"
	case errors.As(failure, &dnsError):
		return "its name is not found"
	case errors.Is(failure, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.As(failure, &certError):
		return "its certificate is not to be trusted"
	case errors.As(failure, &status):
		return status.Error()
	}
	return "the connection was lost, or what came is not HTTP"
}

// inflight is one request on its way, and then the body of its answer.
type inflight struct {
	io.ReadCloser
	ctx         context.Context
	limiter     *Limiter
	caller      *caller
	queueTime   time.Duration // for others
	sentAt      time.Time     // when it was sent
	report      func(error)
	statusError error // asCaller the answer's status
	finished    atomic.Bool
}

// Read ends the passage with the body, whole or not.
func (p *inflight) Read(b []byte) (int, error) {
	n, err := p.ReadCloser.Read(b)
	switch {
	case err == nil:
	case err == io.EOF || p.statusError != nil:
		p.finish(p.statusError)
	default:
		p.finish(p.classify(err))
	}
	return n, err
}

// Close ends the passage: whoever does not want the rest has no complaint about it.
func (p *inflight) Close() error {
	defer p.finish(p.statusError)
	return p.ReadCloser.Close()
}

// finish reports the outcome and gives the slot free, once.
func (p *inflight) finish(outcome error) {
	if p.finished.Swap(true) {
		return
	}
	if outcome != nil && !isExcluded(outcome) {
		p.limiter.log.Warn("the source failed", "reason", failureReason(outcome))
	}
	p.report(outcome)
	p.limiter.running.Release(1)
	p.caller.release()
	p.limiter.releaseCaller(p.caller)
}
