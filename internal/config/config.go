// Package config reads the command line and the environment, and refuses combinations that make no sense or are not
// safe. It knows no other package: server.go hands each its own options.
package config

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"github.com/alecthomas/kong"
)

// Config is what was asked for. Exactly one command is set.
type Config struct {
	Serve   *Serve
	Sandbox *Sandbox
	Schema  bool
}

// Serve is the GraphQL server's configuration.
type Serve struct {
	Listen            string `default:"127.0.0.1:8080" placeholder:"ADDR" help:"Address to serve on (${default})."`
	Upstream          string `placeholder:"URL" help:"Base URL of the profile API to serve, such as https://graph.microsoft.com/beta. The caller's Authorization header is forwarded to it."`
	Sandbox           bool   `help:"Serve the built-in sandbox with its made-up people. This is so by default on a loopback address without --upstream; elsewhere it has to be asked for."`
	Data              string `placeholder:"FILE" help:"Keep the sandbox's data in this file (readable by you alone). Without it, changes are gone when ProfileQL stops."`
	PlaintextUpstream bool   `help:"Allow an --upstream over plain HTTP that is not on this machine. Tokens then travel in the clear."`
}

// Sandbox is the configuration of the sandbox alone.
type Sandbox struct {
	Listen string `default:"127.0.0.1:8081" placeholder:"ADDR" help:"Address to serve the REST API on (${default})."`
	Data   string `placeholder:"FILE" help:"Keep the data in this file (readable by you alone). Without it, changes are gone when the sandbox stops."`
}

type commands struct {
	Serve   Serve            `cmd:"" default:"withargs" help:"Serve GraphQL and the playground. This is what happens without a command."`
	Sandbox Sandbox          `cmd:"" help:"Serve the sandbox alone: a REST profile API at /beta, for any REST client."`
	Schema  struct{}         `cmd:"" help:"Print the GraphQL schema."`
	Version kong.VersionFlag `help:"Print the version."`
}

const description = `ProfileQL serves the Microsoft Graph profile API as GraphQL.

Without any option it serves a built-in sandbox with made-up people, for trying things out:
  profileql

Against Microsoft Graph, with each caller's own token:
  profileql --upstream https://graph.microsoft.com/beta

Every option can be given as an environment variable too; the option wins.`

// Parse reads the command line without the program's name, and the environment variables PROFILEQL_…. It returns nil
// and no error where the command line has been answered already, as --help is.
func Parse(args []string, version string, stdout, stderr io.Writer) (*Config, error) {
	var commands commands
	answered := false
	parser, err := kong.New(&commands,
		kong.Name("profileql"), kong.Description(description), kong.DefaultEnvars("PROFILEQL"),
		kong.Vars{"version": "profileql " + version}, kong.Writers(stdout, stderr),
		kong.Exit(func(int) { answered = true }))
	if err != nil {
		return nil, err
	}
	context, err := parser.Parse(args)
	switch {
	case answered:
		return nil, nil
	case err != nil:
		return nil, err
	}
	switch context.Selected().Name {
	case "schema":
		return &Config{Schema: true}, nil
	case "sandbox":
		return &Config{Sandbox: &commands.Sandbox}, nil
	}
	return &Config{Serve: &commands.Serve}, commands.Serve.check()
}

func (s *Serve) check() error {
	if _, _, err := net.SplitHostPort(s.Listen); err != nil {
		return fmt.Errorf("--listen %s: write it as HOST:PORT", s.Listen)
	}
	if s.Upstream == "" {
		if !s.Sandbox && !s.OnLoopback() {
			return fmt.Errorf("--listen %s can be reached from other machines, and no source is configured: "+
				"name one with --upstream, or ask for the sandbox with --sandbox", s.Listen)
		}
		s.Sandbox = true
		return nil
	}
	if s.Sandbox {
		return errors.New("--upstream and --sandbox: there is one source, so choose one of them")
	}
	if s.Data != "" {
		return errors.New("--data keeps the sandbox's data, and with --upstream there is no sandbox")
	}
	upstream, err := url.Parse(s.Upstream)
	if err != nil {
		return errors.New("--upstream: not a URL")
	}
	if strings.EqualFold(upstream.Scheme, "http") && !isLoopback(upstream.Hostname()) && !s.PlaintextUpstream {
		return fmt.Errorf("--upstream %s: tokens would travel in the clear; use https, or allow it with --plaintext-upstream", upstream.Redacted())
	}
	return nil
}

// OnLoopback tells whether only this machine can reach the server.
func (s *Serve) OnLoopback() bool {
	host, _, err := net.SplitHostPort(s.Listen)
	return err == nil && isLoopback(host)
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.IsLoopback()
}
