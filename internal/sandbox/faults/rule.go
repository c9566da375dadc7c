package faults

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"
)

// Kind is a kind of fault.
type Kind string

// The kinds. A request can have several faults, such as a delay and numeric enumerations.
const (
	Refuse       Kind = "error"        // answer with an error status
	Drop         Kind = "drop"         // close the connection without an answer
	Delay        Kind = "delay"        // wait
	Stall        Kind = "stall"        // send half of the body, and then nothing until the client disconnects
	Truncate     Kind = "truncate"     // send half of the body, and close the connection
	Append       Kind = "append"       // send half of the body, and then an error object
	NumericEnums Kind = "numericEnums" // send "8" for "organization"
	Nulls        Kind = "nulls"        // send null for properties, and null entries in collections
	NoContent    Kind = "noContent"    // answer a PATCH with 204 and no body
	Lag          Kind = "lag"          // delay the visibility of a write
)

// parameters are the parameters of each kind, besides those that select requests.
var parameters = map[Kind][]string{
	Refuse:       {"status", "code", "message", "retryAfter", "retryAfterAsDate", "after"},
	Drop:         {"after"},
	Delay:        {"seconds", "after"},
	Stall:        {},
	Truncate:     {},
	Append:       {},
	NumericEnums: {},
	Nulls:        {"properties"},
	NoContent:    {},
	Lag:          {"seconds"},
}

// Rule is a fault and the requests to which it applies.
type Rule struct {
	Fault Kind `json:"fault"`

	// The requests: those with one of the methods, and of the path or below it. An asterisk in the path matches any
	// text within a segment. The rule applies to a share of them, and at most to the next so many. Absent members do
	// not restrict the requests.
	Methods []string `json:"methods,omitempty"`
	Path    string   `json:"path,omitempty"`
	Share   float64  `json:"share,omitempty"` // above 0, up to 1
	Next    int      `json:"next,omitempty"`

	// After executes the request before an error, a drop or a delay.
	After bool `json:"after,omitempty"`

	// For an error. Code and message default to the API's usual ones for the status.
	Status           int         `json:"status,omitempty"`
	Code             *string     `json:"code,omitempty"`
	Message          *string     `json:"message,omitempty"`
	RetryAfter       json.Number `json:"retryAfter,omitempty"` // in seconds; keeps its text
	RetryAfterAsDate bool        `json:"retryAfterAsDate,omitempty"`

	Seconds    float64  `json:"seconds,omitempty"`    // of a delay or a lag
	Properties []string `json:"properties,omitempty"` // to send as null; random ones if absent
}

// maxSeconds limits a lag and a Retry-After, maxDelay a delay: an HTTP server aborts a request that takes a minute.
const (
	maxSeconds = 3600
	maxDelay   = 25
)

// UnmarshalJSON parses a rule. It returns an error for unknown members and invalid values.
func (r *Rule) UnmarshalJSON(text []byte) error {
	type plain Rule
	if err := decode(text, (*plain)(r)); err != nil {
		return err
	}
	return r.check(text)
}

// decode decodes one JSON value, and returns an error for unknown members.
func decode(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("something follows the JSON value")
	}
	return nil
}

func (r *Rule) check(text []byte) error {
	taken, ok := parameters[r.Fault]
	if !ok {
		return fmt.Errorf("there is no fault %q; there are %s", r.Fault, kinds())
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return err
	}
	for name := range members {
		if !slices.Contains([]string{"fault", "methods", "path", "share", "next"}, name) && !slices.Contains(taken, name) {
			return fmt.Errorf("the fault %s does not take %s", r.Fault, name)
		}
	}
	return errors.Join(r.checkSelection(members), r.checkParameters(taken))
}

func (r *Rule) checkSelection(given map[string]json.RawMessage) error {
	if _, ok := given["share"]; ok && !(r.Share > 0 && r.Share <= 1) {
		return fmt.Errorf("share is %v; it has to be above 0 and at most 1", r.Share)
	}
	if _, ok := given["next"]; ok && r.Next < 1 {
		return fmt.Errorf("next is %d; it has to be at least 1", r.Next)
	}
	if _, err := path.Match(r.Path, ""); err != nil {
		return fmt.Errorf("path %q: %w", r.Path, err)
	}
	if r.Path != "" && r.Path[0] != '/' {
		return fmt.Errorf("path %q: it has to begin with /", r.Path)
	}
	return nil
}

func (r *Rule) checkParameters(taken []string) error {
	most := float64(maxSeconds)
	if r.Fault == Delay {
		most = maxDelay
	}
	if slices.Contains(taken, "seconds") && !(r.Seconds > 0 && r.Seconds <= most) {
		return fmt.Errorf("the fault %s needs seconds above 0 and up to %v", r.Fault, most)
	}
	if r.Properties != nil && len(r.Properties) == 0 {
		return errors.New("properties is empty; leave it out for a choice by chance")
	}
	if r.Fault != Refuse {
		return nil
	}
	if r.Status < 400 || r.Status > 599 {
		return fmt.Errorf("the fault %s needs a status from 400 to 599", r.Fault)
	}
	seconds, err := r.RetryAfter.Float64()
	if r.RetryAfter != "" && (err != nil || seconds < 0 || seconds > maxSeconds) {
		return fmt.Errorf("retryAfter is %s; it has to be seconds from 0 to %d", r.RetryAfter, maxSeconds)
	}
	if r.RetryAfterAsDate && r.RetryAfter == "" {
		return errors.New("retryAfterAsDate needs retryAfter")
	}
	return nil
}

func kinds() string {
	var names []string
	for kind := range parameters {
		names = append(names, string(kind))
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// matches reports whether the rule is for a request, apart from its share and its number of requests.
func (r *Rule) matches(method, requestPath string) bool {
	if len(r.Methods) > 0 && !slices.ContainsFunc(r.Methods, func(m string) bool { return strings.EqualFold(m, method) }) {
		return false
	}
	if r.Path == "" {
		return true
	}
	pattern := strings.Split(strings.TrimSuffix(r.Path, "/"), "/")
	segments := strings.Split(strings.TrimSuffix(requestPath, "/"), "/")
	if len(segments) < len(pattern) {
		return false
	}
	for n, segment := range pattern {
		if ok, _ := path.Match(segment, segments[n]); !ok {
			return false
		}
	}
	return true
}

// retryAfter returns the value of the header.
func (r *Rule) retryAfter(now time.Time) string {
	if !r.RetryAfterAsDate {
		return r.RetryAfter.String()
	}
	seconds, _ := r.RetryAfter.Float64() // validated by UnmarshalJSON
	return now.Add(time.Duration(seconds * float64(time.Second))).UTC().Format(http.TimeFormat)
}
