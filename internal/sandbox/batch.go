package sandbox

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"profileql/internal/sandbox/edm"
)

// maxParts is the maximum number of requests in a batch ("Combine multiple HTTP requests using JSON batching").
const maxParts = 20

// part is one request of a batch.
type part struct {
	ID        string            `json:"id"`
	Method    string            `json:"method"`
	URL       string            `json:"url"`
	Headers   map[string]string `json:"headers"`
	Body      json.RawMessage   `json:"body"`
	DependsOn []string          `json:"dependsOn"`
}

// partAnswer is the response to one request of a batch.
type partAnswer struct {
	ID      string            `json:"id"`
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    json.RawMessage   `json:"body,omitempty"`
}

// batch executes several requests. They are independent of each other except for dependsOn; nothing is rolled back.
// The faults of each are planned separately. If one of them loses the connection, the whole batch does.
func (s *Sandbox) batch(w http.ResponseWriter, x *request) (answer, error) {
	parts, err := readBatch(w, x.Request)
	if err != nil {
		return answer{}, err
	}
	answers := make([]partAnswer, 0, len(parts))
	status := make(map[string]int, len(parts)) // of the requests that have been executed
	for len(answers) < len(parts) {
		for _, p := range parts {
			if _, done := status[p.key()]; done || !p.ready(status) {
				continue
			}
			a, lost := s.answerPart(x, p, status)
			if lost {
				return answer{lost: true}, nil
			}
			status[p.key()] = a.Status
			answers = append(answers, a)
		}
	}
	body, err := json.Marshal(map[string]any{"responses": answers})
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusOK, body: body, header: http.Header{"Content-Type": {"application/json"}}}, nil
}

// readBatch reads the requests of a batch. It returns an error if one of them could never be executed.
func readBatch(w http.ResponseWriter, r *http.Request) ([]part, error) {
	text, err := readJSON(w, r)
	if err != nil {
		return nil, err
	}
	if _, err := parseBody(text); err != nil { // Unmarshal would accept a repeated member, and use its last value
		return nil, err
	}
	var body struct {
		Requests []part `json:"requests"`
	}
	if json.Unmarshal(text, &body) != nil {
		return nil, unreadable()
	}
	switch {
	case len(body.Requests) == 0:
		return nil, badRequest("Invalid batch payload format: there are no requests.")
	case len(body.Requests) > maxParts:
		return nil, badRequest("Number of batch request steps exceeds the maximum value of %d.", maxParts)
	}
	return body.Requests, checkParts(body.Requests)
}

// key returns the id in the form in which ids are compared: without regard to case.
func (p part) key() string { return strings.ToLower(p.ID) }

func checkParts(parts []part) error {
	keys := make(map[string]bool, len(parts))
	for _, p := range parts {
		switch {
		case p.ID == "":
			return badRequest("Invalid batch payload format: a request has no id.")
		case keys[p.key()]:
			return badRequest("Invalid batch payload format: the id '%s' is not unique.", p.ID)
		case p.Method == "" || p.URL == "":
			return badRequest("Invalid batch payload format: request '%s' has no method or no url.", p.ID)
		}
		keys[p.key()] = true
	}
	return checkDependencies(parts)
}

// checkDependencies returns an error if requests depend on a missing request or on each other.
func checkDependencies(parts []part) error {
	done := make(map[string]int, len(parts))
	for range parts {
		for _, p := range parts {
			if p.ready(done) {
				done[p.key()] = http.StatusOK
			}
		}
	}
	for _, p := range parts {
		if _, ok := done[p.key()]; !ok {
			return badRequest("Invalid batch payload format: request '%s' depends on requests that are not there, or on itself.", p.ID)
		}
	}
	return nil
}

// ready reports whether all requests that the part depends on have been executed.
func (p part) ready(status map[string]int) bool {
	return !slices.ContainsFunc(p.DependsOn, func(id string) bool {
		_, done := status[strings.ToLower(id)]
		return !done
	})
}

// answerPart executes one request, or returns status 424 if a request that it depends on has failed.
func (s *Sandbox) answerPart(x *request, p part, status map[string]int) (a partAnswer, lost bool) {
	id := newRequestID(x.Request)
	for _, other := range p.DependsOn {
		if status[strings.ToLower(other)] >= 400 {
			failed := &apiError{status: http.StatusFailedDependency, code: "FailedDependency", message: "Failed Dependency"}
			return toPart(p, failed.answer(id, x.at)), false
		}
	}
	r, err := x.partRequest(p)
	if err != nil {
		return toPart(p, s.explain(err, id).answer(id, x.at)), false
	}
	whole := s.exchange(nil, r)
	return toPart(p, whole), whole.lost
}

// partRequest returns the part as an [http.Request]. Its URL is relative to the version. Headers of the batch that
// identify the caller apply to all of its parts.
func (x *request) partRequest(p part) (*http.Request, error) {
	target, err := url.Parse("/beta/" + strings.TrimPrefix(p.URL, "/"))
	if err != nil {
		return nil, badRequest("Invalid URL '%s'.", edm.Shorten(p.URL))
	}
	if strings.HasPrefix(strings.ToLower(target.Path), "/beta/$batch") {
		return nil, badRequest("A batch cannot hold another batch.")
	}
	r := x.Clone(x.Context())
	r.Method, r.URL, r.RequestURI = strings.ToUpper(p.Method), target, ""
	r.Header = make(http.Header)
	if text := x.Header.Get("Authorization"); text != "" {
		r.Header.Set("Authorization", text)
	}
	for name, text := range p.Headers {
		if !strings.EqualFold(name, "Authorization") {
			r.Header.Set(name, text)
		}
	}
	body := []byte(p.Body)
	if string(body) == "null" {
		body = nil
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return r, nil
}

// toPart returns a response in the form that it has in a batch (OData JSON Format 4.01, section 19.2): a JSON body as
// JSON, text as a string, anything else as base64url.
func toPart(p part, a answer) partAnswer {
	out := partAnswer{ID: p.ID, Status: a.status, Headers: make(map[string]string, len(a.header))}
	for name, values := range a.header {
		out.Headers[name] = values[0]
	}
	if len(a.body) == 0 {
		return out
	}
	media, _, _ := mime.ParseMediaType(a.header.Get("Content-Type"))
	switch {
	case media == "application/json":
		out.Body = a.body
	case strings.HasPrefix(media, "text/"):
		out.Body, _ = json.Marshal(string(a.body)) // a string: cannot fail
	default:
		out.Body, _ = json.Marshal(base64.RawURLEncoding.EncodeToString(a.body)) // the same
	}
	return out
}
