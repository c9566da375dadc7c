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

// Options says what is served, and to whom.
type Options struct {
	Executable graphql.ExecutableSchema
	Inputs     *projection.Schema          // coerces variables by the types of the same schema
	Checkers   []Checker                   // checks of operations, in this order, before anything runs
	Present    func(error) *gqlerror.Error // shows errors of resolvers that are meant for the caller; nil for others
	Manifest   []byte                      // of persisted operations, the only ones that are run; nil for any document
	Shown      func(http.Header) bool      // whether a request with these headers may learn the schema; nil for none
	Log        *slog.Logger
}

// New returns the GraphQL endpoint. It fails where a persisted operation is not valid.
func New(o Options) (http.Handler, error) {
	e, err := newEndpoint(o)
	if err != nil {
		return nil, err
	}
	// The fastest level makes a page a fifth of its size; the others take several times as long for little more.
	compress, err := gzhttp.NewWrapper(gzhttp.MinSize(minCompressed), gzhttp.CompressionLevel(gzip.BestSpeed))
	if err != nil {
		return nil, err
	}
	return compress(e), nil
}

// minCompressed is from how many bytes on an answer is compressed for those who accept it: less fits into one packet.
const minCompressed = 1 << 10

// endpoint serves GraphQL over HTTP. Requests are read, checked and answered here, so that each is looked at once;
// gqlgen's executor runs the operations.
type endpoint struct {
	documents *documents
	persisted *persisted // the only documents that are run; nil for any
	inputs    *projection.Schema
	shown     func(http.Header) bool
	executor  *executor.Executor
	log       *slog.Logger
}

func newEndpoint(o Options) (*endpoint, error) {
	e := &endpoint{
		documents: newDocuments(o.Executable.Schema(), o.Inputs, append(slices.Clone(o.Checkers), introspectionOf)...),
		inputs:    o.Inputs, shown: o.Shown, executor: executor.New(o.Executable), log: o.Log,
	}
	if o.Manifest != nil {
		var err error
		if e.persisted, err = newPersisted(o.Manifest, e.documents); err != nil {
			return nil, err
		}
	}
	if o.Shown == nil || e.persisted != nil {
		e.shown = func(http.Header) bool { return false }
	}
	e.executor.SetErrorPresenter(presenter{o.Present, o.Log, e.shown, new(atomic.Int64)}.present)
	e.executor.SetRecoverFunc(recovered)
	return e, nil
}

const (
	// writeTimeout is the time that a caller has to take the answer.
	writeTimeout = 60 * time.Second
	// brief is how long an operation can take without the time for its answer being worth the setting.
	brief = time.Second
)

// ServeHTTP implements [http.Handler].
func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, calls := profile.WithCalls(r.Context())
	defer calls.Answered()
	entry := logEntry{id: rand.Text(), start: time.Now(), calls: calls}
	w.Header()["Request-Id"] = []string{entry.id}
	// Each request to a source has a deadline, but an operation can have many, one after the other. Were the server's time
	// for writing to count from the beginning, nobody would hear of writes that are done. Where there is no such time, as
	// in tests, there is nothing to set.
	conn := http.NewResponseController(w)
	if r.ProtoMajor > 1 { // there the end of that time is the end of the request
		_ = conn.SetWriteDeadline(time.Time{})
	}
	a := e.answer(ctx, w, r, &entry)
	if r.ProtoMajor > 1 || time.Since(entry.start) > brief {
		_ = conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	}
	a.send(w)
	entry.log(r.Context(), e.log, a)
}

func (e *endpoint) answer(ctx context.Context, w http.ResponseWriter, r *http.Request, entry *logEntry) answer {
	mediaType := negotiate(r.Header.Values("Accept"))
	if mediaType == "" {
		return refuse(http.StatusNotAcceptable, codeBadRequest,
			"Responses are "+mediaTypeResponse+" or "+mediaTypeJSON+", in UTF-8; Accept allows neither.").answer("")
	}
	q, f := readRequest(w, r)
	if f == nil {
		f = e.find(&q)
	}
	if f != nil {
		return f.answer(mediaType)
	}
	op, f, list := e.operation(ctx, q)
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
	if response == nil { // gqlgen's word for: the request's context is over
		return refuse(statusClientClosedRequest, codeBadRequest, "The request was canceled.").answer(mediaType)
	}
	return answerTo(response, mediaType)
}

// statusClientClosedRequest is nginx's status for a caller that left; nobody reads it but an access log.
const statusClientClosedRequest = 499
