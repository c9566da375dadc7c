package graph

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

	"profileql/internal/profile"
	"profileql/internal/projection"
)

// Codes of errors about the request itself; those about sources and inputs are [profile.Code]s.
const (
	codeBadRequest                 = "BAD_REQUEST"
	codePersistedQueryNotFound     = "PERSISTED_QUERY_NOT_FOUND"
	codePersistedQueryNotSupported = "PERSISTED_QUERY_NOT_SUPPORTED"
	codeOperationNotListed         = "OPERATION_NOT_LISTED"
	codeInternal                   = "INTERNAL_SERVER_ERROR"
)

// presenter turns every error into what the caller sees of it. What it does not know is ours, and is told to the log
// only.
type presenter struct {
	log    *slog.Logger
	shown  func(http.Header) bool // whether the caller may learn the schema, and so be told of names in it
	panics *atomic.Int64          // how many there have been, for the log
}

func (p presenter) present(ctx context.Context, err error) *gqlerror.Error {
	if shown := present(ctx, err); shown != nil {
		if !p.shown(headersOf(ctx)) {
			shown.Message, _, _ = strings.Cut(shown.Message, suggestion)
		}
		return shown
	}
	id := rand.Text()
	attrs := []any{"error_id", id, "path", graphql.GetPath(ctx).String(), "error", err.Error()}
	var panicked *panicError
	if errors.As(err, &panicked) {
		attrs = append(attrs, "panics", p.panics.Add(1), "stack", string(panicked.stack))
	}
	p.log.ErrorContext(ctx, "internal error", attrs...)
	return withCode(ctx, err, codeInternal, "Something went wrong inside ProfileQL. The log has the cause under this errorId.",
		map[string]any{"errorId": id})
}

func headersOf(ctx context.Context) http.Header {
	if graphql.HasOperationContext(ctx) {
		return graphql.GetOperationContext(ctx).Headers
	}
	return nil
}

// present shows an error that is meant for the caller; nil where it is not.
func present(ctx context.Context, err error) *gqlerror.Error {
	var (
		ofInput  *inputError
		ofValue  *projection.InputError
		ofSource *profile.Error
		ofGqlgen *gqlerror.Error
	)
	switch {
	case errors.As(err, &ofInput):
		return presentInput(ctx, ofInput)
	case errors.As(err, &ofSource):
		return withCode(ctx, err, string(ofSource.Code), ofSource.Message, extensions(ofSource))
	case errors.As(err, &ofValue):
		return withCode(ctx, err, string(profile.BadUserInput), ofValue.Message, nil)
	case errors.Is(err, context.Canceled):
		return withCode(ctx, err, codeBadRequest, "The caller left before the answer was there.", nil)
	case errors.As(err, &ofGqlgen) && ofGqlgen.Extensions["code"] != nil:
		return presentRequest(ofGqlgen)
	}
	return nil
}

// presentInput says where in the operation the bad value stands.
func presentInput(ctx context.Context, e *inputError) *gqlerror.Error {
	message := e.cause.Error()
	var ofSource *profile.Error
	if errors.As(e.cause, &ofSource) {
		message = ofSource.Message // without its code, which Error puts before it
	}
	where := strings.Join(append([]string{e.field.Name}, e.path...), ".")
	shown := withCode(ctx, e, string(profile.BadUserInput), where+": "+message, nil)
	shown.Locations = locations(e.field.Position)
	return shown
}

// presentRequest shows what gqlgen and gqlparser found wrong with the request.
func presentRequest(e *gqlerror.Error) *gqlerror.Error {
	if e.Message == fmt.Sprintf("exceeded token limit of %d", maxTokens.value) {
		return maxTokens.exceeded()
	}
	return e
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

// withCode keeps the path and the place that gqlgen has given an error.
func withCode(ctx context.Context, err error, code, message string, more map[string]any) *gqlerror.Error {
	shown := &gqlerror.Error{Message: message, Path: graphql.GetPath(ctx), Extensions: more}
	var located *gqlerror.Error
	if errors.As(err, &located) {
		shown.Locations = located.Locations
		if located.Path != nil {
			shown.Path = located.Path
		}
	}
	errcode.Set(shown, code)
	return shown
}

// locations is the place of an error in the document; none where it is not known.
func locations(at *ast.Position) []gqlerror.Location {
	if at == nil {
		return nil
	}
	return []gqlerror.Location{{Line: at.Line, Column: at.Column}}
}

// extensions are what may be told besides the message, as far as it is known.
func extensions(e *profile.Error) map[string]any {
	known := map[string]any{"code": string(e.Code)}
	set := func(name, value string) {
		if value != "" {
			known[name] = value
		}
	}
	set("source", e.Source)
	set("sourceCode", e.SourceCode)
	set("sourceMessage", e.SourceMessage)
	set("sourceTarget", e.SourceTarget)
	set("requestId", e.RequestID)
	set("clientRequestId", e.ClientRequestID)
	set("limit", e.Limit)
	if e.Limit != "" {
		known["value"] = e.LimitValue
	}
	if e.Status != 0 {
		known["status"] = e.Status
	}
	if e.RetryAfter != nil && e.Code.Retryable() {
		known["retryAfter"] = *e.RetryAfter
	}
	if e.Source != "" {
		known["retryable"] = e.Code.Retryable()
	}
	return known
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
