package graphqlhttp

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"profileql/internal/profile"
)

// answer is a response. If the operation was run, data is its result; otherwise there is no member "data" (GraphQL,
// section 7.1.3).
type answer struct {
	status    int
	mediaType string
	header    http.Header
	ran       bool
	data      []byte // JSON; nil for null
	errors    gqlerror.List
	trace     *profile.Trace // shown in the extensions; nil for none
}

func answerTo(r *graphql.Response, mediaType string, trace *profile.Trace) answer {
	return answer{status: http.StatusOK, mediaType: mediaType, ran: true, data: r.Data, errors: fewErrors(r.Errors), trace: trace}
}

func withoutData(status int, mediaType string, list gqlerror.List) answer {
	return answer{status: status, mediaType: mediaType, errors: fewErrors(list)}
}

// refusal is the answer to a request that is not a well-formed GraphQL request, or is not allowed.
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
		mediaType = mediaTypeJSON
	}
	a := withoutData(f.status, mediaType, gqlerror.List{f.err})
	a.header = f.header
	return a
}

// send writes the answer. Errors come first, as the specification recommends. The executor's data is not changed.
func (a answer) send(w http.ResponseWriter) {
	before, after := a.around()
	h := w.Header()
	for name, values := range a.header {
		h[name] = values
	}
	h["Content-Type"] = contentTypes[a.mediaType]
	h["Content-Length"] = []string{strconv.Itoa(len(before) + len(a.data) + len(after))}
	w.WriteHeader(a.status)
	// Errors of Write are ignored: the client has closed the connection.
	if len(a.data) < maxSingleWrite {
		_, _ = w.Write(append(append(before, a.data...), after...)) // one write, so one packet
		return
	}
	_, _ = w.Write(before)
	_, _ = w.Write(a.data)
	_, _ = w.Write(after)
}

// maxSingleWrite is the maximum size in bytes of data that is copied, so that the answer takes one write.
const maxSingleWrite = 2 << 10

var contentTypes = map[string][]string{
	mediaTypeJSON: {mediaTypeJSON + "; charset=utf-8"}, mediaTypeResponse: {mediaTypeResponse + "; charset=utf-8"},
}

// around returns the bytes of the answer before and after the data.
func (a answer) around() (before, after []byte) {
	before = append(make([]byte, 0, maxSingleWrite), '{')
	if len(a.errors) > 0 {
		before = appendErrors(append(before, `"errors":`...), a.errors)
		if a.ran {
			before = append(before, ',')
		}
	}
	if a.ran {
		before = append(before, `"data":`...)
		if a.data == nil {
			before = append(before, "null"...)
		}
	}
	return before, a.appendTrace(nil)
}

// appendTrace appends the extensions, if any, and the end of the answer.
func (a answer) appendTrace(dst []byte) []byte {
	if a.trace == nil {
		return append(dst, '}')
	}
	trace, err := a.trace.MarshalJSON()
	if err != nil { // impossible for bodies that were sent
		trace = []byte("null")
	}
	dst = append(append(dst, `,"extensions":{"trace":`...), bytes.TrimSpace(trace)...)
	return append(dst, "}}"...)
}

func appendErrors(body []byte, list gqlerror.List) []byte {
	encoded, err := json.Marshal(list)
	if err != nil { // impossible for strings, numbers and lists of them
		encoded = []byte(`[{"message":"The errors cannot be shown.","extensions":{"code":"` + codeInternal + `"}}]`)
	}
	return append(body, encoded...)
}
