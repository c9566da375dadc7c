package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"profileql/internal/config"
	"profileql/internal/edge"
)

// listener is an address that is served, in the clear or with TLS.
type listener struct {
	net.Listener
	url      string // without a path
	loopback bool
	close    func()
	log      *slog.Logger
}

// listen begins to take connections, with TLS for one of the protocols if there is a certificate. SIGHUP reads it again.
func listen(c *config.Config, log *slog.Logger, protocols ...string) (*listener, error) {
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return nil, err
	}
	address := reachable(l.Addr())
	plain := &listener{
		Listener: l, url: "http://" + address, loopback: c.OnLoopback(), close: func() { _ = l.Close() }, log: log,
	}
	if c.TLSCert == "" {
		return plain, nil
	}
	certificate, err := edge.LoadCertificate(c.TLSCert, c.TLSKey)
	if err != nil {
		plain.close()
		return nil, fmt.Errorf("--tls-cert and --tls-key: %w", err)
	}
	stop := reloadOnHangup(certificate, log)
	return &listener{
		Listener: tls.NewListener(l, certificate.Config(protocols...)), url: "https://" + address, loopback: plain.loopback,
		close: func() { stop(); plain.close() }, log: log,
	}, nil
}

// reachable is an address where a listener is found from this machine: "every address of it" is none.
func reachable(a net.Addr) string {
	if tcp, ok := a.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return fmt.Sprintf("localhost:%d", tcp.Port)
	}
	return a.String()
}

// reloadOnHangup reads the certificate again whenever the process gets SIGHUP, until it is stopped.
func reloadOnHangup(certificate *edge.Certificate, log *slog.Logger) (stop func()) {
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
	// noticing is the time that a load balancer has to see that the service is not ready, before it takes no more
	// connections. On a loopback address there is none.
	noticing = 5 * time.Second
	// finishing is the time that requests under way have to end: a write that was sent to a source may take its full
	// 10 seconds.
	finishing = 15 * time.Second
)

// serveUntilDone serves until the context is done, says that it is not ready any more, and then gives what is under
// way time to end.
func (l *listener) serveUntilDone(ctx context.Context, h http.Handler, health *edge.Health) error {
	server := newHTTPServer(h, l.log)
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	health.Stop()
	if !l.loopback {
		time.Sleep(noticing)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishing)
	defer cancel()
	return server.Shutdown(ctx)
}

func newHTTPServer(h http.Handler, log *slog.Logger) *http.Server {
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
