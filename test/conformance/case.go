package main

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"strings"
)

//go:embed cases
var files embed.FS

// suite is a file of cases about one subject.
type suite struct {
	About string     `json:"about"`
	Cases []testCase `json:"cases"`
}

// testCase is a sequence of requests with their expected responses.
type testCase struct {
	Name    string `json:"name"`
	Because string `json:"because"` // where it is documented or was observed, or that it is a choice of the sandbox
	Sandbox bool   `json:"sandbox"` // whether it is specific to the sandbox: a choice of ours, or about its people
	Steps   []step `json:"steps"`
}

// step is a request and its expected response.
type step struct {
	Request request `json:"request"`
	Answer  answer  `json:"answer"`
}

// request may contain placeholders in all fields. Path is relative to the base URL, or a link from a response.
type request struct {
	Method  string            `json:"method"` // GET if absent
	Path    string            `json:"path"`
	Headers map[string]string `json:"headers"`
	Body    json.RawMessage   `json:"body"` // sent as application/json unless a header says otherwise
	Text    string            `json:"text"` // a body that is not JSON, instead of Body
}

// answer is an expected response. Absent fields except status are not checked.
type answer struct {
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers"` // an empty one must be absent
	Body    json.RawMessage   `json:"body"`
	Text    *string           `json:"text"` // a body that is not JSON
}

// loadSuites returns the suites, in the order of the file names.
func loadSuites() ([]suite, error) {
	names, err := fs.Glob(files, "cases/*.json")
	if err != nil {
		return nil, err
	}
	var suites []suite
	for _, name := range names {
		text, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		d := json.NewDecoder(bytes.NewReader(text))
		d.DisallowUnknownFields()
		var s suite
		if err := d.Decode(&s); err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		suites = append(suites, s)
	}
	return suites, nil
}

// writes reports whether the case changes anything.
func (c testCase) writes() bool {
	return slices.ContainsFunc(c.Steps, func(s step) bool { return s.Request.writes() })
}

// writes reports whether a request may write: all do, unless they are known not to.
func (r request) writes() bool {
	switch {
	case r.method() == http.MethodGet:
		return false
	case r.method() == http.MethodPost && r.Path == "/$batch":
		parts, err := r.parts()
		return err != nil || slices.ContainsFunc(parts, request.writes)
	}
	return true
}

func (r request) method() string {
	if r.Method == "" {
		return http.MethodGet
	}
	return strings.ToUpper(r.Method)
}

// parts returns the requests of a batch.
func (r request) parts() ([]request, error) {
	var batch struct {
		Requests []struct {
			Method, URL string
			Body        json.RawMessage
		}
	}
	if err := json.Unmarshal(r.Body, &batch); err != nil {
		return nil, err
	}
	var parts []request
	for _, p := range batch.Requests {
		parts = append(parts, request{Method: p.Method, Path: "/" + strings.TrimPrefix(p.URL, "/"), Body: p.Body})
	}
	return parts, nil
}
