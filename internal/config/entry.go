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

// reader checks the entries of a file, one after the other.
type reader struct {
	*file
	defaultName string // name of the default source
	onLoopback  bool
	names       map[string]bool // sources so far
	dataFiles   map[string]bool // of their data
	tokenUsers  tokenUsers      // tokenUsers that they get
}

var namePattern = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)

// source makes a source of the entry at a path of the file.
func (r *reader) source(path string, e *entry) (s Source, err error) {
	switch {
	case !namePattern.MatchString(e.Name):
		return s, r.errorAt(path+".name", "%q is not a name; write name: and up to 32 of a to z, 0 to 9 and -, a letter first", e.Name)
	case r.names[e.Name]:
		return s, r.errorAt(path+".name", "there is a source %q already; each needs a name of its own", e.Name)
	}
	r.names[e.Name] = true
	s = Source{
		Name: e.Name, Kind: Kind(e.Kind), Writable: e.Writable == nil || *e.Writable,
		ShareCallerToken: e.ShareCallerToken, Plaintext: e.Plaintext,
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
	return s, r.concurrency(path, e, &s)
}

const concurrencyLimit = 10_000

// concurrency reads how many requests run at once. Callers are told apart by their own tokens alone.
func (r *reader) concurrency(path string, e *entry, s *Source) error {
	s.MaxConcurrency = defaultMaxConcurrency
	if e.MaxConcurrency != nil {
		s.MaxConcurrency = *e.MaxConcurrency
	}
	if s.MaxConcurrency < 1 || s.MaxConcurrency > concurrencyLimit {
		return r.errorAt(path+".maxConcurrency", "%d is not from 1 to %d requests", s.MaxConcurrency, concurrencyLimit)
	}
	isCallerToken := s.Token.From == FromCaller || s.Token.From == FromHeader
	switch {
	case !isCallerToken && e.Concurrency != nil:
		return r.errorAt(path+".concurrency", "the token is not the caller's, so callers are not told apart; leave it out, and write maxConcurrency for all of them")
	case isCallerToken && e.Concurrency != nil:
		s.Concurrency = *e.Concurrency
	case isCallerToken:
		s.Concurrency = min(defaultConcurrency, s.MaxConcurrency)
	}
	if isCallerToken && (s.Concurrency < 1 || s.Concurrency > s.MaxConcurrency) {
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
	return false, r.errorAt(path, "%q is not known; write any, or me to ask for the signed-in person alone", *e.Users)
}

// data is the file of a sandbox's data, which need not be there yet.
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
		return "", r.errorAt(path, "there is no folder %s; make it, or write a file elsewhere", filepath.Dir(file))
	}
	return file, nil
}

// faults is the file of what a sandbox is to get wrong.
func (r *reader) faults(path string, e *entry) (string, error) {
	file, err := r.resolvePath(e.Faults)
	if file == "" || err != nil {
		return "", err
	}
	if _, err := os.Stat(file); err != nil {
		return "", r.errorAt(path, "there is no file %s; write its path, from the folder of this file on", file)
	}
	return file, nil
}

// sandboxOrigin is that of all sandboxes inside: what they are sent does not leave the process.
const sandboxOrigin = "the sandboxes inside"

// address checks what belongs to the kind of source, and returns the origin at which it speaks.
func (r *reader) address(path string, e *entry, s *Source) (origin string, err error) {
	var unsupported []string
	switch s.Kind {
	case KindProfile:
		unsupported = []string{"seed", "data", "faults", "requireToken"}
	case KindSandbox:
		unsupported = []string{"url", "aliases", "plaintext"}
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
		return "", r.errorAt(path+".url", "all would travel in the clear; use https, or allow it with plaintext: true")
	case !isPlaintext && r.has(path+".plaintext"):
		return "", r.errorAt(path+".plaintext", "plaintext changes nothing here; leave it out")
	}
	return originOf(u), nil
}

// aliases are the origins by which a source may call itself beside that of its own URL.
func (r *reader) aliases(path string, e *entry, own *url.URL) (all []string, err error) {
	known := map[string]bool{originOf(own): true}
	for i, alias := range e.Aliases {
		at := fmt.Sprintf("%s[%d]", path, i)
		u, problem := baseURL(alias)
		switch {
		case problem != "":
			return nil, r.errorAt(at, "the alias %s; write one such as http://profiles.internal:8080", problem)
		case u.Path != "":
			return nil, r.errorAt(at, "the alias holds more than a scheme and a host; write http://profiles.internal:8080 without a path")
		case known[originOf(u)]:
			return nil, r.errorAt(at, "the source has this origin already; leave it out")
		}
		known[originOf(u)] = true
		all = append(all, alias)
	}
	return all, nil
}

// baseURL reads a base URL, or says what is wrong with it, without what may be secret in it.
func baseURL(text string) (u *url.URL, problem string) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, "cannot be read"
	case u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "":
		return nil, "does not begin with https:// or http:// and a host"
	case !isPort(u.Port()):
		return nil, "has a port that there is not"
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, "holds more than a scheme, a host and a path"
	}
	return u, ""
}

// isPort tells whether a port is one, or the scheme's own.
func isPort(port string) bool {
	n, err := strconv.Atoi(port)
	return port == "" || err == nil && n > 0 && n < 1<<16
}

// originOf is the scheme, host and port of a URL (RFC 6454, section 4). Letters outside of ASCII stay as they are: small
// ones of theirs may be those of another name, such as i of İ.
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
