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

// errStale is returned by writes to a stale connection.
var errStale = errors.New("the connection has been idle for too long")

// Transport is an [http.Transport] that sends a request on another connection if nothing of it was written to a reused one.
// The http.Transport itself does not if the server closes that connection at the same moment (it cannot tell that from a
// request that was lost), nor if the body does not fit its buffer of 4 KiB.
type Transport struct{ *http.Transport }

// RoundTrip implements [http.RoundTripper].
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	for {
		resp, err := t.Transport.RoundTrip(r)
		isRepeatable := r.Body == nil || r.GetBody != nil
		if err == nil || !isRepeatable || r.Context().Err() != nil || !attemptOf(r.Context()).isUnwritten() {
			return resp, err
		}
		// The connection is closed, so this ends.
		r = r.WithContext(r.Context()) // a RoundTripper must not modify the request
		if r.GetBody != nil {
			if r.Body, err = r.GetBody(); err != nil {
				return nil, err
			}
		}
	}
}

// attempt is the state of a request while the transport looks for a connection and sends it.
type attempt struct {
	client  *Client
	isRetry bool
	parts   int // number of requests in a batch; 0 for a single request

	conn    *keptConn // nil for none and for HTTP/2
	reused  bool
	sent    atomic.Bool // whether it may have reached the source
	written atomic.Bool // whether all of it was written
}

type attemptKey struct{}

// attemptOf returns the attempt that the request belongs to; nil for none.
func attemptOf(ctx context.Context) *attempt {
	a, _ := ctx.Value(attemptKey{}).(*attempt)
	return a
}

// Describe returns what may be told of a request of a [Client], as its transport sees it: the path with names in place of the
// ids of people and items, empty if it has another form; whether it is sent again; and the number of requests in a batch, 0
// for a single request.
func Describe(r *http.Request) (template string, isRetry bool, parts int) {
	a := attemptOf(r.Context())
	if a == nil {
		return "", false, 0
	}
	return a.client.pathTemplate(r.URL.EscapedPath()), a.isRetry, a.parts
}

// isUnwritten reports whether nothing was written to a connection that had been used before.
func (a *attempt) isUnwritten() bool {
	return a != nil && a.conn != nil && a.reused && !a.conn.wrote.Load()
}

// got notes the connection for a request with this method, and marks it as stale if a write must not be sent on it.
func (a *attempt) got(info httptrace.GotConnInfo, method string) {
	a.conn, a.reused = underlyingConn(info.Conn), info.Reused
	a.sent.Store(true)
	if a.conn == nil {
		return
	}
	a.conn.wrote.Store(false)
	if method != http.MethodGet && info.WasIdle && !a.conn.isSafe(info.IdleTime) {
		a.conn.stale.Store(true)
	}
}

// keptConn is a keep-alive connection.
type keptConn struct {
	net.Conn
	keepAlive atomic.Int64 // idle timeout that the server has announced, in nanoseconds; 0 for none
	stale     atomic.Bool
	wrote     atomic.Bool // whether something of the current request was written
}

// Write implements [net.Conn].
func (c *keptConn) Write(p []byte) (int, error) {
	if c.stale.Load() {
		return 0, errStale
	}
	c.wrote.Store(true)
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
