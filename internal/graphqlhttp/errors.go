package graphqlhttp

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// Codes of errors about the request itself; those of resolvers are theirs.
const (
	codeBadRequest                 = "BAD_REQUEST"
	codePersistedQueryNotFound     = "PERSISTED_QUERY_NOT_FOUND"
	codePersistedQueryNotSupported = "PERSISTED_QUERY_NOT_SUPPORTED"
	codeOperationNotListed         = "OPERATION_NOT_LISTED"
	codeInternal                   = "INTERNAL_SERVER_ERROR"
)

// presenter turns every error into what the caller sees of it. What is not known is internal: only the log has it.
type presenter struct {
	known  func(error) *gqlerror.Error // shows the errors of resolvers; nil for what is none of them
	log    *slog.Logger
	shown  func(http.Header) bool // whether the caller may learn the schema, and so be told of names in it
	panics *atomic.Int64          // how many there have been, for the log
}

func (p presenter) present(ctx context.Context, err error) *gqlerror.Error {
	shown := p.known(err)
	if shown == nil {
		shown = presentRequest(err)
	}
	if shown == nil {
		shown = p.internal(ctx, err)
	}
	if !p.shown(headersOf(ctx)) {
		shown.Message, _, _ = strings.Cut(shown.Message, suggestion)
	}
	return placed(ctx, shown, err)
}

// internal logs an error, and shows no more of it than the id that the log has it under.
func (p presenter) internal(ctx context.Context, err error) *gqlerror.Error {
	id := rand.Text()
	attrs := []any{"error_id", id, "path", graphql.GetPath(ctx).String(), "error", err.Error()}
	var panicked *panicError
	if errors.As(err, &panicked) {
		attrs = append(attrs, "panics", p.panics.Add(1), "stack", string(panicked.stack))
	}
	p.log.ErrorContext(ctx, "internal error", attrs...)
	return &gqlerror.Error{
		Message:    "Something went wrong inside ProfileQL. The log has the cause under this errorId.",
		Extensions: map[string]any{"code": codeInternal, "errorId": id},
	}
}

// placed gives an error the path and the place that gqlgen knows of it.
func placed(ctx context.Context, shown *gqlerror.Error, err error) *gqlerror.Error {
	if shown.Path == nil {
		shown.Path = graphql.GetPath(ctx)
	}
	var located *gqlerror.Error
	if errors.As(err, &located) && located != shown {
		if shown.Locations == nil {
			shown.Locations = located.Locations
		}
		if located.Path != nil {
			shown.Path = located.Path
		}
	}
	return shown
}

func headersOf(ctx context.Context) http.Header {
	if graphql.HasOperationContext(ctx) {
		return graphql.GetOperationContext(ctx).Headers
	}
	return nil
}

// presentRequest shows what gqlgen and gqlparser found wrong with the request, and that its sender has left; nil for
// other errors.
func presentRequest(err error) *gqlerror.Error {
	var ofGqlgen *gqlerror.Error
	switch {
	case errors.Is(err, context.Canceled):
		left := &gqlerror.Error{Err: err, Message: "The request was canceled."}
		errcode.Set(left, codeBadRequest)
		return left
	case !errors.As(err, &ofGqlgen) || ofGqlgen.Extensions["code"] == nil:
		return nil
	case ofGqlgen.Message == fmt.Sprintf("exceeded token limit of %d", maxTokens.value):
		return maxTokens.exceeded()
	}
	return ofGqlgen
}

// suggestion is how validation begins to tell of names that resemble a wrong one.
const suggestion = " Did you mean "

// fewErrors bounds what errors can make of an answer: how many there are, and how much text a caller can have sent
// back.
func fewErrors(list gqlerror.List) gqlerror.List {
	if len(list) > maxErrors.value {
		list = append(slices.Clip(list[:maxErrors.value-1]), maxErrors.exceeded())
	}
	for _, e := range list {
		e.Message = clip(e.Message)
		e.Locations = e.Locations[:min(len(e.Locations), maxErrors.value)]
		for i, element := range e.Path {
			if name, ok := element.(ast.PathName); ok {
				e.Path[i] = ast.PathName(clip(string(name)))
			}
		}
	}
	return list
}

// clip cuts a text that a caller may have made long.
func clip(text string) string {
	if len(text) <= maxMessageBytes {
		return text
	}
	return strings.ToValidUTF8(text[:maxMessageBytes], "") + "…"
}

// locations is the place of an error in the document; none where it is not known.
func locations(at *ast.Position) []gqlerror.Location {
	if at == nil {
		return nil
	}
	return []gqlerror.Location{{Line: at.Line, Column: at.Column}}
}

// panicError is a panic on its way to the presenter.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

func recovered(_ context.Context, value any) error {
	return &panicError{value: value, stack: debug.Stack()}
}
