package faults

import (
	"math/rand/v2"
	"slices"
	"time"
)

// Cut is what becomes of an answer's second half.
type Cut int

// What becomes of it.
const (
	Whole     Cut = iota
	Stalled       // it is never sent
	Truncated     // the connection ends before it
	Replaced      // an error object comes instead
)

// Plan is what one request meets. The zero value is an API that behaves.
type Plan struct {
	Before Interruption // before the request takes effect
	After  Interruption // after it took effect, before the answer

	Cut          Cut
	NumericEnums bool
	NoContent    bool
	Nulls        *Missing // nil for none
	Lag          time.Duration
}

// Interruption is what keeps a request or its answer up.
type Interruption struct {
	Delay time.Duration
	Drop  bool
	Error *Error // nil for none
}

// Error is an answer that says no. Code and Message are nil where the API's own words are meant.
type Error struct {
	Status        int
	Code, Message *string
	RetryAfter    string // header; empty for none
}

// Missing says what is null.
type Missing struct {
	properties []string
	random     *rand.Rand
}

// Property tells whether a property is sent as null. It must be asked once for each.
func (m *Missing) Property(name string) bool {
	switch {
	case m == nil:
		return false
	case m.properties != nil:
		return slices.Contains(m.properties, name)
	}
	return m.random.IntN(2) == 0
}

// Entry tells whether a collection gets one more entry, which is null. It must be asked once for each.
func (m *Missing) Entry() bool {
	return m != nil && m.properties == nil && m.random.IntN(2) == 0
}

// add puts a rule into the plan. Of two that exclude each other, the first one holds.
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
