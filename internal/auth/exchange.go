package auth

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	lru "github.com/hashicorp/golang-lru/v2"

	"profileql/internal/profile"
)

const (
	maxExchanged = 4096 // callers whose token for a source is remembered

	earlyExpiry  = 30 * time.Second // before a token expires, it is not used any more
	earlyRenewal = 5 * time.Minute  // before a token expires, a new one is fetched while it is still used

	failureDelay = time.Second      // after a token service failed, before it is asked for the same token again
	refusalDelay = 10 * time.Second // after it refused
	maxDelay     = time.Minute      // longer Retry-After values are cut
	minAge       = 10 * time.Second // of a token that the source refuses, before another one is fetched
)

// ExchangeOptions are the options of [OnBehalfOf] and [ClientCredentials]. ProfileQL authenticates itself to the token
// service with exactly one of Secret, Certificate and FederatedTokenFile.
type ExchangeOptions struct {
	Source   string // configured name of the source, for errors
	Tenant   string
	ClientID string // of ProfileQL at the token service

	Secret             string
	Certificate        []byte // certificate and its private key, PEM
	FederatedTokenFile string // token of a Kubernetes service account or another workload identity; read for each exchange

	Scopes    []string // of the source, such as https://graph.microsoft.com/.default
	Authority string   // address of the token service, https; empty for Microsoft Entra's public cloud

	// Transport sends requests to the token service; nil for [http.DefaultTransport]. Give it a limiter of its own
	// (sources.NewLimiter, named after the source), so that its concurrency is bounded and that it has a circuit
	// breaker: an error of type *[profile.Error] is returned to the caller as it is.
	Transport http.RoundTripper
	Timeout   time.Duration    // of an exchange; the source's
	Now       func() time.Time // nil for [time.Now]
	Log       *slog.Logger

	// Observe is called after each exchange, if not nil: with the context of the request that caused it, the code of
	// its error ("" for a success), when it began and how long it took. A token that was remembered is no exchange. The
	// exchange itself runs without the request's context, so a span has to be made here.
	Observe func(ctx context.Context, code profile.Code, began time.Time, took time.Duration)
}

// OnBehalfOf returns the caller's token for a source: the token service exchanges the token that a [Verifier] has
// verified. Requests without one fail with Unauthenticated.
//
// Where the token service demands more of the caller, such as a second factor, the error is Unauthenticated, with
// Claims if the service named them. A token service that is down or slow is SourceUnavailable or SourceTimeout, and
// nothing was sent to the source. The error's Cause has the token service's error codes, and nothing else that it sent.
//
// It fails if the options cannot work, without asking the token service.
func OnBehalfOf(o ExchangeOptions) (Token, error) { return newExchanger(o, true) }

// ClientCredentials returns ProfileQL's own token for a source, the same for every caller. Errors are as for
// [OnBehalfOf], except that no caller can do anything about them: there is no Unauthenticated.
func ClientCredentials(o ExchangeOptions) (Token, error) { return newExchanger(o, false) }

// exchanger gets tokens for a source from a token service, and remembers them. One exchange serves all requests that
// need the same token, and is canceled by none of them.
//
// azidentity's credentials remember tokens too, but one credential has one caller and costs 9 KB, makes others wait
// behind a mutex that no context ends, and keeps the caller's token. So a credential lives for one exchange.
type exchanger struct {
	service  tokenService
	source   string
	timeout  time.Duration
	now      func() time.Time
	log      *slog.Logger
	observe  func(ctx context.Context, code profile.Code, began time.Time, took time.Duration)
	own      *cell                       // ProfileQL's own token; nil on behalf of callers
	byCaller *lru.Cache[tokenKey, *cell] // nil for ProfileQL's own token
}

func newExchanger(o ExchangeOptions, onBehalf bool) (Token, error) {
	service, err := newTokenService(o, onBehalf)
	if err != nil {
		return Token{}, err
	}
	x := &exchanger{service: service, source: o.Source, timeout: o.Timeout, now: o.Now, log: o.Log, observe: o.Observe}
	if x.now == nil {
		x.now = time.Now
	}
	if !onBehalf {
		x.own = new(cell)
		return Token{exchange: x}, nil
	}
	x.byCaller, err = lru.New[tokenKey, *cell](maxExchanged)
	return Token{exchange: x}, err
}

// cell is the place of one token: that of one caller, or ProfileQL's own.
type cell struct {
	mu      sync.Mutex
	value   string    // Authorization; empty for none
	fetched time.Time // when it came
	renewal time.Time // when a new one should be fetched
	expiry  time.Time // when it is not used any more
	retryAt time.Time // when the token service may be asked again after a failure
	failure error     // the last one; nil after a success
	pending *pending  // the exchange under way; nil for none
}

// pending is an exchange under way.
type pending struct {
	done  chan struct{} // closed once value and err are set
	value string
	err   error
}

// token returns the cell of the context's caller and the Authorization in it. It fails with a *profile.Error or the
// context's error.
func (x *exchanger) token(ctx context.Context) (*cell, string, error) {
	c := x.own
	var caller *verified
	if c == nil {
		var ok bool
		if caller, ok = ctx.Value(verifiedKey{}).(*verified); !ok {
			return nil, "", &profile.Error{
				Code: profile.Unauthenticated, Source: x.source, Message: "The source needs a token of the caller, and there is none.",
			}
		}
		c = x.cellOf(caller.key)
	}
	value, p, err := x.look(ctx, c, caller)
	if p != nil {
		value, err = p.wait(ctx)
	}
	return c, value, err
}

func (x *exchanger) cellOf(key tokenKey) *cell {
	if c, ok := x.byCaller.Get(key); ok {
		return c
	}
	c := new(cell)
	if earlier, ok, _ := x.byCaller.PeekOrAdd(key, c); ok {
		return earlier
	}
	return c
}

// look returns the token in a cell, or the exchange under way to wait for. It starts an exchange if there is none and a
// token is needed, or will be soon.
func (x *exchanger) look(ctx context.Context, c *cell, caller *verified) (value string, p *pending, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := x.now()
	usable := now.Before(c.expiry)
	if usable && now.Before(c.renewal) {
		return c.value, nil, nil
	}
	if c.pending == nil && !now.Before(c.retryAt) {
		c.pending = &pending{done: make(chan struct{})}
		go x.exchange(ctx, c, caller)
	}
	switch {
	case usable:
		return c.value, nil, nil
	case c.pending != nil:
		return "", c.pending, nil
	}
	return "", nil, c.failure
}

// wait returns the result of an exchange, unless the request ends before.
func (p *pending) wait(ctx context.Context) (string, error) {
	waitCtx, cancel := profile.WaitContext(ctx)
	defer cancel()
	select {
	case <-p.done:
		return p.value, p.err
	case <-waitCtx.Done():
		return "", cmp.Or(ctx.Err(), waitCtx.Err())
	}
}

// exchange fetches a token for a cell. Its context is not the request's: others wait for the token too, and the
// request's has the hooks that tell whether the source has received anything.
func (x *exchanger) exchange(request context.Context, c *cell, caller *verified) {
	ctx, cancel := context.WithTimeout(context.Background(), x.timeout)
	defer cancel()
	began := time.Now()
	token, failure := x.service.fetch(ctx, caller)
	took := time.Since(began)
	if failure != nil {
		failure.Source = x.source
	}
	p := c.settle(token, failure, caller, x.now())
	x.report(request, failure, began, took)
	close(p.done)
}

// settle ends the exchange under way with its result.
func (c *cell) settle(token azcore.AccessToken, failure *profile.Error, caller *verified, now time.Time) *pending {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.pending
	c.pending = nil
	if failure != nil {
		c.retryAt, c.failure, p.err = now.Add(delayAfter(failure)), failure, failure
		return p
	}
	c.keep(token, now)
	if caller != nil && caller.expiry.Before(c.expiry) {
		c.expiry = caller.expiry
	}
	p.value = c.value
	return p
}

// report logs a failure and tells the observer of an exchange.
func (x *exchanger) report(request context.Context, failure *profile.Error, began time.Time, took time.Duration) {
	var code profile.Code
	if failure != nil {
		code = failure.Code
		level := slog.LevelWarn
		if code == profile.Unauthenticated {
			level = slog.LevelInfo // the caller is told what to do
		}
		x.log.Log(request, level, "no token for the source", "source", x.source, "code", code, "reason", failure.Cause)
	}
	if x.observe != nil {
		x.observe(request, code, began, took)
	}
}

// keep remembers a token. The system's clock tells how long it lives, because azidentity reads that clock.
func (c *cell) keep(token azcore.AccessToken, now time.Time) {
	life := time.Until(token.ExpiresOn)
	c.value, c.fetched, c.failure, c.retryAt = "Bearer "+token.Token, now, nil, time.Time{}
	c.expiry = now.Add(life - min(earlyExpiry, life/10))
	c.renewal = now.Add(life - min(earlyRenewal, life/2))
	if early := time.Until(token.RefreshOn); !token.RefreshOn.IsZero() && now.Add(early).Before(c.renewal) {
		c.renewal = now.Add(early)
	}
}

// delayAfter returns how long the token service is not asked for the same token after a failure.
func delayAfter(failure *profile.Error) time.Duration {
	var answer *answerError
	switch {
	case failure.RetryAfter != nil:
		return time.Duration(min(*failure.RetryAfter, maxDelay.Seconds()) * float64(time.Second))
	case errors.As(failure.Cause, &answer) && answer.status/100 == 4:
		return refusalDelay
	}
	return failureDelay
}

// drop forgets a token that the source has refused, unless it is so new that another one would be refused too.
func (x *exchanger) drop(c *cell, value string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := x.now(); c.value == value && now.Sub(c.fetched) >= minAge {
		c.value, c.expiry = "", time.Time{}
	}
}
