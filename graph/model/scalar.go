package model

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"
)

// InputError says what was wrong with a value given for an input. Its text is made for the caller.
type InputError struct{ Message string }

func (e *InputError) Error() string { return e.Message }

func inputErrorf(format string, args ...any) error {
	return &InputError{Message: fmt.Sprintf(format, args...)}
}

// describe names the kind of a raw input value in GraphQL's words, without repeating the value itself.
func describe(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return "a String"
	case bool:
		return "a Boolean"
	case map[string]any:
		return "an input object"
	case []any:
		return "a list"
	case json.Number:
		if _, err := v.Int64(); err == nil {
			return "an Int"
		}
		return "a Float"
	case int, int32, int64:
		return "an Int"
	default:
		return "a Float"
	}
}

// MarshalString writes a GraphQL String.
func MarshalString(s string) graphql.Marshaler { return graphql.MarshalString(s) }

// UnmarshalString takes a String and nothing else (GraphQL, section 3.5.3: no coercion of other kinds).
func UnmarshalString(v any) (string, error) {
	if s, ok := v.(string); ok {
		return s, nil
	}
	return "", inputErrorf("String cannot be %s", describe(v))
}

// MarshalID writes a GraphQL ID.
func MarshalID(s string) graphql.Marshaler { return graphql.MarshalString(s) }

// UnmarshalID takes a text or an integer (GraphQL, section 3.5.5).
func UnmarshalID(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case json.Number:
		if _, err := v.Int64(); err == nil {
			return v.String(), nil
		}
	case int64:
		return strconv.FormatInt(v, 10), nil
	}
	return "", inputErrorf("ID cannot be %s", describe(v))
}

// MarshalBoolean writes a GraphQL Boolean.
func MarshalBoolean(b bool) graphql.Marshaler { return graphql.MarshalBoolean(b) }

// UnmarshalBoolean takes true or false and nothing else.
func UnmarshalBoolean(v any) (bool, error) {
	if b, ok := v.(bool); ok {
		return b, nil
	}
	return false, inputErrorf("Boolean cannot be %s", describe(v))
}

// MarshalInt writes a GraphQL Int.
func MarshalInt(i int) graphql.Marshaler { return graphql.MarshalInt(i) }

// UnmarshalInt takes a whole number of 32 bits (GraphQL, section 3.5.1). A JSON number such as 3.0 is whole.
func UnmarshalInt(v any) (int, error) {
	f, err := UnmarshalFloat(v)
	if err != nil {
		return 0, inputErrorf("Int cannot be %s", describe(v))
	}
	if f != Float(math.Trunc(float64(f))) {
		return 0, inputErrorf("Int cannot be a Float")
	}
	if f < math.MinInt32 || f > math.MaxInt32 {
		return 0, inputErrorf("Int is out of its range of 32 bits")
	}
	return int(f), nil
}

// Float is a GraphQL Float and an OData Edm.Double. The wire may carry "INF", "-INF" and "NaN" as texts (OData JSON
// Format 4.01, section 7.1); GraphQL has no such values, and they show as null, like everything else that is no
// number.
type Float float64

// MarshalFloat writes the shortest text that reads back as the same number; null for what is not finite.
func MarshalFloat(f Float) graphql.Marshaler {
	return graphql.WriterFunc(func(w io.Writer) {
		if math.IsNaN(float64(f)) || math.IsInf(float64(f), 0) {
			_, _ = io.WriteString(w, "null")
			return
		}
		var buf [32]byte
		_, _ = w.Write(strconv.AppendFloat(buf[:0], float64(f), 'g', -1, 64))
	})
}

// UnmarshalFloat takes any finite number, but no text.
func UnmarshalFloat(v any) (Float, error) {
	switch v := v.(type) {
	case json.Number:
		f, err := v.Float64()
		if err != nil {
			return 0, inputErrorf("Float is out of its range of 64 bits")
		}
		return Float(f), nil
	case int64:
		return Float(v), nil
	case float64:
		return Float(v), nil
	}
	return 0, inputErrorf("Float cannot be %s", describe(v))
}

// UnmarshalJSON takes a number; anything else becomes a NaN, which shows as null. It never fails.
func (f *Float) UnmarshalJSON(b []byte) error {
	n, err := strconv.ParseFloat(string(b), 64)
	if err != nil {
		n = math.NaN()
	}
	*f = Float(n)
	return nil
}

// DateTime is an OData Edm.DateTimeOffset, kept as the text it was given as: no digit and no offset is lost. The
// empty text stands for something that is no moment, and shows as null.
type DateTime string

// MarshalGQL writes the text as it is.
func (d DateTime) MarshalGQL(w io.Writer) {
	if d == "" {
		_, _ = io.WriteString(w, "null")
		return
	}
	graphql.MarshalString(string(d)).MarshalGQL(w)
}

// UnmarshalGQL takes a moment in RFC 3339 form.
func (d *DateTime) UnmarshalGQL(v any) error {
	s, ok := v.(string)
	if !ok {
		return inputErrorf("DateTime cannot be %s", describe(v))
	}
	if !isInstant(s) {
		return inputErrorf("DateTime must be a moment such as 2017-01-01T00:00:46.1697867+03:00")
	}
	*d = DateTime(s)
	return nil
}

// UnmarshalJSON takes a moment in RFC 3339 form; anything else becomes the empty text. It never fails.
func (d *DateTime) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) != nil || !isInstant(s) {
		s = ""
	}
	*d = DateTime(s)
	return nil
}

// isInstant tells whether text has the form of RFC 3339. time.Parse alone would also take a comma before the fraction
// and hours of one digit.
func isInstant(text string) bool {
	_, err := time.Parse(time.RFC3339, text)
	return err == nil && text[len("2006-01-02T15")] == ':' && !strings.Contains(text, ",")
}
