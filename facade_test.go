package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"profileql/internal/config"
	"profileql/internal/edge"
	"profileql/internal/profileapi"
	"profileql/internal/telemetry"
)

// facade is a whole ProfileQL over loopback HTTP, in front of a source that the test plays.
type facade struct {
	t   testing.TB
	URL string // of the GraphQL endpoint
	log *lockedBuffer
}

// newFacade serves ProfileQL in front of upstream, whose profile API is at /beta. What it logs fails nothing; see
// [facade.logged].
func newFacade(t testing.TB, upstream http.Handler) *facade {
	t.Helper()
	server := httptest.NewServer(upstream)
	t.Cleanup(server.Close)
	return newFacadeAt(t, server.URL+"/beta")
}

// perCheck cleans up after each check of a property, instead of at the end of the test: of thousands of servers, the
// process has not files enough.
type perCheck struct {
	testing.TB
	check *rapid.T
}

func (p perCheck) Cleanup(f func()) { p.check.Cleanup(f) }

func newFacadeAt(t testing.TB, baseURL string) *facade {
	t.Helper()
	return newFacadeOf(t, sourceAt(baseURL))
}

// sourceAt is the only source of a ProfileQL that is started with --upstream.
func sourceAt(baseURL string) config.Source {
	return config.Source{
		Name: "upstream", Kind: config.KindProfile, URL: baseURL, Writable: true, AnyUser: true,
		Token: config.Token{From: config.FromCaller, Name: "Authorization"}, Concurrency: 4, MaxConcurrency: 256,
	}
}

// newFacadeOf serves ProfileQL in front of several sources.
func newFacadeOf(t testing.TB, sources ...config.Source) *facade {
	t.Helper()
	transport := profileapi.NewTransport(256)
	t.Cleanup(transport.CloseIdleConnections)
	f := &facade{t: t, log: new(lockedBuffer)}
	server := httptest.NewServer(newHandlerOf(t, transport, f.log, sources...))
	t.Cleanup(server.Close)
	f.URL = server.URL + "/graphql"
	return f
}

// newTestHandler is ProfileQL without a listener, its requests to the only source going through transport.
func newTestHandler(t testing.TB, baseURL string, transport http.RoundTripper, log io.Writer) http.Handler {
	t.Helper()
	return newHandlerOf(t, transport, log, sourceAt(baseURL))
}

func newHandlerOf(t testing.TB, transport http.RoundTripper, logged io.Writer, sources ...config.Source) http.Handler {
	t.Helper()
	log := telemetry.NewLog(logged)
	var all sourceList
	for _, s := range sources {
		u, err := connect(s, transport, nil, log)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, u)
	}
	c := &config.Config{Command: config.Serve, Listen: "127.0.0.1:0", Sources: sources}
	handler, err := newHandler(c, all, new(edge.Health), log)
	if err != nil {
		t.Fatal(err)
	}
	return handler
}

// logged is what has been logged so far, besides the line that each request has.
func (f *facade) logged() string {
	var lines strings.Builder
	for line := range strings.Lines(f.log.String()) {
		if !strings.Contains(line, `"msg":"request"`) {
			lines.WriteString(line)
		}
	}
	return lines.String()
}

// reply is an answer to a GraphQL request.
type reply struct {
	Status int             `json:"-"`
	Header http.Header     `json:"-"`
	Body   string          `json:"-"` // as it came
	Data   json.RawMessage `json:"data"`
	Errors []replyError    `json:"errors"`
}

type replyError struct {
	Message    string         `json:"message"`
	Path       []any          `json:"path"`
	Extensions map[string]any `json:"extensions"`
}

// code is the code of the only error; it fails the test if there is not exactly one.
func (r reply) code(t testing.TB) string {
	t.Helper()
	if len(r.Errors) != 1 {
		t.Fatalf("want one error, got %s", r.Body)
	}
	code, _ := r.Errors[0].Extensions["code"].(string)
	return code
}

// into decodes the data; it fails the test if there is any error.
func (r reply) into(t testing.TB, data any) {
	t.Helper()
	if len(r.Errors) > 0 {
		t.Fatalf("unexpected errors: %s", r.Body)
	}
	if err := json.Unmarshal(r.Data, data); err != nil {
		t.Fatalf("%v: %s", err, r.Body)
	}
}

// do sends an operation. Variables may be nil, a Go value, or JSON text as a string. Header is pairs of name and value.
func (f *facade) do(operation string, variables any, header ...string) reply {
	f.t.Helper()
	return f.post(operationBody(f.t, operation, variables), append([]string{"Content-Type", "application/json"}, header...)...)
}

// operationBody is the body of a request for an operation, its variables as for [facade.do].
func operationBody(t testing.TB, operation string, variables any) []byte {
	t.Helper()
	if text, ok := variables.(string); ok {
		variables = json.RawMessage(text)
	}
	body, err := json.Marshal(map[string]any{"query": operation, "variables": variables})
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// post sends a body as it is.
func (f *facade) post(body []byte, header ...string) reply {
	f.t.Helper()
	req, err := http.NewRequest(http.MethodPost, f.URL, bytes.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		f.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	r := reply{Status: resp.StatusCode, Header: resp.Header, Body: string(answer)}
	if err := json.Unmarshal(answer, &r); err != nil {
		f.t.Fatalf("not a GraphQL answer: %v: %s", err, answer)
	}
	return r
}

// recorder is a source that records what it is asked, and answers with Answer.
type recorder struct {
	Answer http.HandlerFunc

	mu       sync.Mutex
	requests []recorded
}

type recorded struct {
	Method string
	Target string // request target as it was on the wire: escaped path and query
	Header http.Header
	Body   string
}

func (rec *recorder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	rec.mu.Lock()
	rec.requests = append(rec.requests, recorded{r.Method, r.RequestURI, r.Header.Clone(), string(body)})
	answer := rec.Answer
	rec.mu.Unlock()
	r.Body = io.NopCloser(bytes.NewReader(body))
	answer(w, r)
}

// answerWith changes the answer, also while requests are under way.
func (rec *recorder) answerWith(answer http.HandlerFunc) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.Answer = answer
}

// take returns what was asked since the last take.
func (rec *recorder) take() []recorded {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	taken := rec.requests
	rec.requests = nil
	return taken
}

// answerJSON makes an answer of a status and a body.
func answerJSON(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8")
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

const updateMutation = `mutation Update($input: UpdatePersonInterestInput!) {
  updatePersonInterest(input: $input) {
    personInterest {
      id itemId displayName description categories collaborationTags webUrl thumbnailUrl
      allowedAudiences inference { confidenceScore userHasVerifiedAccuracy }
      createdDateTime createdBy { application { id displayName } device { id displayName } user { id displayName } }
      lastModifiedDateTime lastModifiedBy { user { id displayName } }
      profileSource { name }
    }
  }
}`

const mineQuery = `query Mine($first: Int!, $after: String) {
  me {
    id
    interests(first: $first, after: $after, orderBy: {field: CREATED_DATE_TIME, direction: DESC}) {
      edges { cursor node { id displayName } }
      nodes { id displayName profileSource { name } }
      pageInfo { hasNextPage endCursor }
      totalCount
      failedSources { source { name } code message }
    }
  }
}`

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
