package edge

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

func newQueue(t *testing.T) *acceptQueue {
	t.Helper()
	q, err := listenTCP("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = q.Close() })
	return q
}

func needsLinux(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has the queue's length and filters of packets")
	}
}

// TestQueueIsEmptied tests that a listener which is late accepts all connections that the kernel has established.
func TestQueueIsEmptied(t *testing.T) {
	t.Parallel()
	needsLinux(t)
	q := newQueue(t)
	const clients = 5
	for range clients {
		conn, err := net.Dial("tcp", q.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	if err := q.SetDeadline(time.Now().Add(-time.Second)); err != nil {
		t.Fatal(err)
	}
	for i := range clients {
		conn, err := q.Accept()
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		_ = conn.Close()
	}
	if _, err := q.Accept(); !errors.Is(err, errQueueEmpty) {
		t.Errorf("at the end: %v", err)
	}
}

// TestHandshakesAreDropped tests that clients neither get a connection nor are refused until the listener is closed, and
// that established connections go on.
func TestHandshakesAreDropped(t *testing.T) {
	t.Parallel()
	needsLinux(t)
	q := newQueue(t)
	address := q.Addr().String()
	early, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer early.Close()
	if err := dropHandshakes(q.TCPListener); err != nil {
		t.Fatal(err)
	}
	var timeout net.Error
	if conn, err := net.DialTimeout("tcp", address, 50*time.Millisecond); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("a late client got %v, %v", conn, err)
	}
	accepted, err := q.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	if _, err := early.Write([]byte("x")); err != nil {
		t.Error(err)
	}
	if _, err := io.ReadFull(accepted, make([]byte, 1)); err != nil {
		t.Error(err)
	}
	refused := make(chan error, 1)
	go func() {
		_, err := net.Dial("tcp", address)
		refused <- err
	}()
	time.Sleep(50 * time.Millisecond) // most likely after its first packet
	_ = q.Close()
	if err := <-refused; !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("after the end: %v", err)
	}
}

// TestConnectionsEndWhenStopping tests that a stopping service serves requests on connections that were idle, and that
// each connection ends with its response, even if the request came before the stop.
func TestConnectionsEndWhenStopping(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		http2   bool
		stopped bool // before the request
		handler http.HandlerFunc
	}{
		{"idle before", false, true, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "x") }},
		{"under way", false, false, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "x") }},
		{"a status without a body", false, false, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }},
		{"nothing written", false, false, func(http.ResponseWriter, *http.Request) {}},
		{"HTTP/2, idle before", true, true, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "x") }},
		{"HTTP/2, under way", true, false, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "x") }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var stopNow atomic.Bool
			health := new(Health)
			server := httptest.NewUnstartedServer(closeWhenStopping(health, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if stopNow.Load() {
					health.Stop()
				}
				test.handler(w, r)
			})))
			server.EnableHTTP2 = test.http2
			server.StartTLS()
			defer server.Close()
			if reused(t, server) {
				t.Fatal("the first request has a connection already")
			}
			if test.stopped {
				health.Stop()
			}
			stopNow.Store(true)
			if !reused(t, server) {
				t.Error("the idle connection is not used")
			}
			if reused(t, server) {
				t.Error("the connection is used after the stop")
			}
		})
	}
}

// reused sends a request, and returns whether its connection had served another one.
func reused(t *testing.T, server *httptest.Server) (reused bool) {
	t.Helper()
	trace := &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) { reused = info.Reused }}
	r, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), http.MethodPost, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return reused
}
