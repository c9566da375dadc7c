package graph

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"profileql/internal/profile"
)

// post is GraphQL over HTTP: a POST with a JSON body, and nothing else.
type post struct {
	documents *documents // the only ones that are run; nil for any
	log       *slog.Logger
}

// sending is the time that a caller has to take the answer.
const sending = 60 * time.Second

// Supports implements [graphql.Transport]. There is no other transport, so whatever does not fit is answered here.
func (post) Supports(*http.Request) bool { return true }

// Do implements [graphql.Transport].
func (p post) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	ctx, calls := profile.WithCalls(r.Context())
	entry := logEntry{start: graphql.Now(), calls: calls}
	// Each request to a source has a deadline, but an operation can have many, one after the other. Were the time for
	// writing to count from the beginning, nobody would hear of writes that are done. Where there is no such time, as
	// in tests, there is nothing to set.
	conn := http.NewResponseController(w)
	_ = conn.SetWriteDeadline(time.Time{})
	a := p.answer(ctx, w, r, exec, &entry)
	_ = conn.SetWriteDeadline(time.Now().Add(sending))
	a.send(w)
	entry.log(r.Context(), p.log, a)
}

// answer is what goes back to the caller.
type answer struct {
	status    int
	mediaType string
	header    http.Header
	body      []byte
	errors    gqlerror.List
}

func (p post) answer(ctx context.Context, w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor, entry *logEntry) answer {
	mediaType := negotiate(r.Header.Values("Accept"))
	params, refusal := p.readRequest(w, r, mediaType)
	if refusal != nil {
		return refusal.answer(mediaType)
	}
	params.ReadTime = graphql.TraceTiming{Start: entry.start, End: graphql.Now()}
	op, errs := exec.CreateOperationContext(ctx, params)
	entry.operation = op
	if errs != nil {
		response := exec.DispatchError(graphql.WithOperationContext(ctx, op), errs)
		status := http.StatusOK
		if mediaType == graphQLResponse {
			status = http.StatusBadRequest
		}
		return withoutData(status, mediaType, response.Errors)
	}
	responses, ctx := exec.DispatchOperation(ctx, op)
	response := responses(ctx)
	if response == nil { // gqlgen's word for: the request's context is over
		return refuse(statusClientClosedRequest, codeBadRequest, "The caller left before the answer was there.").answer(mediaType)
	}
	response.Errors = fewErrors(response.Errors)
	return answer{status: http.StatusOK, mediaType: mediaType, body: encodeResponse(response), errors: response.Errors}
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

func badRequest(message string) *refusal {
	return refuse(http.StatusBadRequest, codeBadRequest, message)
}

func (f *refusal) answer(mediaType string) answer {
	if mediaType == "" {
		mediaType = plainJSON
	}
	a := withoutData(f.status, mediaType, gqlerror.List{f.err})
	a.header = f.header
	return a
}

// withoutData is the answer to a request that was not run: it has no member "data" (GraphQL, section 7.1.3).
func withoutData(status int, mediaType string, list gqlerror.List) answer {
	list = fewErrors(list)
	body := append(appendErrors([]byte(`{"errors":`), list), '}')
	return answer{status: status, mediaType: mediaType, body: body, errors: list}
}

func (a answer) send(w http.ResponseWriter) {
	h := w.Header()
	for name, values := range a.header {
		h[name] = values
	}
	h.Set("Content-Type", a.mediaType+"; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // a caller that is gone needs no answer
}

func (p post) readRequest(w http.ResponseWriter, r *http.Request, mediaType string) (*graphql.RawParams, *refusal) {
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
	body, f := readBody(w, r)
	if f != nil {
		return nil, f
	}
	q, f := parseRequest(body)
	if f != nil {
		return nil, f
	}
	if q.params.Query, f = p.documents.find(q); f != nil {
		return nil, f
	}
	q.params.Headers = r.Header
	return &q.params, nil
}

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, *refusal) {
	var body bytes.Buffer
	if r.ContentLength > 0 && r.ContentLength <= int64(maxBody.value) {
		body.Grow(int(r.ContentLength) + bytes.MinRead) // so that it is read without growing
	}
	_, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, int64(maxBody.value)))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, &refusal{status: http.StatusRequestEntityTooLarge, err: maxBody.exceeded()}
	case err != nil:
		return nil, badRequest("The body could not be read to its end.")
	}
	return body.Bytes(), nil
}

func isJSON(contentType string) bool {
	mediaType, parameters, err := mime.ParseMediaType(contentType)
	return err == nil && mediaType == plainJSON && isUTF8(parameters)
}

func isUTF8(parameters map[string]string) bool {
	charset, given := parameters["charset"]
	return !given || strings.EqualFold(charset, "utf-8")
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
