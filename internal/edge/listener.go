package edge

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// ListenOptions are the options of [Listen].
type ListenOptions struct {
	Address         string   // host:port
	TLSCert, TLSKey string   // PEM files; empty to serve without TLS
	Protocols       []string // for TLS, as in [tls.Config.NextProtos]
	Log             *slog.Logger
}

// Listener is a listening address, with or without TLS.
type Listener struct {
	net.Listener
	URL         string // for clients on this machine, without a path
	queue       *acceptQueue
	certificate *Certificate // nil without TLS
	log         *slog.Logger
}

// Listen listens on an address, with TLS if there is a certificate. The caller must close the listener.
func Listen(o ListenOptions) (*Listener, error) {
	plain, err := listenTCP(o.Address)
	if err != nil {
		return nil, err
	}
	l := &Listener{Listener: plain, URL: "http://" + reachable(plain.Addr()), queue: plain, log: o.Log}
	if o.TLSCert == "" {
		return l, nil
	}
	if l.certificate, err = LoadCertificate(o.TLSCert, o.TLSKey); err != nil {
		_ = plain.Close()
		return nil, certificateError(err)
	}
	l.Listener, l.URL = tls.NewListener(plain, l.certificate.Config(o.Protocols...)), "https://"+reachable(plain.Addr())
	return l, nil
}

// ReloadCertificate reads the files of the certificate again, if there is one. On an error, the previous one stays in use.
func (l *Listener) ReloadCertificate() error {
	if l.certificate == nil {
		return nil
	}
	if err := l.certificate.Reload(); err != nil {
		return certificateError(err)
	}
	return nil
}

func certificateError(err error) error { return fmt.Errorf("--tls-cert and --tls-key: %w", err) }

// reachable returns an address that clients on this machine can connect to. An unspecified address becomes localhost.
func reachable(a net.Addr) string {
	if tcp, ok := a.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return fmt.Sprintf("localhost:%d", tcp.Port)
	}
	return a.String()
}

// shutdownTimeout is the time that requests in progress have to finish: a write to a source can take 10 seconds.
const shutdownTimeout = 15 * time.Second

// Serve serves until the context is canceled. It then makes health not ready, waits for requests in progress, and closes
// the listener. If the cause is [ErrTerminated], it drains first.
func (l *Listener) Serve(ctx context.Context, h http.Handler, health *Health) error {
	server := NewServer(closeWhenStopping(health, h), l.log)
	stopped := make(chan error, 1)
	go func() { stopped <- server.Serve(l) }()
	select {
	case err := <-stopped:
		return err
	case <-ctx.Done():
	}
	health.Stop()
	if errors.Is(context.Cause(ctx), ErrTerminated) {
		if err := l.drain(stopped); err != nil {
			return err
		}
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
