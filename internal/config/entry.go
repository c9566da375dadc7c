package config

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// reader validates the entries of a file in order.
type reader struct {
	*file
	defaultName string // name of the default source
	onLoopback  bool

	verifiedCallers *Callers        // nil if callers are not verified
	names           map[string]bool // of sources so far
	dataFiles       map[string]bool // of sandboxes so far
	tokenUsers      tokenUsers      // sources so far that receive a caller's token
}

var namePattern = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)

// source converts the entry at a path of the file.
func (r *reader) source(path string, e *entry) (s Source, err error) {
	switch {
	case !namePattern.MatchString(e.Name):
		return s, r.errorAt(path+".name", "%q is not a name; write name: and up to 32 of a to z, 0 to 9 and -, a letter first", e.Name)
	case r.names[e.Name]:
		return s, r.errorAt(path+".name", "there is a source %q already; each needs a name of its own", e.Name)
	}
	r.names[e.Name] = true
	s = Source{
		Name: e.Name, Kind: Kind(e.Kind), Writable: e.Writable == nil || *e.Writable, Batch: e.Batch == nil || *e.Batch,
		ShareCallerToken: e.ShareCallerToken, Plaintext: e.Plaintext, Traceparent: e.Traceparent,
		Seed: e.Seed, RequireToken: e.RequireToken,
	}
	if s.Timeout, err = r.duration(path+".timeout", e.Timeout); err != nil {
		return s, err
	}
	if s.AnyUser, err = r.users(path+".users", e); err != nil {
		return s, err
	}
	if s.Data, err = r.data(path+".data", e); err != nil {
		return s, err
	}
	if s.Faults, err = r.faults(path+".faults", e); err != nil {
		return s, err
	}
	origin, err := r.address(path, e, &s)
	if err != nil {
		return s, err
	}
	if s.Token, err = r.token(path, e, origin); err != nil {
		return s, err
	}
	if err := r.person(path, e, &s); err != nil {
		return s, err
	}
	return s, r.concurrency(path, e, &s)
}

const concurrencyLimit = 10_000

// concurrency reads the limits of concurrent requests. Callers are told apart by tokens of their own, or if
// they are verified.
func (r *reader) concurrency(path string, e *entry, s *Source) error {
	s.MaxConcurrency = defaultMaxConcurrency
	if e.MaxConcurrency != nil {
		s.MaxConcurrency = *e.MaxConcurrency
	}
	if s.MaxConcurrency < 1 || s.MaxConcurrency > concurrencyLimit {
		return r.errorAt(path+".maxConcurrency", "%d is not from 1 to %d requests", s.MaxConcurrency, concurrencyLimit)
	}
	areToldApart := r.verifiedCallers != nil || s.Token.From == FromCaller || s.Token.From == FromHeader
	switch {
	case !areToldApart && e.Concurrency != nil:
		return r.errorAt(path+".concurrency", "the token is not the caller's, so callers are not told apart; leave it out, and write maxConcurrency for all of them")
	case areToldApart && e.Concurrency != nil:
		s.Concurrency = *e.Concurrency
	case areToldApart:
		s.Concurrency = min(defaultConcurrency, s.MaxConcurrency)
	}
	if areToldApart && (s.Concurrency < 1 || s.Concurrency > s.MaxConcurrency) {
		return r.errorAt(path+".concurrency", "%d is not from 1 to the %d requests of all callers", s.Concurrency, s.MaxConcurrency)
	}
	return nil
}

func (r *reader) users(path string, e *entry) (anyUser bool, err error) {
	switch {
	case e.Users == nil:
		return e.Name == r.defaultName, nil
	case *e.Users == "any" || *e.Users == "me":
		return *e.Users == "any", nil
	}
	return false, r.errorAt(path, "%q is not known; write any, or me for the signed-in user only", *e.Users)
}

// data returns the path of a sandbox's database, which need not exist yet.
func (r *reader) data(path string, e *entry) (string, error) {
	file, err := r.resolvePath(e.Data)
	if file == "" || err != nil {
		return "", err
	}
	if r.dataFiles[file] {
		return "", r.errorAt(path, "another sandbox keeps its data in this file; each needs one of its own")
	}
	r.dataFiles[file] = true
	if folder, err := os.Stat(filepath.Dir(file)); err != nil || !folder.IsDir() {
		return "", r.errorAt(path, "the folder %s does not exist; create it, or use another path", filepath.Dir(file))
	}
	return file, nil
}

// faults returns the path of a sandbox's fault injection file.
func (r *reader) faults(path string, e *entry) (string, error) {
	file, err := r.resolvePath(e.Faults)
	if file == "" || err != nil {
		return "", err
	}
	if _, err := os.Stat(file); err != nil {
		return "", r.errorAt(path, "the file %s does not exist; write its path relative to this file", file)
	}
	return file, nil
}

// sandboxOrigin is the origin of all built-in sandboxes: requests to them do not leave the process.
const sandboxOrigin = "the sandboxes inside"

// address validates the keys of the source's kind, and returns the source's origin.
func (r *reader) address(path string, e *entry, s *Source) (origin string, err error) {
	var unsupported []string
	switch s.Kind {
	case KindProfile:
		unsupported = []string{"seed", "data", "faults", "requireToken"}
	case KindSandbox:
		unsupported = []string{"url", "aliases", "plaintext", "traceparent"}
	default:
		return "", r.errorAt(path+".kind", "%q is not a kind of source; write kind: profile or kind: sandbox", e.Kind)
	}
	for _, key := range unsupported {
		if r.has(path + "." + key) {
			return "", r.errorAt(path+"."+key, "a source of kind %s has no %s; leave it out", s.Kind, key)
		}
	}
	if s.Kind == KindSandbox {
		if e.Seed != "" && e.Seed != labSeed {
			return "", r.errorAt(path+".seed", "there is no made-up data %q; write lab, or leave it out", e.Seed)
		}
		return sandboxOrigin, nil
	}
	u, problem := baseURL(e.URL)
	switch {
	case e.URL == "":
		return "", r.errorAt(path, "the source %s has no url; write its base URL, such as https://graph.microsoft.com/beta", e.Name)
	case problem != "":
		return "", r.errorAt(path+".url", "the url %s; write one such as https://graph.microsoft.com/beta", problem)
	}
	s.URL = e.URL
	if s.Aliases, err = r.aliases(path+".aliases", e, u); err != nil {
		return "", err
	}
	isPlaintext := u.Scheme == "http" && !isLoopback(u.Hostname())
	switch {
	case isPlaintext && !e.Plaintext:
		return "", r.errorAt(path+".url", "requests and tokens would be sent unencrypted; use https, or allow it with plaintext: true")
	case !isPlaintext && r.has(path+".plaintext"):
		return "", r.errorAt(path+".plaintext", "plaintext has no effect here; leave it out")
	}
	return originOf(u), nil
}

// aliases returns the other origins that a source's links may name.
func (r *reader) aliases(path string, e *entry, own *url.URL) (all []string, err error) {
	known := map[string]bool{originOf(own): true}
	for i, alias := range e.Aliases {
		at := fmt.Sprintf("%s[%d]", path, i)
		u, problem := baseURL(alias)
		switch {
		case problem != "":
			return nil, r.errorAt(at, "the alias %s; write one such as http://profiles.internal:8080", problem)
		case u.Path != "":
			return nil, r.errorAt(at, "the alias has more than a scheme and a host; write http://profiles.internal:8080 without a path")
		case known[originOf(u)]:
			return nil, r.errorAt(at, "the source has this origin already; leave it out")
		}
		known[originOf(u)] = true
		all = append(all, alias)
	}
	return all, nil
}

// baseURL parses a base URL, or describes the problem without the secrets that the URL may contain.
func baseURL(text string) (u *url.URL, problem string) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, "is not a valid URL"
	case u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "":
		return nil, "does not start with https:// or http:// and a host"
	case !isPort(u.Port()):
		return nil, "has an invalid port"
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, "has more than a scheme, a host and a path"
	}
	return u, ""
}

// isPort reports whether a port is valid; empty is the scheme's default.
func isPort(port string) bool {
	n, err := strconv.Atoi(port)
	return port == "" || err == nil && n > 0 && n < 1<<16
}

// originOf returns the scheme, host and port of a URL (RFC 6454, section 4). Only ASCII letters are lowercased: lowercasing
// others may result in another name, such as i for İ.
func originOf(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	lower := func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}
	return u.Scheme + "://" + strings.Map(lower, u.Hostname()) + ":" + port
}
