package faults

import (
	"math/rand/v2"
	"slices"
	"time"
)

// Cut is what happens to the second half of a response body.
type Cut int

// The values of Cut.
const (
	Whole     Cut = iota
	Stalled       // it is never sent
	Truncated     // the connection is closed instead
	Replaced      // an error object is sent instead
)

// Plan is the faults of one request. The zero value has none.
type Plan struct {
	Before Interruption // before the request is executed
	After  Interruption // after it is executed, before the response

	Cut          Cut
	NumericEnums bool
	NoContent    bool
	Nulls        *Missing // nil for none
	Lag          time.Duration
}

// Interruption delays a request or its response, or replaces the response.
type Interruption struct {
	Delay time.Duration
	Drop  bool
	Error *Error // nil for none
}

// Error is an error response. Code and Message are nil for the API's usual ones.
type Error struct {
	Status        int
	Code, Message *string
	RetryAfter    string // header value; empty for none
}

// Missing selects what is sent as null.
type Missing struct {
	properties []string
	random     *rand.Rand
}

// Property reports whether a property is sent as null. It must be called once for each property.
func (m *Missing) Property(name string) bool {
	switch {
	case m == nil:
		return false
	case m.properties != nil:
		return slices.Contains(m.properties, name)
	}
	return m.random.IntN(2) == 0
}

// Entry reports whether a null entry is added to a collection. It must be called once for each collection.
func (m *Missing) Entry() bool {
	return m != nil && m.properties == nil && m.random.IntN(2) == 0
}

// add adds a rule to the plan. If two rules exclude each other, the first one applies.
func (p *Plan) add(r *Rule, now time.Time, random *rand.Rand) {
	at := &p.Before
	if r.After {
		at = &p.After
	}
	duration := time.Duration(r.Seconds * float64(time.Second))
	switch r.Fault {
	case Refuse:
		if at.Error == nil {
			at.Error = &Error{r.Status, r.Code, r.Message, r.retryAfter(now)}
		}
	case Drop:
		at.Drop = true
	case Delay:
		at.Delay += duration
	case Stall:
		p.cut(Stalled)
	case Truncate:
		p.cut(Truncated)
	case Append:
		p.cut(Replaced)
	case NumericEnums:
		p.NumericEnums = true
	case NoContent:
		p.NoContent = true
	case Lag:
		p.Lag = max(p.Lag, duration)
	case Nulls:
		if p.Nulls == nil {
			p.Nulls = &Missing{r.Properties, rand.New(rand.NewPCG(random.Uint64(), 0))}
		}
	}
}

func (p *Plan) cut(c Cut) {
	if p.Cut == Whole {
		p.Cut = c
	}
}
