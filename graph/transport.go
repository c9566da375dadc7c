package graph

import (
	"bytes"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// The two media types of GraphQL over HTTP (graphql.github.io/graphql-over-http/draft, section 4). With the first,
// the status tells whether the operation was run; with the second it is 200 for every GraphQL answer.
const (
	graphQLResponse = "application/graphql-response+json"
	plainJSON       = "application/json"
)

// post is GraphQL over HTTP: a POST with a JSON body, and nothing else.
type post struct{}

// Supports implements [graphql.Transport]. There is no other transport, so whatever does not fit is answered here.
func (post) Supports(*http.Request) bool { return true }

// Do implements [graphql.Transport].
func (post) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	mediaType := negotiate(r.Header.Values("Accept"))
	params, refusal := readRequest(w, r, mediaType)
	if refusal != nil {
		refusal.write(w, mediaType)
		return
	}
	ctx := r.Context()
	op, errs := exec.CreateOperationContext(ctx, params)
	if errs != nil {
		response := exec.DispatchError(graphql.WithOperationContext(ctx, op), errs)
		status := http.StatusOK
		if mediaType == graphQLResponse {
			status = http.StatusBadRequest
		}
		write(w, mediaType, status, errorsOnly(response.Errors))
		return
	}
	responses, ctx := exec.DispatchOperation(ctx, op)
	response := responses(ctx)
	if response == nil { // gqlgen's word for: the request's context is over
		refuse(statusClientClosedRequest, codeBadRequest, "The caller left before the answer was there.").write(w, mediaType)
		return
	}
	write(w, mediaType, http.StatusOK, encodeResponse(response))
}

// statusClientClosedRequest is nginx's status for a caller that left; nobody reads it but an access log.
const statusClientClosedRequest = 499

// refusal is an answer to a request that is not a GraphQL request, or not an acceptable one.
type refusal struct {
	status int
	header http.Header
	err    *gqlerror.Error
}

func refuse(status int, code, message string) *refusal {
	return &refusal{status: status, err: &gqlerror.Error{Message: message, Extensions: map[string]any{"code": code}}}
}

func (f *refusal) write(w http.ResponseWriter, mediaType string) {
	for name, values := range f.header {
		w.Header()[name] = values
	}
	if mediaType == "" {
		mediaType = plainJSON
	}
	write(w, mediaType, f.status, errorsOnly(gqlerror.List{f.err}))
}

func readRequest(w http.ResponseWriter, r *http.Request, mediaType string) (*graphql.RawParams, *refusal) {
	start := graphql.Now()
	if r.Method != http.MethodPost {
		f := refuse(http.StatusMethodNotAllowed, codeBadRequest, "GraphQL requests are sent here with POST.")
		f.header = http.Header{"Allow": {http.MethodPost}}
		return nil, f
	}
	if mediaType == "" {
		return nil, refuse(http.StatusNotAcceptable, codeBadRequest, "Answers are "+graphQLResponse+" or "+plainJSON+", in UTF-8; Accept names neither.")
	}
	if !isJSON(r.Header.Get("Content-Type")) {
		return nil, refuse(http.StatusUnsupportedMediaType, codeBadRequest, "The body must be "+plainJSON+", in UTF-8, and Content-Type must say so.")
	}
	var body bytes.Buffer
	if r.ContentLength > 0 && r.ContentLength <= maxBody {
		body.Grow(int(r.ContentLength) + bytes.MinRead) // so that it is read without growing
	}
	_, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, &refusal{status: http.StatusRequestEntityTooLarge, err: limitError("bodyBytes", maxBody, "The body has more than %d bytes.")}
	}
	if err != nil {
		return nil, refuse(http.StatusBadRequest, codeBadRequest, "The body could not be read to its end.")
	}
	params, f := parseRequest(body.Bytes())
	if f != nil {
		return nil, f
	}
	params.Headers = r.Header
	params.ReadTime = graphql.TraceTiming{Start: start, End: graphql.Now()}
	return params, nil
}

func isJSON(contentType string) bool {
	mediaType, parameters, err := mime.ParseMediaType(contentType)
	return err == nil && mediaType == plainJSON && isUTF8(parameters)
}

func isUTF8(parameters map[string]string) bool {
	charset, given := parameters["charset"]
	return !given || strings.EqualFold(charset, "utf-8")
}

// parseRequest reads the body of a request (GraphQL over HTTP, section 5.1). The body itself never comes back in a
// message: it may hold secrets.
func parseRequest(body []byte) (*graphql.RawParams, *refusal) {
	bad := func(message string) (*graphql.RawParams, *refusal) {
		return nil, refuse(http.StatusBadRequest, codeBadRequest, message)
	}
	if !utf8.Valid(body) {
		return bad("The body is not UTF-8.")
	}
	if bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("[")) {
		return bad("Several requests in one array are not taken; send one at a time.")
	}
	// A map, because names of members are matched without case in a struct.
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil || members == nil {
		return bad("The body is not one JSON object.")
	}
	params := new(graphql.RawParams)
	for _, member := range []struct {
		name, kind string
		into       any
	}{
		{"query", "a text", &params.Query},
		{"operationName", "a text", &params.OperationName},
		{"variables", "an object", &params.Variables},
		{"extensions", "an object", &params.Extensions},
	} {
		if raw, given := members[member.name]; given && !decodeMember(raw, member.into) {
			return bad("The member " + member.name + " must be " + member.kind + ".")
		}
	}
	if params.Query == "" {
		if _, persisted := params.Extensions["persistedQuery"]; persisted {
			// 200 and these very words are what clients wait for to send the whole document.
			return nil, refuse(http.StatusOK, codePersistedQueryNotFound, "PersistedQueryNotFound")
		}
		return bad("The member query is missing or empty.")
	}
	return params, nil
}

func decodeMember(raw json.RawMessage, into any) bool {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber() // an Int of 2^53+1 must not become another
	return d.Decode(into) == nil
}

// negotiate chooses the media type of the answer (RFC 9110, section 12.5.1); empty where none is acceptable. Without
// a preference it is plain JSON, which every client reads.
func negotiate(accept []string) string {
	if strings.TrimSpace(strings.Join(accept, "")) == "" {
		return plainJSON
	}
	graphQL, named := qualityOf(graphQLResponse, accept)
	plain, _ := qualityOf(plainJSON, accept)
	switch {
	case graphQL == 0 && plain == 0:
		return ""
	case graphQL > plain || graphQL == plain && named:
		return graphQLResponse
	}
	return plainJSON
}

// qualityOf is the quality of the most specific range in the Accept header that covers the media type, and
// whether that range names it.
func qualityOf(mediaType string, accept []string) (quality float64, exact bool) {
	specificity := -1
	for _, r := range ranges(accept) {
		if s := r.covers(mediaType); s > specificity {
			specificity, quality = s, r.quality
		}
	}
	return quality, specificity == 2
}

type mediaRange struct {
	mediaType string
	quality   float64
}

func ranges(accept []string) []mediaRange {
	var all []mediaRange
	for _, part := range strings.Split(strings.Join(accept, ","), ",") {
		mediaType, parameters, err := mime.ParseMediaType(part)
		if err != nil || !isUTF8(parameters) {
			continue
		}
		quality := 1.0
		if q, given := parameters["q"]; given {
			if quality, err = strconv.ParseFloat(q, 64); err != nil || !(quality >= 0 && quality <= 1) {
				continue
			}
		}
		all = append(all, mediaRange{mediaType, quality})
	}
	return all
}

// covers is -1 where the range does not cover the media type, and the higher the more specific it is.
func (r mediaRange) covers(mediaType string) int {
	major, _, _ := strings.Cut(mediaType, "/")
	switch r.mediaType {
	case mediaType:
		return 2
	case major + "/*":
		return 1
	case "*/*":
		return 0
	}
	return -1
}

func write(w http.ResponseWriter, mediaType string, status int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", mediaType+"; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(body) // a caller that is gone needs no answer
}

// errorsOnly is the answer to a request that was not run: it has no member "data" (GraphQL, section 7.1.3).
func errorsOnly(list gqlerror.List) []byte {
	return append(appendErrors([]byte(`{"errors":`), list), '}')
}

// encodeResponse writes the errors first, as the specification suggests, and the data as gqlgen has encoded it.
func encodeResponse(r *graphql.Response) []byte {
	body := make([]byte, 0, len(r.Data)+64)
	body = append(body, '{')
	if len(r.Errors) > 0 {
		body = append(appendErrors(append(body, `"errors":`...), r.Errors), ',')
	}
	body = append(body, `"data":`...)
	if r.Data == nil {
		body = append(body, "null"...)
	}
	return append(append(body, r.Data...), '}')
}

func appendErrors(body []byte, list gqlerror.List) []byte {
	encoded, err := json.Marshal(list)
	if err != nil { // of texts, numbers and lists of these: cannot be
		encoded = []byte(`[{"message":"The errors cannot be shown.","extensions":{"code":"` + codeInternal + `"}}]`)
	}
	return append(body, encoded...)
}
