// Package config reads the command line and the environment, and refuses combinations that make no sense or are not
// safe. It knows no other package: server.go hands each its own options.
package config

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// Command is what was asked for.
type Command string

// The commands.
const (
	Serve   Command = "serve"   // GraphQL, and the playground
	Sandbox Command = "sandbox" // the sandbox's REST API alone
	Schema  Command = "schema"  // print the GraphQL schema
	Check   Command = "check"   // print the sources that the configuration makes
)

// Config is the configuration, checked.
type Config struct {
	Command Command

	Listen  string
	Sources []Source // the first is the default one; for the command Sandbox, it is the only one

	// Who may ask, and for what.
	Hosts         []string // names, besides this machine's own, that a loopback listener answers to
	CORSOrigins   []string // origins of web pages that may ask
	Introspection bool     // show the schema and the playground to everybody
	Operations    string   // file of the only documents that are run; empty for any
	TLSCert       string   // dataFiles in PEM; empty for plain HTTP
	TLSKey        string
}

// commandLine is the form of the command line. The options stand at the top, so that --help shows them all at once.
type commandLine struct {
	Listen            string   `placeholder:"ADDR" help:"Address to serve on: 127.0.0.1:8080, or 127.0.0.1:8081 for the sandbox alone."`
	ConfigFile        string   `name:"config" placeholder:"FILE" help:"The sources, as this YAML file has them."`
	Upstream          string   `placeholder:"URL" help:"Base URL of the profile API to serve, such as https://graph.microsoft.com/beta. The caller's Authorization header is forwarded to it."`
	Host              []string `placeholder:"NAME" help:"On a loopback address, answer to this name in Host too. Several are separated by commas."`
	CORSOrigin        []string `name:"cors-origin" placeholder:"ORIGIN" help:"Let web pages of this origin ask, such as https://app.example.com. Several are separated by commas."`
	Introspection     bool     `help:"Show the schema and the playground to everybody. By default they are shown for the sandbox and on loopback addresses, to requests that come without a proxy."`
	Operations        string   `placeholder:"FILE" help:"Run only the documents in this manifest: Relay's, or Apollo's."`
	TLSCert           string   `name:"tls-cert" placeholder:"FILE" help:"Serve HTTPS with this certificate (PEM). It is read again on SIGHUP."`
	TLSKey            string   `name:"tls-key" placeholder:"FILE" help:"The certificate's key (PEM)."`
	Sandbox           bool     `help:"Serve the built-in sandbox although other machines can reach the address. On this machine alone it is served by default."`
	Data              string   `placeholder:"FILE" help:"Keep the sandbox's data in this file, readable by you alone. Without it, changes are gone when ProfileQL stops."`
	Seed              string   `enum:",lab" default:"" placeholder:"NAME" help:"Of the sandbox alone: which made-up data it begins with; lab is another set."`
	Faults            string   `placeholder:"FILE" help:"Let requests to the sandbox meet the errors, delays and odd answers that this file describes."`
	RequireToken      bool     `help:"Let the sandbox answer 401 to requests without a bearer token."`
	PlaintextUpstream bool     `help:"Allow an upstream over plain HTTP that is not on this machine. Tokens then travel in the clear."`

	Version kong.VersionFlag `env:"-" help:"Print the version."`

	Serve        struct{} `cmd:"" default:"1" hidden:""`
	SandboxAlone struct{} `cmd:"" name:"sandbox" help:"Serve the sandbox alone: a REST profile API at /beta, for any REST client."`
	Schema       struct{} `cmd:"" help:"Print the GraphQL schema."`
	Check        struct{} `cmd:"" help:"Check the configuration, and print the sources that it makes."`
}

const description = `ProfileQL serves the Microsoft Graph profile API as GraphQL.

Without any option it serves two built-in sandboxes with made-up people, for trying things out:
  profileql

Against Microsoft Graph, with each caller's own token:
  profileql --upstream https://graph.microsoft.com/beta

Several sources as one:
  profileql --config sources.yaml

Every option can be given as an environment variable too; the option wins.`

// Parse reads the command line without the program's name, and the environment variables PROFILEQL_…. It returns nil
// and no error where the command line has been answered already, as --help is.
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
		Hosts: line.Host, CORSOrigins: line.CORSOrigin, Introspection: line.Introspection, Operations: line.Operations,
		TLSCert: line.TLSCert, TLSKey: line.TLSKey,
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
	c.Sources, err = line.sources(c)
	if err != nil {
		return nil, err
	}
	return c, line.checkSources(c)
}

// sources are those that the command line makes, or the file that it names.
func (line *commandLine) sources(c *Config) ([]Source, error) {
	switch {
	case line.ConfigFile != "":
		return readFile(line.ConfigFile, c.OnLoopback())
	case line.Upstream != "":
		return []Source{upstreamSource(line.Upstream, line.PlaintextUpstream)}, nil
	}
	return builtInSources(line.Data, line.Seed, line.Faults, line.RequireToken), nil
}

// hostPattern is what can stand in Host before a port: a name, or an address.
var hostPattern = regexp.MustCompile(`^(\w[\w.-]*|\[[0-9A-Fa-f:.]+\])$`)

func (line *commandLine) check(c *Config) error {
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		return fmt.Errorf("--listen %s: write it as HOST:PORT", c.Listen)
	}
	if len(c.Hosts) > 0 && !c.OnLoopback() {
		return fmt.Errorf("--host is for loopback addresses, where names are checked; at --listen %s any will do", c.Listen)
	}
	for _, host := range c.Hosts {
		if !hostPattern.MatchString(host) {
			return fmt.Errorf("--host %s: write a whole name without a port, such as profile.test", host)
		}
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return errors.New("--tls-cert and --tls-key go together")
	}
	if c.Introspection && c.Operations != "" {
		return errors.New("--introspection and --operations exclude each other: introspection is a document that is not listed")
	}
	for option, given := range map[string]bool{
		"--cors-origin": len(c.CORSOrigins) > 0, "--introspection": c.Introspection, "--operations": c.Operations != "",
	} {
		if given && c.Command == Sandbox {
			return fmt.Errorf("%s is about GraphQL, and the sandbox alone has none", option)
		}
	}
	if line.Seed != "" && c.Command != Sandbox {
		return errors.New("--seed is of the sandbox alone; elsewhere, write seed: in the file of --config")
	}
	if line.ConfigFile != "" {
		return line.checkConfig(c)
	}
	if line.Upstream != "" {
		return line.checkUpstream(c)
	}
	return nil
}

// checkSources refuses made-up data where other machines would take it for real.
func (line *commandLine) checkSources(c *Config) error {
	isSandbox := func(s Source) bool { return s.Kind == KindSandbox }
	if c.Command == Sandbox || c.Command == Schema || line.Sandbox || c.OnLoopback() || !slices.ContainsFunc(c.Sources, isSandbox) {
		return nil
	}
	if line.ConfigFile != "" {
		return fmt.Errorf("--listen %s can be reached from other machines, and --config has a sandbox among its sources: "+
			"take it out, or ask for it with --sandbox", c.Listen)
	}
	return fmt.Errorf("--listen %s can be reached from other machines, and no source is configured: "+
		"name one with --upstream or --config, or ask for the sandbox with --sandbox", c.Listen)
}

// checkConfig refuses options beside --config that the file has keys for.
func (line *commandLine) checkConfig(c *Config) error {
	if c.Command == Sandbox {
		return errors.New("--config is about the sources of GraphQL, and the sandbox alone has none")
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
		return errors.New("--upstream and the sandbox (--sandbox) are two sources: choose, or name both in a file for --config")
	}
	for option, given := range map[string]bool{
		"--data": line.Data != "", "--faults": line.Faults != "", "--require-token": line.RequireToken,
	} {
		if given {
			return fmt.Errorf("%s is the sandbox's, and with --upstream there is no sandbox", option)
		}
	}
	upstream, problem := baseURL(line.Upstream)
	if problem != "" {
		return fmt.Errorf("--upstream %s; write one such as https://graph.microsoft.com/beta", problem)
	}
	if upstream.Scheme == "http" && !isLoopback(upstream.Hostname()) && !line.PlaintextUpstream {
		return fmt.Errorf("--upstream %s: tokens would travel in the clear; use https, or allow it with --plaintext-upstream", upstream)
	}
	return nil
}

// OnLoopback tells whether only this machine can reach the server.
func (c *Config) OnLoopback() bool {
	host, _, err := net.SplitHostPort(c.Listen)
	return err == nil && isLoopback(host)
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.IsLoopback()
}
