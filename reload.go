package main

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"reflect"
	"slices"
	"sync"
	"syscall"

	"profileql/internal/auth"
	"profileql/internal/config"
)

// service is what is built from the configuration: the handler, and the sources behind it.
type service struct {
	config   *config.Config
	verifier *auth.Verifier // nil if callers are not verified
	handler  http.Handler
	sources  sourceList
	requests sync.WaitGroup // in progress
}

// newService builds a service. It takes over from the previous one what has the same configuration: sources with their
// connections, data and state, and the verifier with the identity provider's keys.
func newService(ctx context.Context, c *config.Config, previous *service, with shared) (s *service, err error) {
	s = &service{config: c}
	if s.verifier, err = newVerifier(c.Callers, previous, with.log); err != nil {
		return nil, err
	}
	if s.sources, err = openSources(ctx, c, previous.sources, with); err != nil {
		return nil, err
	}
	if s.handler, err = newHandler(c, s.sources, s.verifier, with); err != nil {
		s.sources.close()
		return nil, err
	}
	return s, nil
}

func newVerifier(c *config.Callers, previous *service, log *slog.Logger) (*auth.Verifier, error) {
	switch {
	case c == nil:
		return nil, nil
	case previous.config != nil && reflect.DeepEqual(c, previous.config.Callers):
		return previous.verifier, nil
	}
	return auth.NewVerifier(auth.VerifierOptions{Issuer: c.Issuer, Audience: c.Audience, Scopes: c.Scopes, Log: log})
}

// reloader serves the service of the current configuration, and replaces it while requests are in progress. A request ends
// with the service with which it began.
type reloader struct {
	build             func(previous *service) (*service, error)
	reloadCertificate func() error
	log               *slog.Logger

	mu      sync.RWMutex
	current *service
}

// ServeHTTP implements [http.Handler].
func (r *reloader) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	s := r.begin()
	defer s.requests.Done()
	s.handler.ServeHTTP(w, req)
}

func (r *reloader) begin() *service {
	r.mu.RLock()
	defer r.mu.RUnlock()
	r.current.requests.Add(1)
	return r.current
}

// now returns the service of the current configuration.
func (r *reloader) now() *service {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.current
}

// reload replaces the service and the certificate if both can be loaded. Sources that are not used any more are closed after
// their last request. It must not be called concurrently.
func (r *reloader) reload() error {
	previous := r.current
	next, err := r.build(previous)
	if err != nil {
		return err
	}
	if err := r.reloadCertificate(); err != nil {
		next.sources.close()
		return err
	}
	r.mu.Lock()
	r.current = next
	r.mu.Unlock()
	r.log.Info("configuration reloaded", "sources", next.sources.names(),
		"opened", next.sources.without(previous.sources).names(), "closed", previous.sources.without(next.sources).names())
	go func() {
		previous.requests.Wait()
		previous.sources.close()
	}()
	return nil
}

// without returns the sources that are not in others.
func (all sourceList) without(others sourceList) sourceList {
	return slices.DeleteFunc(slices.Clone(all), func(s *source) bool { return slices.Contains(others, s) })
}

func (all sourceList) names() []string {
	names := make([]string, len(all))
	for i, s := range all {
		names[i] = s.Name
	}
	return names
}

// onHangup calls reload for each SIGHUP, one after the other, until stop is called. An error is logged: what was there
// before stays in use.
func onHangup(log *slog.Logger, reload func() error) (stop func()) {
	hangups, stopped := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(hangups, syscall.SIGHUP)
	go func() {
		defer close(stopped)
		for range hangups {
			if err := reload(); err != nil {
				log.Error("the configuration was not reloaded: the previous one stays in use", "error", err)
			}
		}
	}()
	return func() {
		signal.Stop(hangups)
		close(hangups)
		<-stopped
	}
}
