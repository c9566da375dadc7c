package profile

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"
)

// Limits of what a trace holds.
const (
	maxExchanges    = 200
	maxTracedBodies = 64 << 10 // bytes of all bodies together
	maxTracedPath   = 4 << 10  // bytes
)

// Trace is the requests to sources for one operation, as extensions.trace shows them to its developer. It is safe for
// concurrent use.
type Trace struct {
	mu        sync.Mutex
	began     time.Time
	exchanges []*Exchange
	bodies    int // bytes
	omitted   int // exchanges beyond the limit
}

// Exchange is a request to a source and its response. It holds no header and no token.
type Exchange struct {
	Number          int             `json:"number"` // from 1, in the order in which the requests were sent
	Source          string          `json:"source"`
	Method          string          `json:"method"`
	Path            string          `json:"path"` // with the query, relative to the source's base URL
	Body            json.RawMessage `json:"body,omitempty"`
	Truncated       bool            `json:"truncated,omitempty"`  // whether the body is left out, or the path is cut
	Reason          Reason          `json:"reason,omitempty"`     // empty for what the operation asked for
	Attempt         int             `json:"attempt"`              // 2 for a retry
	Batch           int             `json:"batch,omitempty"`      // number of the $batch that it was part of
	NotSent         bool            `json:"notSent,omitempty"`    // whether ProfileQL itself held it back
	Status          int             `json:"status,omitempty"`     // 0 without a response
	Failure         string          `json:"failure,omitempty"`    // why there is no complete response
	RetryAfter      *float64        `json:"retryAfter,omitempty"` // in seconds
	ResponseBytes   int             `json:"responseBytes"`        // of the body, decompressed
	StartMS         float64         `json:"startMs"`              // since the start of the operation
	DurationMS      float64         `json:"durationMs"`           // until the end of the response
	RequestID       string          `json:"requestId,omitempty"`  // the source's
	ClientRequestID string          `json:"clientRequestId"`      // ours
	Learned         []string        `json:"learned,omitempty"`    // about the source, and used for an hour

	trace *Trace
	start time.Time
}

// Reason is why a request was sent that the operation did not ask for.
type Reason string

// The reasons.
const (
	Fallback   Reason = "FALLBACK"    // in place of a request that the source does not support
	ReadBack   Reason = "READ_BACK"   // for the item after a write whose response had none
	Counting   Reason = "COUNT"       // for totalCount
	OrderCheck Reason = "ORDER_CHECK" // to see whether the source orders its list as requested
)

// StartTrace starts recording the exchanges of an operation that began at this time.
func (c *Calls) StartTrace(began time.Time) *Trace {
	c.trace = &Trace{began: began}
	return c.trace
}

// MarshalJSON implements [json.Marshaler].
func (t *Trace) MarshalJSON() ([]byte, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	requests := slices.Clone(t.exchanges)
	if requests == nil {
		requests = []*Exchange{}
	}
	err := encoder.Encode(struct {
		Requests []*Exchange `json:"requests"`
		Omitted  int         `json:"omitted,omitempty"`
	}{requests, t.omitted})
	return out.Bytes(), err
}

// Step is a part of an operation that sends requests for one reason. A nil *Step records nothing.
type Step struct {
	trace  *Trace
	reason Reason
	last   *Exchange
}

type stepKey struct{}

func traceOf(ctx context.Context) *Trace {
	if c, ok := ctx.Value(callsKey{}).(*Calls); ok {
		return c.trace
	}
	return nil
}

// WithReason returns a context for requests with this reason.
func WithReason(ctx context.Context, reason Reason) context.Context {
	t := traceOf(ctx)
	if t == nil {
		return ctx
	}
	return context.WithValue(ctx, stepKey{}, &Step{trace: t, reason: reason})
}

// StepOf returns the context's step; nil if its operation is not traced.
func StepOf(ctx context.Context) *Step {
	t := traceOf(ctx)
	if t == nil {
		return nil
	}
	if s, ok := ctx.Value(stepKey{}).(*Step); ok {
		return s
	}
	return &Step{trace: t}
}

// Learn records what the last request of the step has shown about its source.
func (s *Step) Learn(what string) {
	if s == nil {
		return
	}
	s.trace.mu.Lock()
	defer s.trace.mu.Unlock()
	if s.last != nil {
		s.last.Learned = append(s.last.Learned, what)
	}
}

// Begin records that a request is sent. It returns nil if it is not recorded.
func (s *Step) Begin(e Exchange) *Exchange {
	if s == nil {
		return nil
	}
	t := s.trace
	t.mu.Lock()
	defer t.mu.Unlock()
	s.last = nil
	if len(t.exchanges) == maxExchanges {
		t.omitted++
		return nil
	}
	recorded := e
	if recorded.start.IsZero() {
		recorded.start = time.Now()
	}
	recorded.trace, recorded.Reason, recorded.Number = t, s.reason, len(t.exchanges)+1
	recorded.StartMS = milliseconds(recorded.start.Sub(t.began))
	if len(e.Path) > maxTracedPath {
		recorded.Path, recorded.Truncated = e.Path[:maxTracedPath], true
	}
	recorded.Body = nil
	if t.bodies+len(e.Body) > maxTracedBodies {
		recorded.Truncated = true
	} else {
		recorded.Body = slices.Clone(e.Body) // its memory may be used again before the operation is answered
		t.bodies += len(e.Body)
	}
	s.last = &recorded
	t.exchanges = append(t.exchanges, &recorded)
	return &recorded
}

// Part returns an exchange for a request that is part of a batch, which began with it.
func (e *Exchange) Part(part Exchange) Exchange {
	if e == nil {
		return part
	}
	part.Batch, part.start = e.Number, e.start
	return part
}

// Outcome is how an exchange ended.
type Outcome struct {
	Status        int // 0 without a response
	Failure       string
	NotSent       bool
	RetryAfter    *float64 // in seconds
	ResponseBytes int
	RequestID     string
}

// End records how the exchange ended.
func (e *Exchange) End(o Outcome) {
	if e == nil {
		return
	}
	e.trace.mu.Lock()
	defer e.trace.mu.Unlock()
	e.Status, e.Failure, e.NotSent, e.RetryAfter = o.Status, o.Failure, o.NotSent, o.RetryAfter
	e.ResponseBytes, e.RequestID = o.ResponseBytes, o.RequestID
	e.DurationMS = milliseconds(time.Since(e.start))
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
