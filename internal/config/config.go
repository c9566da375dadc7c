// Package config parses the command line, the environment and the file of sources, and rejects invalid or unsafe
// combinations. It depends on no other package of ProfileQL: server.go passes each its own options.
package config

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/goccy/go-yaml"
)

// Command is a command of the command line.
type Command string

// The commands.
const (
	Serve   Command = "serve"   // GraphQL, the playground and the demo
	Demo    Command = "demo"    // the same; of the built-in sandboxes, the second has faults
	Sandbox Command = "sandbox" // the sandbox's REST API alone
	Schema  Command = "schema"  // print the GraphQL schema
	Check   Command = "check"   // print the resolved sources
)

// Config is the validated configuration.
type Config struct {
	Command Command

	Listen  string
	Admin   string   // address of the operator's listener; empty for none
	Sources []Source // the first is the default one; for the command Sandbox, it is the only one
	Callers *Callers // how callers are verified; nil if they are not

	// Access control.
	Hosts         []string // additional host names that a loopback listener accepts
	CORSOrigins   []string // allowed origins of web pages
	Introspection bool     // introspection and playground for everybody
	BasePath      string   // path below which everything is served, such as /profileql; empty for none
	Federation    bool     // the schema is a subgraph of Apollo Federation
	Operations    string   // manifest of persisted operations, the only ones that are run; empty for any
	TLSCert       string   // PEM files; empty for plain HTTP
	TLSKey        string

	options yaml.MapSlice // all options with their values, for WriteSettings
}

// commandLine is the command line for kong. The options are at the top level, so that --help shows them all at once.
type commandLine struct {
	Listen            string   `placeholder:"ADDR" help:"Address to serve on: 127.0.0.1:8080, or 127.0.0.1:8081 for the command sandbox."`
	Admin             string   `placeholder:"ADDR" help:"Address of the operator's listener: metrics for Prometheus, health checks, profiles and the settings. Anyone who can reach it can read them. Without it, nothing is measured."`
	ConfigFile        string   `name:"config" placeholder:"FILE" help:"YAML file with the sources."`
	Upstream          string   `placeholder:"URL" help:"Base URL of the profile API to serve, such as https://graph.microsoft.com/beta. The caller's Authorization header is forwarded to it."`
	Host              []string `placeholder:"NAME" help:"On a loopback address, accept this name in the Host header too. Separate several with commas."`
	CORSOrigin        []string `name:"cors-origin" placeholder:"ORIGIN" help:"Allow cross-origin requests (CORS) from this origin, such as https://app.example.com. Separate several with commas."`
	Introspection     bool     `help:"Enable introspection, the playground and the demo for everybody. By default they are enabled for the sandbox and on loopback addresses, for requests without a proxy."`
	BasePath          string   `placeholder:"PATH" help:"Serve everything below this path, such as /profileql."`
	Operations        string   `placeholder:"FILE" help:"Run only the persisted operations (trusted documents) in this manifest, in the format of Relay or Apollo."`
	Federation        bool     `help:"Serve the schema as a subgraph of Apollo Federation 2. With the command schema, print the subgraph's schema for composition."`
	TLSCert           string   `name:"tls-cert" placeholder:"FILE" help:"Serve HTTPS with this certificate (PEM). It is reloaded on SIGHUP."`
	TLSKey            string   `name:"tls-key" placeholder:"FILE" help:"Private key of the certificate (PEM)."`
	Sandbox           bool     `help:"Serve the built-in sandbox on an address that other machines can reach. On a loopback address it is served by default."`
	Data              string   `placeholder:"FILE" help:"Database file of the sandbox, readable only by you. Without it, changes are lost when ProfileQL stops."`
	Seed              string   `enum:",lab" default:"" placeholder:"NAME" help:"Initial data set of the command sandbox; lab is another set."`
	Faults            string   `placeholder:"FILE" help:"Inject the errors, delays and malformed responses of this file into the sandbox."`
	RequireToken      bool     `help:"Let the sandbox respond 401 to requests without a bearer token."`
	PlaintextUpstream bool     `help:"Allow an upstream over plain HTTP on another machine. Tokens are then sent unencrypted."`

	Version kong.VersionFlag `env:"-" help:"Print the version."`

	Serve        struct{} `cmd:"" default:"1" hidden:""`
	Demo         struct{} `cmd:"" help:"Serve GraphQL, and show the demo: a profile page at /demo. Of the two sandboxes, one is slow and fails on purpose."`
	SandboxAlone struct{} `cmd:"" name:"sandbox" help:"Serve only the sandbox: a REST profile API at /beta, for any REST client."`
	Schema       struct{} `cmd:"" help:"Print the GraphQL schema."`
	Check        struct{} `cmd:"" help:"Check the configuration, and print the resolved sources."`
}

const description = `ProfileQL serves the Microsoft Graph profile API as GraphQL.

Without options, it serves two built-in sandboxes with made-up data to try it out:
  profileql

Against Microsoft Graph, with each caller's own token:
  profileql --upstream https://graph.microsoft.com/beta

Several sources, merged:
  profileql --config sources.yaml

Every option can also be set as an environment variable; options take precedence.`

// Parse parses the command line without the program's name, and the environment variables PROFILEQL_…. It returns nil and no
// error if there is nothing left to do, as after --help.
func Parse(args []string, version string, stdout, stderr io.Writer) (*Config, error) {
	var line commandLine
	done := false
	parser, err := kong.New(&line,
		kong.Name("profileql"), kong.Description(description), kong.DefaultEnvars("PROFILEQL"),
		kong.Vars{"version": "profileql " + version}, kong.Writers(stdout, stderr),
		kong.Exit(func(int) { done = true }))
	if err != nil {
		return nil, err
	}
	context, err := parser.Parse(args)
	switch {
	case done:
		return nil, nil
	case err != nil:
		return nil, err
	}
	c := &Config{
		Command: Command(context.Selected().Name), Listen: line.Listen,
		Hosts: line.Host, CORSOrigins: line.CORSOrigin, Introspection: line.Introspection, BasePath: line.BasePath, Operations: line.Operations,
		TLSCert: line.TLSCert, TLSKey: line.TLSKey, Admin: line.Admin, Federation: line.Federation,
	}
	if c.Listen == "" {
		c.Listen = "127.0.0.1:8080"
		if c.Command == Sandbox {
			c.Listen = "127.0.0.1:8081"
		}
	}
	if err := line.check(c); err != nil {
		return nil, err
	}
	if c.Sources, c.Callers, err = line.sources(c); err != nil {
		return nil, err
	}
	line.Listen = c.Listen
	c.options = optionsOf(parser)
	return c, line.checkSources(c)
}

// sources returns the sources from the command line, or from the file of --config.
func (line *commandLine) sources(c *Config) ([]Source, *Callers, error) {
	switch {
	case line.ConfigFile != "":
		return readFile(line.ConfigFile, c.OnLoopback())
	case line.Upstream != "":
		return []Source{upstreamSource(line.Upstream, line.PlaintextUpstream)}, nil, nil
	}
	all := builtInSources(line.Data, line.Seed, line.Faults, line.RequireToken)
	all[1].DemoFaults = c.Command == Demo
	return all, nil, nil
}

// hostPattern matches a Host header without a port: a name, or an address.
var hostPattern = regexp.MustCompile(`^(\w[\w.-]*|\[[0-9A-Fa-f:.]+\])$`)

// basePathPattern matches a path whose characters need no escaping (RFC 3986, section 2.3).
var basePathPattern = regexp.MustCompile(`^(/[\w.~-]+)+$`)

func (line *commandLine) check(c *Config) error {
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		return fmt.Errorf("--listen %s: write it as HOST:PORT", c.Listen)
	}
	if err := c.checkAdmin(); err != nil {
		return err
	}
	if len(c.Hosts) > 0 && !c.OnLoopback() && !c.AdminOnLoopback() {
		return fmt.Errorf("--host is for loopback addresses only; with --listen %s, any Host header is accepted", c.Listen)
	}
	for _, host := range c.Hosts {
		if !hostPattern.MatchString(host) {
			return fmt.Errorf("--host %s: write a whole name without a port, such as profile.test", host)
		}
	}
	if c.BasePath != "" && (!basePathPattern.MatchString(c.BasePath) || path.Clean(c.BasePath) != c.BasePath) {
		return fmt.Errorf("--base-path %s: write a path that starts with / and does not end with it, such as /profileql", c.BasePath)
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return errors.New("--tls-cert and --tls-key must be given together")
	}
	if c.Introspection && c.Operations != "" {
		return errors.New("--introspection and --operations exclude each other: introspection is not in the manifest")
	}
	for option, given := range map[string]bool{
		"--cors-origin": len(c.CORSOrigins) > 0, "--introspection": c.Introspection, "--operations": c.Operations != "",
		"--base-path": c.BasePath != "", "--admin": c.Admin != "", "--federation": c.Federation,
	} {
		if given && c.Command == Sandbox {
			return fmt.Errorf("%s is an option for GraphQL, which the command sandbox does not serve", option)
		}
	}
	if line.Seed != "" && c.Command != Sandbox {
		return errors.New("--seed is an option of the command sandbox; otherwise, write seed: in the file of --config")
	}
	if line.ConfigFile != "" {
		return line.checkConfig(c)
	}
	if line.Upstream != "" {
		return line.checkUpstream(c)
	}
	return nil
}

// checkSources rejects a sandbox on a public address, where its made-up data would be taken for real.
func (line *commandLine) checkSources(c *Config) error {
	isSandbox := func(s Source) bool { return s.Kind == KindSandbox }
	if c.Command == Sandbox || c.Command == Schema || line.Sandbox || c.OnLoopback() || !slices.ContainsFunc(c.Sources, isSandbox) {
		return nil
	}
	if line.ConfigFile != "" {
		return fmt.Errorf("--listen %s can be reached from other machines, and --config has a sandbox among its sources: "+
			"remove it, or allow it with --sandbox", c.Listen)
	}
	return fmt.Errorf("--listen %s can be reached from other machines, and no source is configured: "+
		"add one with --upstream or --config, or allow the sandbox with --sandbox", c.Listen)
}

// checkConfig rejects options that the file of --config has keys for.
func (line *commandLine) checkConfig(c *Config) error {
	if c.Command == Sandbox {
		return errors.New("--config is an option for GraphQL, which the command sandbox does not serve")
	}
	for _, o := range []struct {
		option, key string
		given       bool
	}{
		{"--upstream", "url", line.Upstream != ""}, {"--data", "data", line.Data != ""}, {"--faults", "faults", line.Faults != ""},
		{"--require-token", "requireToken", line.RequireToken}, {"--plaintext-upstream", "plaintext", line.PlaintextUpstream},
	} {
		if o.given {
			return fmt.Errorf("%s and --config exclude each other: in the file, write %s: at the source", o.option, o.key)
		}
	}
	return nil
}

func (line *commandLine) checkUpstream(c *Config) error {
	if line.Sandbox || c.Command == Sandbox {
		return errors.New("--upstream and the sandbox (--sandbox) exclude each other; for both sources, use --config")
	}
	for option, given := range map[string]bool{
		"--data": line.Data != "", "--faults": line.Faults != "", "--require-token": line.RequireToken,
	} {
		if given {
			return fmt.Errorf("%s is an option for the sandbox, which is not served with --upstream", option)
		}
	}
	upstream, problem := baseURL(line.Upstream)
	if problem != "" {
		return fmt.Errorf("--upstream %s; write one such as https://graph.microsoft.com/beta", problem)
	}
	if upstream.Scheme == "http" && !isLoopback(upstream.Hostname()) && !line.PlaintextUpstream {
		return fmt.Errorf("--upstream %s: tokens would be sent unencrypted; use https, or allow it with --plaintext-upstream", upstream)
	}
	return nil
}

// checkAdmin rejects the public address as that of the operator's listener: callers could read what is for the operator.
func (c *Config) checkAdmin() error {
	if c.Admin == "" {
		return nil
	}
	_, port, err := net.SplitHostPort(c.Admin)
	switch {
	case err != nil:
		return fmt.Errorf("--admin %s: write it as HOST:PORT", c.Admin)
	case c.Admin == c.Listen && port != "0":
		return fmt.Errorf("--admin %s is the address of --listen, too; it needs one that callers cannot reach", c.Admin)
	}
	return nil
}

// OnLoopback reports whether the listen address is a loopback address.
func (c *Config) OnLoopback() bool { return isLoopbackAddress(c.Listen) }

// AdminOnLoopback reports whether the address of the operator's listener is a loopback address.
func (c *Config) AdminOnLoopback() bool { return isLoopbackAddress(c.Admin) }

func isLoopbackAddress(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && isLoopback(host)
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.IsLoopback()
}
