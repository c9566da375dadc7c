package auth

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"profileql/internal/profile"
	"profileql/internal/sources"
	"profileql/test/idp"
)

const sourceScope = "https://source.example/.default"

// exchanging is a server with a source whose token comes from a token service.
type exchanging struct {
	*verifying
	token    Token
	source   *httptest.Server
	status   atomic.Int64 // of the source
	requests atomic.Int64 // that the source has received
	observed []profile.Code
	mu       sync.Mutex
}

type newToken func(ExchangeOptions) (Token, error)

func newExchanging(t testing.TB, newToken newToken, change func(*ExchangeOptions)) *exchanging {
	t.Helper()
	x := &exchanging{verifying: newVerifying(t)}
	x.status.Store(http.StatusOK)
	x.source = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x.requests.Add(1)
		w.WriteHeader(int(x.status.Load()))
		_, _ = io.WriteString(w, r.Header.Get("Authorization"))
	}))
	t.Cleanup(x.source.Close)
	o := ExchangeOptions{
		Source: "hr", Tenant: idp.Tenant, ClientID: idp.ClientID, Secret: idp.Secret, Scopes: []string{sourceScope}, Authority: x.provider.Authority(),
		Transport: x.provider.Transport(), Timeout: time.Minute, Now: x.clock.now, Log: x.log.logger(),
		Observe: func(_ context.Context, code profile.Code, _ time.Time, _ time.Duration) {
			x.mu.Lock()
			defer x.mu.Unlock()
			x.observed = append(x.observed, code)
		},
	}
	if change != nil {
		change(&o)
	}
	var err error
	if x.token, err = newToken(o); err != nil {
		t.Fatal(err)
	}
	return x
}

// contextOf returns the context of a request with this token, as the verifier leaves it.
func (x *exchanging) contextOf(t testing.TB, token string) (ctx context.Context) {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/graphql", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	x.Middleware(refuseText, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { ctx = r.Context() })).ServeHTTP(w, r)
	if ctx == nil {
		t.Fatalf("the token is refused: %s", w.Body)
	}
	return ctx
}

// send sends a request to the source and returns the Authorization that it has received.
func (x *exchanging) send(ctx context.Context) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, x.source.URL, strings.NewReader("{}"))
	if err != nil {
		return "", err
	}
	resp, err := Transport{Base: x.source.Client().Transport, Token: x.token}.RoundTrip(r)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(resp.Body)
	return string(text), errors.Join(err, resp.Body.Close())
}

// mustSend is send of a request that must succeed; it returns the claims of the token that the source has received.
func (x *exchanging) mustSend(t testing.TB, ctx context.Context) map[string]any {
	t.Helper()
	value, err := x.send(ctx)
	if err != nil {
		t.Fatal(err)
	}
	claims, err := idp.Claims(strings.TrimPrefix(value, "Bearer "))
	if err != nil || !strings.HasPrefix(value, "Bearer ") {
		t.Fatalf("the source received %.20q: %v", value, err)
	}
	return claims
}

func (x *exchanging) codes() []profile.Code {
	x.mu.Lock()
	defer x.mu.Unlock()
	return append([]profile.Code(nil), x.observed...)
}

func TestOnBehalfOf(t *testing.T) {
	t.Parallel()
	x := newExchanging(t, OnBehalfOf, nil)
	adele, eve := x.provider.Mint(nil), x.provider.Mint(map[string]any{"oid": "eve"})
	for range 3 {
		for oid, token := range map[string]string{"adele": adele, "eve": eve} {
			claims := x.mustSend(t, x.contextOf(t, token))
			if claims["oid"] != oid || claims["aud"] != "the-source" {
				t.Errorf("the source received %v", claims)
			}
		}
	}
	all := x.provider.Exchanges()
	if len(all) != 2 || !strings.Contains(all[0].Scope, sourceScope) || all[0].Assertion != "" || all[0].Subject == all[1].Subject {
		t.Errorf("the token service received %+v", all)
	}
	if n := x.provider.Fetches("discovery"); n != 2 {
		t.Errorf("%d requests for metadata; one is the verifier's, and one serves all exchanges", n)
	}
	if codes := x.codes(); len(codes) != 2 || codes[0] != "" {
		t.Errorf("observed %q", codes)
	}
	if x.log.String() != "" {
		t.Errorf("logged %s", x.log)
	}
	if a, b := x.token.Caller(x.contextOf(t, adele)), x.token.Caller(x.contextOf(t, eve)); a == b || a == 0 {
		t.Errorf("callers are %d and %d", a, b)
	}

	_, err := x.send(context.Background())
	if e, ok := errors.AsType[*profile.Error](err); !ok || e.Code != profile.Unauthenticated || e.Source != "hr" {
		t.Errorf("without a caller: %v", err)
	}
}

func TestOneExchangeForMany(t *testing.T) {
	t.Parallel()
	x := newExchanging(t, OnBehalfOf, nil)
	token := x.provider.Mint(nil)
	x.contextOf(t, token) // the keys are fetched
	x.provider.Behave(idp.Behavior{Hang: true})

	// The first one causes the exchange, and leaves.
	ctx, leave := context.WithCancel(x.contextOf(t, token))
	left := make(chan error)
	go func() {
		_, err := x.send(ctx)
		left <- err
	}()
	eventually(t, func() bool { return x.provider.Hanging() == 1 })
	var others sync.WaitGroup
	for range 20 {
		others.Go(func() { x.mustSend(t, x.contextOf(t, token)) })
	}
	leave()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("who has left: %v", err)
	}
	x.provider.Behave(idp.Behavior{})
	others.Wait()
	if n := len(x.provider.Exchanges()); n != 1 {
		t.Errorf("%d exchanges", n)
	}
	if n := x.requests.Load(); n != 20 {
		t.Errorf("the source received %d requests", n)
	}
}

func TestExchangedTokenExpires(t *testing.T) {
	t.Parallel()
	type step struct {
		forward   time.Duration
		token     string // that the source receives: its number
		exchanges int    // so far, once the one in the background is done
	}
	long := map[string]any{"exp": time.Now().Add(24 * time.Hour).Unix()}
	for name, test := range map[string]struct {
		claims  map[string]any
		expires time.Duration
		steps   []step
	}{
		"renewed half-way":           {long, 6 * time.Minute, []step{{0, "1", 1}, {2 * time.Minute, "1", 1}, {2 * time.Minute, "1", 2}, {0, "2", 2}}},
		"renewed before the end":     {long, time.Hour, []step{{0, "1", 1}, {54 * time.Minute, "1", 1}, {2 * time.Minute, "1", 2}, {0, "2", 2}}},
		"expired":                    {long, 6 * time.Minute, []step{{0, "1", 1}, {330 * time.Second, "2", 2}}},
		"the expiry of the caller's": {map[string]any{"exp": time.Now().Add(10 * time.Minute).Unix()}, time.Hour, []step{{0, "1", 1}, {9 * time.Minute, "1", 1}, {2 * time.Minute, "2", 2}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := newExchanging(t, OnBehalfOf, nil)
			x.provider.Behave(idp.Behavior{ExpiresIn: test.expires})
			ctx := x.contextOf(t, x.provider.Mint(test.claims))
			for i, step := range test.steps {
				x.clock.put(step.forward)
				if token := x.mustSend(t, ctx)["jti"]; token != step.token {
					t.Errorf("step %d: the source received token %v; want %s", i, token, step.token)
				}
				eventually(t, func() bool { return len(x.codes()) >= step.exchanges })
				if n := len(x.provider.Exchanges()); n != step.exchanges {
					t.Errorf("step %d: %d exchanges; want %d", i, n, step.exchanges)
				}
			}
		})
	}
}

// TestRenewal tests that a token service that is down is not noticed as long as there is a token.
func TestRenewal(t *testing.T) {
	t.Parallel()
	x := newExchanging(t, OnBehalfOf, nil)
	ctx := x.contextOf(t, x.provider.Mint(nil))
	first := x.mustSend(t, ctx)["jti"]
	x.clock.put(56 * time.Minute)
	x.provider.Behave(idp.Behavior{Status: 503})
	for attempt := 2; attempt < 5; attempt++ {
		for range 10 {
			if jti := x.mustSend(t, ctx)["jti"]; jti != first {
				t.Errorf("the source received token %v", jti)
			}
		}
		eventually(t, func() bool { return len(x.codes()) >= attempt })
		if n := len(x.codes()); n != attempt {
			t.Errorf("%d exchanges within %s; want %d", n, failureDelay, attempt)
		}
		x.clock.put(failureDelay)
	}
	x.provider.Behave(idp.Behavior{})
	x.mustSend(t, ctx)
	eventually(t, func() bool { return x.mustSend(t, ctx)["jti"] != first })
}

func TestExchangeFails(t *testing.T) {
	t.Parallel()
	const claims = `{"access_token":{"capolids":{"essential":true,"values":["c1"]}}}`
	seconds := func(s float64) *float64 { return &s }
	for name, test := range map[string]struct {
		how    idp.Behavior
		change func(*ExchangeOptions)
		want   profile.Error
		cause  string
		delay  time.Duration
		sent   int // requests to the token service; 0 for any number
	}{
		"step-up": {
			how:   idp.Behavior{Refuse: "interaction_required", Claims: "  " + claims},
			want:  profile.Error{Code: profile.Unauthenticated, Claims: claims, Message: "The identity provider requires the caller to sign in again."},
			cause: "the token service answered with status 400, interaction_required, AADSTS50076", delay: refusalDelay, sent: 2,
		},
		"claims that are none": {
			how:   idp.Behavior{Refuse: "invalid_grant", Claims: "<script>"},
			want:  profile.Error{Code: profile.Unauthenticated, Message: "The identity provider requires the caller to sign in again."},
			cause: "the token service answered with status 400, invalid_grant, AADSTS50076", delay: refusalDelay,
		},
		"echo": {
			how:   idp.Behavior{Refuse: "invalid_grant", Echo: true},
			want:  profile.Error{Code: profile.Unauthenticated, Message: "The identity provider requires the caller to sign in again."},
			cause: "the token service answered with status 400, invalid_grant, AADSTS50076", delay: refusalDelay,
		},
		"an error code that is none": {
			how:   idp.Behavior{Refuse: "Bearer abc", Claims: claims},
			want:  profile.Error{Code: profile.Unauthenticated, Claims: claims, Message: "The identity provider requires the caller to sign in again."},
			cause: "the token service answered with status 400, AADSTS50076", delay: refusalDelay,
		},
		"wrong secret": {
			change: func(o *ExchangeOptions) { o.Secret = "another" },
			want:   profile.Error{Code: profile.SourceUnavailable, Message: "The token service does not accept this server's configuration."},
			cause:  "the token service answered with status 401, invalid_client, AADSTS7000215", delay: refusalDelay,
		},
		"unknown tenant": {
			change: func(o *ExchangeOptions) { o.Tenant = "other.example" },
			want:   profile.Error{Code: profile.SourceUnavailable, Message: "The token service does not accept this server's configuration."},
			cause:  "the token service answered with status 404", delay: refusalDelay,
		},
		"fewer scopes than requested": {
			how:   idp.Behavior{Scope: "https://source.example/Other"},
			want:  profile.Error{Code: profile.SourceInvalidResponse, Message: "The token service's response cannot be used."},
			cause: "the token service answered with status 200, but with no token for the configured scopes that lives for five minutes", delay: failureDelay,
		},
		"a short life": {
			how:   idp.Behavior{ExpiresIn: time.Minute},
			want:  profile.Error{Code: profile.SourceInvalidResponse, Message: "The token service's response cannot be used."},
			cause: "the token service answered with status 200, but with no token for the configured scopes that lives for five minutes", delay: failureDelay,
		},
		"down": {
			how:   idp.Behavior{Status: 503},
			want:  profile.Error{Code: profile.SourceUnavailable, Message: "The token service failed."},
			cause: "the token service answered with status 503", delay: failureDelay, sent: 1,
		},
		"down for long": {
			how:   idp.Behavior{Status: 503, RetryAfter: "20"},
			want:  profile.Error{Code: profile.SourceUnavailable, Message: "The token service failed.", RetryAfter: seconds(20)},
			cause: "the token service answered with status 503", delay: 20 * time.Second,
		},
		"throttled": {
			how:   idp.Behavior{Status: 429, RetryAfter: "3600"},
			want:  profile.Error{Code: profile.Throttled, Message: "The token service is throttling requests.", RetryAfter: seconds(3600)},
			cause: "the token service answered with status 429", delay: maxDelay,
		},
		"redirect": {
			how:   idp.Behavior{Status: 307},
			want:  profile.Error{Code: profile.SourceUnavailable, Message: "The token service failed."},
			cause: "the token service answered with status 307", delay: failureDelay,
		},
		"slow": {
			how:    idp.Behavior{Hang: true},
			change: func(o *ExchangeOptions) { o.Timeout = 50 * time.Millisecond },
			want:   profile.Error{Code: profile.SourceTimeout, Message: "The token service did not respond in time."},
			cause:  "context deadline exceeded", delay: failureDelay,
		},
		"unreachable": {
			change: func(o *ExchangeOptions) { o.Authority = "https://127.0.0.1:1" },
			want:   profile.Error{Code: profile.SourceUnavailable, Message: "The token service cannot be reached."},
			cause:  "connection refused", delay: failureDelay,
		},
		"not trusted": {
			change: func(o *ExchangeOptions) { o.Transport = &http.Transport{} },
			want:   profile.Error{Code: profile.SourceUnavailable, Message: "The token service cannot be reached."},
			cause:  "certificate not trusted", delay: failureDelay,
		},
		"no federated token": {
			change: func(o *ExchangeOptions) { o.Secret, o.FederatedTokenFile = "", "/dev/null" },
			want:   profile.Error{Code: profile.SourceUnavailable, Message: "The token service cannot be reached."},
			cause:  "/dev/null: empty, or more than 16384 bytes", delay: failureDelay,
		},
		"a limiter in front": {
			change: func(o *ExchangeOptions) {
				o.Transport = roundTripper(func(*http.Request) (*http.Response, error) {
					return nil, &profile.Error{Code: profile.Overloaded, Message: "full", Source: "token service", RetryAfter: seconds(7)}
				})
			},
			want: profile.Error{Code: profile.Overloaded, Message: "full", RetryAfter: seconds(7)}, cause: "<nil>", delay: 7 * time.Second,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := newExchanging(t, OnBehalfOf, test.change)
			token := x.provider.Mint(nil)
			ctx := x.contextOf(t, token)
			x.provider.Behave(test.how)
			before := x.provider.Requests()
			test.want.Source = "hr"
			x.mustFail(t, ctx, test.want, test.cause, token)
			if n := x.provider.Requests() - before; test.sent > 0 && n != test.sent {
				t.Errorf("the token service received %d requests", n)
			}

			// The token service is left alone for a while, by many callers with the same token too.
			x.clock.put(test.delay - 1)
			for range 20 {
				x.mustFail(t, ctx, test.want, test.cause, token)
			}
			if n := len(x.codes()); n != 1 {
				t.Errorf("%d exchanges within %s", n, test.delay)
			}
			x.clock.put(1)
			x.mustFail(t, ctx, test.want, test.cause, token)
			if codes := x.codes(); len(codes) != 2 || codes[1] != test.want.Code {
				t.Errorf("after %s: observed %q", test.delay, codes)
			}
			if n := x.requests.Load(); n != 0 {
				t.Errorf("the source received %d requests", n)
			}
			mentions(t, "the log", x.log.String(), token)
			if test.change != nil {
				return
			}
			x.provider.Behave(idp.Behavior{})
			x.clock.put(test.delay)
			x.mustSend(t, ctx)
		})
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// mustFail is send of a request that must fail with this error and cause, and must not mention the token.
func (x *exchanging) mustFail(t *testing.T, ctx context.Context, want profile.Error, cause, token string) {
	t.Helper()
	_, err := x.send(ctx)
	e, ok := errors.AsType[*profile.Error](err)
	if !ok {
		t.Fatalf("the error is %v", err)
	}
	got := *e
	got.Cause = nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the error is different:\n%s", diff)
	}
	if text := fmt.Sprint(e.Cause); text != cause {
		t.Errorf("the cause is %q; want %q", text, cause)
	}
	mentions(t, "the error", fmt.Sprintf("%v %+v", err, *e), token)
}

// TestHangingTokenService tests that a token service that does not answer has few requests at a time, and is left alone
// after some failures, if it has a limiter like a source.
func TestHangingTokenService(t *testing.T) {
	t.Parallel()
	const callers, atOnce = 100, 2
	var running, most atomic.Int64
	x := newExchanging(t, OnBehalfOf, func(o *ExchangeOptions) {
		o.Timeout = 100 * time.Millisecond
		base := o.Transport
		counting := roundTripper(func(r *http.Request) (*http.Response, error) {
			defer running.Add(-1)
			if n := running.Add(1); n > most.Load() {
				most.Store(n)
			}
			return base.RoundTrip(r)
		})
		o.Transport = sources.NewLimiter(sources.LimiterOptions{
			Name: "hr", Base: counting, Caller: Caller, Log: o.Log, MaxConcurrency: atOnce,
		})
	})
	var contexts []context.Context
	for i := range callers {
		contexts = append(contexts, x.contextOf(t, x.provider.Mint(map[string]any{"oid": fmt.Sprint(i)})))
	}
	x.provider.Behave(idp.Behavior{Hang: true})
	var waiting sync.WaitGroup
	for _, ctx := range contexts {
		waiting.Go(func() {
			_, err := x.send(ctx)
			if e, ok := errors.AsType[*profile.Error](err); !ok || e.Code != profile.SourceTimeout && e.Code != profile.Overloaded {
				t.Errorf("a caller gets %v", err)
			}
		})
	}
	waiting.Wait()
	if n := most.Load(); n != atOnce {
		t.Errorf("the token service had %d requests at a time", n)
	}

	late := func() *profile.Error {
		_, err := x.send(x.contextOf(t, x.provider.Mint(map[string]any{"oid": rand.Text()})))
		e, _ := errors.AsType[*profile.Error](err)
		return e
	}
	var e *profile.Error
	for attempt := 0; attempt < 10 && (e == nil || e.Code != profile.Overloaded); attempt++ {
		e = late()
	}
	if e == nil || e.Code != profile.Overloaded || e.RetryAfter == nil || e.Source != "hr" {
		t.Fatalf("after some failures: %v", e)
	}
	eventually(t, func() bool { return x.provider.Hanging() == 0 })
	before := x.provider.Requests()
	if e := late(); e == nil || e.Code != profile.Overloaded || x.provider.Requests() != before {
		t.Errorf("%v, after %d requests", e, x.provider.Requests()-before)
	}
}

// TestWriteWaits tests that a write, which its caller cannot cancel once it is sent, can be canceled while it waits for
// a token, and is a timeout if it comes too late.
func TestWriteWaits(t *testing.T) {
	t.Parallel()
	x := newExchanging(t, OnBehalfOf, nil)
	ctx := x.contextOf(t, x.provider.Mint(nil))
	x.provider.Behave(idp.Behavior{Hang: true})
	caller, leave := context.WithCancel(ctx)
	leave()
	if _, err := x.send(profile.Detach(caller)); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that has left: %v", err)
	}
	late, cancel := context.WithTimeout(profile.Detach(ctx), time.Millisecond)
	defer cancel()
	if _, err := x.send(late); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a deadline: %v", err)
	}
	if n := x.requests.Load(); n != 0 {
		t.Errorf("the source received %d requests", n)
	}
	x.provider.Behave(idp.Behavior{})
	x.mustSend(t, ctx)
}

// TestExchangeIsNotTheRequest tests that the hooks of a request, which tell whether the source has received anything,
// do not see the exchange.
func TestExchangeIsNotTheRequest(t *testing.T) {
	t.Parallel()
	x := newExchanging(t, OnBehalfOf, nil)
	ctx := x.contextOf(t, x.provider.Mint(nil))
	var connections atomic.Int64
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connections.Add(1) }})
	x.provider.Behave(idp.Behavior{Refuse: "invalid_grant"})
	if _, err := x.send(ctx); err == nil || connections.Load() != 0 {
		t.Errorf("%v, and the request's hooks saw %d connections", err, connections.Load())
	}
	x.provider.Behave(idp.Behavior{})
	x.clock.put(refusalDelay)
	x.mustSend(t, ctx)
	if n := connections.Load(); n != 1 {
		t.Errorf("the request's hooks saw %d connections", n)
	}
}

// TestSourceRefusesToken tests that a token that the source refuses is replaced, but not for each request.
func TestSourceRefusesToken(t *testing.T) {
	t.Parallel()
	for name, kind := range map[string]newToken{"on behalf of": OnBehalfOf, "own": ClientCredentials} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := newExchanging(t, kind, nil)
			ctx := x.contextOf(t, x.provider.Mint(nil))
			x.status.Store(http.StatusUnauthorized)
			for _, step := range []struct {
				forward   time.Duration
				exchanges int
			}{{0, 1}, {minAge - 1, 1}, {1, 1}, {0, 2}, {0, 2}} {
				x.clock.put(step.forward)
				x.mustSend(t, ctx)
				if n := len(x.provider.Exchanges()); n != step.exchanges {
					t.Errorf("after %s: %d exchanges; want %d", step.forward, n, step.exchanges)
				}
			}
			x.status.Store(http.StatusForbidden)
			x.clock.put(minAge)
			x.mustSend(t, ctx)
			x.mustSend(t, ctx)
			if n := len(x.provider.Exchanges()); n != 2 {
				t.Errorf("a 403 caused an exchange: %d", n)
			}
		})
	}
}

// TestContinuousAccess tests that a source may demand more of the caller while the token is valid only if the caller's
// client has declared that it understands such demands.
func TestContinuousAccess(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		capabilities any
		want         bool
	}{
		"declared": {[]string{"cp1"}, true}, "declared in capitals": {[]string{"x", "CP1"}, true},
		"another capability": {[]string{"cp11"}, false}, "none": {nil, false},
	} {
		x := newExchanging(t, OnBehalfOf, nil)
		x.mustSend(t, x.contextOf(t, x.provider.Mint(map[string]any{"xms_cc": test.capabilities})))
		if claims := x.provider.Exchanges()[0].Claims; strings.Contains(strings.ToLower(claims), "cp1") != test.want {
			t.Errorf("%s: the token service received claims=%s", name, claims)
		}
	}
}

func TestClientCredentials(t *testing.T) {
	t.Parallel()
	x := newExchanging(t, ClientCredentials, nil)
	adele, eve := x.contextOf(t, x.provider.Mint(nil)), x.contextOf(t, x.provider.Mint(map[string]any{"oid": "eve"}))
	for _, ctx := range []context.Context{adele, eve, context.Background()} {
		if claims := x.mustSend(t, ctx); claims["idtyp"] != "app" || claims["scp"] != nil {
			t.Errorf("the source received %v", claims)
		}
	}
	if all := x.provider.Exchanges(); len(all) != 1 || all[0].Grant != "client_credentials" || !strings.Contains(all[0].Scope, sourceScope) {
		t.Errorf("the token service received %+v", all)
	}
	if a, b := x.token.Caller(adele), x.token.Caller(eve); a == b || x.token.Caller(context.Background()) != 0 {
		t.Errorf("callers are %d and %d", a, b)
	}

	// No caller can do anything about a refusal, so none is asked to sign in.
	x = newExchanging(t, ClientCredentials, nil)
	x.provider.Behave(idp.Behavior{Refuse: "invalid_grant", Claims: "{}"})
	x.mustFail(t, context.Background(), profile.Error{
		Code: profile.SourceUnavailable, Source: "hr", Message: "The token service does not accept this server's configuration.",
	}, "the token service answered with status 400, invalid_grant, AADSTS50076", "")
}

func TestFederatedToken(t *testing.T) {
	t.Parallel()
	for name, kind := range map[string]newToken{"on behalf of": OnBehalfOf, "own": ClientCredentials} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "token")
			write := func(text string) {
				if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			write("first\n")
			x := newExchanging(t, kind, func(o *ExchangeOptions) { o.Secret, o.FederatedTokenFile = "", file })
			long := map[string]any{"exp": time.Now().Add(24 * time.Hour).Unix()}
			ctx := x.contextOf(t, x.provider.Mint(long))
			x.mustSend(t, ctx)
			write("second")
			x.clock.put(time.Hour)
			x.mustSend(t, ctx)
			if all := x.provider.Exchanges(); len(all) != 2 || all[0].Assertion != "first" || all[1].Assertion != "second" {
				t.Errorf("the token service received %+v", all)
			}
		})
	}
}

// selfSigned returns a certificate and its key as PEM.
func selfSigned(t *testing.T, key *rsa.PrivateKey) []byte {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "profileql"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...)
}

func TestCertificate(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	certificate := selfSigned(t, key)
	for name, kind := range map[string]newToken{"on behalf of": OnBehalfOf, "own": ClientCredentials} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := newExchanging(t, kind, func(o *ExchangeOptions) { o.Secret, o.Certificate = "", certificate })
			x.mustSend(t, x.contextOf(t, x.provider.Mint(nil)))
			claims, err := idp.Claims(x.provider.Exchanges()[0].Assertion)
			if err != nil || claims["iss"] != idp.ClientID {
				t.Errorf("ProfileQL authenticated itself with %v: %v", claims, err)
			}
		})
	}
}

func TestExchangeOptionsRefused(t *testing.T) {
	t.Parallel()
	good := ExchangeOptions{Tenant: idp.Tenant, ClientID: idp.ClientID, Secret: idp.Secret, Scopes: []string{sourceScope}}
	for name, change := range map[string]func(*ExchangeOptions){
		"":                        func(*ExchangeOptions) {},
		"is no https address":     func(o *ExchangeOptions) { o.Authority = "http://127.0.0.1" },
		"address without a path":  func(o *ExchangeOptions) { o.Authority = "https://login.example/" + idp.Tenant },
		"client id is empty":      func(o *ExchangeOptions) { o.ClientID = "" },
		"no scopes":               func(o *ExchangeOptions) { o.Scopes = nil },
		"invalid tenantID":        func(o *ExchangeOptions) { o.Tenant = "a/b" },
		"exactly one of":          func(o *ExchangeOptions) { o.FederatedTokenFile = "x" },
		"exactly one of a secret": func(o *ExchangeOptions) { o.Secret = "" },
		"no PEM text":             func(o *ExchangeOptions) { o.Secret, o.Certificate = "", []byte(idp.Secret) },
	} {
		for _, kind := range []newToken{OnBehalfOf, ClientCredentials} {
			o := good
			change(&o)
			_, err := kind(o)
			if name == "" && err != nil || name != "" && (err == nil || !strings.Contains(err.Error(), name)) {
				t.Errorf("%s: %v", name, err)
			}
			if err != nil {
				mentions(t, "the error", err.Error())
			}
		}
	}
}
