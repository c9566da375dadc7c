package config

import (
	"path/filepath"
	"strings"
	"time"
)

// Source is a system that ProfileQL reads from and writes to.
type Source struct {
	Name     string
	Kind     Kind
	URL      string   // base URL, of KindProfile
	Aliases  []string // other origins by which the source may call itself
	Token    Token
	Timeout  time.Duration // for all that one field of an operation needs of the source
	Writable bool
	AnyUser  bool // whether it is asked for others than the signed-in person

	Concurrency    int // requests of one caller that run at once; 0 where the token is not the caller's
	MaxConcurrency int // requests of all callers that run at once

	// What it is allowed although it is not safe.
	ShareCallerToken bool // a token that another origin has too
	Plaintext        bool // plain HTTP to another machine

	// Of KindSandbox.
	Seed         string // which made-up data: empty for the first set, or "lab"
	Data         string // file of the data; empty for in memory
	Faults       string // file of the faults that requests meet; empty for none
	RequireToken bool   // whether requests without a bearer token are refused
}

// Kind is what speaks at a source.
type Kind string

// The kinds.
const (
	KindProfile Kind = "profile" // the profile API
	KindSandbox Kind = "sandbox" // a sandbox inside
)

// Token says where the token of a source comes from.
type Token struct {
	From  TokenFrom
	Name  string // of the caller's header, in canonical form, or of the environment variable
	Value string // of the environment variable; never printed
}

// TokenFrom is where a token comes from.
type TokenFrom string

// Where tokens come from.
const (
	FromNobody TokenFrom = "nobody" // there is none
	FromCaller TokenFrom = "caller" // the caller's Authorization header
	FromHeader TokenFrom = "header" // another header of the caller's
	FromEnv    TokenFrom = "env"    // an environment variable: the same for every caller
)

const (
	defaultTimeout        = 10 * time.Second
	defaultConcurrency    = 4
	defaultMaxConcurrency = 256
)

var callerToken = Token{From: FromCaller, Name: "Authorization"}

// upstreamSource is the only source where --upstream names it.
func upstreamSource(url string, plaintext bool) Source {
	return Source{
		Name: "upstream", Kind: KindProfile, URL: url, Token: callerToken, Timeout: defaultTimeout,
		Writable: true, AnyUser: true, Plaintext: plaintext,
		Concurrency: defaultConcurrency, MaxConcurrency: defaultMaxConcurrency,
	}
}

// builtInSources are two sandboxes, so that there is something to merge. Data is the file of the first one's.
func builtInSources(data, seed, faults string, requireToken bool) []Source {
	first := Source{
		Name: "sandbox", Kind: KindSandbox, Token: callerToken, Timeout: defaultTimeout, Writable: true, AnyUser: true,
		Seed: seed, Data: data, Faults: faults, RequireToken: requireToken,
		Concurrency: defaultConcurrency, MaxConcurrency: defaultMaxConcurrency,
	}
	lab := first
	lab.Name, lab.Seed, lab.Data, lab.Faults = "lab", labSeed, labDataFile(data), ""
	return []Source{first, lab}
}

// labSeed is the second set of made-up data.
const labSeed = "lab"

// labDataFile is the file of the second sandbox's data: sandbox-lab.db where the first one's is sandbox.db.
func labDataFile(data string) string {
	if data == "" {
		return ""
	}
	extension := filepath.Ext(data)
	return strings.TrimSuffix(data, extension) + "-lab" + extension
}
