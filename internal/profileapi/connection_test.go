package profileapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"profileql/internal/profile"
)

func TestIsSafe(t *testing.T) {
	t.Parallel()
	for header, safe := range map[string]time.Duration{
		"": maxSafeIdle, "timeout=5": 4 * time.Second, "timeout=5, max=100": 4 * time.Second, `max=100,Timeout="5"`: 4 * time.Second, "timeout=1": 500 * time.Millisecond,
		"timeout=0": maxSafeIdle, "timeout=-5": maxSafeIdle, "timeout=soon": maxSafeIdle, "max=100": maxSafeIdle, "timeout": maxSafeIdle, "timeout=99999999": 3599 * time.Second,
	} {
		c := new(keptConn)
		c.observe(http.StatusOK, http.Header{"Keep-Alive": {header}})
		if !c.isSafe(safe) || c.isSafe(safe+1) {
			t.Errorf("%q: not safe for exactly %v", header, safe)
		}
	}
}

// TestIdleConnections holds which requests reuse a connection that has been idle. Other writes are sent once, on a new
// connection.
func TestIdleConnections(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		keepAlive string
		idle      time.Duration
		dials     int64 // of a PATCH, then a PATCH after the time
		reads     int64 // of a PATCH, then a GET
		tls, h2   bool
		size      int // of the body of the second PATCH; larger ones than the transport's buffer fail in another place
	}{
		"just now":                  {idle: 0, dials: 1, reads: 1},
		"for long":                  {idle: maxSafeIdle + 100*time.Millisecond, dials: 2, reads: 1},
		"for long, large":           {idle: maxSafeIdle + 100*time.Millisecond, dials: 2, reads: 1, size: 50_000},
		"for long, large, TLS":      {idle: maxSafeIdle + 100*time.Millisecond, dials: 2, reads: 1, size: 50_000, tls: true},
		"for long, and TLS":         {idle: maxSafeIdle + 100*time.Millisecond, dials: 2, reads: 1, tls: true},
		"for long, and HTTP/2":      {idle: maxSafeIdle + 100*time.Millisecond, dials: 1, reads: 1, tls: true, h2: true},
		"as the server says":        {keepAlive: "timeout=5", idle: maxSafeIdle + 100*time.Millisecond, dials: 1, reads: 1},
		"longer than the server is": {keepAlive: "timeout=1", idle: 600 * time.Millisecond, dials: 2, reads: 1},
	} {
		for _, second := range []string{http.MethodPatch, http.MethodGet} {
			t.Run(name+", "+second, func(t *testing.T) {
				t.Parallel()
				var dials, asked atomic.Int64
				server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					asked.Add(1)
					if test.keepAlive != "" {
						w.Header().Set("Keep-Alive", test.keepAlive)
					}
					w.Header().Set("Content-Type", "application/json")
					_, _ = fmt.Fprint(w, `{"id": "a"}`)
				}))
				server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
					if state == http.StateNew {
						dials.Add(1)
					}
				}
				server.EnableHTTP2 = test.h2
				c := thingsAt(t, server, test.tls)
				_, err := c.Update(t.Context(), profile.Ref{ID: "a"}, []byte(`{"name":"x"}`))
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(test.idle) // connections are idle by the wall clock
				want := test.dials
				if second == http.MethodGet {
					want = test.reads
					_, err = c.Get(t.Context(), profile.Ref{ID: "a"}, nil)
				} else {
					_, err = c.Update(t.Context(), profile.Ref{ID: "a"}, []byte(`{"name":"y`+strings.Repeat("y", test.size)+`"}`))
				}
				if err != nil || dials.Load() != want || asked.Load() != 2 {
					t.Errorf("%v, %d connections, want %d; asked %d times", err, dials.Load(), want, asked.Load())
				}
			})
		}
	}
}

// TestMisdirected responds 421 on the first connection: the request is retried on another.
func TestMisdirected(t *testing.T) {
	t.Parallel()
	for name, secure := range map[string]bool{"plain": false, "TLS": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var first atomic.Pointer[string]
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				first.CompareAndSwap(nil, &r.RemoteAddr)
				if *first.Load() == r.RemoteAddr {
					w.WriteHeader(http.StatusMisdirectedRequest)
					return
				}
				w.Header().Set("Content-Type", "application/json")
				_, _ = fmt.Fprint(w, `{"id": "a"}`)
			}))
			if _, err := thingsAt(t, server, secure).Get(t.Context(), profile.Ref{ID: "a"}, nil); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestClosedBeforeWrite closes an idle connection between the moment that a write gets it and the moment that the write is
// sent. Nothing was sent then, so the write is sent on another connection.
func TestClosedBeforeWrite(t *testing.T) {
	t.Parallel()
	for _, method := range []string{http.MethodPatch, http.MethodDelete} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int64
			accepted := make(chan net.Conn, 1)
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				asked.Add(1)
				w.Header().Set("Content-Type", "application/json")
				_, _ = fmt.Fprint(w, `{"id": "a"}`)
			}))
			server.Config.ConnState = func(c net.Conn, state http.ConnState) {
				if state == http.StateNew {
					accepted <- c
				}
			}
			server.Start()
			t.Cleanup(server.Close)
			closed := make(chan struct{}, 1)
			transport := NewTransport(8)
			transport.DialContext = keepConns(func(ctx context.Context, network, address string) (net.Conn, error) {
				conn, err := new(net.Dialer).DialContext(ctx, network, address)
				return &closeSignal{conn, closed}, err
			})
			c := thingsOver(t, server.URL, transport)
			const writes = 50 // net/http chooses at random between the two errors
			ctx := t.Context()
			for range writes {
				var err error
				if method == http.MethodDelete {
					err = c.Delete(ctx, profile.Ref{ID: "a"})
				} else {
					_, err = c.Update(ctx, profile.Ref{ID: "a"}, []byte(`{"name":"x"}`))
				}
				if err != nil {
					t.Fatal(err)
				}
				open := <-accepted
				var once sync.Once
				ctx = httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
					once.Do(func() {
						info.Conn.(*keptConn).stale.Store(info.Reused)
						_ = open.Close()
						<-closed // the transport has seen it
					})
				}})
			}
			if asked.Load() != writes {
				t.Errorf("the source was asked %d times, not %d", asked.Load(), writes)
			}
		})
	}
}

// TestUnrepeatableBody tests that a request whose body cannot be read again is not sent without it.
func TestUnrepeatableBody(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	t.Cleanup(server.Close)
	transport := NewTransport(8)
	t.Cleanup(transport.CloseIdleConnections)
	send := func(isStale bool) error {
		a := new(attempt)
		ctx := httptrace.WithClientTrace(context.WithValue(t.Context(), attemptKey{}, a), &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
			a.got(info, http.MethodPatch)
			a.conn.stale.Store(isStale && info.Reused)
		}})
		r, err := http.NewRequestWithContext(ctx, http.MethodPatch, server.URL, io.NopCloser(strings.NewReader("{}")))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := transport.RoundTrip(r)
		if err == nil {
			_ = resp.Body.Close()
		}
		return err
	}
	if err := send(false); err != nil {
		t.Fatal(err)
	}
	if err := send(true); !errors.Is(err, errStale) || asked.Load() != 1 {
		t.Errorf("%v; the source was asked %d times", err, asked.Load())
	}
}

// closeSignal is a connection that tells when it is closed.
type closeSignal struct {
	net.Conn
	closed chan<- struct{}
}

// Close implements [net.Conn].
func (c *closeSignal) Close() error {
	err := c.Conn.Close()
	select {
	case c.closed <- struct{}{}:
	default:
	}
	return err
}

// thingsAt starts a server, with TLS or without, and returns a collection that has connections of its own to it.
func thingsAt(t *testing.T, server *httptest.Server, secure bool) *Collection {
	t.Helper()
	transport := NewTransport(8)
	if secure {
		server.StartTLS()
		transport.TLSClientConfig = server.Client().Transport.(*http.Transport).TLSClientConfig
		transport.ForceAttemptHTTP2 = server.EnableHTTP2
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	return thingsOver(t, server.URL, transport)
}

// thingsOver returns a collection at a base URL that is asked over a transport.
func thingsOver(t *testing.T, baseURL string, transport *Transport) *Collection {
	t.Helper()
	t.Cleanup(transport.CloseIdleConnections)
	client, err := New(Options{Name: "test", BaseURL: baseURL, Transport: transport, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return NewCollection(client, "things", nil)
}
