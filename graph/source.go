package graph

import (
	"context"
	"strconv"
	"time"

	"profileql/internal/jsontape"
	"profileql/internal/projection"
)

// Source is a source, as the type ProfileSource shows it.
type Source struct {
	Name     string
	Kind     string // a member of the schema's SourceKind
	Writable bool

	// Condition returns the state of the source for the context's caller: whether its circuit breaker is open or
	// half-open, and until when the caller is throttled (zero if it is not).
	Condition func(context.Context) (failing bool, throttledUntil time.Time)

	facets []string
}

// Sources are the configured sources. The first is the default one.
type Sources []*Source

func (s Sources) find(name string) (*Source, bool) {
	for _, source := range s {
		if source.Name == name {
			return source, true
		}
	}
	return nil, false
}

// append appends the fields of a plan for the type ProfileSource, for the context's caller.
func (s *Source) append(ctx context.Context, dst []byte, plan *projection.Plan) []byte {
	return plan.AppendFields(dst, func(dst []byte, f *projection.Field) []byte {
		switch f.Name {
		case "name":
			return jsontape.AppendString(dst, s.Name)
		case "kind":
			return jsontape.AppendString(dst, s.Kind)
		case "writable":
			return strconv.AppendBool(dst, s.Writable)
		case "facets":
			return appendList(dst, s.facets, jsontape.AppendString)
		case "state":
			return jsontape.AppendString(dst, state(s.Condition(ctx)))
		default: // throttledUntil; TestOwnFields checks that there are no others
			_, throttledUntil := s.Condition(ctx)
			if throttledUntil.IsZero() {
				return append(dst, "null"...)
			}
			return jsontape.AppendString(dst, throttledUntil.UTC().Format(time.RFC3339Nano))
		}
	})
}

// state returns the value of the enum SourceState for a condition.
func state(failing bool, throttledUntil time.Time) string {
	switch {
	case failing:
		return "FAILING"
	case !throttledUntil.IsZero():
		return "THROTTLED"
	}
	return "UP"
}
