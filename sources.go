package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"reflect"
	"slices"
	"sync/atomic"
	"time"

	"profileql/graph"
	"profileql/internal/auth"
	"profileql/internal/buildinfo"
	"profileql/internal/config"
	"profileql/internal/demo"
	"profileql/internal/edge"
	"profileql/internal/profileapi"
	"profileql/internal/sandbox"
	"profileql/internal/sandbox/faults"
	"profileql/internal/sources"
	"profileql/internal/telemetry"
)

// source is a source with its client and its limiter.
type source struct {
	config.Source
	client      *profileapi.Client
	limiter     *sources.Limiter
	token       auth.Token
	description string       // for the banner
	sandbox     *openedBox   // nil for other kinds of sources
	users       atomic.Int32 // services that use it
	close       func()       // called with the last of them
}

// openedBox is what the playground tells of a sandbox.
type openedBox struct {
	baseURL string
	people  []sandbox.Person
}

// sourceList is all sources. The first is the default one.
type sourceList []*source

// shared is what all sources and their users share. It outlives a reload.
type shared struct {
	memory  *profileapi.MemoryBudget
	health  *edge.Health
	metrics *telemetry.Metrics // nil if nothing is measured
	traces  *telemetry.Traces  // nil if nothing is traced
	log     *slog.Logger
}

// openSources starts the sandboxes, and returns all sources with their clients. Previous ones with the same configuration
// are used again.
func openSources(ctx context.Context, c *config.Config, previous sourceList, with shared) (all sourceList, err error) {
	for _, s := range c.Sources {
		used := previous.withConfig(s)
		if used == nil {
			if used, err = openSource(ctx, s, with); err != nil {
				all.close()
				return nil, fmt.Errorf("source %s: %w", s.Name, err)
			}
		}
		used.users.Add(1)
		all = append(all, used)
	}
	return all, nil
}

// withConfig returns the source with this configuration; nil if there is none.
func (all sourceList) withConfig(c config.Source) *source {
	i := slices.IndexFunc(all, func(s *source) bool { return reflect.DeepEqual(s.Source, c) })
	if i < 0 {
		return nil
	}
	return all[i]
}

func openSource(ctx context.Context, s config.Source, with shared) (*source, error) {
	open := openProfile
	if s.Kind == config.KindSandbox {
		open = openInside
	}
	opened, err := open(ctx, s, with)
	if err != nil {
		return nil, err
	}
	opened.Source = s // without the address of a sandbox, which is not part of the configuration
	return opened, nil
}

// close ends the use of all sources by one service.
func (all sourceList) close() {
	for _, s := range all {
		if s.users.Add(-1) == 0 {
			s.close()
		}
	}
}

func isProfile(s config.Source) bool { return s.Kind == config.KindProfile }

func openProfile(_ context.Context, s config.Source, with shared) (*source, error) {
	transport := profileapi.NewTransport(s.MaxConcurrency)
	opened, err := connect(s, transport, with)
	if err != nil {
		return nil, err
	}
	opened.description, opened.close = s.URL, transport.CloseIdleConnections
	return opened, nil
}

// openInside starts a sandbox in this process. Its client uses HTTP, as for other sources, on a loopback port.
func openInside(ctx context.Context, s config.Source, with shared) (*source, error) {
	box, err := openSandbox(ctx, s, with.log)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(err, box.Close())
	}
	server := edge.NewServer(edge.KnownHost(edge.Loopback, box.Handler()), with.log)
	go func() { _ = server.Serve(listener) }() // ends with close
	s.URL = fmt.Sprintf("http://%s/beta", listener.Addr())
	transport := profileapi.NewTransport(s.MaxConcurrency)
	opened, err := connect(s, transport, with)
	if err != nil {
		return nil, errors.Join(err, server.Close(), box.Close())
	}
	opened.sandbox = &openedBox{s.URL, box.People()}
	opened.description = fmt.Sprintf("sandbox with made-up people, %s: %s", keeping(s.Data), s.URL)
	opened.close = func() {
		transport.CloseIdleConnections()
		_ = server.Close()
		if err := box.Close(); err != nil {
			with.log.Error("the sandbox did not close well", "source", s.Name, "error", err)
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

// readFaults returns the faults that a sandbox simulates.
func readFaults(s config.Source) (faults.Config, error) {
	if s.DemoFaults {
		return faults.Parse(demo.Faults)
	}
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

// connect returns a source with its client. Requests get their token, then pass the limiter, then go to transport.
func connect(s config.Source, transport http.RoundTripper, with shared) (*source, error) {
	token, err := tokenOf(s, with)
	if err != nil {
		return nil, err
	}
	limiter := sources.NewLimiter(sources.LimiterOptions{
		Name: s.Name, Base: observeSource(s, transport, with), Caller: token.Caller, Log: with.log,
		Concurrency: s.Concurrency, MaxConcurrency: s.MaxConcurrency,
	})
	client, err := profileapi.New(profileapi.Options{
		Name:      s.Name,
		BaseURL:   s.URL,
		Aliases:   s.Aliases,
		Transport: auth.Transport{Base: limiter, Token: token},
		UserAgent: "profileql/" + buildinfo.Version(),
		Timeout:   s.Timeout,
		Memory:    with.memory,
		Batch:     s.Batch,
		Observe:   observeParts(s.Name, limiter, with.metrics),
		Retrying:  observeRetries(s.Name, with.metrics),
		Log:       with.log,
	})
	return &source{Source: s, client: client, limiter: limiter, token: token}, err
}

func tokenOf(s config.Source, with shared) (auth.Token, error) {
	switch s.Token.From {
	case config.FromCaller, config.FromHeader:
		return auth.Token{Header: s.Token.Name}, nil
	case config.FromEnv:
		return auth.Static(s.Token.Value), nil
	case config.FromOnBehalfOf:
		return auth.OnBehalfOf(exchangeOptions(s, with))
	case config.FromClientCredentials:
		return auth.ClientCredentials(exchangeOptions(s, with))
	}
	return auth.Token{}, nil
}

// maxExchanges is the maximum number of concurrent requests to a source's token service.
const maxExchanges = 32

// exchangeOptions returns the options for a source's token service, which has a limiter of its own.
func exchangeOptions(s config.Source, with shared) auth.ExchangeOptions {
	x := s.Token.Exchange
	return auth.ExchangeOptions{
		Source: s.Name, Tenant: x.Tenant, ClientID: x.ClientID, Scopes: x.Scopes, Authority: x.Authority,
		Secret: x.Secret, Certificate: x.Certificate, FederatedTokenFile: x.FederatedTokenFile,
		Transport: sources.NewLimiter(sources.LimiterOptions{
			Name: s.Name, Base: profileapi.NewTransport(maxExchanges), Caller: auth.Caller, Log: with.log.With("part", "token service"), MaxConcurrency: maxExchanges,
		}),
		Timeout: s.Timeout, Log: with.log, Observe: observeExchanges(s.Name, with),
	}
}

// personOf returns the function that tells which user a source is asked for; nil for the user of the request.
func personOf(s config.Source) func(ctx context.Context, user string) (string, error) {
	if s.MeClaim == "" {
		return nil
	}
	p := auth.Person{Source: s.Name, Claim: s.MeClaim}
	if s.UsersFor != nil {
		p.Role, p.Scope = s.UsersFor.Role, s.UsersFor.Scope
	}
	return p.Of
}

// tokenHeaders returns the names of the headers with callers' tokens, without duplicates.
func (all sourceList) tokenHeaders() (names []string) {
	for _, s := range all {
		if header := s.token.Header; header != "" && !slices.Contains(names, header) {
			names = append(names, header)
		}
	}
	return names
}

// described returns the sources for package graph.
func (all sourceList) described() graph.Sources {
	described := make(graph.Sources, len(all))
	for i, s := range all {
		described[i] = &graph.Source{
			Name: s.Name, Kind: "PROFILE", Writable: s.Writable,
			Condition: func(ctx context.Context) (failing bool, throttledUntil time.Time) {
				c := s.limiter.Status(ctx)
				return c.Failing, c.ThrottledUntil
			},
		}
		if s.Kind == config.KindSandbox {
			described[i].Kind = "SANDBOX"
		}
	}
	return described
}

// collection returns the items of a facet, merged from all sources. The segment is that of the REST path.
func (all sourceList) collection(segment string, properties []string) graph.Collection {
	members := make([]sources.Member, len(all))
	for i, s := range all {
		members[i] = sources.Member{
			Source:     sources.Source{Name: s.Name, Writable: s.Writable, AnyUser: s.AnyUser, Person: personOf(s.Source)},
			Collection: profileapi.NewCollection(s.client, segment, properties),
		}
	}
	return sources.NewFacet(members)
}
