package profile

import (
	"context"
	"slices"
	"sync"
)

// Calls counts the requests to sources for one operation, and keeps the request ids and diagnostics that their support
// asks for. It is safe for concurrent use.
type Calls struct {
	mu             sync.Mutex
	requests       int
	batches        int
	requestIDs     []string
	diagnostics    []string
	afterOperation []func()
	buffered       int    // bytes of buffers
	trace          *Trace // nil if the operation is not traced; set before it runs
}

// Limits of what is kept, because it comes from sources.
const (
	maxKept       = 10
	maxKeptLength = 300
)

type callsKey struct{}

// WithCalls returns a context in which calls are counted, and the count.
func WithCalls(ctx context.Context) (context.Context, *Calls) {
	c := new(Calls)
	return context.WithValue(ctx, callsKey{}, c), c
}

// AfterOperation registers a function to call once the context's operation is answered. It returns false if there is no
// operation.
func AfterOperation(ctx context.Context, f func()) (ok bool) {
	c, ok := ctx.Value(callsKey{}).(*Calls)
	if ok {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.afterOperation = append(c.afterOperation, f)
	}
	return ok
}

// Answered runs the functions that were registered with [AfterOperation].
func (c *Calls) Answered() {
	c.mu.Lock()
	after := c.afterOperation
	c.afterOperation = nil
	c.mu.Unlock()
	for _, f := range after {
		f()
	}
}

// CountCall records a request to a source. Unknown values are empty.
func CountCall(ctx context.Context, requestID, diagnostic string) {
	c, ok := ctx.Value(callsKey{}).(*Calls)
	if !ok {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests++
	keep(&c.requestIDs, requestID)
	keep(&c.diagnostics, diagnostic)
}

// CountBatch records a batch. Its requests are recorded by [CountCall].
func CountBatch(ctx context.Context) {
	if c, ok := ctx.Value(callsKey{}).(*Calls); ok {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.batches++
	}
}

// Batches returns the number of batches in which requests were sent.
func (c *Calls) Batches() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.batches
}

func keep(kept *[]string, text string) {
	if text != "" && len(*kept) < maxKept && !slices.Contains(*kept, text) {
		*kept = append(*kept, text[:min(len(text), maxKeptLength)])
	}
}

// Counted returns the number of requests, and the distinct request ids and server diagnostics (x-ms-ags-diagnostic) of
// their responses.
func (c *Calls) Counted() (n int, requestIDs, diagnostics []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.requests, slices.Clone(c.requestIDs), slices.Clone(c.diagnostics)
}
