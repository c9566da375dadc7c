package graph

import (
	"errors"
	"strings"

	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"profileql/internal/profile"
	"profileql/internal/projection"
)

// Present converts an error of a resolver or a check into a GraphQL error without a path. It returns nil if the error
// is internal.
func Present(err error) *gqlerror.Error {
	var (
		ofInput  *inputError
		ofValue  *projection.InputError
		ofSource *profile.Error
	)
	switch {
	case errors.As(err, &ofInput):
		return presentInput(ofInput)
	case errors.As(err, &ofSource):
		return &gqlerror.Error{Err: err, Message: ofSource.Message, Extensions: extensions(ofSource)}
	case errors.As(err, &ofValue):
		return badUserInput(err, ofValue.Message)
	}
	return nil
}

// presentInput returns the GraphQL error for an invalid value, with its path in the input.
func presentInput(e *inputError) *gqlerror.Error {
	message := e.cause.Error()
	var ofSource *profile.Error
	if errors.As(e.cause, &ofSource) {
		message = ofSource.Message // without the code, which is part of Error
	}
	where := strings.Join(append([]string{e.field.Name}, e.path...), ".")
	shown := badUserInput(e, where+": "+message)
	shown.Locations = locations(e.field.Position)
	return shown
}

func badUserInput(err error, message string) *gqlerror.Error {
	shown := &gqlerror.Error{Err: err, Message: message}
	errcode.Set(shown, string(profile.BadUserInput))
	return shown
}

// locations returns the location of an error in the document, or nil if the position is unknown.
func locations(at *ast.Position) []gqlerror.Location {
	if at == nil {
		return nil
	}
	return []gqlerror.Location{{Line: at.Line, Column: at.Column}}
}

// extensions returns the extensions of an error, without members that are unknown.
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
	set("claims", e.Claims)
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
