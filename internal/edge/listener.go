package edge

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// ListenOptions say where to listen.
type ListenOptions struct {
	Address         string   // host:port
	TLSCert, TLSKey string   // files in PEM; empty for none, in the clear
	Loopback        bool     // whether only this machine can reach the address
	Protocols       []string // of TLS, as in [tls.Config.NextProtos]
	Log             *slog.Logger
}

// Listener is an address that is served, in the clear or with TLS.
type Listener struct {
	net.Listener
	URL      string // without a path, as it is reached from this machine
	loopback bool
	stop     func() // reading the certificate again
	log      *slog.Logger
}

// Listen begins to take connections, with TLS if there is a certificate, which SIGHUP reads again. The listener has to be
// closed.
func Listen(o ListenOptions) (*Listener, error) {
	plain, err := net.Listen("tcp", o.Address)
	if err != nil {
		return nil, err
	}
	l := &Listener{Listener: plain, URL: "http://" + reachable(plain.Addr()), loopback: o.Loopback, stop: func() {}, log: o.Log}
	if o.TLSCert == "" {
		return l, nil
	}
	certificate, err := LoadCertificate(o.TLSCert, o.TLSKey)
	if err != nil {
		_ = plain.Close()
		return nil, fmt.Errorf("--tls-cert and --tls-key: %w", err)
	}
	l.Listener, l.URL = tls.NewListener(plain, certificate.Config(o.Protocols...)), "https://"+reachable(plain.Addr())
	l.stop = sync.OnceFunc(reloadOnHangup(certificate, o.Log)) // the server closes the listener too
	return l, nil
}

// Close takes no more connections.
func (l *Listener) Close() error {
	l.stop()
	return l.Listener.Close()
}

// reachable is an address where a listener is found from this machine: "every address of it" is none.
func reachable(a net.Addr) string {
	if tcp, ok := a.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return fmt.Sprintf("localhost:%d", tcp.Port)
	}
	return a.String()
}

// reloadOnHangup reads the certificate again whenever the process gets SIGHUP, until it is stopped.
func reloadOnHangup(certificate *Certificate, log *slog.Logger) (stop func()) {
	hangups, done := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(hangups, syscall.SIGHUP)
	go func() {
		for {
			select {
			case <-hangups:
				if err := certificate.Reload(); err != nil {
					log.Error("the certificate stays what it was", "error", err)
				} else {
					log.Info("the certificate was read again")
				}
			case <-done:
				return
			}
		}
	}()
	return func() { signal.Stop(hangups); close(done) }
}

const (
	// drainDelay is the time that a load balancer has to see that the service is not ready, before it takes no more
	// connections. On a loopback address there is none.
	drainDelay = 5 * time.Second
	// shutdownTimeout is the time that requests under way have to end: a write that was sent to a source may take its full
	// 10 seconds.
	shutdownTimeout = 15 * time.Second
)

// Serve serves until the context is done, says that it is not ready any more, and then gives what is under
// way time to end.
func (l *Listener) Serve(ctx context.Context, h http.Handler, health *Health) error {
	server := NewServer(h, l.log)
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	health.Stop()
	if !l.loopback {
		time.Sleep(drainDelay)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	return server.Shutdown(ctx)
}

// NewServer returns a server with a bound on everything that a caller can draw out.
func NewServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       120 * time.Second,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}
