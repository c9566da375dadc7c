package edge

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"time"
)

// ErrTerminated is the cause of a context whose service must drain before it stops ([Listener.Serve]).
var ErrTerminated = errors.New("terminated")

const (
	// drainTime is how long a draining service accepts connections: until load balancers have seen the first 503 of
	// /readyz, and until proxies have closed their idle connections (nginx: keepalive_timeout of the upstream, which
	// must be shorter).
	drainTime = 5 * time.Second
	// handshakeTime is how long handshakes in progress may take when new ones are no longer accepted.
	handshakeTime = 250 * time.Millisecond
)

// drain accepts connections for some more time, and then closes the listener without resetting any of them. A proxy cannot
// send a request again if its connection is reset: it does not know whether the request was executed. If its connection
// is refused, it takes another replica.
func (l *Listener) drain(stopped <-chan error) error {
	select {
	case err := <-stopped:
		return err
	case <-time.After(drainTime):
	}
	if err := dropHandshakes(l.queue.TCPListener); err != nil { // forbidden by a sandbox of the operating system
		l.log.Warn("connections may be reset when the listener closes", "error", err)
	}
	if err := l.queue.SetDeadline(time.Now().Add(handshakeTime)); err != nil {
		return err
	}
	if err := <-stopped; !errors.Is(err, errQueueEmpty) {
		return err
	}
	return nil
}

// errQueueEmpty is the error of [acceptQueue.Accept] after its deadline.
var errQueueEmpty = errors.New("all connections are accepted")

// acceptQueue is a TCP listener that is emptied before it is closed. Closing a listener resets the connections that the
// kernel has established, and that have not been accepted yet. Their clients may have sent requests.
type acceptQueue struct{ *net.TCPListener }

// listenTCP listens without Multipath TCP, whose sockets take no filter of packets.
func listenTCP(address string) (*acceptQueue, error) {
	var config net.ListenConfig
	config.SetMultipathTCP(false)
	l, err := config.Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, err
	}
	return &acceptQueue{TCPListener: l.(*net.TCPListener)}, nil
}

// Accept implements [net.Listener]. After the deadline, it accepts what is still in the queue.
func (q *acceptQueue) Accept() (net.Conn, error) {
	for {
		conn, err := q.TCPListener.Accept()
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return conn, err
		}
		if queued, err := queueLength(q.TCPListener); err != nil || queued == 0 {
			return nil, errQueueEmpty
		}
		if err := q.SetDeadline(time.Now().Add(handshakeTime)); err != nil {
			return nil, err
		}
	}
}

// closeWhenStopping ends each connection with its next response once the service is stopping, so that clients send their
// next request on another connection, to another replica. [http.Server.SetKeepAlivesEnabled] would also close connections
// that are idle, and with them requests that are on their way.
func closeWhenStopping(health *Health, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		closing := &closingWriter{ResponseWriter: w, health: health}
		next.ServeHTTP(closing, r)
		closing.decide() // if nothing was written
	})
}

// closingWriter adds "Connection: close" to the response if the service is stopping when the header is written. The request
// may have come earlier.
type closingWriter struct {
	http.ResponseWriter
	health  *Health
	decided bool
}

func (w *closingWriter) decide() {
	if !w.decided && w.health.stopping.Load() {
		w.Header().Set("Connection", "close")
	}
	w.decided = true
}

// WriteHeader implements [http.ResponseWriter].
func (w *closingWriter) WriteHeader(status int) {
	w.decide()
	w.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (w *closingWriter) Write(p []byte) (int, error) {
	w.decide()
	return w.ResponseWriter.Write(p)
}

// Unwrap is for [http.ResponseController].
func (w *closingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
