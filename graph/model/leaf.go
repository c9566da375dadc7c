package model

import (
	"errors"
	"io"
)

// JSON is a value of an object type, as the JSON of its selected fields.
type JSON []byte

// MarshalGQL implements gqlgen's Marshaler.
func (j JSON) MarshalGQL(w io.Writer) { _, _ = w.Write(j) }

// UnmarshalGQL is never called. gqlgen requires it of a scalar type.
func (j *JSON) UnmarshalGQL(any) error { return errors.New("an object type is no input") }

// IsNode implements [Node].
func (JSON) IsNode() {}

// Patch is an input object that becomes the body of a request. Fields that the caller omitted are absent.
type Patch map[string]any

// UnmarshalGQL implements gqlgen's Unmarshaler. The input object is already checked.
func (p *Patch) UnmarshalGQL(v any) error {
	object, ok := v.(map[string]any)
	if !ok {
		return errors.New("an input object was not checked")
	}
	*p = object
	return nil
}

// MarshalGQL is never called. gqlgen requires it of a scalar type.
func (p Patch) MarshalGQL(io.Writer) {}
