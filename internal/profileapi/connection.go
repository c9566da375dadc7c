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

// A server closes a connection that has been idle for some time: Node after 5 seconds, others after 2 or after 75. A
// request that meets it just then is lost, and of a write nobody knows whether it was. So a write does not go out on a
// connection that has been idle for longer than is safe; a read does, since it can be sent again.

const (
	// maxSafeIdle is for how long a connection is safe where its server does not say: shorter than any server is known to
	// keep one.
	maxSafeIdle = 1500 * time.Millisecond
	// closeMargin is how long before the time that a server announces a connection is not safe any more: the request has to
	// get there.
	closeMargin = time.Second
)

// errStale is the error of a write to a connection that has been idle for too long. Nothing was written then, so that the
// transport takes another connection.
var errStale = errors.New("the connection has been idle for too long")

// keptConn is a connection that is kept for further requests.
type keptConn struct {
	net.Conn
	keepAlive atomic.Int64 // for how long its server keeps it, in nanoseconds; 0 where it does not say
	stale     atomic.Bool
}

// Write implements [net.Conn].
func (c *keptConn) Write(p []byte) (int, error) {
	if c.stale.Load() {
		return 0, errStale
	}
	return c.Conn.Write(p)
}

// isSafe tells whether a connection that has been idle for some time can take a write.
func (c *keptConn) isSafe(idle time.Duration) bool {
	announced := time.Duration(c.keepAlive.Load())
	if announced == 0 {
		return idle <= maxSafeIdle
	}
	return idle <= announced-min(closeMargin, announced/2)
}

// keepConns dials connections that are [keptConn].
func keepConns(dial func(ctx context.Context, network, address string) (net.Conn, error)) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &keptConn{Conn: c}, nil
	}
}

// underlyingConn is the connection below TLS, if there is any; nil for HTTP/2, whose servers say when they close one.
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

// markStale sees to it that a write does not go out on a connection that has been idle for too long.
func markStale(c *keptConn, method string, info httptrace.GotConnInfo) {
	if c != nil && method != http.MethodGet && info.WasIdle && !c.isSafe(info.IdleTime) {
		c.stale.Store(true)
	}
}

// observe notes what an answer says of its connection: that it is the wrong one for the request (421), or how long it is kept
// (Keep-Alive: timeout=5, in seconds).
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
