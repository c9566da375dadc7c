package profile

import (
	"fmt"
	"strings"
)

// Code says in one word what went wrong. The codes are a contract with clients; README.md explains each.
type Code string

// The codes that a source, or what was asked of it, can lead to.
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

// Retryable tells whether the same request may do better later, and does no harm when it is sent again.
func (c Code) Retryable() bool {
	return c == Throttled || c == SourceTimeout || c == SourceUnavailable || c == Overloaded
}

// OfSource tells whether the code is one that a source's part of a list can fail with.
func (c Code) OfSource() bool {
	switch c {
	case Unauthenticated, Forbidden, NotFound, BadUserInput, Conflict, Throttled, SourceRefused, SourceTimeout,
		SourceUnavailable, SourceInvalidResponse, LimitExceeded, Overloaded, UnsupportedBySource:
		return true
	}
	return false
}

// Error is what went wrong with a request to a source, or with what was asked. Everything in it but Cause may be
// shown to the caller; package graph does so, and nobody else.
type Error struct {
	Code    Code
	Message string // in our own words

	Source          string   // configured name of the source
	Status          int      // HTTP status that the source answered with; 0 for none
	SourceCode      string   // the most specific code in the source's error
	SourceMessage   string   // the source's own words, where they are about the caller's input, without what it keeps to itself
	SourceTarget    string   // the property that the source's error is about
	RequestID       string   // the source's name for the request
	ClientRequestID string   // ours
	RetryAfter      *float64 // seconds
	Limit           string   // name of the limit of ours that was exceeded
	LimitValue      int

	Cause error // for the log only
}

// BadInput makes an [Error] about something that the caller gave.
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

// Errors is what went wrong where several sources were asked and none of them answered.
type Errors []*Error

func (all Errors) Error() string {
	texts := make([]string, len(all))
	for i, e := range all {
		texts[i] = e.Error()
	}
	return strings.Join(texts, "; ")
}
