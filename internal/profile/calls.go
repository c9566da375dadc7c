package profile

import (
	"context"
	"slices"
	"sync"
)

// Calls counts the requests that were made to sources for one operation, and keeps what their support asks for. It
// can be used from several goroutines at a time.
type Calls struct {
	mu          sync.Mutex
	n           int
	requestIDs  []string
	diagnostics []string
	after       []func()
}

// mostKept is how many of the texts are kept, and how long each can be: they come from sources.
const (
	mostKept    = 10
	longestKept = 300
)

type callsKey struct{}

// WithCalls returns a context in which calls are counted, and the count.
func WithCalls(ctx context.Context) (context.Context, *Calls) {
	c := new(Calls)
	return context.WithValue(ctx, callsKey{}, c), c
}

// AfterOperation has a function called once the context's operation is answered. It is not ok where there is no operation.
func AfterOperation(ctx context.Context, f func()) (ok bool) {
	c, ok := ctx.Value(callsKey{}).(*Calls)
	if ok {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.after = append(c.after, f)
	}
	return ok
}

// Answered tells that the operation is answered.
func (c *Calls) Answered() {
	c.mu.Lock()
	after := c.after
	c.after = nil
	c.mu.Unlock()
	for _, f := range after {
		f()
	}
}

// CountCall notes that a request was made to a source. What is not known is empty.
func CountCall(ctx context.Context, requestID, diagnostic string) {
	c, ok := ctx.Value(callsKey{}).(*Calls)
	if !ok {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	keep(&c.requestIDs, requestID)
	keep(&c.diagnostics, diagnostic)
}

func keep(kept *[]string, text string) {
	if text != "" && len(*kept) < mostKept && !slices.Contains(*kept, text) {
		*kept = append(*kept, text[:min(len(text), longestKept)])
	}
}

// Counted returns how many requests there were, and what the answers to them said: their request ids, and the
// machines that gave them (x-ms-ags-diagnostic), each once.
func (c *Calls) Counted() (n int, requestIDs, diagnostics []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n, slices.Clone(c.requestIDs), slices.Clone(c.diagnostics)
}
