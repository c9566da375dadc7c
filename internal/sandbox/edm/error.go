package edm

import (
	"errors"
	"fmt"
	"strings"
)

// Error describes invalid input of a client: a value, or a part of a URL. Its message is for the client; where the
// wording of the OData library in Microsoft Graph's gateway is known, it is used. The HTTP status is chosen by the
// caller.
type Error struct{ Message string }

func (e *Error) Error() string { return e.Message }

// Errorf returns an [*Error] whose message is formatted as by [fmt.Sprintf].
func Errorf(format string, args ...any) error { return &Error{fmt.Sprintf(format, args...)} }

// Because prefixes the message of an [*Error] with what was being done. It returns other errors, and nil, unchanged.
func Because(doing string, err error) error {
	var e *Error
	if errors.As(err, &e) {
		return Errorf("%s: %s", doing, e.Message)
	}
	return err
}

// Shorten truncates a text, so that a message does not contain a whole body.
func Shorten(text string) string {
	const most = 100
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
