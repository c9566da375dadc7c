package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"profileql/test/scene"
)

type reply = scene.Reply

// facade is a ProfileQL over loopback HTTP, in front of a source that the test implements.
type facade struct {
	t    testing.TB
	URL  string // of the GraphQL endpoint
	only string // the source of lists; empty for all sources
	log  *scene.Log
}

// newFacade serves ProfileQL in front of upstream, whose profile API is at /beta. Log entries do not fail the test;
// see [facade.logged].
func newFacade(t testing.TB, upstream http.Handler) *facade {
	t.Helper()
	server := httptest.NewServer(upstream)
	t.Cleanup(server.Close)
	return newFacadeAt(t, server.URL+"/beta")
}

// perCheck cleans up after each check of a property, instead of at the end of the test: thousands of servers would
// exceed the limit of open files.
type perCheck struct {
	testing.TB
	check *rapid.T
}

func (p perCheck) Cleanup(f func()) { p.check.Cleanup(f) }

func newFacadeAt(t testing.TB, baseURL string) *facade {
	t.Helper()
	return newFacadeWith(t, nil, "--upstream", baseURL)
}

// newFacadeOf serves ProfileQL in front of several sources.
func newFacadeOf(t testing.TB, sources ...source) *facade {
	t.Helper()
	var env []string
	for _, s := range sources {
		if s.Token.Value != "" {
			env = append(env, s.Token.Name+"="+s.Token.Value)
		}
	}
	return newFacadeWith(t, env, "--config", configOf(t, sources...))
}

func newFacadeWith(t testing.TB, env []string, args ...string) *facade {
	t.Helper()
	p := startWith(t, env, append([]string{"--listen", scene.AnyPort}, args...)...)
	return &facade{t: t, URL: p.url() + "/graphql", log: p.stderr}
}

// settled numbers the operations that mark a position in the log.
var settled atomic.Int64

// wholeLog returns everything logged so far. The log is an asynchronous queue, so it logs a marker and waits for it.
func (f *facade) wholeLog() string {
	f.t.Helper()
	name := fmt.Sprint("settled", settled.Add(1))
	f.do("query "+name+" { __typename }", nil)
	for end := time.Now().Add(scene.Patience); ; time.Sleep(time.Millisecond) {
		if log := f.log.String(); strings.Contains(log, `"operation":"`+name+`"`) {
			return log
		}
		if time.Now().After(end) {
			f.t.Fatalf("%s is not in the log: %v", name, f.log)
		}
	}
}

// logged returns what was logged so far, without the access log.
func (f *facade) logged() string {
	f.t.Helper()
	var lines strings.Builder
	for line := range strings.Lines(f.wholeLog()) {
		if !strings.Contains(line, `"msg":"request"`) {
			lines.WriteString(line)
		}
	}
	return lines.String()
}

// do sends an operation. Variables may be nil, a Go value, or JSON text as a string. Header is pairs of name and
// value.
func (f *facade) do(operation string, variables any, header ...string) reply {
	f.t.Helper()
	return f.post(scene.Body(f.t, operation, variables), append([]string{"Content-Type", "application/json"}, header...)...)
}

// post sends a body unchanged.
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
	return scene.ReadReply(f.t, resp.StatusCode, resp.Header, answer)
}

// recorder is a source that records its requests, and responds with Answer.
type recorder struct {
	Answer http.HandlerFunc

	mu       sync.Mutex
	requests []scene.Recorded
}

func (rec *recorder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	rec.mu.Lock()
	rec.requests = append(rec.requests, scene.Recorded{Method: r.Method, Target: r.RequestURI, Header: r.Header.Clone(), Body: string(body)})
	answer := rec.Answer
	rec.mu.Unlock()
	r.Body = io.NopCloser(bytes.NewReader(body))
	answer(w, r)
}

// answerWith changes the response, also while requests are in progress.
func (rec *recorder) answerWith(answer http.HandlerFunc) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.Answer = answer
}

// take returns the requests since the last take.
func (rec *recorder) take() []scene.Recorded {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	taken := rec.requests
	rec.requests = nil
	return taken
}

// answerJSON returns a handler that responds with a status and a JSON body.
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
