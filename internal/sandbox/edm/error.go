package edm

import (
	"errors"
	"fmt"
	"strings"
)

// Error says what is wrong with something that a client sent: with a value, or with a part of an address. Its message
// is meant for the client, in the words of the OData library that Microsoft Graph's gateway uses where they are known.
// What it means in HTTP is for others to say.
type Error struct{ Message string }

func (e *Error) Error() string { return e.Message }

// Errorf returns an [*Error] with a message in the manner of [fmt.Sprintf].
func Errorf(format string, args ...any) error { return &Error{fmt.Sprintf(format, args...)} }

// Because puts what was being done in front of the message of an [*Error]. Other errors, and nil, stay as they are.
func Because(doing string, err error) error {
	var e *Error
	if errors.As(err, &e) {
		return Errorf("%s: %s", doing, e.Message)
	}
	return err
}

// Shorten keeps a message from repeating a whole body.
func Shorten(text string) string {
	const most = 100
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
