package config

import (
	"io"
	"slices"

	"github.com/alecthomas/kong"
	"github.com/goccy/go-yaml"
)

// WriteSources writes the sources as YAML of the same schema as the file, with all defaults. Token values are not included.
func (c *Config) WriteSources(w io.Writer) error {
	d := document{Default: c.Sources[0].Name}
	if k := c.Callers; k != nil {
		d.Callers = &callersEntry{Issuer: k.Issuer, Audience: k.Audience, Scopes: k.Scopes}
	}
	for _, s := range c.Sources {
		d.Sources = append(d.Sources, s.entry())
	}
	text, err := yaml.MarshalWithOptions(d, yaml.IndentSequence(true))
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

// WriteSettings writes all options with their values, and the sources as WriteSources does.
func (c *Config) WriteSettings(w io.Writer) error {
	text, err := yaml.Marshal(yaml.MapSlice{{Key: "options", Value: c.options}})
	if err != nil {
		return err
	}
	if _, err := w.Write(text); err != nil {
		return err
	}
	return c.WriteSources(w)
}

// optionsOf returns the options of the command line with their values, in the order of --help. None of them is a secret:
// tokens come from the environment variables that the file of sources names.
func optionsOf(parser *kong.Kong) (options yaml.MapSlice) {
	for _, flag := range parser.Model.Flags {
		if !slices.Contains([]string{"help", "version"}, flag.Name) {
			options = append(options, yaml.MapItem{Key: flag.Name, Value: flag.Target.Interface()})
		}
	}
	return options
}

func (s Source) entry() entry {
	timeout, users := s.Timeout.String(), "me"
	if s.AnyUser {
		users = "any"
	}
	token := tokenEntry{From: string(s.Token.From), Name: s.Token.Name}
	if s.Token.From == FromCaller {
		token.Name = ""
	}
	if x := s.Token.Exchange; x != nil {
		token.Tenant, token.ClientID, token.Scopes, token.Authority = x.Tenant, x.ClientID, x.Scopes, x.Authority
		token.SecretEnv, token.Certificate, token.FederatedTokenFile = x.SecretEnv, x.CertificateFile, x.FederatedTokenFile
	}
	var me *meEntry
	if s.MeClaim != "" {
		me = &meEntry{Claim: s.MeClaim}
	}
	var concurrency *int
	if s.Concurrency > 0 {
		concurrency = &s.Concurrency
	}
	return entry{
		Name: s.Name, Kind: string(s.Kind), URL: s.URL, Aliases: s.Aliases, Token: &token, ShareCallerToken: s.ShareCallerToken,
		Plaintext: s.Plaintext, Timeout: &timeout, Writable: &s.Writable, Users: &users, UsersFor: s.UsersFor, Me: me, Batch: &s.Batch,
		Traceparent: s.Traceparent, Concurrency: concurrency, MaxConcurrency: &s.MaxConcurrency,
		Seed: s.Seed, Data: s.Data, Faults: s.Faults, RequireToken: s.RequireToken,
	}
}
