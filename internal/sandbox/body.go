package sandbox

import (
	"compress/gzip"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"profileql/internal/sandbox/edm"
)

// maxBody is the maximum size of a request body in bytes.
const maxBody = 1 << 20

// readBody reads a request body that is a JSON object. The error is an *apiError or an *edm.Error.
func readBody(w http.ResponseWriter, r *http.Request) (map[string]any, error) {
	text, err := readJSON(w, r)
	if err != nil {
		return nil, err
	}
	return parseBody(text)
}

// readJSON reads a request body whose Content-Type is JSON. The error is an *apiError.
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

// decoded returns a reader of the request body without its content coding (RFC 9110, section 8.4). The size limit
// applies both to the compressed and to the decompressed body. A part of a batch, for which w is nil, has no content
// coding. The error is an *apiError.
func decoded(w http.ResponseWriter, r *http.Request) (io.Reader, error) {
	body := http.MaxBytesReader(w, r.Body, maxBody)
	coding := strings.ToLower(strings.Join(r.Header.Values("Content-Encoding"), ", "))
	switch {
	case coding == "" || coding == "identity":
		return body, nil
	case w == nil:
		return nil, wrongCoding(coding, "identity")
	case coding != "gzip" && coding != "x-gzip": // a synonym of gzip (RFC 9110, section 8.4.1.3)
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

// parseBody is [edm.ParseObject] with errors for the client.
func parseBody(text []byte) (map[string]any, error) {
	object, err := edm.ParseObject(text)
	var e *edm.Error
	if err != nil && !errors.As(err, &e) {
		return nil, unreadable()
	}
	return object, err
}
