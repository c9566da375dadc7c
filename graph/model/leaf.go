package model

import (
	"errors"
	"io"
)

// JSON is a value of an object type, written already: what is selected of it, and nothing else.
type JSON []byte

// MarshalGQL writes the value.
func (j JSON) MarshalGQL(w io.Writer) { _, _ = w.Write(j) }

// UnmarshalGQL is never called: it is what gqlgen knows a leaf by.
func (j *JSON) UnmarshalGQL(any) error { return errors.New("an object type is no input") }

// IsNode marks JSON as an object with a global id, for the fields that return any of them.
func (JSON) IsNode() {}

// Patch is an input object as the caller gave it, which becomes the body of a request: what was left out is not there.
type Patch map[string]any

// UnmarshalGQL takes an input object, which has been checked before.
func (p *Patch) UnmarshalGQL(v any) error {
	object, ok := v.(map[string]any)
	if !ok {
		return errors.New("an input object was not checked")
	}
	*p = object
	return nil
}

// MarshalGQL is never called: it is what gqlgen knows a leaf by.
func (p Patch) MarshalGQL(io.Writer) {}
