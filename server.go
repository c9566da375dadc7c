// ProfileQL serves the Microsoft Graph profile API as GraphQL.
//
// This file is the whole composition: it reads the configuration, builds the parts, serves, and stops. No other
// place knows more than its own part; docs/walkthrough.md follows one request through them.
package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"profileql/graph"
	"profileql/graph/model"
	"profileql/internal/auth"
	"profileql/internal/config"
	"profileql/internal/playground"
	"profileql/internal/profileapi"
	"profileql/internal/sandbox"
	"profileql/internal/sandbox/faults"
)

const version = "0.1.0"

//go:embed schema.graphqls
var schema string

func main() {
	// A request here is short-lived garbage over a small live heap: collecting a quarter as often saves a third of
	// the CPU time for some 20 MB.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "profileql:", err)
		os.Exit(1)
	}
}

// run does what the command line asks for, until it is done or the context is.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	c, err := config.Parse(args, version, stdout, stderr)
	if c == nil || err != nil {
		return err
	}
	log := slog.New(slog.NewJSONHandler(stderr, nil))
	switch c.Command {
	case config.Schema:
		_, err = io.WriteString(stdout, schema)
		return err
	case config.Sandbox:
		return serveSandbox(ctx, c, log, stdout)
	}
	return serve(ctx, c, log, stdout)
}

// serve is the GraphQL server.
func serve(ctx context.Context, c *config.Config, log *slog.Logger, stdout io.Writer) error {
	source, err := openSource(ctx, c, log)
	if err != nil {
		return err
	}
	defer source.close()
	handler, err := newHandler(c, source, log)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }()
	banner := fmt.Sprintf("ProfileQL %s\n  GraphQL     http://%s/graphql\n", version, listener.Addr())
	if showsItself(c) {
		banner += fmt.Sprintf("  Playground  http://%s/\n", listener.Addr())
	}
	if _, err := fmt.Fprintf(stdout, "%s  Source      %s\n", banner, source.description); err != nil {
		return err
	}
	return serveUntilDone(ctx, listener, handler, log)
}

// showsItself tells whether the playground and introspection are there for whoever can reach the server.
func showsItself(c *config.Config) bool { return c.Upstream == "" || c.OnLoopback() }

// newHandler builds everything that a request passes through, from its way in to the source.
func newHandler(c *config.Config, s *source, log *slog.Logger) (http.Handler, error) {
	client, err := profileapi.New(profileapi.Options{
		Name:      s.name,
		BaseURL:   s.baseURL,
		Transport: auth.Transport{Base: s.transport},
		UserAgent: "profileql/" + version,
		Log:       log,
	})
	if err != nil {
		return nil, fmt.Errorf("--upstream: %w", err)
	}
	graphQL, err := graph.NewHandler(graph.Options{
		Sources:       graph.Sources{{Name: s.name, Kind: s.kind, Writable: true}},
		Facets:        facets(client),
		Introspection: showsItself(c),
		Log:           log,
	})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/graphql", auth.Middleware(profileapi.ForwardClientRequestID(graphQL)))
	if showsItself(c) {
		page, err := playground.New(playground.Options{Endpoint: "/graphql", Tabs: tabs})
		if err != nil {
			return nil, err
		}
		mux.Handle("/", page)
	}
	return mux, nil
}

// facets is the table of facets. A row names the facet's types; its REST segment is the name of its field on Profile.
func facets(c *profileapi.Client) graph.Facets {
	return graph.Facets{
		Interests: facet[model.PersonInterest, model.PersonInterestInput](c, "interests"),
	}
}

func facet[T, I any, PT model.Item[T]](c *profileapi.Client, segment string) graph.Facet[T, I, PT] {
	return graph.NewFacet[T, I, PT](profileapi.NewCollection[T, I, PT](c, segment))
}

// source is the one system that is served.
type source struct {
	name        string
	kind        model.SourceKind
	baseURL     string
	description string // for the banner
	transport   http.RoundTripper
	close       func()
}

func openSource(ctx context.Context, c *config.Config, log *slog.Logger) (*source, error) {
	transport := profileapi.NewTransport()
	if c.Upstream != "" {
		return &source{
			name: "upstream", kind: model.SourceKindProfile, baseURL: c.Upstream, description: c.Upstream,
			transport: transport, close: transport.CloseIdleConnections,
		}, nil
	}
	box, err := openSandbox(ctx, c, log)
	if err != nil {
		return nil, err
	}
	// The sandbox is spoken to over real HTTP, like any other source, on a port that only this machine can reach.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(err, box.Close())
	}
	server := newHTTPServer(box.Handler(), log)
	go func() { _ = server.Serve(listener) }() // ends with close
	url := fmt.Sprintf("http://%s/beta", listener.Addr())
	return &source{
		name: "sandbox", kind: model.SourceKindSandbox, baseURL: url,
		description: fmt.Sprintf("sandbox with made-up people, %s: %s", keeping(c.Data), url),
		transport:   transport,
		close: func() {
			transport.CloseIdleConnections()
			_ = server.Close()
			if err := box.Close(); err != nil {
				log.Error("the sandbox did not close well", "error", err)
			}
		},
	}, nil
}

func openSandbox(ctx context.Context, c *config.Config, log *slog.Logger) (*sandbox.Sandbox, error) {
	var f faults.Config
	if c.Faults != "" {
		text, err := os.ReadFile(c.Faults)
		if err != nil {
			return nil, fmt.Errorf("--faults: %w", err)
		}
		if f, err = faults.Parse(text); err != nil {
			return nil, fmt.Errorf("--faults %s: %w", c.Faults, err)
		}
	}
	return sandbox.Open(ctx, sandbox.Options{Data: c.Data, RequireToken: c.RequireToken, Faults: f, Log: log})
}

func keeping(data string) string {
	if data == "" {
		return "kept in memory"
	}
	return "kept in " + data
}

// serveSandbox is the sandbox's REST API alone.
func serveSandbox(ctx context.Context, c *config.Config, log *slog.Logger, stdout io.Writer) error {
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }()
	box, err := openSandbox(ctx, c, log)
	if err != nil {
		return err
	}
	banner := fmt.Sprintf("ProfileQL %s sandbox, %s\n", version, keeping(c.Data))
	for _, person := range box.People() {
		banner += fmt.Sprintf("  Person      %s (bearer token: %s)\n", person.DisplayName, person.UserPrincipalName)
	}
	banner += fmt.Sprintf("  Faults      http://%s%s\n", listener.Addr(), sandbox.FaultsPath)
	if _, err = fmt.Fprintf(stdout, "%s  REST        http://%s/beta/me/profile\n", banner, listener.Addr()); err == nil {
		err = serveUntilDone(ctx, listener, box.Handler(), log)
	}
	return errors.Join(err, box.Close())
}

// serveUntilDone serves until the context is done, and then gives what is under way time to end: a write that was
// sent to a source may take its full 10 seconds.
func serveUntilDone(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger) error {
	server := newHTTPServer(h, log)
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 15*time.Second)
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
