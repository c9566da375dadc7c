package graphqlhttp

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"profileql/internal/jsontape"
)

// request is a GraphQL request (GraphQL over HTTP, section 5). Omitted members have their zero values.
type request struct {
	query         string
	operationName string
	variables     jsontape.Value
	documentID    string // of a persisted operation, in the member documentId or id
	persisted     string // hash of a document: extensions.persistedQuery.sha256Hash
	hash          string // of the document; set by find
	method        string
	header        http.Header
}

// readRequest reads a request from the body of a POST, or from the URL of a GET.
func readRequest(w http.ResponseWriter, r *http.Request) (q request, f *refusal) {
	switch r.Method {
	case http.MethodPost:
		q, f = readBody(w, r)
	case http.MethodGet:
		q, f = readAddress(r.URL.RawQuery)
	default:
		return q, notAllowed("GraphQL requests are sent with GET or POST.", "GET, POST")
	}
	q.method, q.header = r.Method, r.Header
	return q, f
}

func notAllowed(message, allow string) *refusal {
	f := refuse(http.StatusMethodNotAllowed, codeBadRequest, message)
	f.header = http.Header{"Allow": {allow}}
	return f
}

func readBody(w http.ResponseWriter, r *http.Request) (q request, f *refusal) {
	if !isJSON(r.Header.Get("Content-Type")) {
		return q, refuse(http.StatusUnsupportedMediaType, codeBadRequest, "The body must be "+mediaTypeJSON+", in UTF-8, and Content-Type must say so.")
	}
	body, f := readAll(w, r)
	if f != nil {
		return q, f
	}
	return parseRequest(body)
}

func isJSON(contentType string) bool {
	mediaType, parameters, err := mime.ParseMediaType(contentType)
	return err == nil && mediaType == mediaTypeJSON && isUTF8(parameters)
}

// isUTF8 reports whether the parameter charset is UTF-8 or missing. Some clients write utf8.
func isUTF8(parameters map[string]string) bool {
	charset, given := parameters["charset"]
	return !given || strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "utf8")
}

// readAll reads a body, which may be compressed with gzip. The limit applies to the compressed and to the decompressed
// body.
func readAll(w http.ResponseWriter, r *http.Request) ([]byte, *refusal) {
	var reader io.Reader = http.MaxBytesReader(w, r.Body, int64(maxBody.value))
	switch encoding := strings.ToLower(strings.TrimSpace(strings.Join(r.Header.Values("Content-Encoding"), ","))); encoding {
	case "", "identity":
	case "gzip", "x-gzip": // RFC 9110, section 8.4.1.3
		decompressed, err := gzip.NewReader(reader)
		if err != nil {
			return nil, unreadable(err, "The body is not valid gzip, which Content-Encoding names.")
		}
		reader = decompressed
	default:
		f := refuse(http.StatusUnsupportedMediaType, codeBadRequest, "Content-Encoding must be gzip or identity.")
		f.header = http.Header{"Accept-Encoding": {"gzip"}}
		return nil, f
	}
	var body bytes.Buffer
	if r.ContentLength > 0 && r.ContentLength <= int64(maxBody.value) {
		body.Grow(int(r.ContentLength) + bytes.MinRead) // to read it without reallocation
	}
	if _, err := body.ReadFrom(io.LimitReader(reader, int64(maxBody.value)+1)); err != nil {
		return nil, unreadable(err, "The body could not be read to its end.")
	}
	if body.Len() > maxBody.value {
		return nil, tooLarge()
	}
	return body.Bytes(), nil
}

func unreadable(err error, message string) *refusal {
	var over *http.MaxBytesError
	if errors.As(err, &over) {
		return tooLarge()
	}
	return badRequest(message)
}

func tooLarge() *refusal {
	return &refusal{status: http.StatusRequestEntityTooLarge, err: maxBody.exceeded()}
}

// byteOrderMark is ignored before JSON, although it is not valid there (RFC 8259, section 8.1).
var byteOrderMark = []byte("\ufeff")

// parseRequest parses the body of a request. Its messages never quote the body, which may contain secrets.
func parseRequest(body []byte) (q request, f *refusal) {
	body = bytes.TrimPrefix(body, byteOrderMark)
	if !utf8.Valid(body) {
		return q, badRequest("The body is not UTF-8.")
	}
	members, f := parseJSON(body, "the body")
	if f != nil {
		return q, f
	}
	switch members.Kind() {
	case jsontape.Object:
	case jsontape.Array:
		return q, badRequest("Batched requests are not supported; send one at a time.")
	default:
		return q, badRequest("The body is not one JSON object.")
	}
	var extensions jsontape.Value
	for c, ok := members.First(); ok && f == nil; ok = c.Next() {
		switch name := string(c.Name()); name {
		case "query":
			q.query, f = textMember(c, name)
		case "operationName":
			q.operationName, f = textMember(c, name)
		case "documentId":
			q.documentID, f = textMember(c, name)
		case "variables":
			q.variables, f = objectMember(c, name)
		case "extensions":
			extensions, f = objectMember(c, name)
		}
	}
	if f == nil && q.documentID == "" {
		// Some clients send documentId as id. Others use id for something else, so a value that is not a string is no
		// error.
		if id := members.Member("id"); id.IsUnicode() {
			q.documentID, _ = id.Text()
		}
	}
	if f == nil {
		q.persisted, f = persistedHash(extensions)
	}
	return q, f
}

// parseJSON parses JSON within the limits. Messages use what as its name.
func parseJSON(text []byte, what string) (jsontape.Value, *refusal) {
	tape, err := jsontape.ParseWithin(text, jsontape.Limits{Depth: maxJSONDepth.value, Values: maxJSONValues.value})
	switch {
	case errors.Is(err, jsontape.ErrTooDeep):
		return jsontape.Value{}, tooMuchJSON(maxJSONDepth)
	case errors.Is(err, jsontape.ErrTooManyValues):
		return jsontape.Value{}, tooMuchJSON(maxJSONValues)
	case err != nil:
		return jsontape.Value{}, badRequest(strings.ToUpper(what[:1]) + what[1:] + " is not JSON.")
	case tape.HasDuplicateNames(): // it is ambiguous which value to write
		return jsontape.Value{}, badRequest("An object in " + what + " has the same name twice.")
	}
	return tape.Root(), nil
}

func tooMuchJSON(l limit) *refusal {
	return &refusal{status: http.StatusBadRequest, err: l.exceeded()}
}

func textMember(c jsontape.Child, name string) (string, *refusal) {
	text, isText := c.Text()
	switch {
	case c.Kind() == jsontape.Null:
		return "", nil
	case !isText:
		return "", badRequest("The member " + name + " must be a string.")
	case !c.IsUnicode():
		return "", badRequest("The member " + name + " is not valid Unicode: it contains half of a surrogate pair.")
	}
	return text, nil
}

func objectMember(c jsontape.Child, name string) (jsontape.Value, *refusal) {
	switch c.Kind() {
	case jsontape.Null:
		return jsontape.Value{}, nil
	case jsontape.Object:
		return c.Value, nil
	}
	return jsontape.Value{}, badRequest("The member " + name + " must be an object.")
}

// persistedHash returns the hash in the extension persistedQuery, or an empty string if there is none.
func persistedHash(extensions jsontape.Value) (string, *refusal) {
	persisted := extensions.Member("persistedQuery")
	if persisted.Kind() != jsontape.Object {
		return "", nil
	}
	if version := persisted.Member("version"); version.Kind() != jsontape.Number || string(version.Raw()) != "1" {
		return "", badRequest("extensions.persistedQuery.version must be 1.")
	}
	hash, _ := persisted.Member("sha256Hash").Text()
	if hash == "" {
		return "", badRequest("extensions.persistedQuery.sha256Hash must be the SHA-256 of the document.")
	}
	return hash, nil
}

// readAddress reads a request from the query string of a URL (GraphQL over HTTP, section 5.5). Empty parameters count
// as omitted.
func readAddress(rawQuery string) (q request, f *refusal) {
	if len(rawQuery) > maxAddress.value {
		return q, &refusal{status: http.StatusRequestURITooLong, err: maxAddress.exceeded()}
	}
	parameters, err := url.ParseQuery(rawQuery)
	if err != nil {
		return q, badRequest("The query string of the URL is malformed.")
	}
	for name, values := range parameters {
		switch {
		case !isParameter(name):
		case len(values) > 1:
			return q, badRequest("The parameter " + name + " is given more than once.")
		case !utf8.ValidString(values[0]):
			return q, badRequest("The parameter " + name + " is not UTF-8.")
		}
	}
	q = request{
		query: parameters.Get("query"), operationName: parameters.Get("operationName"),
		documentID: parameters.Get("documentId"),
	}
	if q.documentID == "" {
		q.documentID = parameters.Get("id")
	}
	if q.variables, f = objectParameter(parameters, "variables"); f != nil {
		return q, f
	}
	extensions, f := objectParameter(parameters, "extensions")
	if f == nil {
		q.persisted, f = persistedHash(extensions)
	}
	return q, f
}

// isParameter reports whether a parameter is one of GraphQL over HTTP. Others are ignored.
func isParameter(name string) bool {
	switch name {
	case "query", "operationName", "variables", "extensions", "documentId", "id":
		return true
	}
	return false
}

func objectParameter(parameters url.Values, name string) (jsontape.Value, *refusal) {
	text := parameters.Get(name)
	if text == "" {
		return jsontape.Value{}, nil
	}
	v, f := parseJSON([]byte(text), "the parameter "+name)
	switch {
	case f != nil:
		return jsontape.Value{}, f
	case v.Kind() == jsontape.Null:
		return jsontape.Value{}, nil
	case v.Kind() != jsontape.Object:
		return jsontape.Value{}, badRequest("The parameter " + name + " must be a JSON object.")
	}
	return v, nil
}
