package model

import (
	"context"
	"time"
)

// ProfileSource is a system that ProfileQL reads from and writes to.
type ProfileSource struct {
	Name     string
	Kind     SourceKind
	Writable bool
	Facets   []string

	// Condition tells how the source is doing, for the caller whose context it is given: whether it is left alone
	// because it has failed, and until when it wants no requests (the zero time: it has not said so).
	Condition func(context.Context) (failing bool, throttledUntil time.Time)
}

// State tells how the source is doing.
func (s *ProfileSource) State(ctx context.Context) SourceState {
	switch failing, throttledUntil := s.Condition(ctx); {
	case failing:
		return SourceStateFailing
	case !throttledUntil.IsZero():
		return SourceStateThrottled
	}
	return SourceStateUp
}

// ThrottledUntil is until when the source wants no requests from the caller; nil where it has not said so.
func (s *ProfileSource) ThrottledUntil(ctx context.Context) *DateTime {
	_, until := s.Condition(ctx)
	if until.IsZero() {
		return nil
	}
	text := DateTime(until.UTC().Format(time.RFC3339Nano))
	return &text
}
