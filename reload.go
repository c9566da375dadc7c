package main

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"

	"profileql/internal/config"
	"profileql/internal/edge"
	"profileql/internal/profileapi"
)

// service is what is built from the configuration: the handler, and the sources behind it.
type service struct {
	config   *config.Config
	handler  http.Handler
	sources  sourceList
	requests sync.WaitGroup // in progress
}

// newService opens the sources, except those of the previous service whose configuration is the same, and builds the handler.
func newService(ctx context.Context, c *config.Config, previous sourceList, memory *profileapi.MemoryBudget, health *edge.Health, log *slog.Logger) (*service, error) {
	all, err := openSources(ctx, c, previous, memory, log)
	if err != nil {
		return nil, err
	}
	handler, err := newHandler(c, all, health, log)
	if err != nil {
		all.close()
		return nil, err
	}
	return &service{config: c, handler: handler, sources: all}, nil
}

// reloader serves the service of the current configuration, and replaces it while requests are in progress. A request ends
// with the service with which it began.
type reloader struct {
	build             func(previous sourceList) (*service, error)
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

// reload replaces the service and the certificate if both can be loaded. Sources whose configuration is the same stay as
// they are, with their connections, data and state. The others are closed after their last request. It must not be called
// concurrently.
func (r *reloader) reload() error {
	previous := r.current
	next, err := r.build(previous.sources)
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
