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

// Present shows an error of a resolver or of a check that is meant for the caller, without its path; nil where it is not.
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

// presentInput says where in the operation the bad value stands.
func presentInput(e *inputError) *gqlerror.Error {
	message := e.cause.Error()
	var ofSource *profile.Error
	if errors.As(e.cause, &ofSource) {
		message = ofSource.Message // without its code, which Error puts before it
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
