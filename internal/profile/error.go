package profile

import (
	"fmt"
	"strings"
)

// Code is an error code. The codes are a contract with clients; README.md explains each.
type Code string

// The codes of errors from sources and of requests to them.
const (
	Unauthenticated       Code = "UNAUTHENTICATED"
	Forbidden             Code = "FORBIDDEN"
	NotFound              Code = "NOT_FOUND"
	BadUserInput          Code = "BAD_USER_INPUT"
	Conflict              Code = "CONFLICT"
	Throttled             Code = "THROTTLED"
	SourceRefused         Code = "SOURCE_REFUSED"
	SourceTimeout         Code = "SOURCE_TIMEOUT"
	SourceUnavailable     Code = "SOURCE_UNAVAILABLE"
	SourceInvalidResponse Code = "SOURCE_INVALID_RESPONSE"
	OutcomeUnknown        Code = "OUTCOME_UNKNOWN"
	LimitExceeded         Code = "LIMIT_EXCEEDED"
	Overloaded            Code = "OVERLOADED"
	ReadOnlySource        Code = "READ_ONLY_SOURCE"
	UnsupportedBySource   Code = "UNSUPPORTED_BY_SOURCE"
)

// Retryable reports whether the same request may succeed later, and is safe to send again.
func (c Code) Retryable() bool {
	return c == Throttled || c == SourceTimeout || c == SourceUnavailable || c == Overloaded
}

// OfSource reports whether a source's part of a list can fail with this code.
func (c Code) OfSource() bool {
	switch c {
	case Unauthenticated, Forbidden, NotFound, BadUserInput, Conflict, Throttled, SourceRefused, SourceTimeout,
		SourceUnavailable, SourceInvalidResponse, LimitExceeded, Overloaded, UnsupportedBySource:
		return true
	}
	return false
}

// Error is a failed request to a source, or a request that was refused. Everything but Cause may be shown to the caller,
// which only package graph does.
type Error struct {
	Code    Code
	Message string // ProfileQL's own text, never the source's

	Source          string   // configured name of the source
	Status          int      // HTTP status of the source's response; 0 for none
	SourceCode      string   // the most specific code in the source's error
	SourceMessage   string   // the source's message, if it is about the caller's input, redacted
	SourceTarget    string   // the property that the source's error is about
	RequestID       string   // the source's request-id
	ClientRequestID string   // the client-request-id that was sent
	RetryAfter      *float64 // seconds
	Limit           string   // name of the exceeded limit
	LimitValue      int
	Claims          string // what a new token must satisfy, for the caller's identity provider; see [ClaimsChallenge]

	Cause error // for the log only
}

// BadInput returns a [BadUserInput] error.
func BadInput(format string, args ...any) *Error {
	return &Error{Code: BadUserInput, Message: fmt.Sprintf(format, args...)}
}

func (e *Error) Error() string {
	text := fmt.Sprintf("%s: %s", e.Code, e.Message)
	if e.Cause != nil {
		text += ": " + e.Cause.Error()
	}
	return text
}

func (e *Error) Unwrap() error { return e.Cause }

// Errors are the errors of all sources of a list, when none of them succeeded.
type Errors []*Error

func (all Errors) Error() string {
	texts := make([]string, len(all))
	for i, e := range all {
		texts[i] = e.Error()
	}
	return strings.Join(texts, "; ")
}
