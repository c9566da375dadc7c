package config

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// document is the schema of the file. Missing keys are nil or empty.
type document struct {
	Callers *callersEntry `yaml:"callers,omitempty"`
	Default string        `yaml:"default,omitempty"`
	Sources []entry       `yaml:"sources"`
}

type entry struct {
	Name             string      `yaml:"name"`
	Kind             string      `yaml:"kind"`
	URL              string      `yaml:"url,omitempty"`
	Aliases          []string    `yaml:"aliases,omitempty"`
	Token            *tokenEntry `yaml:"token,omitempty"`
	ShareCallerToken bool        `yaml:"shareCallerToken,omitempty"`
	Plaintext        bool        `yaml:"plaintext,omitempty"`
	Timeout          *string     `yaml:"timeout,omitempty"`
	Concurrency      *int        `yaml:"concurrency,omitempty"`
	MaxConcurrency   *int        `yaml:"maxConcurrency,omitempty"`
	Writable         *bool       `yaml:"writable,omitempty"`
	Users            *string     `yaml:"users,omitempty"`
	UsersFor         *UsersFor   `yaml:"usersFor,omitempty"`
	Me               *meEntry    `yaml:"me,omitempty"`
	Batch            *bool       `yaml:"batch,omitempty"`
	Traceparent      bool        `yaml:"traceparent,omitempty"`
	Seed             string      `yaml:"seed,omitempty"`
	Data             string      `yaml:"data,omitempty"`
	Faults           string      `yaml:"faults,omitempty"`
	RequireToken     bool        `yaml:"requireToken,omitempty"`
}

type tokenEntry struct {
	From string `yaml:"from"`
	Name string `yaml:"name,omitempty"`

	// Of a token service.
	Tenant             string   `yaml:"tenant,omitempty"`
	ClientID           string   `yaml:"clientId,omitempty"`
	SecretEnv          string   `yaml:"secretEnv,omitempty"`
	Certificate        string   `yaml:"certificate,omitempty"`
	FederatedTokenFile string   `yaml:"federatedTokenFile,omitempty"`
	Scopes             []string `yaml:"scopes,omitempty"`
	Authority          string   `yaml:"authority,omitempty"`
}

// isExchange reports whether any key of a token service is set.
func (e *tokenEntry) isExchange() bool {
	return e.Tenant != "" || e.ClientID != "" || e.SecretEnv != "" || e.Certificate != "" || e.FederatedTokenFile != "" ||
		len(e.Scopes) > 0 || e.Authority != ""
}

// file is a parsed file, for errors with line and column.
type file struct {
	name string
	body ast.Node
}

// readFile reads the sources from a file, the default one first, and how callers are verified. OnLoopback is whether the listen address is a loopback
// address. The error names the first problem by line and column, and says what to write instead.
func readFile(name string, onLoopback bool) ([]Source, *Callers, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, nil, fmt.Errorf("--config: %w", err)
	}
	return parseFile(name, text, onLoopback)
}

func parseFile(name string, text []byte, onLoopback bool) ([]Source, *Callers, error) {
	f := &file{name: name}
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // a BOM, which editors on Windows add
	d, err := f.decode(text)
	if err != nil {
		return nil, nil, err
	}
	callers, err := f.callers(d.Callers)
	if err != nil {
		return nil, nil, err
	}
	sources, err := f.sources(d, callers, onLoopback)
	return sources, callers, err
}

// decode parses the YAML.
func (f *file) decode(text []byte) (*document, error) {
	parsed, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, f.translateError(err)
	}
	if len(parsed.Docs) > 1 {
		return nil, f.errorAtToken(startToken(parsed.Docs[1]), "a second document begins; put all into one")
	}
	if len(parsed.Docs) == 0 || parsed.Docs[0].Body == nil {
		return nil, f.errorAtToken(nil, "the file is empty; it needs at least sources: with one entry")
	}
	f.body = parsed.Docs[0].Body
	// Not needed in this file: a tag can make the library panic, and aliases can expand exponentially.
	for _, indirect := range []ast.NodeType{ast.AnchorType, ast.AliasType, ast.MergeKeyType, ast.TagType} {
		if nodes := ast.Filter(indirect, f.body); len(nodes) > 0 {
			return nil, f.errorAtToken(nodes[0].GetToken(), "anchors, aliases and tags are not read here; write the value itself, in quotes if it begins with &, * or !")
		}
	}
	var d document
	if err := yaml.NodeToValue(f.body, &d, yaml.Strict()); err != nil {
		return nil, f.translateError(err)
	}
	return &d, nil
}

// startToken returns the first token of a document. Its --- and its body may each be missing, and the library panics when
// asked for the token of a document without a body.
func startToken(d *ast.DocumentNode) *token.Token {
	if d.Start != nil || d.Body == nil {
		return d.Start
	}
	return d.Body.GetToken()
}

// sources converts the entries, the default source first.
func (f *file) sources(d *document, callers *Callers, onLoopback bool) ([]Source, error) {
	switch n := len(d.Sources); {
	case n == 0:
		return nil, f.errorAt("$", "there are no sources; write sources: and at least one entry with name and kind")
	case n > maxSources:
		return nil, f.errorAt(fmt.Sprintf("$.sources[%d]", maxSources), "there are more than %d sources", maxSources)
	}
	if d.Default == "" {
		d.Default = d.Sources[0].Name
	}
	first := slices.IndexFunc(d.Sources, func(e entry) bool { return e.Name == d.Default })
	if first < 0 {
		return nil, f.errorAt("$.default", "there is no source %q; name one of those below", d.Default)
	}
	r := &reader{
		file: f, defaultName: d.Default, onLoopback: onLoopback, verifiedCallers: callers,
		names: make(map[string]bool), dataFiles: make(map[string]bool), tokenUsers: make(tokenUsers),
	}
	order := []int{first}
	for i := range d.Sources {
		if i != first {
			order = append(order, i)
		}
	}
	all := make([]Source, len(order))
	for n, i := range order {
		var err error
		if all[n], err = r.source(fmt.Sprintf("$.sources[%d]", i), &d.Sources[i]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// maxSources is the maximum number of sources: a list queries all of them concurrently.
const maxSources = 16

// resolvePath resolves a path relative to the file's folder.
func (f *file) resolvePath(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(f.name), path)
	}
	return filepath.Abs(path)
}

// errorAt returns an error with the position of a YAML path, such as $.sources[0].url, or of its closest existing parent.
func (f *file) errorAt(path, format string, args ...any) error {
	for ; path != ""; path = path[:max(strings.LastIndexAny(path, ".["), 0)] {
		p, err := yaml.PathString(path)
		if err != nil {
			continue
		}
		if node, err := p.FilterNode(f.body); err == nil && node != nil {
			return f.errorAtToken(node.GetToken(), format, args...)
		}
	}
	return f.errorAtToken(nil, format, args...)
}

// has reports whether a YAML path exists.
func (f *file) has(path string) bool {
	p, err := yaml.PathString(path)
	if err != nil {
		return false
	}
	node, err := p.FilterNode(f.body)
	return err == nil && node != nil
}

func (f *file) errorAtToken(at *token.Token, format string, args ...any) error {
	line, column := 1, 1
	if at != nil && at.Position != nil {
		line, column = at.Position.Line, at.Position.Column
	}
	return fmt.Errorf("%s:%d:%d: %s", f.name, line, column, fmt.Sprintf(format, args...))
}

// translateError rewrites errors of the YAML library as ours.
func (f *file) translateError(err error) error {
	var unknownKey *yaml.UnknownFieldError
	var wrongType *yaml.TypeError
	var wrongNode *yaml.UnexpectedNodeTypeError
	var other yaml.Error
	switch {
	case errors.As(err, &unknownKey):
		return f.errorAtToken(unknownKey.Token, "there is no key %q here; keys of the file: %s; of a source: %s; of its token: %s",
			unknownKey.Token.Value, keysOf(document{}), keysOf(entry{}), keysOf(tokenEntry{}))
	case errors.As(err, &wrongType):
		return f.errorAtToken(wrongType.Token, "%q is not valid here; write %s", wrongType.Token.Value, expectedType(wrongType.DstType))
	case errors.As(err, &wrongNode):
		return f.errorAtToken(wrongNode.Token, "this is not valid here; write %s", expectedNode(wrongNode.Expected))
	case errors.As(err, &other):
		return f.errorAtToken(other.GetToken(), "%s", other.GetMessage())
	}
	return fmt.Errorf("%s: %w", f.name, err)
}

// keysOf lists the YAML keys of a struct.
func keysOf(form any) string {
	t := reflect.TypeOf(form)
	keys := make([]string, t.NumField())
	for i := range keys {
		keys[i], _, _ = strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
	}
	return strings.Join(keys, ", ")
}

// expectedType describes the values of a type.
func expectedType(t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() == reflect.Bool {
		return "true or false"
	}
	return "a string"
}

func expectedNode(t ast.NodeType) string {
	if t == ast.SequenceType {
		return "a list, each entry after a dash"
	}
	return "keys with values, such as {from: caller}"
}

// duration parses a timeout.
func (f *file) duration(path string, text *string) (time.Duration, error) {
	if text == nil {
		return defaultTimeout, nil
	}
	d, err := time.ParseDuration(*text)
	switch {
	case err != nil:
		return 0, f.errorAt(path, "%q is not a duration; write it with its unit, such as 5s or 500ms", *text)
	case d < minTimeout || d > maxTimeout:
		return 0, f.errorAt(path, "%s is out of range; write 100ms to 30s", *text)
	}
	return d, nil
}

const (
	minTimeout = 100 * time.Millisecond
	maxTimeout = 30 * time.Second
)
