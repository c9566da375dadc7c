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

// Codes of errors in the request itself. Resolvers have their own codes.
const (
	codeBadRequest                 = "BAD_REQUEST"
	codePersistedQueryNotFound     = "PERSISTED_QUERY_NOT_FOUND"
	codePersistedQueryNotSupported = "PERSISTED_QUERY_NOT_SUPPORTED"
	codeOperationNotListed         = "OPERATION_NOT_LISTED"
	codeInternal                   = "INTERNAL_SERVER_ERROR"
)

// presenter converts errors into GraphQL errors. Unknown errors are internal, and only the log has their text.
type presenter struct {
	known                func(error) *gqlerror.Error // converts errors of resolvers; returns nil for other errors
	log                  *slog.Logger
	introspectionAllowed func(http.Header) bool // if not, messages do not suggest names in the schema
	panics               *atomic.Int64          // number of panics so far, for the log
}

func (p presenter) present(ctx context.Context, err error) *gqlerror.Error {
	shown := p.known(err)
	if shown == nil {
		shown = presentRequest(err)
	}
	if shown == nil {
		shown = p.internal(ctx, err)
	}
	if !p.introspectionAllowed(headersOf(ctx)) {
		shown.Message, _, _ = strings.Cut(shown.Message, suggestion)
	}
	return placed(ctx, shown, err)
}

// internal logs an error, and returns a GraphQL error with only the error_id of the log line.
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

// placed sets the path and the locations of an error that gqlgen knows.
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

// presentRequest converts errors of gqlgen and gqlparser about the request, and the error of a canceled request. It
// returns nil for other errors.
func presentRequest(err error) *gqlerror.Error {
	var ofGqlgen *gqlerror.Error
	switch {
	case errors.Is(err, context.Canceled):
		canceled := &gqlerror.Error{Err: err, Message: "The request was canceled."}
		errcode.Set(canceled, codeBadRequest)
		return canceled
	case !errors.As(err, &ofGqlgen) || ofGqlgen.Extensions["code"] == nil:
		return nil
	case ofGqlgen.Message == fmt.Sprintf("exceeded token limit of %d", maxTokens.value):
		return maxTokens.exceeded()
	}
	return ofGqlgen
}

// suggestion is the start of the part of a validation message that suggests similar names.
const suggestion = " Did you mean "

// fewErrors limits the number of errors in an answer and the length of their texts, because they can contain text of
// the request.
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

// clip truncates a text that may contain text of the request.
func clip(text string) string {
	if len(text) <= maxMessageBytes {
		return text
	}
	return strings.ToValidUTF8(text[:maxMessageBytes], "") + "…"
}

// locations returns the location of an error in the document, or nil if the position is unknown.
func locations(at *ast.Position) []gqlerror.Location {
	if at == nil {
		return nil
	}
	return []gqlerror.Location{{Line: at.Line, Column: at.Column}}
}

// panicError is a recovered panic, as an error for the presenter.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

func recovered(_ context.Context, value any) error {
	return &panicError{value: value, stack: debug.Stack()}
}
