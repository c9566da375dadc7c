package graphqlhttp

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/klauspost/compress/gzhttp"
	"github.com/klauspost/compress/gzip"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"profileql/internal/profile"
	"profileql/internal/projection"
)

// Options are the options of [New].
type Options struct {
	Executable graphql.ExecutableSchema
	Inputs     *projection.Schema          // coerces variables to the types of the same schema
	Checkers   []Checker                   // checks of operations, in this order, before anything runs
	Present    func(error) *gqlerror.Error // converts errors of resolvers; nil for those that are internal
	Manifest   []byte                      // of persisted operations, to allow only these; nil to allow all
	Shown      func(http.Header) bool      // whether introspection is allowed with these headers; nil for never
	Observers  []Observer                  // see each request; the contexts of earlier ones reach later ones
	Log        *slog.Logger
}

// New returns the GraphQL endpoint. It returns an error if a persisted operation is invalid.
func New(o Options) (http.Handler, error) {
	e, err := newEndpoint(o)
	if err != nil {
		return nil, err
	}
	// The fastest level compresses a page to a fifth of its size. Other levels take several times as long, and save
	// little more.
	compress, err := gzhttp.NewWrapper(gzhttp.MinSize(minCompressed), gzhttp.CompressionLevel(gzip.BestSpeed))
	if err != nil {
		return nil, err
	}
	return compress(e), nil
}

// minCompressed is the minimum size in bytes of an answer that is compressed. Smaller ones fit into one packet.
const minCompressed = 1 << 10

// endpoint serves GraphQL over HTTP. It reads and checks requests itself, so that each is parsed only once. gqlgen's
// executor runs the operations.
type endpoint struct {
	documents            *documents
	persisted            *persisted // the only documents that are allowed; nil to allow all
	inputs               *projection.Schema
	introspectionAllowed func(http.Header) bool
	executor             *executor.Executor
	observers            []Observer
	log                  *slog.Logger
}

func newEndpoint(o Options) (*endpoint, error) {
	e := &endpoint{
		documents: newDocuments(o.Executable.Schema(), o.Inputs, append(slices.Clone(o.Checkers), introspectionOf)...),
		inputs:    o.Inputs, introspectionAllowed: o.Shown, executor: executor.New(o.Executable),
		observers: o.Observers, log: o.Log,
	}
	if o.Manifest != nil {
		var err error
		if e.persisted, err = newPersisted(o.Manifest, e.documents); err != nil {
			return nil, err
		}
	}
	if o.Shown == nil || e.persisted != nil {
		e.introspectionAllowed = func(http.Header) bool { return false }
	}
	e.executor.SetErrorPresenter(presenter{o.Present, o.Log, e.introspectionAllowed, new(atomic.Int64)}.present)
	e.executor.SetRecoverFunc(recovered)
	return e, nil
}

const (
	// writeTimeout is the timeout for writing the answer.
	writeTimeout = 60 * time.Second
	// brief is the maximum duration of an operation whose write deadline is not extended, because that is not worth its
	// cost.
	brief = time.Second
)

// ServeHTTP implements [http.Handler].
func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, calls := profile.WithCalls(r.Context())
	defer calls.Answered()
	entry := logEntry{id: rand.Text(), start: time.Now(), calls: calls, listed: e.persisted != nil}
	w.Header()["Request-Id"] = []string{entry.id}
	a := panicked // unless answer returns
	ctx, observed := e.begin(ctx, r.Header)
	defer func() { observed.end(&entry, a) }()
	// Each request to a source has a timeout, but an operation can send many, one after the other. If the write
	// deadline counted from the start of the operation, a caller could miss the results of completed writes. Errors are
	// ignored: a ResponseWriter without a deadline, as in tests, needs none.
	conn := http.NewResponseController(w)
	if r.ProtoMajor > 1 { // with HTTP/2, the write deadline ends the request
		_ = conn.SetWriteDeadline(time.Time{})
	}
	a = e.answer(ctx, w, r, &entry)
	if r.ProtoMajor > 1 || time.Since(entry.start) > brief {
		_ = conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	}
	a.send(w)
	entry.log(ctx, e.log, a)
}

func (e *endpoint) answer(ctx context.Context, w http.ResponseWriter, r *http.Request, entry *logEntry) answer {
	mediaType := negotiate(r.Header.Values("Accept"))
	if mediaType == "" {
		return refuse(http.StatusNotAcceptable, codeBadRequest,
			"Responses are "+mediaTypeResponse+" or "+mediaTypeJSON+", in UTF-8; Accept allows neither.").answer("")
	}
	q, f := readRequest(w, r)
	if f == nil {
		byHash := e.persisted != nil || q.query == "" && q.persisted != ""
		if f = e.find(&q); byHash {
			entry.persisted = lookup(f == nil)
		}
	}
	if f != nil {
		return f.answer(mediaType)
	}
	var trace *profile.Trace
	if q.header.Get(traceHeader) == "1" && e.introspectionAllowed(q.header) {
		trace = entry.calls.StartTrace(entry.start)
	}
	op, f, list := e.operation(ctx, q, entry)
	entry.operation, entry.document = op, q.hash
	switch {
	case f != nil:
		return f.answer(mediaType)
	case list != nil:
		response := e.executor.DispatchError(graphql.WithOperationContext(ctx, op), list)
		status := http.StatusOK
		if mediaType == mediaTypeResponse {
			status = http.StatusBadRequest
		}
		return withoutData(status, mediaType, response.Errors)
	}
	responses, ctx := e.executor.DispatchOperation(ctx, op)
	response := responses(ctx)
	if response == nil { // from gqlgen, if the request's context has ended
		return refuse(statusClientClosedRequest, codeBadRequest, "The request was canceled.").answer(mediaType)
	}
	return answerTo(response, mediaType, trace)
}

// traceHeader is the request header that asks for extensions.trace, with the value 1.
const traceHeader = "ProfileQL-Trace"

// statusClientClosedRequest is nginx's status for a request that the client canceled. Only the log shows it.
const statusClientClosedRequest = 499
