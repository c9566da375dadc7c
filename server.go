// ProfileQL serves the Microsoft Graph profile API as GraphQL.
//
// This file connects all packages: it reads the configuration, builds the handler, serves and stops; sources.go opens the
// sources.
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
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"syscall"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"profileql/graph"
	"profileql/internal/auth"
	"profileql/internal/buildinfo"
	"profileql/internal/config"
	"profileql/internal/demo"
	"profileql/internal/edge"
	"profileql/internal/graphqlhttp"
	"profileql/internal/playground"
	"profileql/internal/profileapi"
	"profileql/internal/sandbox"
	"profileql/internal/telemetry"
)

//go:embed schema.graphqls
var schema string

//go:embed federation.graphqls
var federation string

func main() {
	// Requests allocate short-lived garbage, and the live heap is small. Collecting a quarter as often saves a third of
	// the CPU time, and takes about 20 MB more.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	if err := run(untilSignal(), os.Args[1:], os.Stdout, os.Stderr); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "profileql:", err)
		os.Exit(1)
	}
}

// untilSignal returns a context that SIGINT or SIGTERM cancels. A second signal ends the process at once.
func untilSignal() context.Context {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithCancelCause(context.Background())
	go func() {
		received := <-signals
		signal.Stop(signals)
		if received == syscall.SIGTERM { // from a supervisor that may have others to take over; SIGINT is from a terminal
			cancel(edge.ErrTerminated)
			return
		}
		cancel(nil)
	}()
	return ctx
}

// run runs the command of the command line. It returns when the command is done or the context is canceled.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	parse := func() (*config.Config, error) { return config.Parse(args, buildinfo.Details(), stdout, stderr) }
	c, err := parse()
	if c == nil || err != nil {
		return err
	}
	stdlog.SetOutput(io.Discard) // net/http logs the first bytes of unexpected data from a source
	lines := telemetry.NewQueue(stderr)
	defer lines.Close()
	log := telemetry.NewLog(lines)
	switch c.Command {
	case config.Schema:
		return printSchema(c, stdout)
	case config.Check:
		return check(c, stdout, stderr)
	case config.Sandbox:
		return serveSandbox(ctx, c, log, stdout)
	}
	return serve(ctx, c, parse, lines, log, stdout)
}

// printSchema prints the schema that the server would serve.
func printSchema(c *config.Config, stdout io.Writer) error {
	served, err := loadSchema(c)
	if err != nil {
		return err
	}
	_, err = io.WriteString(stdout, served.SDL)
	return err
}

func loadSchema(c *config.Config) (graph.Schema, error) {
	if c.Federation {
		return graph.LoadSubgraph(schema, federation)
	}
	return graph.LoadSchema(schema)
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

// errDemoHidden is the error of the command demo where its page cannot be seen.
var errDemoHidden = errors.New("demo: the page is hidden, like the playground: " +
	"leave out --operations, and serve on a loopback address or with --introspection")

// serve runs the GraphQL server until the context is canceled. On SIGHUP it parses the configuration again.
func serve(ctx context.Context, c *config.Config, parse func() (*config.Config, error), lines *telemetry.Queue, log *slog.Logger, stdout io.Writer) error {
	if c.Command == config.Demo && introspectionAllowed(c) == nil {
		return errDemoHidden
	}
	metrics, err := newMetrics(c)
	if err != nil {
		return err
	}
	traces, err := telemetry.NewTraces(buildinfo.Version(), log)
	if err != nil {
		return err
	}
	defer traces.Close() // not before requests in progress have finished: they are traced too
	log = traces.Log(log)
	with := shared{memory: profileapi.NewMemoryBudget(answerMemory()), health: new(edge.Health), metrics: metrics, traces: traces, log: log}
	first, err := newService(ctx, c, new(service), with)
	if err != nil {
		return err
	}
	live := &reloader{current: first, log: log, build: func(previous *service) (*service, error) {
		c, err := parse()
		if err != nil {
			return nil, err
		}
		return newService(ctx, c, previous, with)
	}}
	defer func() { live.current.sources.close() }()
	l, err := edge.Listen(listenOptions(c, log, "h2", "http/1.1"))
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }()
	metrics.Watch(func() telemetry.State { return stateOf(live.now().sources, with.memory, lines) })
	adminURL, stopAdmin, err := openAdmin(c, live, with)
	if err != nil {
		return fmt.Errorf("--admin: %w", err)
	}
	defer stopAdmin() // not before requests in progress have finished: they are measured too
	live.reloadCertificate = l.ReloadCertificate
	defer onHangup(log, live.reload)()
	if err := announce(c, l.URL, adminURL, first.sources, stdout); err != nil {
		return err
	}
	return l.Serve(ctx, live, with.health)
}

// announce writes the banner.
func announce(c *config.Config, url, adminURL string, all sourceList, stdout io.Writer) error {
	address := url + c.BasePath
	banner := fmt.Sprintf("ProfileQL %s\n  GraphQL     %s/graphql\n", buildinfo.Version(), address)
	if introspectionAllowed(c) != nil {
		banner += fmt.Sprintf("  Playground  %s/\n  Demo        %s/demo\n", address, address)
	}
	if adminURL != "" {
		banner += fmt.Sprintf("  Admin       %s/\n", adminURL)
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
	_, err := io.WriteString(stdout, banner)
	return err
}

func listenOptions(c *config.Config, log *slog.Logger, protocols ...string) edge.ListenOptions {
	return edge.ListenOptions{
		Address: c.Listen, TLSCert: c.TLSCert, TLSKey: c.TLSKey, Protocols: protocols, Log: log,
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

// newHandler returns the handler of the server, with the sources connected. Callers are verified unless verifier is nil.
func newHandler(c *config.Config, all sourceList, verifier *auth.Verifier, with shared) (http.Handler, error) {
	manifest, err := readOptional("--operations", c.Operations)
	if err != nil {
		return nil, err
	}
	allowed := introspectionAllowed(c)
	served, err := loadSchema(c)
	if err != nil {
		return nil, err
	}
	api, err := graph.New(graph.Options{Schema: served, Sources: all.described(), Collection: all.collection})
	if err != nil {
		return nil, err
	}
	graphQL, err := graphqlhttp.New(graphqlhttp.Options{
		Executable: api.Executable, Inputs: api.Inputs, Checkers: api.Checkers, Present: graph.Present,
		Manifest: manifest, Shown: allowed, Observers: append(traceOperations(with.traces), observeOperations(with.metrics)...), Log: with.log,
	})
	if err != nil && manifest != nil {
		err = fmt.Errorf("--operations %s: %w", c.Operations, err)
	}
	if err != nil {
		return nil, err
	}
	var pages http.Handler
	if allowed != nil {
		if pages, err = newPages(all, allowed); err != nil {
			return nil, err
		}
	}
	endpoint := auth.Middleware(all.tokenHeaders(), edge.BadRequest, profileapi.ForwardClientRequestID(graphQL))
	if verifier != nil {
		endpoint = verifier.Middleware(edge.Refuse, endpoint)
	}
	handler, err := edge.New(edge.Options{
		BasePath: c.BasePath, Hosts: hosts(c), Origins: c.CORSOrigins, PageShown: allowed, Health: with.health, LogPanic: logPanic(with.log),
	}, endpoint, pages)
	if err != nil {
		return nil, fmt.Errorf("--cors-origin: %w", err)
	}
	return handler, nil
}

// newPages returns a handler for the playground and the demo.
func newPages(all sourceList, shown func(http.Header) bool) (http.Handler, error) {
	graphiQL, err := newPlayground(all, shown)
	if err != nil {
		return nil, err
	}
	app, err := demo.New(shown)
	if err != nil {
		return nil, err
	}
	pages := http.NewServeMux()
	pages.Handle("/", graphiQL)
	pages.Handle("/demo", app)
	pages.Handle("/demo/", app)
	return pages, nil
}

// newPlayground returns the playground for these sources. In a sandbox, it offers the people to sign in as.
func newPlayground(all sourceList, shown func(http.Header) bool) (http.Handler, error) {
	o := playground.Options{
		Endpoint: "graphql", Tabs: playground.Guide(all[len(all)-1].Name, sandbox.SampleInterest, sandbox.LockedInterest),
		Sources: make(map[string]string), Shown: shown,
	}
	for _, s := range all {
		if s.sandbox == nil {
			continue
		}
		o.Sources[s.Name] = s.sandbox.baseURL
		for _, p := range s.sandbox.people {
			person := playground.Person{Name: p.DisplayName, Token: p.UserPrincipalName}
			if !slices.Contains(o.People, person) {
				o.People = append(o.People, person)
			}
		}
	}
	return playground.New(o)
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
	defer onHangup(log, l.ReloadCertificate)()
	banner += fmt.Sprintf("  Faults      %s%s\n  REST        %s/beta/me/profile\n", l.URL, sandbox.FaultsPath, l.URL)
	if _, err = io.WriteString(stdout, banner); err == nil {
		err = l.Serve(ctx, edge.KnownHost(hosts(c), box.Handler()), new(edge.Health))
	}
	return errors.Join(err, box.Close())
}
