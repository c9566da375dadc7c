package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"time"

	"profileql/graph"
	"profileql/internal/auth"
	"profileql/internal/config"
	"profileql/internal/edge"
	"profileql/internal/profileapi"
	"profileql/internal/sandbox"
	"profileql/internal/sandbox/faults"
	"profileql/internal/sources"
)

// source is one source, as it is spoken to.
type source struct {
	config.Source
	client      *profileapi.Client
	guard       *sources.Guard
	description string // for the banner
	close       func()
}

// sourceList is all sources. The first is the default one.
type sourceList []*source

// openSources starts the sandboxes that are to be inside, and makes ready to speak to every source.
func openSources(ctx context.Context, c *config.Config, memory *profileapi.Memory, log *slog.Logger) (all sourceList, err error) {
	for _, s := range c.Sources {
		open := openProfile
		if s.Kind == config.KindSandbox {
			open = openInside
		}
		opened, err := open(ctx, s, memory, log)
		if err != nil {
			all.close()
			return nil, fmt.Errorf("source %s: %w", s.Name, err)
		}
		all = append(all, opened)
	}
	return all, nil
}

func (all sourceList) close() {
	for _, s := range all {
		s.close()
	}
}

func isProfile(s config.Source) bool { return s.Kind == config.KindProfile }

func openProfile(_ context.Context, s config.Source, memory *profileapi.Memory, log *slog.Logger) (*source, error) {
	transport := profileapi.NewTransport(s.MaxConcurrency)
	opened, err := connect(s, transport, memory, log)
	if err != nil {
		return nil, err
	}
	opened.description, opened.close = s.URL, transport.CloseIdleConnections
	return opened, nil
}

// openInside starts a sandbox. It is spoken to over real HTTP, like any other source, on a port that only this machine
// can reach.
func openInside(ctx context.Context, s config.Source, memory *profileapi.Memory, log *slog.Logger) (*source, error) {
	box, err := openSandbox(ctx, s, log)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(err, box.Close())
	}
	server := newHTTPServer(edge.KnownHost(edge.Loopback, box.Handler()), log)
	go func() { _ = server.Serve(listener) }() // ends with close
	s.URL = fmt.Sprintf("http://%s/beta", listener.Addr())
	transport := profileapi.NewTransport(s.MaxConcurrency)
	opened, err := connect(s, transport, memory, log)
	if err != nil {
		return nil, errors.Join(err, server.Close(), box.Close())
	}
	opened.description = fmt.Sprintf("sandbox with made-up people, %s: %s", keeping(s.Data), s.URL)
	opened.close = func() {
		transport.CloseIdleConnections()
		_ = server.Close()
		if err := box.Close(); err != nil {
			log.Error("the sandbox did not close well", "source", s.Name, "error", err)
		}
	}
	return opened, nil
}

func openSandbox(ctx context.Context, s config.Source, log *slog.Logger) (*sandbox.Sandbox, error) {
	f, err := readFaults(s)
	if err != nil {
		return nil, err
	}
	return sandbox.Open(ctx, sandbox.Options{
		Seed: s.Seed, Data: s.Data, RequireToken: s.RequireToken, Faults: f, Log: log,
	})
}

// readFaults reads what a sandbox is to get wrong on purpose.
func readFaults(s config.Source) (faults.Config, error) {
	text, err := readOptional("faults", s.Faults)
	if text == nil || err != nil {
		return faults.Config{}, err
	}
	f, err := faults.Parse(text)
	if err != nil {
		return faults.Config{}, fmt.Errorf("faults %s: %w", s.Faults, err)
	}
	return f, nil
}

func keeping(data string) string {
	if data == "" {
		return "kept in memory"
	}
	return "kept in " + data
}

// connect makes the client of a source, whose requests get their token, pass the guard, and leave through transport.
func connect(s config.Source, transport http.RoundTripper, memory *profileapi.Memory, log *slog.Logger) (*source, error) {
	token := tokenOf(s.Token)
	guard := sources.NewGuard(sources.GuardOptions{
		Name: s.Name, Base: transport, Caller: token.Caller, Log: log, Concurrency: s.Concurrency, MaxConcurrency: s.MaxConcurrency,
	})
	client, err := profileapi.New(profileapi.Options{
		Name:      s.Name,
		BaseURL:   s.URL,
		Aliases:   s.Aliases,
		Transport: auth.Transport{Base: guard, Token: token},
		UserAgent: "profileql/" + version,
		Timeout:   s.Timeout,
		Memory:    memory,
		Log:       log,
	})
	return &source{Source: s, client: client, guard: guard}, err
}

func tokenOf(t config.Token) auth.Token {
	switch t.From {
	case config.FromCaller, config.FromHeader:
		return auth.Token{Header: t.Name}
	case config.FromEnv:
		return auth.Own(t.Value)
	}
	return auth.Token{}
}

// tokenHeaders are the headers in which callers send their tokens, each once.
func (all sourceList) tokenHeaders() (names []string) {
	for _, s := range all {
		if header := tokenOf(s.Token).Header; header != "" && !slices.Contains(names, header) {
			names = append(names, header)
		}
	}
	return names
}

// described are the sources as GraphQL shows them.
func (all sourceList) described() graph.Sources {
	described := make(graph.Sources, len(all))
	for i, s := range all {
		described[i] = &graph.Source{
			Name: s.Name, Kind: "PROFILE", Writable: s.Writable,
			Condition: func(ctx context.Context) (failing bool, throttledUntil time.Time) {
				c := s.guard.Condition(ctx)
				return c.Failing, c.ThrottledUntil
			},
		}
		if s.Kind == config.KindSandbox {
			described[i].Kind = "SANDBOX"
		}
	}
	return described
}
