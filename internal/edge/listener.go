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

// ListenOptions are the options of [Listen].
type ListenOptions struct {
	Address         string   // host:port
	TLSCert, TLSKey string   // PEM files; empty to serve without TLS
	Loopback        bool     // whether only this machine can reach the address
	Protocols       []string // for TLS, as in [tls.Config.NextProtos]
	Log             *slog.Logger
}

// Listener is a listening address, with or without TLS.
type Listener struct {
	net.Listener
	URL      string // for clients on this machine, without a path
	loopback bool
	stop     func() // stops reloading the certificate
	log      *slog.Logger
}

// Listen listens on an address. With a certificate it uses TLS, and SIGHUP reloads the certificate. The caller must close
// the listener.
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

// Close stops listening.
func (l *Listener) Close() error {
	l.stop()
	return l.Listener.Close()
}

// reachable returns an address that clients on this machine can connect to. An unspecified address becomes localhost.
func reachable(a net.Addr) string {
	if tcp, ok := a.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return fmt.Sprintf("localhost:%d", tcp.Port)
	}
	return a.String()
}

// reloadOnHangup reloads the certificate on SIGHUP, until stop is called.
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
	// drainDelay is the time between the first 503 of /readyz and the end of listening, for load balancers. It does not
	// apply to loopback addresses.
	drainDelay = 5 * time.Second
	// shutdownTimeout is the time that requests in progress have to finish: a write to a source can take 10 seconds.
	shutdownTimeout = 15 * time.Second
)

// Serve serves until the context is canceled. It then makes health not ready, waits for requests in progress, and closes
// the listener.
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

// NewServer returns a server with all timeouts set.
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
