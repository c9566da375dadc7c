package config

import (
	"io"

	"github.com/goccy/go-yaml"
)

// WriteSources writes the sources as YAML of the same schema as the file, with all defaults. Token values are not included.
func (c *Config) WriteSources(w io.Writer) error {
	d := document{Default: c.Sources[0].Name}
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

func (s Source) entry() entry {
	timeout, users := s.Timeout.String(), "me"
	if s.AnyUser {
		users = "any"
	}
	token := tokenEntry{From: string(s.Token.From), Name: s.Token.Name}
	if s.Token.From == FromCaller {
		token.Name = ""
	}
	var concurrency *int
	if s.Concurrency > 0 {
		concurrency = &s.Concurrency
	}
	return entry{
		Name: s.Name, Kind: string(s.Kind), URL: s.URL, Aliases: s.Aliases, Token: &token, ShareCallerToken: s.ShareCallerToken,
		Plaintext: s.Plaintext, Timeout: &timeout, Writable: &s.Writable, Users: &users, Batch: &s.Batch,
		Concurrency: concurrency, MaxConcurrency: &s.MaxConcurrency,
		Seed: s.Seed, Data: s.Data, Faults: s.Faults, RequireToken: s.RequireToken,
	}
}
