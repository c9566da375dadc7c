// ProfileQL serves the Microsoft Graph profile API as GraphQL.
//
// This file connects all packages: it reads the configuration, opens the sources, builds the handler, serves and stops.
// docs/walkthrough.md follows one request through the packages.
package main

//go:generate go run ./graph/gen

import (
	"bytes"
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"log/slog"
	"math"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"profileql/graph"
	"profileql/internal/auth"
	"profileql/internal/buildinfo"
	"profileql/internal/config"
	"profileql/internal/edge"
	"profileql/internal/graphqlhttp"
	"profileql/internal/playground"
	"profileql/internal/profileapi"
	"profileql/internal/sandbox"
	"profileql/internal/sandbox/faults"
	"profileql/internal/sources"
	"profileql/internal/telemetry"
)

//go:embed schema.graphqls
var schema string

func main() {
	// Requests allocate short-lived garbage, and the live heap is small. Collecting a quarter as often saves a third of
	// the CPU time, and takes about 20 MB more.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() {
		<-ctx.Done()
		stop() // a second signal then ends the process at once
	}()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "profileql:", err)
		os.Exit(1)
	}
}

// run runs the command of the command line. It returns when the command is done or the context is canceled.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	c, err := config.Parse(args, buildinfo.Details(), stdout, stderr)
	if c == nil || err != nil {
		return err
	}
	stdlog.SetOutput(io.Discard) // net/http logs the first bytes of unexpected data from a source
	lines := telemetry.NewQueue(stderr)
	defer lines.Close()
	log := telemetry.NewLog(lines)
	switch c.Command {
	case config.Schema:
		_, err = io.WriteString(stdout, schema)
		return err
	case config.Check:
		return check(c, stdout, stderr)
	case config.Sandbox:
		return serveSandbox(ctx, c, log, stdout)
	}
	return serve(ctx, c, log, stdout)
}

// check prints the sources in the format of a sources file, if their files are valid. Warnings go to stderr, so that
// stdout is a valid file.
func check(c *config.Config, stdout, stderr io.Writer) error {
	for _, s := range c.Sources {
		if _, err := readFaults(s); err != nil {
			return err
		}
	}
	for _, warning := range c.Warnings() {
		if _, err := fmt.Fprintf(stderr, "Warning: %s\n", warning); err != nil {
			return err
		}
	}
	return c.WriteSources(stdout)
}

// answerMemory returns the memory budget for the responses of all sources, in bytes: half of the limit in GOMEMLIMIT or
// of the cgroup, or 256 MiB without a limit. Without GOMEMLIMIT, it also sets the garbage collector's memory limit from
// the cgroup.
func answerMemory() int64 {
	// An error means that there is no cgroup, for example on systems other than Linux.
	if limit, err := memlimit.Set(); err == nil && limit < math.MaxInt64 {
		return limit / 2
	}
	return 256 << 20
}

// serve runs the GraphQL server until the context is canceled.
func serve(ctx context.Context, c *config.Config, log *slog.Logger, stdout io.Writer) error {
	all, err := openSources(ctx, c, profileapi.NewMemoryBudget(answerMemory()), log)
	if err != nil {
		return err
	}
	defer all.close()
	health := new(edge.Health)
	handler, err := newHandler(c, all, health, log)
	if err != nil {
		return err
	}
	l, err := edge.Listen(listenOptions(c, log, "h2", "http/1.1"))
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }()
	banner := fmt.Sprintf("ProfileQL %s\n  GraphQL     %s/graphql\n", buildinfo.Version(), l.URL)
	if introspectionAllowed(c) != nil {
		banner += fmt.Sprintf("  Playground  %s/\n", l.URL)
	}
	if c.TLSCert == "" && !c.OnLoopback() {
		banner += "  Warning     bearer tokens come in the clear: use --tls-cert and --tls-key, or a proxy that ends TLS\n"
	}
	for _, warning := range c.Warnings() {
		banner += fmt.Sprintf("  Warning     %s\n", warning)
	}
	for _, s := range all {
		banner += fmt.Sprintf("  Source      %s: %s\n", s.Name, s.description)
	}
	if _, err := io.WriteString(stdout, banner); err != nil {
		return err
	}
	return l.Serve(ctx, handler, health)
}

func listenOptions(c *config.Config, log *slog.Logger, protocols ...string) edge.ListenOptions {
	return edge.ListenOptions{
		Address: c.Listen, TLSCert: c.TLSCert, TLSKey: c.TLSKey, Loopback: c.OnLoopback(), Protocols: protocols, Log: log,
	}
}

// introspectionAllowed returns a function that reports whether a request with these headers may use the playground and
// introspection. It returns nil if no request may.
func introspectionAllowed(c *config.Config) func(http.Header) bool {
	switch {
	case c.Introspection:
		return func(http.Header) bool { return true }
	case c.Operations == "" && (c.OnLoopback() || !slices.ContainsFunc(c.Sources, isProfile)):
		return edge.Direct
	}
	return nil
}

// newHandler returns the handler of the server, with the sources connected.
func newHandler(c *config.Config, all sourceList, health *edge.Health, log *slog.Logger) (http.Handler, error) {
	manifest, err := readOptional("--operations", c.Operations)
	if err != nil {
		return nil, err
	}
	allowed := introspectionAllowed(c)
	served, err := gqlparser.LoadSchema(&ast.Source{Name: "schema.graphqls", Input: schema})
	if err != nil {
		return nil, fmt.Errorf("schema.graphqls: %w", err)
	}
	api, err := graph.New(graph.Options{Schema: served, Sources: all.described(), Collection: all.collection})
	if err != nil {
		return nil, err
	}
	graphQL, err := graphqlhttp.New(graphqlhttp.Options{
		Executable: api.Executable, Inputs: api.Inputs, Checkers: api.Checkers, Present: graph.Present,
		Manifest: manifest, Shown: allowed, Log: log,
	})
	if err != nil && manifest != nil {
		err = fmt.Errorf("--operations %s: %w", c.Operations, err)
	}
	if err != nil {
		return nil, err
	}
	var pages http.Handler
	if allowed != nil {
		guide := playground.Guide(all[len(all)-1].Name, sandbox.SampleInterest, sandbox.LockedInterest)
		if pages, err = playground.New(playground.Options{Endpoint: "/graphql", Tabs: guide, Shown: allowed}); err != nil {
			return nil, err
		}
	}
	endpoint := auth.Middleware(all.tokenHeaders(), edge.BadRequest, profileapi.ForwardClientRequestID(graphQL))
	handler, err := edge.New(edge.Options{
		Hosts: hosts(c), Origins: c.CORSOrigins, Health: health, LogPanic: logPanic(log),
	}, endpoint, pages)
	if err != nil {
		return nil, fmt.Errorf("--cors-origin: %w", err)
	}
	return handler, nil
}

// collection returns the items of a facet, merged from all sources. The segment is that of the REST path.
func (all sourceList) collection(segment string, properties []string) graph.Collection {
	members := make([]sources.Member, len(all))
	for i, s := range all {
		members[i] = sources.Member{
			Source:     sources.Source{Name: s.Name, Writable: s.Writable, AnyUser: s.AnyUser},
			Collection: profileapi.NewCollection(s.client, segment, properties),
		}
	}
	return sources.NewFacet(members)
}

// hosts returns the host names that are accepted: on a loopback address, its own names and those of the configuration.
// Otherwise it returns nil, which accepts all.
func hosts(c *config.Config) []string {
	if !c.OnLoopback() {
		return nil
	}
	return append(slices.Clone(edge.Loopback), c.Hosts...)
}

// byteOrderMark is the byte order mark that some editors write at the start of UTF-8 files.
var byteOrderMark = []byte("\ufeff")

// readOptional returns the text of the file in an option, or nil if the option is not set.
func readOptional(option, file string) ([]byte, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", option, err)
	}
	return bytes.TrimPrefix(text, byteOrderMark), nil
}

// logPanic returns a function that logs a panic outside of resolvers, and returns its error_id.
func logPanic(log *slog.Logger) func(*http.Request, any) string {
	var panics atomic.Int64
	return func(r *http.Request, p any) string {
		id := rand.Text()
		log.ErrorContext(r.Context(), "panic", "error_id", id, "panics", panics.Add(1), "path", r.URL.Path,
			"error", fmt.Sprint(p), "stack", string(debug.Stack()))
		return id
	}
}

// serveSandbox serves only the REST API of a sandbox.
func serveSandbox(ctx context.Context, c *config.Config, log *slog.Logger, stdout io.Writer) error {
	l, err := edge.Listen(listenOptions(c, log, "http/1.1")) // faults that close a connection need HTTP/1.1
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }()
	box, err := openSandbox(ctx, c.Sources[0], log)
	if err != nil {
		return err
	}
	banner := fmt.Sprintf("ProfileQL %s sandbox, %s\n", buildinfo.Version(), keeping(c.Sources[0].Data))
	for _, person := range box.People() {
		banner += fmt.Sprintf("  Person      %s (bearer token: %s)\n", person.DisplayName, person.UserPrincipalName)
	}
	banner += fmt.Sprintf("  Faults      %s%s\n  REST        %s/beta/me/profile\n", l.URL, sandbox.FaultsPath, l.URL)
	if _, err = io.WriteString(stdout, banner); err == nil {
		err = l.Serve(ctx, edge.KnownHost(hosts(c), box.Handler()), new(edge.Health))
	}
	return errors.Join(err, box.Close())
}

// source is a source with its client and its limiter.
type source struct {
	config.Source
	client      *profileapi.Client
	limiter     *sources.Limiter
	description string // for the banner
	close       func()
}

// sourceList is all sources. The first is the default one.
type sourceList []*source

// openSources starts the sandboxes, and returns all sources with their clients.
func openSources(ctx context.Context, c *config.Config, memory *profileapi.MemoryBudget, log *slog.Logger) (all sourceList, err error) {
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

func openProfile(_ context.Context, s config.Source, memory *profileapi.MemoryBudget, log *slog.Logger) (*source, error) {
	transport := profileapi.NewTransport(s.MaxConcurrency)
	opened, err := connect(s, transport, memory, log)
	if err != nil {
		return nil, err
	}
	opened.description, opened.close = s.URL, transport.CloseIdleConnections
	return opened, nil
}

// openInside starts a sandbox in this process. Its client uses HTTP, as for other sources, on a loopback port.
func openInside(ctx context.Context, s config.Source, memory *profileapi.MemoryBudget, log *slog.Logger) (*source, error) {
	box, err := openSandbox(ctx, s, log)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(err, box.Close())
	}
	server := edge.NewServer(edge.KnownHost(edge.Loopback, box.Handler()), log)
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

// readFaults returns the faults that a sandbox simulates.
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

// connect returns a source with its client. Requests get their token, then pass the limiter, then go to transport.
func connect(s config.Source, transport http.RoundTripper, memory *profileapi.MemoryBudget, log *slog.Logger) (*source, error) {
	token := tokenOf(s.Token)
	limiter := sources.NewLimiter(sources.LimiterOptions{
		Name: s.Name, Base: transport, Caller: token.Caller, Log: log, Concurrency: s.Concurrency, MaxConcurrency: s.MaxConcurrency,
	})
	client, err := profileapi.New(profileapi.Options{
		Name:      s.Name,
		BaseURL:   s.URL,
		Aliases:   s.Aliases,
		Transport: auth.Transport{Base: limiter, Token: token},
		UserAgent: "profileql/" + buildinfo.Version(),
		Timeout:   s.Timeout,
		Memory:    memory,
		Batch:     s.Batch,
		Observe:   limiter.Observe,
		Log:       log,
	})
	return &source{Source: s, client: client, limiter: limiter}, err
}

func tokenOf(t config.Token) auth.Token {
	switch t.From {
	case config.FromCaller, config.FromHeader:
		return auth.Token{Header: t.Name}
	case config.FromEnv:
		return auth.Static(t.Value)
	}
	return auth.Token{}
}

// tokenHeaders returns the names of the headers with callers' tokens, without duplicates.
func (all sourceList) tokenHeaders() (names []string) {
	for _, s := range all {
		if header := tokenOf(s.Token).Header; header != "" && !slices.Contains(names, header) {
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
