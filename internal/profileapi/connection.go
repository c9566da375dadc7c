package profileapi

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Servers close idle connections: Node after 5 seconds, others after 2 or 75. A request that is sent at that moment is lost,
// and for a write the outcome is unknown. So writes are not sent on a connection that has been idle for longer than is safe;
// reads are, since they can be retried.

const (
	// maxSafeIdle is how long an idle connection is safe if the server does not announce a timeout: shorter than the
	// timeout of any known server.
	maxSafeIdle = 1500 * time.Millisecond
	// closeMargin is subtracted from the timeout that a server announces: the request has to arrive before it.
	closeMargin = time.Second
)

// errStale is returned by writes to a stale connection. Nothing has been written then, so the transport retries on another
// connection.
var errStale = errors.New("the connection has been idle for too long")

// Transport is an [http.Transport] that sends a write on another connection if one has been idle for too long. The
// http.Transport itself does so only if the body fits its buffer of 4 KiB: otherwise it takes the error of the connection
// for one of the body.
type Transport struct{ *http.Transport }

// RoundTrip implements [http.RoundTripper].
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	for {
		resp, err := t.Transport.RoundTrip(r)
		if !errors.Is(err, errStale) || r.GetBody == nil { // each stale connection is closed, so this ends
			return resp, err
		}
		body, err := r.GetBody()
		if err != nil {
			return nil, err
		}
		r = r.WithContext(r.Context()) // a RoundTripper must not modify the request
		r.Body = body
	}
}

// keptConn is a keep-alive connection.
type keptConn struct {
	net.Conn
	keepAlive atomic.Int64 // idle timeout that the server has announced, in nanoseconds; 0 for none
	stale     atomic.Bool
}

// Write implements [net.Conn].
func (c *keptConn) Write(p []byte) (int, error) {
	if c.stale.Load() {
		return 0, errStale
	}
	return c.Conn.Write(p)
}

// isSafe reports whether a write may be sent after the connection has been idle for this long.
func (c *keptConn) isSafe(idle time.Duration) bool {
	announced := time.Duration(c.keepAlive.Load())
	if announced == 0 {
		return idle <= maxSafeIdle
	}
	return idle <= announced-min(closeMargin, announced/2)
}

// keepConns wraps dialed connections in [keptConn].
func keepConns(dial func(ctx context.Context, network, address string) (net.Conn, error)) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &keptConn{Conn: c}, nil
	}
}

// underlyingConn returns the connection below TLS, if any; nil for HTTP/2, where servers announce that they close one.
func underlyingConn(c net.Conn) *keptConn {
	if secure, ok := c.(*tls.Conn); ok {
		if secure.ConnectionState().NegotiatedProtocol == "h2" {
			return nil
		}
		c = secure.NetConn()
	}
	kept, _ := c.(*keptConn)
	return kept
}

// markStale marks the connection of a write as stale if it has been idle for too long.
func markStale(c *keptConn, method string, info httptrace.GotConnInfo) {
	if c != nil && method != http.MethodGet && info.WasIdle && !c.isSafe(info.IdleTime) {
		c.stale.Store(true)
	}
}

// observe reads from a response whether its connection must not be reused (421), and the server's idle timeout (Keep-Alive:
// timeout=5, in seconds).
func (c *keptConn) observe(status int, h http.Header) {
	if c == nil {
		return
	}
	if status == http.StatusMisdirectedRequest {
		c.stale.Store(true)
	}
	value := h.Get("Keep-Alive")
	if value == "" {
		return
	}
	for part := range strings.SplitSeq(value, ",") {
		name, text, _ := strings.Cut(strings.TrimSpace(part), "=")
		if seconds, err := strconv.Atoi(strings.Trim(text, `"`)); err == nil && strings.EqualFold(name, "timeout") && seconds > 0 {
			c.keepAlive.Store(int64(min(seconds, 3600)) * int64(time.Second))
		}
	}
}
