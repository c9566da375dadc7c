package main

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// operations are one of each kind, and the method that the source sees.
var operations = []struct{ name, method, text, variables string }{
	{"list", "GET", `{ me { interests(first: 1) { nodes { id } } } }`, `{}`},
	{"node", "GET", nodeQuery, `{"id": "` + globalID("upstream", "", "interests", "abc") + `"}`},
	{"update", "PATCH", updateMutation, `{"input": {"id": "abc", "patch": {"displayName": "x"}}}`},
	{"create", "POST", createMutation, `{"input": {"item": {"displayName": "x"}}}`},
	{"delete", "DELETE", deleteMutation, `{"id": "` + globalID("upstream", "", "interests", "abc") + `"}`},
}

const secret = "internal-detail-of-the-source"

// odataError is an error as Microsoft Graph has it.
const odataError = `{"error": {"code": "UnknownError", "message": "The value is not good.", "innerError": {
	"code": "propertyNotUpdateable", "detail": "` + secret + `", "date": "2026-11-23T10:00:00", "request-id": "in-the-body", "client-request-id": "x"}}}`

// codes are the code for a read and for a write, and how often each method is sent.
type outcome struct {
	read, write             string
	gets, posts, patchesEtc int
}

var (
	once      = func(code string) outcome { return outcome{code, code, 1, 1, 1} }
	unknown   = outcome{"SOURCE_UNAVAILABLE", "OUTCOME_UNKNOWN", 1, 1, 1}
	unknownx2 = outcome{"SOURCE_UNAVAILABLE", "OUTCOME_UNKNOWN", 2, 1, 1}
)

// answers is the error table: what a source answers, and what its caller is told.
var answers = []struct {
	name   string
	answer http.HandlerFunc
	outcome
}{
	{"400", answerJSON(400, odataError), once("BAD_USER_INPUT")},
	{"401", answerJSON(401, odataError), once("UNAUTHENTICATED")},
	{"402", answerJSON(402, odataError), once("SOURCE_REFUSED")},
	{"403", answerJSON(403, odataError), once("FORBIDDEN")},
	{"404", answerJSON(404, odataError), once("NOT_FOUND")},
	{"405", answerJSON(405, odataError), once("SOURCE_REFUSED")},
	{"409", answerJSON(409, odataError), once("CONFLICT")},
	{"410", answerJSON(410, odataError), once("SOURCE_REFUSED")},
	{"412", answerJSON(412, odataError), once("CONFLICT")},
	{"418", answerJSON(418, odataError), once("SOURCE_REFUSED")},
	{"422", answerJSON(422, odataError), once("BAD_USER_INPUT")},
	{"429", answerJSON(429, odataError, "Retry-After", "0"), outcome{"THROTTLED", "THROTTLED", 2, 2, 2}},
	{"429 with a fraction", answerJSON(429, odataError, "Retry-After", "0.01"), outcome{"THROTTLED", "THROTTLED", 2, 2, 2}},
	{"429 with a date", answerJSON(429, odataError, "Retry-After", "Mon, 23 Nov 2020 10:00:00 GMT"), outcome{"THROTTLED", "THROTTLED", 2, 2, 2}},
	{"429 for longer than the deadline", answerJSON(429, odataError, "Retry-After", "17.128"), once("THROTTLED")},
	{"500", answerJSON(500, odataError), unknown},
	{"501", answerJSON(501, odataError), unknown},
	{"502", answerJSON(502, odataError), unknownx2},
	{"503", answerJSON(503, odataError), unknownx2},
	{"503 with Retry-After", answerJSON(503, odataError, "Retry-After", "0"), outcome{"SOURCE_UNAVAILABLE", "SOURCE_UNAVAILABLE", 2, 1, 2}},
	{"504", answerJSON(504, odataError), unknownx2},
	{"507", answerJSON(507, odataError), unknown},
	{"301", redirect(301), once("SOURCE_REFUSED")},
	{"302", redirect(302), once("SOURCE_REFUSED")},
	{"303", redirect(303), once("SOURCE_REFUSED")},
	{"307", redirect(307), once("SOURCE_REFUSED")},
	{"308", redirect(308), once("SOURCE_REFUSED")},
	{"304", answerJSON(304, ""), once("SOURCE_REFUSED")},
	{"a page with 502", html(502), unknownx2},
	{"a page with 404", html(404), once("NOT_FOUND")},
	{"lost before an answer", lost(""), outcome{"SOURCE_UNAVAILABLE", "OUTCOME_UNKNOWN", 2, 1, 1}},
	{"lost in the header", lost("HTTP/1.1 200 OK\r\nContent-Ty"), outcome{"SOURCE_UNAVAILABLE", "OUTCOME_UNKNOWN", 2, 1, 1}},
	{"no HTTP", lost("SSH-2.0-OpenSSH_9\r\n\r\n"), outcome{"SOURCE_UNAVAILABLE", "OUTCOME_UNKNOWN", 2, 1, 1}},
}

func redirect(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/elsewhere/"+secret, status)
	}
}

func html(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "<html>"+secret)
	}
}

// lost writes the beginning of an answer, and drops the connection.
func lost(beginning string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, buf, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		_, _ = buf.WriteString(beginning)
		_ = buf.Flush()
		if tcp, ok := conn.(*net.TCPConn); ok && beginning == "" {
			_ = tcp.SetLinger(0) // a reset
		}
		_ = conn.Close()
	}
}

// TestErrorTable goes through what a source can do instead of what it was asked to.
func TestErrorTable(t *testing.T) {
	t.Parallel()
	for _, test := range answers {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			rec := &recorder{Answer: test.answer}
			f := newFacade(t, rec)
			for _, op := range operations {
				r := f.do(op.text, op.variables, "Authorization", "Bearer the-token-of-the-caller")
				code, sent := test.write, test.patchesEtc
				switch op.method {
				case "GET":
					code, sent = test.read, test.gets
				case "POST":
					sent = test.posts
				}
				requests := rec.take()
				if strings.HasPrefix(test.name, "400") && op.name != "update" && op.name != "create" && op.name != "delete" {
					sent = len(requests) // a list and an item are asked for in simpler ways too; see the paging tests
				}
				if got := r.code(t); got != code {
					t.Errorf("%s: got %s, want %s", op.name, r.Body, code)
				}
				if len(requests) != sent {
					t.Errorf("%s: %d requests reached the source, want %d", op.name, len(requests), sent)
				}
				for _, request := range requests {
					if request.Method != op.method || strings.Contains(request.Target, "elsewhere") {
						t.Errorf("%s: the source saw %s %s", op.name, request.Method, request.Target)
					}
				}
				checkDiscreet(t, f, r)
			}
			rec.answerWith(echo) // and it goes on
			if r := f.do(operations[2].text, operations[2].variables); len(r.Errors) > 0 {
				t.Errorf("afterwards: %s", r.Body)
			}
		})
	}
}

// checkDiscreet fails where an answer or the log tells what is nobody's business.
func checkDiscreet(t *testing.T, f *facade, r reply) {
	t.Helper()
	for _, text := range []string{secret, "127.0.0.1", "localhost", "the-token-of-the-caller", "/beta", "elsewhere", "goroutine", ".go:"} {
		if strings.Contains(r.Body, text) {
			t.Errorf("the answer tells %q: %s", text, r.Body)
		}
		if text != "127.0.0.1" && strings.Contains(f.logged(), text) {
			t.Errorf("the log tells %q: %s", text, f.logged())
		}
	}
	if r.Header.Get("Cache-Control") != "no-store" || r.Status != 200 {
		t.Errorf("got %d with %v", r.Status, r.Header)
	}
}

// TestErrorDetails holds what is told beside the code.
func TestErrorDetails(t *testing.T) {
	t.Parallel()
	says := func(message string) string {
		return fmt.Sprintf(`{"error": {"code": "BadRequest", "message": %q}}`, message)
	}
	for _, test := range []struct {
		name   string
		answer http.HandlerFunc
		want   map[string]any // nil for a member that must not be there
	}{
		{"everything", answerJSON(409, odataError, "request-id", "in-the-header", "Retry-After", "2.128"), map[string]any{
			"code": "CONFLICT", "source": "upstream", "status": 409.0, "sourceCode": "propertyNotUpdateable",
			"sourceMessage": "The value is not good.", "requestId": "in-the-header", "retryAfter": 2.128, "retryable": false,
		}},
		{"throttled", answerJSON(429, `{"error": {"code": "TooManyRequests", "innerError": {"code": "429", "status": "429"}}}`, "Retry-After", "17.5"), map[string]any{
			"code": "THROTTLED", "sourceCode": "TooManyRequests", "retryAfter": 17.5, "retryable": true, "sourceMessage": nil,
		}},
		{"no header", answerJSON(412, odataError), map[string]any{"requestId": "in-the-body", "retryAfter": nil}},
		{"other spellings", answerJSON(400, `{"error": {"code": "", "message": "", "innererror": {"requestId": "old", "innerError": {"code": "deep", "message": "Too long."}}}}`), map[string]any{
			"sourceCode": "deep", "sourceMessage": "Too long.", "requestId": "old",
		}},
		{"nothing said", answerJSON(404, `{"error": {"code": "UnknownError", "message": ""}}`), map[string]any{
			"code": "NOT_FOUND", "sourceCode": "UnknownError", "sourceMessage": nil, "requestId": nil,
		}},
		{"no error in it", answerJSON(400, `[]`), map[string]any{"code": "BAD_USER_INPUT", "sourceCode": nil}},
		{"odd error", answerJSON(400, `{"error": {"code": 7, "message": ["x"], "innerError": "x"}}`), map[string]any{"sourceCode": nil, "sourceMessage": nil}},
		{"error as a text", answerJSON(400, `{"error": "invalid_request"}`), map[string]any{"sourceCode": nil}},
		{"a code that is none", answerJSON(400, `{"error": {"code": "<script>", "message": "x"}}`), map[string]any{"sourceCode": nil}},
		{"a request id that is none", answerJSON(400, odataError, "request-id", "<b> x"), map[string]any{"requestId": "in-the-body"}},
		{"403 says nothing more", answerJSON(403, says("You may not.")), map[string]any{"sourceMessage": nil}},
		{"cut", answerJSON(400, says(strings.Repeat("word ", 100))), map[string]any{"sourceMessage": strings.Repeat("word ", 60)[:299] + "…"}},
		{"a URL", answerJSON(400, says("See https://example.com/x.")), map[string]any{"sourceMessage": nil}},
		{"a host", answerJSON(400, says("Host outlook.office365.com failed.")), map[string]any{"sourceMessage": nil}},
		{"a port", answerJSON(400, says("No answer from backend:8443")), map[string]any{"sourceMessage": nil}},
		{"an address", answerJSON(400, says("No answer from 10.1.2.3")), map[string]any{"sourceMessage": nil}},
		{"a mail address", answerJSON(400, says("Not ada@example.com")), map[string]any{"sourceMessage": nil}},
		{"a type", answerJSON(400, says("Exception of type 'Microsoft.Fast.Profile' was thrown.")), map[string]any{"sourceMessage": nil}},
		{"a token", answerJSON(400, says("Bearer abc is no good")), map[string]any{"sourceMessage": nil}},
		{"a JWT", answerJSON(400, says("token eyJhbGciOiJub25lIn0")), map[string]any{"sourceMessage": nil}},
		{"a path", answerJSON(400, says(`in /var/lib/x`)), map[string]any{"sourceMessage": nil}},
		{"a Windows path", answerJSON(400, says(`in D:\app\x`)), map[string]any{"sourceMessage": nil}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFacade(t, test.answer)
			const id = "9f4fe8ea-7e6e-486e-b8f4-ad7c0a4d1a3e"
			r := f.do(operations[2].text, operations[2].variables, "client-request-id", id)
			r.code(t)
			got := r.Errors[0].Extensions
			test.want["clientRequestId"] = id
			for name, want := range test.want {
				if got[name] != want {
					t.Errorf("%s is %v, want %v: %s", name, got[name], want, r.Body)
				}
			}
		})
	}
}

// TestAcceptedButNotShown are 2xx answers to writes that hold no item: the write may be done, and nobody may think
// that it is not. For a read they are answers that cannot be understood.
func TestAcceptedButNotShown(t *testing.T) {
	t.Parallel()
	half := `{"id": "abc", "displayName": "Che`
	for _, test := range []struct {
		name   string
		answer http.HandlerFunc
		read   string
		gets   int
	}{
		{"a page", html(200), "SOURCE_INVALID_RESPONSE", 1},
		{"half of it", answerJSON(200, half), "SOURCE_INVALID_RESPONSE", 1},
		{"less than announced", lost("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n" + half), "SOURCE_UNAVAILABLE", 2},
		{"half of a chunk", lost("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n90\r\n" + half), "SOURCE_UNAVAILABLE", 2},
		{"an error after it", answerJSON(200, `{"id": "abc"}`+odataError), "SOURCE_INVALID_RESPONSE", 1},
		{"an error inside of it", answerJSON(200, `{"id": "abc", "error": {"code": "InternalServerError", "message": "`+secret+`"}}`), "SOURCE_INVALID_RESPONSE", 1},
		{"an error", answerJSON(200, odataError), "SOURCE_INVALID_RESPONSE", 1},
		{"a list", answerJSON(200, `[1]`), "SOURCE_INVALID_RESPONSE", 1},
		{"a text", answerJSON(200, `"done"`), "SOURCE_INVALID_RESPONSE", 1},
		{"null", answerJSON(200, `null`), "SOURCE_INVALID_RESPONSE", 1},
		{"something else", answerJSON(200, `{"status": "ok"}`), "SOURCE_INVALID_RESPONSE", 1},
		{"9 MB", answerJSON(200, `{"id": "abc", "x": "`+strings.Repeat("x", 9<<20)+`"}`), "LIMIT_EXCEEDED", 1},
		{"a bomb", bomb, "LIMIT_EXCEEDED", 1},
		{"broken gzip", answerJSON(200, `{"id": "abc"}`, "Content-Encoding", "gzip"), "SOURCE_UNAVAILABLE", 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			rec := &recorder{Answer: test.answer}
			f := newFacade(t, rec)
			for _, op := range operations[:4] {
				r := f.do(op.text, op.variables)
				requests := rec.take()
				code, sent := "OUTCOME_UNKNOWN", 1
				if op.method == "GET" {
					code, sent = test.read, test.gets
				}
				if r.code(t) != code || len(requests) != sent {
					t.Errorf("%s: %d requests, and %s", op.name, len(requests), r.Body)
				}
				if accepted := strings.Contains(r.Errors[0].Message, "accepted"); accepted != (op.method != "GET") {
					t.Errorf("%s says %q", op.name, r.Errors[0].Message)
				}
				checkDiscreet(t, f, r)
			}
			// A DELETE has nothing to show.
			if r := f.do(operations[4].text, operations[4].variables); len(r.Errors) > 0 {
				t.Errorf("delete: %s", r.Body)
			}
		})
	}
}

// bomb is 64 MB in a small gzip.
func bomb(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Encoding", "gzip")
	z := gzip.NewWriter(w)
	_, _ = io.WriteString(z, `{"id": "abc", "x": "`)
	blank := make([]byte, 1<<20)
	for range 64 {
		_, _ = z.Write(blank)
	}
	_ = z.Close()
}

// TestUpdateWithoutContent has the source answer a PATCH with 204: the item is read again.
func TestUpdateWithoutContent(t *testing.T) {
	t.Parallel()
	for name, empty := range map[string]http.HandlerFunc{
		"204": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
		"200": func(w http.ResponseWriter, _ *http.Request) {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			emptyThen := func(again http.HandlerFunc) http.HandlerFunc {
				return func(w http.ResponseWriter, r *http.Request) {
					if r.Method == http.MethodPatch {
						empty(w, r)
						return
					}
					again(w, r)
				}
			}
			rec := &recorder{Answer: emptyThen(echo)}
			f := newFacade(t, rec)
			r := f.do(operations[2].text, operations[2].variables)
			requests := rec.take()
			if len(r.Errors) > 0 || !strings.Contains(r.Body, `"Chess"`) || len(requests) != 2 || requests[1].Method != "GET" || requests[1].Target != requests[0].Target {
				t.Errorf("got %s after %+v", r.Body, requests)
			}
			rec.answerWith(emptyThen(answerJSON(404, odataError)))
			r = f.do(operations[2].text, operations[2].variables)
			if r.code(t) != "OUTCOME_UNKNOWN" || !strings.Contains(r.Errors[0].Message, "accepted") {
				t.Errorf("where it cannot be read again: %s", r.Body)
			}
		})
	}
}

// TestNobodyThere has nobody listen: nothing was sent, so a write has certainly not happened.
func TestNobodyThere(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(nil)
	server.Close()
	f := newFacadeAt(t, server.URL+"/beta")
	for _, op := range operations {
		if r := f.do(op.text, op.variables); r.code(t) != "SOURCE_UNAVAILABLE" || r.Errors[0].Extensions["retryable"] != true {
			t.Errorf("%s: %s", op.name, r.Body)
		}
	}
}

// TestThrottledThenDone has the source do what it was asked on the second try.
func TestThrottledThenDone(t *testing.T) {
	t.Parallel()
	for _, op := range operations[1:] {
		tries := 0
		rec := &recorder{Answer: func(w http.ResponseWriter, r *http.Request) {
			if tries++; tries == 1 {
				answerJSON(429, odataError, "Retry-After", "0")(w, r)
				return
			}
			if r.Method == http.MethodDelete {
				w.WriteHeader(http.StatusNoContent)
				return
			}
			answerJSON(200, `{"id": "abc", "displayName": "Chess"}`)(w, r)
		}}
		r := newFacade(t, rec).do(op.text, op.variables)
		requests := rec.take()
		if len(r.Errors) > 0 || len(requests) != 2 || requests[0].Body != requests[1].Body || requests[0].Header.Get("Client-Request-Id") != requests[1].Header.Get("Client-Request-Id") {
			t.Errorf("%s: %s after %+v", op.name, r.Body, requests)
		}
	}
}

// TestSeveralNodes has one of several objects fail: the others are there, and the error is at its place.
func TestSeveralNodes(t *testing.T) {
	t.Parallel()
	rec := &recorder{Answer: func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/missing") {
			answerJSON(404, odataError)(w, r)
			return
		}
		echo(w, r)
	}}
	f := newFacade(t, rec)
	id := func(item string) string { return globalID("upstream", "", "interests", item) }
	r := f.do(`query($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }`, map[string]any{"ids": []string{id("a"), id("missing"), "nonsense", globalID("", "", "", ""), id("b")}})
	want := fmt.Sprintf(`{"nodes": [{"__typename": "PersonInterest", "id": %q}, null, null, {"__typename": "Profile", "id": "pq1.AAAA"}, {"__typename": "PersonInterest", "id": %q}]}`, id("a"), id("b"))
	equalJSON(t, want, string(r.Data))
	codes := make(map[string]string)
	for _, e := range r.Errors {
		codes[fmt.Sprint(e.Path)] = fmt.Sprint(e.Extensions["code"])
	}
	if len(codes) != 2 || codes["[nodes 1]"] != "NOT_FOUND" || codes["[nodes 2]"] != "BAD_USER_INPUT" {
		t.Errorf("errors: %s", r.Body)
	}
	rec.take()
	many := make([]string, 101)
	for i := range many {
		many[i] = id("a")
	}
	r = f.do(`query($ids: [ID!]!) { nodes(ids: $ids) { id } }`, map[string]any{"ids": many})
	if r.code(t) != "LIMIT_EXCEEDED" || r.Errors[0].Extensions["limit"] != "nodes" || len(rec.take()) != 0 {
		t.Errorf("101 ids: %s", r.Body)
	}
}

// TestDeadlines has a source that never answers, on a clock of the test's own.
func TestDeadlines(t *testing.T) {
	t.Parallel()
	for _, op := range operations {
		for _, sent := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, sent is %v", op.name, sent), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					requests := 0
					handler := newTestHandler(t, "http://source.example/beta", roundTripperFunc(func(r *http.Request) (*http.Response, error) {
						requests++
						if trace := httptrace.ContextClientTrace(r.Context()); sent && trace != nil {
							trace.GotConn(httptrace.GotConnInfo{})
						}
						<-r.Context().Done()
						return nil, r.Context().Err()
					}), io.Discard)
					began := time.Now()
					answer := serveInProcess(t.Context(), handler, operationBody(t, op.text, op.variables))
					want := "SOURCE_TIMEOUT"
					if sent && op.method != "GET" {
						want = "OUTCOME_UNKNOWN"
					}
					if took := time.Since(began); took != 10*time.Second || requests != 1 || !strings.Contains(answer, `"`+want+`"`) {
						t.Errorf("%d requests, %v, %s", requests, took, answer)
					}
				})
			})
		}
	}
}

// TestOwnFaults has something inside break: the caller gets an id, the log the cause under it, and it goes on.
func TestOwnFaults(t *testing.T) {
	t.Parallel()
	log := new(lockedBuffer)
	broken := true
	handler := newTestHandler(t, "http://source.example/beta", roundTripperFunc(func(r *http.Request) (*http.Response, error) {
		if broken {
			panic(secret)
		}
		w := httptest.NewRecorder()
		echo(w, r)
		return w.Result(), nil
	}), log)
	several := struct{ name, method, text, variables string }{
		"nodes", "GET", `query($id: ID!) { nodes(ids: [$id]) { id } }`, operations[1].variables,
	}
	counted := struct{ name, method, text, variables string }{"list with its length", "GET", mineQuery, `{"first": 1}`}
	for _, op := range append(operations[:len(operations):len(operations)], several, counted) {
		answer := serveInProcess(t.Context(), handler, operationBody(t, op.text, op.variables))
		var r reply
		if err := json.Unmarshal([]byte(answer), &r); err != nil || len(r.Errors) == 0 {
			t.Fatalf("%s: %s", op.name, answer)
		}
		id, _ := r.Errors[0].Extensions["errorId"].(string)
		if r.Errors[0].Extensions["code"] != "INTERNAL_SERVER_ERROR" || id == "" || strings.Contains(answer, secret) || strings.Contains(answer, "goroutine") {
			t.Errorf("%s: %s", op.name, answer)
		}
		if logged := log.String(); !strings.Contains(logged, `"error_id":"`+id+`"`) || !strings.Contains(logged, secret) {
			t.Errorf("%s: logged %s", op.name, logged)
		}
	}
	broken = false
	if answer := serveInProcess(t.Context(), handler, operationBody(t, operations[2].text, operations[2].variables)); !strings.Contains(answer, "Chess") {
		t.Errorf("afterwards: %s", answer)
	}
}
