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
	Aliases  []string // other origins that the source's links may name
	Token    Token
	Timeout  time.Duration // for all requests of one field of an operation
	Writable bool
	AnyUser  bool      // whether it serves other users than the signed-in one
	MeClaim  string    // the claim with the caller's name at the source, where the token does not say who the caller is; empty for none
	UsersFor *UsersFor // the only callers for whom it serves other users; nil for all
	Batch    bool      // whether reads of one operation are sent in a $batch

	Traceparent bool // whether the source receives the trace context of callers

	Concurrency    int // concurrent requests of one caller; 0 if the token is not the caller's
	MaxConcurrency int // concurrent requests of all callers

	// Unsafe options that must be enabled explicitly.
	ShareCallerToken bool // receive a token that another origin receives too
	Plaintext        bool // plain HTTP to another machine

	// Of KindSandbox.
	Seed         string // data set: empty for the first one, or "lab"
	Data         string // database file; empty for in memory
	Faults       string // fault injection file; empty for none
	DemoFaults   bool   // the faults of the command demo, in place of a file
	RequireToken bool   // whether requests without a bearer token get 401
}

// Kind is the kind of a source.
type Kind string

// The kinds.
const (
	KindProfile Kind = "profile" // the profile API
	KindSandbox Kind = "sandbox" // a built-in sandbox
)

// Token says where the token of a source comes from.
type Token struct {
	From  TokenFrom
	Name  string // of the caller's header, in canonical form, or of the environment variable
	Value string // of the environment variable; never printed

	Exchange *Exchange // of a token service; nil for none
}

// TokenFrom is the origin of a token.
type TokenFrom string

// The origins of tokens.
const (
	FromNobody TokenFrom = "nobody" // no token
	FromCaller TokenFrom = "caller" // the caller's Authorization header
	FromHeader TokenFrom = "header" // another header of the caller's
	FromEnv    TokenFrom = "env"    // an environment variable: the same for every caller

	FromOnBehalfOf        TokenFrom = "onBehalfOf"        // a token service, in exchange for the caller's token
	FromClientCredentials TokenFrom = "clientCredentials" // a token service: the same for every caller
)

const (
	defaultTimeout        = 10 * time.Second
	defaultConcurrency    = 4
	defaultMaxConcurrency = 256
)

var callerToken = Token{From: FromCaller, Name: "Authorization"}

// upstreamSource returns the source of --upstream.
func upstreamSource(url string, plaintext bool) Source {
	return Source{
		Name: "upstream", Kind: KindProfile, URL: url, Token: callerToken, Timeout: defaultTimeout,
		Writable: true, AnyUser: true, Batch: true, Plaintext: plaintext,
		Concurrency: defaultConcurrency, MaxConcurrency: defaultMaxConcurrency,
	}
}

// builtInSources returns two sandboxes, so that there is something to merge. Data is the database of the first.
func builtInSources(data, seed, faults string, requireToken bool) []Source {
	first := Source{
		Name: "sandbox", Kind: KindSandbox, Token: callerToken, Timeout: defaultTimeout, Writable: true, AnyUser: true, Batch: true,
		Seed: seed, Data: data, Faults: faults, RequireToken: requireToken,
		Concurrency: defaultConcurrency, MaxConcurrency: defaultMaxConcurrency,
	}
	lab := first
	lab.Name, lab.Seed, lab.Data, lab.Faults = "lab", labSeed, labDataFile(data), ""
	return []Source{first, lab}
}

// labSeed is the second data set of the sandbox.
const labSeed = "lab"

// labDataFile returns the database of the second sandbox: sandbox-lab.db for sandbox.db.
func labDataFile(data string) string {
	if data == "" {
		return ""
	}
	extension := filepath.Ext(data)
	return strings.TrimSuffix(data, extension) + "-lab" + extension
}
