package graphqlhttp

import (
	"context"
	"net/http"
	"time"
)

// Observer is called when a request begins. It returns the context that the request continues with, and a function that
// is called once the request is answered, or has panicked. The header is that of the request, and must not be changed.
type Observer func(ctx context.Context, header http.Header) (context.Context, func(Operation))

// Operation describes an answered request, for metrics and traces. The name is the only text from the request that it
// contains.
type Operation struct {
	Type      string // query or mutation; empty if the request was rejected before its operation was known
	Name      string // without characters that are not valid in a name; empty if the operation has none
	Listed    bool   // whether the operation is a persisted one, so its name is the operator's and not the caller's
	Document  string // hash of the document; empty if there is none
	Cached    Lookup // of the document among the parsed ones
	Persisted Lookup // of the document by its hash or id alone, or among the only ones that are allowed
	Status    int    // of the HTTP response
	Codes     []string
	Duration  time.Duration
}

// Lookup is the result of looking for a document.
type Lookup string

// The results. The zero value means that nothing was looked for.
const (
	Hit  Lookup = "hit"
	Miss Lookup = "miss"
)

func lookup(found bool) Lookup {
	if found {
		return Hit
	}
	return Miss
}

// observation is the functions of the observers that have seen a request begin.
type observation []func(Operation)

// begin tells the observers that a request begins.
func (e *endpoint) begin(ctx context.Context, header http.Header) (context.Context, observation) {
	if len(e.observers) == 0 {
		return ctx, nil
	}
	o := make(observation, len(e.observers))
	for i, observer := range e.observers {
		ctx, o[i] = observer(ctx, header)
	}
	return ctx, o
}

// end tells the observers how the request was answered, in the opposite order.
func (o observation) end(entry *logEntry, a answer) {
	if len(o) == 0 {
		return
	}
	operation := entry.described(a)
	for i := len(o) - 1; i >= 0; i-- {
		o[i](operation)
	}
}

func (e *logEntry) described(a answer) Operation {
	d := Operation{
		Document: e.document, Cached: e.cached, Persisted: e.persisted,
		Status: a.status, Codes: a.codes(), Duration: time.Since(e.start),
	}
	if e.operation != nil && e.operation.Operation != nil {
		d.Type, d.Name = string(e.operation.Operation.Operation), plainName(e.operation.Operation.Name)
		d.Listed = e.listed
	}
	return d
}

// panicked stands for the answer of a request that panics. Whoever recovers from the panic answers it.
var panicked = refuse(http.StatusInternalServerError, codeInternal, "").answer("")
