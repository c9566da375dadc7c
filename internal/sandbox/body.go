package sandbox

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strings"
	"unicode/utf8"
)

// maxBody bounds a request's body, in bytes, and maxNesting how deep its values are.
const (
	maxBody    = 1 << 20
	maxNesting = 100
)

// readBody reads the JSON object that a request carries. The error is an *apiError.
func readBody(w http.ResponseWriter, r *http.Request) (map[string]any, error) {
	text, err := readJSON(w, r)
	if err != nil {
		return nil, err
	}
	return parseBody(text)
}

// readJSON reads a body that says that it is JSON. The error is an *apiError.
func readJSON(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	plain, err := decoded(w, r)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(plain)
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, &apiError{
			status: http.StatusRequestEntityTooLarge, code: "BadRequest", message: "Maximum request length exceeded.",
		}
	}
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/json" {
		return nil, unreadable()
	}
	return text, nil
}

// decoded is a request's body without its content coding (RFC 9110, section 8.4). The limit holds for what is sent and
// for what it is decompressed to. A part of a batch, for which w is nil, is JSON inside of JSON and has no coding. The
// error is an *apiError.
func decoded(w http.ResponseWriter, r *http.Request) (io.Reader, error) {
	body := http.MaxBytesReader(w, r.Body, maxBody)
	coding := strings.ToLower(strings.Join(r.Header.Values("Content-Encoding"), ", "))
	switch {
	case coding == "" || coding == "identity":
		return body, nil
	case w == nil:
		return nil, wrongCoding(coding, "identity")
	case coding != "gzip" && coding != "x-gzip": // which is the same (section 8.4.1.3)
		return nil, wrongCoding(coding, "gzip")
	}
	plain, err := gzip.NewReader(body)
	if err != nil {
		return nil, unreadable()
	}
	return http.MaxBytesReader(w, plain, maxBody), nil
}

func unreadable() error {
	return badRequest("Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.")
}

// parseBody is parseObject with errors for the client, each an *apiError.
func parseBody(text []byte) (map[string]any, error) {
	object, err := parseObject(text)
	var e *apiError
	if err != nil && !errors.As(err, &e) {
		return nil, unreadable()
	}
	return object, err
}

// parseObject reads one JSON object, and keeps numbers as they are written. A name may be there once (OData JSON
// Format 4.01, section 4.1), but the backing store of the .NET SDK writes null twice; so it may be repeated with the
// same value. Of two values one would be lost without a word: they are an *apiError.
func parseObject(text []byte) (map[string]any, error) {
	if !utf8.Valid(text) {
		return nil, errors.New("not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	v, err := parseValue(d, maxNesting)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("something follows the JSON value")
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("not an object")
	}
	return object, nil
}

// parseValue reads the next value, in which others may be nested so deep.
func parseValue(d *json.Decoder, deep int) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	if deep == 0 {
		return nil, errors.New("nested too deep")
	}
	switch token {
	case json.Delim('['):
		return parseEntries(d, deep-1)
	case json.Delim('{'):
		return parseMembers(d, deep-1)
	}
	return token, nil
}

func parseEntries(d *json.Decoder, deep int) ([]any, error) {
	entries := []any{}
	for d.More() {
		v, err := parseValue(d, deep)
		if err != nil {
			return nil, err
		}
		entries = append(entries, v)
	}
	_, err := d.Token()
	return entries, err
}

func parseMembers(d *json.Decoder, deep int) (map[string]any, error) {
	members := make(map[string]any)
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		text, _ := name.(string) // the decoder takes nothing else for a name
		value, err := parseValue(d, deep)
		if err != nil {
			return nil, err
		}
		if other, repeated := members[text]; repeated && !reflect.DeepEqual(other, value) {
			return nil, badRequest("The member '%s' occurs more than once, with different values.", shorten(text))
		}
		members[text] = value
	}
	_, err := d.Token()
	return members, err
}
