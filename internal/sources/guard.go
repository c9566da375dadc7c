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
	maxQueued    = 16          // requests that wait for their turn, for each one that may run; further ones are refused
	longestQueue = time.Second // that a request waits for others than its caller's

	maxFailures = 5                // in a row; then the source is left alone
	leftAlone   = 10 * time.Second // before requests try whether it is back
	tries       = 2                // that may try, and have to go well: a page of a list and its length come together

	longestThrottle = time.Hour // of a Retry-After, what is believed
	maxThrottled    = 10_000    // callers that are known to be throttled
)

// GuardOptions say what a [Guard] stands before.
type GuardOptions struct {
	Name   string                       // the source's
	Base   http.RoundTripper            // every error of it counts against the source
	Caller func(context.Context) uint64 // tells callers apart
	Log    *slog.Logger                 // is told why the source fails, and from when to when it is left alone

	Concurrency    int // requests of one caller that run at once; 0 where callers are not told apart, so that only the next holds
	MaxConcurrency int // requests of all callers that run at once, at least 1
}

// Guard is an [http.RoundTripper] before one source, so that a slow or broken source costs only itself, and a greedy
// caller nobody else. It may be used by many goroutines at once.
type Guard struct {
	name    string
	base    http.RoundTripper
	caller  func(context.Context) uint64
	log     *slog.Logger
	ofOne   int                 // requests of one caller that run at once; 0 for any number
	running *semaphore.Weighted // of all callers
	queued  atomic.Int64        // requests that wait for running
	queue   int64               // how many may
	breaker *gobreaker.TwoStepCircuitBreaker[struct{}]
	retryAt atomic.Pointer[time.Time] // when an open breaker lets requests try

	mu        sync.Mutex
	callers   map[uint64]*caller   // those with requests here
	throttled map[uint64]time.Time // until when
	swept     time.Time            // when those that are throttled no more were last forgotten
}

// caller is somebody who has requests here, running or waiting.
type caller struct {
	id       uint64
	requests int           // guarded by Guard.mu
	slots    chan struct{} // holds one for each request that runs; nil where any number may
}

// NewGuard returns a guard that has seen nothing yet.
func NewGuard(o GuardOptions) *Guard {
	g := &Guard{
		name: o.Name, base: o.Base, caller: o.Caller, log: o.Log.With("source", o.Name),
		callers: make(map[uint64]*caller), throttled: make(map[uint64]time.Time),
		ofOne: o.Concurrency, running: semaphore.NewWeighted(int64(o.MaxConcurrency)), queue: int64(maxQueued * o.MaxConcurrency),
	}
	g.breaker = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		MaxRequests: tries,
		Timeout:     leftAlone - 1, // it lets them try after its timeout, not at it
		ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= maxFailures },
		IsExcluded:  isExcused,
		OnStateChange: func(_ string, _, to gobreaker.State) {
			switch to {
			case gobreaker.StateOpen:
				at := time.Now().Add(leftAlone)
				g.retryAt.Store(&at)
				g.log.Warn("the source is left alone", "until", at)
			case gobreaker.StateClosed:
				g.log.Info("the source answers again")
			}
		},
	})
	return g
}

// RoundTrip implements [http.RoundTripper]. A request that waits for others fails with its context's error. One that is not
// sent because too many others wait, or it has waited for too long, or because the source fails, is a *[profile.Error]
// with the code Overloaded. Whoever ends a request's context without a fault of the source's must give no cause of its own: with
// one, it counts as a failure.
func (g *Guard) RoundTrip(r *http.Request) (*http.Response, error) {
	p, err := g.enter(r.Context())
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close() // as every RoundTripper has to
		}
		return nil, err
	}
	failure := errPanicked // unless there is an end to this
	defer func() {
		if failure != nil {
			p.end(p.blame(failure))
		}
	}()
	resp, err := g.base.RoundTrip(r)
	failure = err
	if err != nil {
		return nil, err
	}
	switch resp.StatusCode {
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		p.outcome = failedStatus(resp.StatusCode)
	case http.StatusTooManyRequests:
		g.throttle(p.caller.id, resp.Header)
	}
	p.ReadCloser, resp.Body = resp.Body, p
	return resp, nil
}

// Condition is how a source is doing, as its guard has last seen it.
type Condition struct {
	Failing        bool      // it has failed several times in a row, and has not answered well since
	ThrottledUntil time.Time // the context's caller; zero where not throttled
}

// Condition tells how the source is doing for the context's caller.
func (g *Guard) Condition(ctx context.Context) Condition {
	c := Condition{Failing: g.breaker.State() != gobreaker.StateClosed}
	id := g.caller(ctx)
	g.mu.Lock()
	defer g.mu.Unlock()
	if until := g.throttled[id]; time.Now().Before(until) {
		c.ThrottledUntil = until
	}
	return c
}

// enter waits for the caller's turn, then for that of all callers, and then asks for leave to send. Those who wait for
// their own are not in the queue of all: one caller would keep out everybody.
func (g *Guard) enter(ctx context.Context) (*passage, error) {
	c, came := g.join(g.caller(ctx)), time.Now()
	if err := c.wait(ctx); err != nil {
		g.leave(c)
		return nil, err
	}
	report, err := g.admit(ctx)
	if err != nil {
		c.goOn()
		g.leave(c)
		return nil, err
	}
	now := time.Now()
	return &passage{ctx: ctx, guard: g, caller: c, waited: now.Sub(came), since: now, report: report}, nil
}

// wait waits for one of the caller's slots, as long as the sender is there.
func (c *caller) wait(ctx context.Context) error {
	if c.slots == nil {
		return nil
	}
	sender := profile.Sender(ctx)
	select {
	case c.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-sender.Done():
		return sender.Err()
	}
}

// goOn gives the caller's slot free.
func (c *caller) goOn() {
	if c.slots != nil {
		<-c.slots
	}
}

// admit lets a request be one of those that run, and returns what tells the breaker how it went.
func (g *Guard) admit(ctx context.Context) (report func(error), err error) {
	// It would count against the source, which is not even asked.
	if err := cmp.Or(ctx.Err(), profile.Sender(ctx).Err()); err != nil {
		return nil, err
	}
	if err := g.await(ctx); err != nil {
		return nil, err
	}
	report, err = g.breaker.Allow()
	if err == nil {
		return report, nil
	}
	g.running.Release(1)
	if errors.Is(err, gobreaker.ErrOpenState) {
		wait := max(0, math.Ceil(time.Until(*g.retryAt.Load()).Seconds()*1000)/1000)
		return nil, g.refusal("The source has failed several times in a row, and is left alone for some seconds.", &wait)
	}
	return nil, g.refusal("The source has failed several times in a row, and others are trying it now.", nil)
}

// await waits for the request's turn, first come, first served, and no longer than longestQueue.
func (g *Guard) await(ctx context.Context) error {
	if g.running.TryAcquire(1) {
		return nil
	}
	if g.queued.Add(1) > g.queue {
		g.queued.Add(-1)
		return g.refusal("Too many requests to the source are waiting. Try again in a moment.", nil)
	}
	defer g.queued.Add(-1)
	inTime, cancel := context.WithTimeout(ctx, longestQueue)
	defer cancel()
	waiting, end := profile.Waiting(inTime)
	defer end()
	sender := profile.Sender(ctx)
	if g.running.Acquire(waiting, 1) != nil {
		if err := cmp.Or(ctx.Err(), sender.Err()); err != nil {
			return err
		}
		return g.refusal("Too many requests to the source are under way. Try again in a moment.", nil)
	}
	if err := cmp.Or(ctx.Err(), sender.Err()); err != nil { // at the same moment
		g.running.Release(1)
		return err
	}
	return nil
}

func (g *Guard) refusal(message string, retryAfter *float64) *profile.Error {
	return &profile.Error{Code: profile.Overloaded, Message: message, Source: g.name, RetryAfter: retryAfter}
}

// join finds the caller, who stays until as many requests have left.
func (g *Guard) join(id uint64) *caller {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := g.callers[id]
	if c == nil {
		c = &caller{id: id}
		if g.ofOne > 0 {
			c.slots = make(chan struct{}, g.ofOne)
		}
		g.callers[id] = c
	}
	c.requests++
	return c
}

// leave forgets the caller with the last request, and now and then those who are throttled no more.
func (g *Guard) leave(c *caller) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if c.requests--; c.requests == 0 {
		delete(g.callers, c.id)
	}
	if len(g.throttled) == 0 {
		return
	}
	if now := time.Now(); now.Sub(g.swept) >= time.Second {
		g.swept = now
		maps.DeleteFunc(g.throttled, func(_ uint64, until time.Time) bool { return !now.Before(until) })
	}
}

// throttle notes what an answer of 429 says about its caller.
func (g *Guard) throttle(id uint64, h http.Header) {
	seconds, told := profile.RetryAfter(h)
	if !told {
		return
	}
	until := time.Now().Add(time.Duration(min(seconds, longestThrottle.Seconds()) * float64(time.Second)))
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, known := g.throttled[id]; known || len(g.throttled) < maxThrottled {
		g.throttled[id] = until
	}
}

// Outcomes of a request that are not the transport's own errors. For the breaker, all are failures but those that are
// excused.
var (
	errLeft     = errors.New("the caller left")
	errHurried  = errors.New("most of its time was over before it was sent")
	errPanicked = errors.New("panic")
)

// isExcused tells whether an outcome counts neither for nor against the source.
func isExcused(outcome error) bool {
	return errors.Is(outcome, errLeft) || errors.Is(outcome, errHurried)
}

// failedStatus is the outcome of a request that is answered with this status.
type failedStatus int

func (s failedStatus) Error() string { return fmt.Sprintf("status %d", int(s)) }

// blame says whose fault a request's failure is. A caller who leaves cancels the context and gives no other cause. One
// whose requests have waited for each other leaves the source less time than it may take.
func (p *passage) blame(failure error) error {
	switch cause := context.Cause(p.ctx); {
	case errors.Is(cause, context.Canceled):
		return errLeft
	case errors.Is(cause, context.DeadlineExceeded) && time.Since(p.since) < p.waited:
		return errHurried
	}
	return failure
}

// reason puts a failure into words for the log, without an address or anything that the source has sent.
func reason(failure error) string {
	var name *net.DNSError
	var certificate *tls.CertificateVerificationError
	var status failedStatus
	switch {
	case errors.Is(failure, context.DeadlineExceeded):
		return "no answer in time"
	case errors.As(failure, &name):
		return "its name is not found"
	case errors.Is(failure, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.As(failure, &certificate):
		return "its certificate is not to be trusted"
	case errors.As(failure, &status):
		return status.Error()
	}
	return "the connection was lost, or what came is not HTTP"
}

// passage is one request on its way, and then the body of its answer.
type passage struct {
	io.ReadCloser
	ctx     context.Context
	guard   *Guard
	caller  *caller
	waited  time.Duration // for others
	since   time.Time     // when it was sent
	report  func(error)
	outcome error // by the answer's status
	ended   atomic.Bool
}

// Read ends the passage with the body, whole or not.
func (p *passage) Read(b []byte) (int, error) {
	n, err := p.ReadCloser.Read(b)
	switch {
	case err == nil:
	case err == io.EOF || p.outcome != nil:
		p.end(p.outcome)
	default:
		p.end(p.blame(err))
	}
	return n, err
}

// Close ends the passage: whoever does not want the rest has no complaint about it.
func (p *passage) Close() error {
	defer p.end(p.outcome)
	return p.ReadCloser.Close()
}

// end reports the outcome and gives the slot free, once.
func (p *passage) end(outcome error) {
	if p.ended.Swap(true) {
		return
	}
	if outcome != nil && !isExcused(outcome) {
		p.guard.log.Warn("the source failed", "reason", reason(outcome))
	}
	p.report(outcome)
	p.guard.running.Release(1)
	p.caller.goOn()
	p.guard.leave(p.caller)
}
