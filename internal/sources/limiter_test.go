package sources

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"profileql/internal/profile"
)

type testCallerKey struct{}

// asCaller returns a context of one of the callers that [newTestLimiter] tells apart.
func asCaller(ctx context.Context, caller uint64) context.Context {
	return context.WithValue(ctx, testCallerKey{}, caller)
}

// transport is a source in memory.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func newTestLimiter(base http.RoundTripper) *Limiter {
	return newLoggingLimiter(base, slog.DiscardHandler)
}

func newLoggingLimiter(base http.RoundTripper, log slog.Handler) *Limiter {
	return NewLimiter(LimiterOptions{Name: "lab", Base: base, Log: slog.New(log), Concurrency: 4, MaxConcurrency: 256, Caller: func(ctx context.Context) uint64 {
		id, _ := ctx.Value(testCallerKey{}).(uint64)
		return id
	}})
}

// ask sends a request through the limiter and, if there is a response, reads and closes it.
func ask(ctx context.Context, l *Limiter) error {
	resp, err := send(ctx, l)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return errors.Join(err, resp.Body.Close())
}

func send(ctx context.Context, l *Limiter) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://source.example/", nil)
	if err != nil {
		return nil, err
	}
	return l.RoundTrip(r)
}

func answerOf(status int, body io.Reader, header ...string) *http.Response {
	h := make(http.Header)
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(body)}
}

var (
	succeed = respond(200, "{}")
	fail    = transport(func(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") })
)

// hang does not answer before the request's context ends.
func hang(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// hangingBody is a body that does not come before the context ends.
type hangingBody struct{ context.Context }

func (s hangingBody) Read([]byte) (int, error) {
	<-s.Done()
	return 0, s.Err()
}

// isOverloaded checks a rejection and its Retry-After in seconds; -1 for none.
func isOverloaded(t *testing.T, err error, retryAfter float64) {
	t.Helper()
	var e *profile.Error
	if !errors.As(err, &e) || e.Code != profile.Overloaded || e.Source != "lab" || e.Message == "" {
		t.Errorf("not Overloaded: %v", err)
		return
	}
	got := -1.0
	if e.RetryAfter != nil {
		got = *e.RetryAfter
	}
	if got != retryAfter {
		t.Errorf("retry after %v, want %v", got, retryAfter)
	}
}

// isIdle checks that no slot, queue entry or caller is left after all requests have finished.
func isIdle(t *testing.T, l *Limiter) {
	t.Helper()
	if !l.running.TryAcquire(256) {
		t.Error("requests are still in flight")
	} else {
		l.running.Release(256)
	}
	if n, callers := l.queued.Load(), len(l.callers); n != 0 || callers != 0 {
		t.Errorf("%d queued requests and %d callers are left", n, callers)
	}
}

// respond answers with a status and a body.
func respond(status int, body string) transport {
	return func(*http.Request) (*http.Response, error) { return answerOf(status, strings.NewReader(body)), nil }
}

// hangInBody answers with half a body, and then with nothing before the context ends.
func hangInBody(status int) transport {
	return func(r *http.Request) (*http.Response, error) {
		return answerOf(status, io.MultiReader(strings.NewReader("{"), hangingBody{r.Context()})), nil
	}
}

// truncate answers with half a body.
func truncate(*http.Request) (*http.Response, error) {
	return answerOf(200, io.MultiReader(strings.NewReader("{"), iotest.ErrReader(io.ErrUnexpectedEOF))), nil
}

func panics(*http.Request) (*http.Response, error) { panic("oh") }

func readHalf(r *http.Response)  { _, _ = r.Body.Read(make([]byte, 1)) }
func readAll(r *http.Response)   { _, _ = io.ReadAll(r.Body) }
func closeBody(r *http.Response) { _ = r.Body.Close() }

// TestLimiterPerCaller holds that a caller's fifth request waits, for every way in which another one can end, while another
// caller's goes through.
func TestLimiterPerCaller(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		first transport            // what becomes of the first request
		then  func(*http.Response) // what of its answer is no end yet
		end   func(*http.Response) // what is; nil where there is no answer
	}{
		"closed":      {first: succeed, end: closeBody},
		"read":        {first: succeed, end: readAll},
		"half read":   {first: succeed, then: readHalf, end: closeBody},
		"broken off":  {first: truncate, then: readHalf, end: readAll},
		"ended twice": {first: succeed, end: func(r *http.Response) { readAll(r); closeBody(r); closeBody(r) }},
		"an error":    {first: fail},
		"a panic":     {first: panics},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asked, goOn, done := 0, make(chan bool), make(chan bool)
				l := newTestLimiter(transport(func(r *http.Request) (*http.Response, error) {
					if asked++; asked == 1 {
						<-goOn
						return test.first(r)
					}
					return succeed(r)
				}))
				go func() {
					defer func() { _ = recover() }()
					resp, err := send(asCaller(t.Context(), 1), l)
					if err != nil {
						return
					}
					if test.then != nil {
						test.then(resp)
					}
					<-done
					test.end(resp)
				}()
				synctest.Wait()
				var others []*http.Response
				for range 3 {
					resp, err := send(asCaller(t.Context(), 1), l)
					if err != nil {
						t.Fatal(err)
					}
					others = append(others, resp)
				}
				fifth := make(chan error, 1)
				go func() { fifth <- ask(asCaller(t.Context(), 1), l) }()
				synctest.Wait()
				if asked != 4 {
					t.Errorf("%d requests of one caller at once", asked)
				}
				if err := ask(asCaller(t.Context(), 2), l); err != nil {
					t.Errorf("another caller's: %v", err)
				}
				close(goOn)
				synctest.Wait()
				if waits := len(fifth) == 0; waits != (test.end != nil) {
					t.Errorf("the fifth waits: %t", waits)
				}
				close(done)
				if err := <-fifth; err != nil {
					t.Errorf("the fifth: %v", err)
				}
				for _, resp := range others {
					closeBody(resp)
				}
				synctest.Wait()
				isIdle(t, l)
			})
		})
	}
}

// contextEnd is how a request's context ends.
type contextEnd func(context.Context) (context.Context, context.CancelFunc)

func timeout(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, time.Second)
}

func expired(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, 0)
}

func cancelLater(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, leave := context.WithCancel(ctx)
	time.AfterFunc(time.Second, leave)
	return ctx, leave
}

func canceled(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, leave := context.WithCancel(ctx)
	leave()
	return ctx, leave
}

// loseConnection ends the context as package profileapi does when a connection is lost.
func loseConnection(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, end := context.WithCancelCause(ctx)
	time.AfterFunc(time.Second, func() { end(errors.New("the connection was lost")) })
	return ctx, func() { end(nil) }
}

func askAndClose(ctx context.Context, l *Limiter) error {
	resp, err := send(ctx, l)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

func askRecovering(ctx context.Context, l *Limiter) (err error) {
	defer func() { err = fmt.Errorf("panic: %v", recover()) }()
	return ask(ctx, l)
}

// askQueued asks while others of the same caller run, who are stopped afterwards.
func askQueued(ctx context.Context, l *Limiter) error {
	others, stop := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	for range 4 {
		running.Go(func() { _ = ask(others, l) })
	}
	synctest.Wait()
	err := ask(ctx, l)
	stop()
	running.Wait()
	return err
}

// TestBreakerOutcomes holds which outcomes count as a failure, as a success, or as neither.
func TestBreakerOutcomes(t *testing.T) {
	t.Parallel()
	const failure, success, nothing = "failure", "success", "nothing"
	type outcome struct {
		base  transport
		limit contextEnd                            // nil for none
		ask   func(context.Context, *Limiter) error // ask where nil
		want  string
	}
	tests := map[string]outcome{
		"200, unread":                   {base: succeed, ask: askAndClose, want: success},
		"503, unread":                   {base: respond(503, "{}"), ask: askAndClose, want: failure},
		"no connection":                 {base: fail, want: failure},
		"a panic":                       {base: panics, ask: askRecovering, want: failure},
		"no answer in time":             {base: hang, limit: timeout, want: failure},
		"a lost connection":             {base: hang, limit: loseConnection, want: failure},
		"no answer before they leave":   {base: hang, limit: cancelLater, want: nothing},
		"a body that breaks off":        {base: truncate, want: failure},
		"a body that stalls":            {base: hangInBody(200), limit: timeout, want: failure},
		"a body that stalls, unread":    {base: hangInBody(200), limit: timeout, ask: askAndClose, want: success},
		"a 404 that stalls":             {base: hangInBody(404), limit: timeout, want: failure},
		"half a body, and they leave":   {base: hangInBody(200), limit: cancelLater, want: nothing},
		"half a 500, and they leave":    {base: hangInBody(500), limit: cancelLater, want: failure},
		"a deadline before anything":    {base: hang, limit: expired, want: nothing},
		"gone before anything":          {base: hang, limit: canceled, want: nothing},
		"a deadline while waiting":      {base: hang, limit: timeout, ask: askQueued, want: nothing},
		"a caller who leaves the queue": {base: hang, limit: cancelLater, ask: askQueued, want: nothing},
	}
	for _, status := range []int{200, 201, 204, 301, 400, 401, 403, 404, 429, 501, 505} {
		tests[fmt.Sprint(status)] = outcome{base: respond(status, "{}"), want: success}
	}
	for _, status := range []int{500, 502, 503, 504} {
		tests[fmt.Sprint(status)] = outcome{base: respond(status, "{}"), want: failure}
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				base := fail
				l := newTestLimiter(transport(func(r *http.Request) (*http.Response, error) { return base(r) }))
				for range 4 {
					_ = ask(t.Context(), l)
				}
				ctx, end := asCaller(t.Context(), 1), context.CancelFunc(func() {})
				if test.limit != nil {
					ctx, end = test.limit(ctx)
				}
				defer end()
				if test.ask == nil {
					test.ask = ask
				}
				base = test.base
				err := test.ask(ctx, l)
				base = fail

				got := failure
				if !l.Status(ctx).Failing {
					_ = ask(t.Context(), l) // the fifth failure in a row, unless there was a success
					got = success
					if l.Status(ctx).Failing {
						got = nothing
					}
				}
				if got != test.want {
					t.Errorf("counts as %s, want %s; %v", got, test.want, err)
				}
				if test.want == nothing && !errors.Is(err, context.Cause(ctx)) {
					t.Errorf("%v, want %v", err, context.Cause(ctx))
				}
				isIdle(t, l)
			})
		})
	}
}

// TestBreaker opens, probes and closes the circuit breaker.
func TestBreaker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var base transport
		asked := 0
		l := newTestLimiter(transport(func(r *http.Request) (*http.Response, error) {
			asked++
			return base(r)
		}))
		is := func(failing bool) {
			t.Helper()
			if got := l.Status(t.Context()).Failing; got != failing {
				t.Errorf("failing: %t", got)
			}
		}
		base = fail
		for range 5 {
			is(false)
			_ = ask(t.Context(), l)
		}
		is(true)
		asked = 0
		isOverloaded(t, ask(t.Context(), l), 10)
		time.Sleep(3600 * time.Millisecond)
		isOverloaded(t, ask(t.Context(), l), 6.4)
		time.Sleep(6399*time.Millisecond + 600*time.Microsecond)
		isOverloaded(t, ask(asCaller(t.Context(), 1), l), 0.001)
		if asked > 0 {
			t.Errorf("%d requests although the breaker is open", asked)
		}

		// Two probes hang; meanwhile no other request is sent.
		time.Sleep(400 * time.Microsecond)
		base = hang
		ctx, leave := context.WithCancel(t.Context())
		tried := make(chan error)
		for range 2 {
			go func() { tried <- ask(ctx, l) }()
			synctest.Wait()
		}
		isOverloaded(t, ask(asCaller(t.Context(), 1), l), -1)
		is(true)
		leave()
		<-tried
		<-tried
		is(true)

		// The next probe fails.
		base = fail
		_ = ask(t.Context(), l)
		if asked != 3 {
			t.Errorf("%d tries, want 3", asked)
		}
		isOverloaded(t, ask(t.Context(), l), 10)

		// Two successful probes close the breaker; 429 is a success too. They count once their bodies are read.
		time.Sleep(openTimeout)
		base = succeed
		if err := ask(t.Context(), l); err != nil {
			t.Error(err)
		}
		base = respond(429, "{}")
		resp, err := send(t.Context(), l)
		if err != nil {
			t.Fatal(err)
		}
		is(true)
		isOverloaded(t, ask(asCaller(t.Context(), 1), l), -1)
		_, _ = io.ReadAll(resp.Body)
		is(false)
		base = succeed
		for range 10 {
			if err := ask(t.Context(), l); err != nil {
				t.Error(err)
			}
		}
		isIdle(t, l)
	})
}

// TestBreakerLateStart has callers send so many requests that some leave the queue with little time left. A slow source
// that responds is not blamed for their timeouts; one that does not respond at all still opens the breaker.
func TestBreakerLateStart(t *testing.T) {
	t.Parallel()
	slowly := transport(func(r *http.Request) (*http.Response, error) {
		select {
		case <-time.After(3 * time.Second):
			return succeed(r)
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	})
	for name, test := range map[string]struct {
		base   transport
		failed bool
	}{"slow": {slowly, false}, "stalled": {hang, true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newTestLimiter(test.base)
				var all sync.WaitGroup
				for i := range 60 {
					all.Go(func() {
						time.Sleep(time.Duration(i/30) * time.Second)
						ctx, end := context.WithTimeout(asCaller(t.Context(), uint64(i/45)), 10*time.Second)
						defer end()
						_ = ask(ctx, l)
					})
				}
				all.Wait()
				if got := l.Status(t.Context()).Failing; got != test.failed {
					t.Errorf("failing: %v", got)
				}
				isIdle(t, l)
			})
		})
	}
}

// TestLimiterCanceledCaller holds that a detached write whose caller has canceled is not sent, although there is a slot.
func TestLimiterCanceledCaller(t *testing.T) {
	t.Parallel()
	l := newTestLimiter(transport(func(r *http.Request) (*http.Response, error) {
		t.Error("sent")
		return succeed(r)
	}))
	sender, leave := context.WithCancel(t.Context())
	leave()
	for range 20 {
		if err := ask(profile.Detach(sender), l); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	isIdle(t, l)
}

// TestBreakerAlternatingFailures has a source that answers every fifth request: its breaker stays closed.
func TestBreakerAlternatingFailures(t *testing.T) {
	t.Parallel()
	asked := 0
	l := newTestLimiter(transport(func(r *http.Request) (*http.Response, error) {
		if asked++; asked%5 == 0 {
			return succeed(r)
		}
		return fail(r)
	}))
	for range 50 {
		if err := ask(t.Context(), l); errors.As(err, new(*profile.Error)) {
			t.Fatal(err)
		}
	}
}

// TestLimiterTotal holds that the total is limited too, and that requests that wait for their own caller's slots do not
// count.
func TestLimiterTotal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newTestLimiter(succeed)
		var running []*http.Response
		for i := range 256 {
			caller := uint64(i / 4)
			if i == 255 {
				caller = 1000 // with slots left
			}
			resp, err := send(asCaller(t.Context(), caller), l)
			if err != nil {
				t.Fatalf("request %d: %v", i+1, err)
			}
			running = append(running, resp)
		}
		began := time.Now()
		isOverloaded(t, ask(asCaller(t.Context(), 1000), l), -1)
		if waited := time.Since(began); waited != maxQueueTime {
			t.Errorf("it waited for %v", waited)
		}
		ctx, end := context.WithTimeout(asCaller(t.Context(), 1000), maxQueueTime/2)
		if err := ask(ctx, l); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != maxQueueTime*3/2 {
			t.Errorf("past its deadline: %v after %v", err, time.Since(began))
		}
		end()
		// First in, first out; a canceled request is skipped and not sent.
		sender, leave := context.WithCancel(t.Context())
		served := make(chan string, 4)
		for _, who := range []string{"first", "leaves", "second"} {
			go func() {
				ctx := asCaller(t.Context(), 1000)
				if who == "leaves" {
					ctx = profile.Detach(asCaller(sender, 2000)) // somebody with slots left, so that it is in this queue
				}
				err := ask(ctx, l)
				if (err != nil) != (who == "leaves") {
					t.Errorf("%s: %v", who, err)
				}
				served <- who
			}()
			synctest.Wait()
		}
		leave()
		synctest.Wait()
		for _, want := range []string{"leaves", "first", "second"} {
			if want != "leaves" {
				closeBody(running[0])
				running = running[1:]
			}
			if who := <-served; who != want {
				t.Errorf("%s before %s", who, want)
			}
		}
		if err := ask(asCaller(t.Context(), 1000), l); err != nil {
			t.Errorf("afterwards: %v", err)
		}
		if l.Status(t.Context()).Failing {
			t.Error("the source counts as failing")
		}
		for _, resp := range running {
			closeBody(resp)
		}
		isIdle(t, l)
	})
}

// TestLimiterQueueIsBounded holds that the queue is bounded.
func TestLimiterQueueIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newTestLimiter(succeed)
		for range 256 {
			if !l.running.TryAcquire(1) {
				t.Fatal("no slot is free")
			}
		}
		refused := make(chan error, queuedPerSlot*256+1)
		for i := range queuedPerSlot*256 + 1 {
			go func() { refused <- ask(asCaller(t.Context(), uint64(i)), l) }()
		}
		synctest.Wait()
		if len(refused) != 1 {
			t.Errorf("%d are refused at once", len(refused))
		}
		isOverloaded(t, <-refused, -1)
		l.running.Release(256)
		for range queuedPerSlot * 256 {
			if err := <-refused; err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		isIdle(t, l)
	})
}

// TestLimiterSharedToken holds that with one token for all callers there is no limit per caller.
func TestLimiterSharedToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slow := transport(func(r *http.Request) (*http.Response, error) {
			time.Sleep(500 * time.Millisecond)
			return succeed(r)
		})
		l := NewLimiter(LimiterOptions{Name: "lab", Base: slow, Log: slog.New(slog.DiscardHandler), MaxConcurrency: 256, Caller: func(context.Context) uint64 { return 0 }})
		began := time.Now()
		var all sync.WaitGroup
		for range 24 {
			all.Go(func() {
				if err := ask(t.Context(), l); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if took := time.Since(began); took != 500*time.Millisecond {
			t.Errorf("24 callers took %v", took)
		}
		isIdle(t, l)
	})
}

// TestThrottledUntil holds how long a caller counts as throttled.
func TestThrottledUntil(t *testing.T) {
	t.Parallel()
	began := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // by a bubble's clock
	for text, want := range map[string]time.Duration{
		"3": 3 * time.Second, "2.125": 2125 * time.Millisecond, "3600": time.Hour, "3601": time.Hour, "1e300": time.Hour,
		began.Add(time.Minute).Format(http.TimeFormat):    time.Minute,
		began.Add(24 * time.Hour).Format(http.TimeFormat): time.Hour,
		"": 0, "0": 0, "-1": 0, "soon": 0, "NaN": 0, began.Add(-time.Minute).Format(http.TimeFormat): 0,
	} {
		synctest.Test(t, func(t *testing.T) {
			status := 429
			l := newTestLimiter(transport(func(*http.Request) (*http.Response, error) {
				return answerOf(status, http.NoBody, "Retry-After", text), nil
			}))
			is := func(caller uint64, want time.Duration) {
				t.Helper()
				var until time.Time
				if want > 0 {
					until = time.Now().Add(want)
				}
				if got := l.Status(asCaller(t.Context(), caller)).ThrottledUntil; !got.Equal(until) {
					t.Errorf("%q: throttled until %v, want %v", text, got, until)
				}
			}
			_ = ask(asCaller(t.Context(), 1), l)
			is(1, want)
			is(2, 0)
			status = 503
			_ = ask(asCaller(t.Context(), 2), l)
			is(2, 0)
			l.noteThrottled(1, http.Header{"Retry-After": {"soon"}})
			is(1, want)
			l.noteThrottled(1, http.Header{"Retry-After": {"1"}})
			is(1, time.Second)
			time.Sleep(time.Second)
			is(1, 0)
		})
	}
}

// TestLimiterForgetsCallers holds that callers are removed, and that throttled ones are bounded and expire.
func TestLimiterForgetsCallers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		status := 200
		l := newTestLimiter(transport(func(*http.Request) (*http.Response, error) {
			return answerOf(status, http.NoBody, "Retry-After", "60"), nil
		}))
		askAs := func(callers uint64) {
			for i := range callers {
				if err := ask(asCaller(t.Context(), i), l); err != nil {
					t.Fatal(err)
				}
			}
			isIdle(t, l)
		}
		askAs(100_000)
		if n := len(l.throttled); n != 0 {
			t.Errorf("%d throttled callers", n)
		}
		status = 429
		askAs(10_010)
		if n := len(l.throttled); n != 10_000 {
			t.Errorf("%d throttled callers, want 10,000", n)
		}
		// When the table is full, known entries are still updated.
		time.Sleep(30 * time.Second)
		askAs(1)
		if got := time.Until(l.Status(asCaller(t.Context(), 0)).ThrottledUntil); got != time.Minute {
			t.Errorf("the first: %v", got)
		}
		status = 200
		time.Sleep(30 * time.Second)
		askAs(1)
		if n := len(l.throttled); n != 1 {
			t.Errorf("%d are remembered a minute later, want 1", n)
		}
		time.Sleep(30 * time.Second)
		askAs(1)
		if n := len(l.throttled); n != 0 {
			t.Errorf("%d are remembered for good", n)
		}
	})
}

// closeRecorder is a request body that records whether it was closed.
type closeRecorder struct {
	io.Reader
	closed bool
}

func (c *closeRecorder) Close() error {
	c.closed = true
	return nil
}

// TestLimiterClosesBodies holds that the body of a rejected request is closed, as every RoundTripper must.
func TestLimiterClosesBodies(t *testing.T) {
	t.Parallel()
	l := newTestLimiter(fail)
	for range 5 {
		_ = ask(t.Context(), l)
	}
	body := &closeRecorder{Reader: strings.NewReader("{}")}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, "https://source.example/", body)
	if err != nil {
		t.Fatal(err)
	}
	_, err = l.RoundTrip(r)
	isOverloaded(t, err, 10)
	if !body.closed {
		t.Error("the body of a rejected request is open")
	}
}

// TestLimiterOverHTTP has many concurrent callers cancel, time out and lose their connections, over real sockets. Run it
// with -race.
func TestLimiterOverHTTP(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch rand.IntN(12) {
		case 0:
			w.Header().Set("Retry-After", "0.001")
			w.WriteHeader(http.StatusTooManyRequests)
		case 1: // half a body, and then nothing
			w.Header().Set("Content-Length", "10")
			_, _ = io.WriteString(w, "half")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		case 2: // half a body, and the connection is cut
			w.Header().Set("Content-Length", "10")
			_, _ = io.WriteString(w, "half")
			panic(http.ErrAbortHandler)
		default:
			_, _ = io.WriteString(w, "whole")
		}
	}))
	defer server.Close()
	base := &http.Transport{}
	defer base.CloseIdleConnections()
	l := newTestLimiter(base)
	client := &http.Client{Transport: l}
	var all sync.WaitGroup
	for i := range 32 {
		all.Go(func() {
			for range 20 {
				ctx, leave := context.WithCancel(asCaller(t.Context(), uint64(i%5)))
				if rand.IntN(2) == 0 {
					ctx, leave = context.WithTimeout(ctx, 3*time.Millisecond)
				}
				time.AfterFunc(5*time.Millisecond, leave)
				r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
				if err != nil {
					t.Error(err)
					return
				}
				if resp, err := client.Do(r); err == nil {
					_, _ = io.Copy(io.Discard, resp.Body)
					_ = resp.Body.Close()
				}
				l.Status(ctx)
				leave()
			}
		})
	}
	all.Wait()
	isIdle(t, l)
}

// TestBreakerStallingBody has a source that begins to answer and stops, five times, over net/http's own transport. There
// are no sockets, so that the deadlines are on the clock of a bubble, which also waits for every connection to end.
func TestBreakerStallingBody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		base := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			go func() {
				defer func() { _ = theirs.Close() }()
				if _, err := http.ReadRequest(bufio.NewReader(theirs)); err != nil {
					t.Error(err)
				}
				_, _ = io.WriteString(theirs, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{")
				_, _ = io.Copy(io.Discard, theirs)
			}()
			return ours, nil
		}}
		defer base.CloseIdleConnections()
		l := newTestLimiter(base)
		client := &http.Client{Transport: l}
		for range 5 {
			ctx, cancel := timeout(t.Context())
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://source.example/", nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadAll(resp.Body); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v", err)
			}
			_ = resp.Body.Close()
			cancel()
		}
		if !l.Status(t.Context()).Failing {
			t.Error("a source whose answers come to no end is not failing")
		}
	})
}

// BenchmarkLimiter measures what the limiter adds to a request: compare base with limiter.
func BenchmarkLimiter(b *testing.B) {
	resp := http.Response{StatusCode: 200, Header: make(http.Header)}
	base := transport(func(*http.Request) (*http.Response, error) {
		answer := resp
		answer.Body = http.NoBody
		return &answer, nil
	})
	for _, run := range []struct {
		name string
		http.RoundTripper
	}{{"base", base}, {"limiter", newTestLimiter(base)}} {
		b.Run(run.name, func(b *testing.B) {
			b.ReportAllocs()
			var caller uint64
			var mu sync.Mutex
			b.RunParallel(func(pb *testing.PB) {
				mu.Lock()
				caller++
				ctx := asCaller(b.Context(), caller)
				mu.Unlock()
				r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://source.example/", nil)
				if err != nil {
					b.Fatal(err)
				}
				var buf [64]byte
				for pb.Next() {
					resp, err := run.RoundTrip(r)
					if err != nil {
						b.Fatal(err)
					}
					_, _ = resp.Body.Read(buf[:])
					_ = resp.Body.Close()
				}
			})
		})
	}
}

// TestBreakerLog holds that the log says why a source fails, without its address or anything that it has sent, and when the
// circuit breaker opens and closes.
func TestBreakerLog(t *testing.T) {
	t.Parallel()
	const secret = "what the source sent"
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	unknown := &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "hr.example"}}
	for name, test := range map[string]struct {
		err    error
		status int
		body   io.Reader
		reason string // empty where nothing is to be said
	}{
		"refused":       {err: refused, reason: "connection refused"},
		"unknown host":  {err: unknown, reason: "host not found"},
		"untrusted":     {err: &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, reason: "certificate not trusted"},
		"too late":      {err: fmt.Errorf("x: %w", context.DeadlineExceeded), reason: "timeout"},
		"not HTTP":      {err: errors.New("malformed HTTP response " + secret), reason: "connection lost or invalid HTTP response"},
		"lost":          {err: &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}, reason: "connection lost or invalid HTTP response"},
		"half a body":   {status: 200, body: iotest.ErrReader(errors.New(secret)), reason: "connection lost or invalid HTTP response"},
		"status 503":    {status: 503, body: strings.NewReader(secret), reason: "status 503"},
		"status 404":    {status: 404, body: strings.NewReader(secret)},
		"throttled":     {status: 429, body: strings.NewReader(secret)},
		"the whole one": {status: 200, body: strings.NewReader(secret)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			l := newLoggingLimiter(transport(func(*http.Request) (*http.Response, error) {
				if test.err != nil {
					return nil, test.err
				}
				return answerOf(test.status, test.body), nil
			}), slog.NewJSONHandler(&log, nil))
			_ = ask(asCaller(t.Context(), 1), l)
			var line struct{ Level, Msg, Source, Reason string }
			if log.Len() > 0 {
				if err := json.Unmarshal(log.Bytes(), &line); err != nil {
					t.Fatalf("%v in %s", err, &log)
				}
			}
			if line.Reason != test.reason || test.reason != "" && (line.Level != "WARN" || line.Source != "lab") || strings.Contains(log.String(), secret) {
				t.Errorf("got %s", &log)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		status := 500
		l := newLoggingLimiter(transport(func(*http.Request) (*http.Response, error) {
			return answerOf(status, strings.NewReader("")), nil
		}), slog.NewJSONHandler(&log, nil))
		for range maxFailures + 1 {
			_ = ask(asCaller(t.Context(), 1), l)
		}
		status = 200
		time.Sleep(openTimeout)
		for range halfOpenRequests + 1 {
			_ = ask(asCaller(t.Context(), 1), l)
		}
		if said := log.String(); strings.Count(said, "the source failed") != maxFailures ||
			strings.Count(said, "circuit breaker open") != 1 || strings.Count(said, "circuit breaker closed") != 1 {
			t.Errorf("got %s", said)
		}
	})
}

// TestObserve tests that responses in batches count for the circuit breaker and for throttling as others do.
func TestObserve(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := NewLimiter(LimiterOptions{
			Name: "one", Base: http.DefaultTransport, Caller: func(context.Context) uint64 { return 7 }, Log: slog.New(slog.DiscardHandler), MaxConcurrency: 1,
		})
		for _, status := range []int{503, 500, 504, 502, 200, 404, 503, 503, 503, 503} {
			l.Observe(t.Context(), status, nil)
		}
		if l.Status(t.Context()).Failing {
			t.Error("open after 4 failures in a row")
		}
		l.Observe(t.Context(), http.StatusTooManyRequests, http.Header{"Retry-After": {"2.5"}})
		if until := l.Status(t.Context()).ThrottledUntil; time.Until(until) != 2500*time.Millisecond {
			t.Errorf("throttled until %s", until)
		}
		for range maxFailures {
			l.Observe(t.Context(), 503, nil)
		}
		if !l.Status(t.Context()).Failing {
			t.Error("closed after 5 failures in a row")
		}
		l.Observe(t.Context(), 200, nil) // open: nothing is counted
		time.Sleep(openTimeout)
		for range halfOpenRequests {
			l.Observe(t.Context(), 200, nil)
		}
		if l.Status(t.Context()).Failing {
			t.Error("open after two successes")
		}
	})
}
