package e2e

import (
	"compress/gzip"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"profileql/test/scene"
)

const secret = "internal-detail-of-the-source"

// odataError is an error in Microsoft Graph's format.
const odataError = `{"error": {"code": "UnknownError", "message": "The value is not good.", "innerError": {
	"code": "propertyNotUpdateable", "detail": "` + secret + `", "date": "2026-11-23T10:00:00", "request-id": "in-the-body", "client-request-id": "x"}}}`

// outcome is the expected code of a read and of a write, and how often each method is sent.
type outcome struct {
	read, write             string
	gets, posts, patchesEtc int
}

var (
	once      = func(code string) outcome { return outcome{code, code, 1, 1, 1} }
	unknown   = outcome{"SOURCE_UNAVAILABLE", "OUTCOME_UNKNOWN", 1, 1, 1}
	unknownx2 = outcome{"SOURCE_UNAVAILABLE", "OUTCOME_UNKNOWN", 2, 1, 1}
	notNow    = outcome{"SOURCE_UNAVAILABLE", "SOURCE_UNAVAILABLE", 2, 1, 1}
)

// answers is the error table: responses of a source, and what the caller gets.
var answers = []struct {
	name   string
	answer http.HandlerFunc
	outcome
}{
	{"400", answerJSON(400, odataError), once("BAD_USER_INPUT")}, // except for a list, which has no input
	{"401", answerJSON(401, odataError), once("UNAUTHENTICATED")},
	{"402", answerJSON(402, odataError), once("SOURCE_REFUSED")},
	{"403", answerJSON(403, odataError), once("FORBIDDEN")},
	{"404", answerJSON(404, odataError), once("NOT_FOUND")},
	{"405", answerJSON(405, odataError), once("SOURCE_REFUSED")},
	{"409", answerJSON(409, odataError), once("CONFLICT")},
	{"410", answerJSON(410, odataError), once("SOURCE_REFUSED")},
	{"412", answerJSON(412, odataError), once("CONFLICT")},
	{"413", answerJSON(413, odataError), once("SOURCE_REFUSED")},
	{"415", answerJSON(415, odataError), once("SOURCE_REFUSED")},
	{"418", answerJSON(418, odataError), once("SOURCE_REFUSED")},
	{"422", answerJSON(422, odataError), once("BAD_USER_INPUT")},
	{"408", answerJSON(408, odataError), unknownx2},
	{"408 with Retry-After", answerJSON(408, odataError, "Retry-After", "0"), notNow},
	{"421", answerJSON(421, odataError), notNow},
	{"423", answerJSON(423, odataError), notNow},
	{"423 with Retry-After", answerJSON(423, odataError, "Retry-After", "0"), notNow},
	{"425", answerJSON(425, odataError), notNow},
	{"425 with Retry-After", answerJSON(425, odataError, "Retry-After", "0"), notNow},
	{"429", answerJSON(429, odataError, "Retry-After", "0"), outcome{"THROTTLED", "THROTTLED", 2, 2, 2}},
	{"429 with a fraction", answerJSON(429, odataError, "Retry-After", "0.05"), outcome{"THROTTLED", "THROTTLED", 2, 2, 2}},
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
	{"599", answerJSON(599, odataError), unknown},
	{"a page with 502", html(502), unknownx2},
	{"502 that is lost", lost("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 900\r\n\r\n<html>" + secret), unknownx2},
	{"404 that is lost", lost("HTTP/1.1 404 Not Found\r\nContent-Length: 900\r\n\r\n<html>" + secret), outcome{"NOT_FOUND", "NOT_FOUND", 2, 1, 1}},
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

// lost writes the beginning of a response, and drops the connection.
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

// TestErrorTable tests the error table with each operation.
func TestErrorTable(t *testing.T) {
	t.Parallel()
	for _, test := range answers {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			rec := &recorder{Answer: test.answer}
			for _, op := range scene.Operations {
				f := newFacade(t, rec) // or the circuit breaker would open
				r := f.do(op.Text, op.Variables, "Authorization", "Bearer the-token-of-the-caller")
				code, sent := test.write, test.patchesEtc
				switch op.Method {
				case "GET":
					code, sent = test.read, test.gets
				case "POST":
					sent = test.posts
				}
				requests := rec.take()
				if test.name == "400" { // retried without $select, and a list without $orderby
					sent = map[string]int{"list": 3, "node": 2}[op.Name] + map[bool]int{true: 1}[op.Method != "GET"]
				}
				if test.name == "400" && op.Name == "list" {
					code = "SOURCE_REFUSED"
				}
				if got := r.Code(t); got != code {
					t.Errorf("%s: got %s, want %s", op.Name, r.Body, code)
				}
				if len(requests) != sent {
					t.Errorf("%s: %d requests reached the source, want %d", op.Name, len(requests), sent)
				}
				for _, request := range requests {
					if request.Method != op.Method || strings.Contains(request.Target, "elsewhere") {
						t.Errorf("%s: the source saw %s %s", op.Name, request.Method, request.Target)
					}
				}
				told := r.Errors[0].Extensions
				if status, err := strconv.Atoi(test.name[:3]); err == nil && told["status"] != float64(status) {
					t.Errorf("%s: the status is %v", op.Name, told["status"])
				}
				if retryable := code == "THROTTLED" || code == "SOURCE_UNAVAILABLE"; told["source"] != "upstream" || told["retryable"] != retryable || told["retryAfter"] != nil && !retryable {
					t.Errorf("%s: %s", op.Name, r.Body)
				}
				if len(requests) > 0 && told["clientRequestId"] != requests[len(requests)-1].Header.Get("Client-Request-Id") {
					t.Errorf("%s: the source was told another client-request-id than %v", op.Name, told["clientRequestId"])
				}
				checkDiscreet(t, f, r)
				checkGoesOn(t, f, rec)
				rec.answerWith(test.answer)
				rec.take()
			}
		})
	}
}

// TestWrongBaseURL has a source that responds to everything with 400, as Microsoft Graph does at a wrong base URL.
// Requests without user input are not reported as bad input, and the log has one hint.
func TestWrongBaseURL(t *testing.T) {
	t.Parallel()
	rec := &recorder{Answer: answerJSON(400, `{"error": {"code": "BadRequest", "message": "Resource not found for the segment 'me'."}}`)}
	f := newFacade(t, rec)
	const hint = "its base URL may be wrong"
	for _, test := range []struct{ name, document, variables, code string }{
		{"an update", scene.UpdateMutation, `{"input": {"id": "abc", "patch": {"displayName": "x"}}}`, "BAD_USER_INPUT"},
		{"an item", scene.NodeQuery, scene.Operations[1].Variables, "BAD_USER_INPUT"},
		{"somebody else's list", `{ profile(user: "ada@example.com") { interests { nodes { id } } } }`, `{}`, "BAD_USER_INPUT"},
		{"a list", scene.Operations[0].Text, `{}`, "SOURCE_REFUSED"},
		{"a list with its length", `{ me { interests { totalCount } } }`, `{}`, "SOURCE_REFUSED"},
	} {
		before := strings.Contains(f.logged(), hint)
		r := f.do(test.document, test.variables)
		if told := r.Code(t); told != test.code || r.Errors[0].Extensions["status"] != 400.0 {
			t.Errorf("%s: %s", test.name, r.Body)
		}
		if after := strings.Contains(f.logged(), hint); after != (before || test.code == "SOURCE_REFUSED") {
			t.Errorf("%s: the log says %s", test.name, f.logged())
		}
	}
	if n := strings.Count(f.logged(), hint); n != 1 {
		t.Errorf("%d hints: %s", n, f.logged())
	}
}

// checkGoesOn checks that the next ordinary request succeeds.
func checkGoesOn(t *testing.T, f *facade, rec *recorder) {
	t.Helper()
	rec.answerWith(echo)
	for _, op := range scene.Operations[1:3] {
		if r := f.do(op.Text, op.Variables); len(r.Errors) > 0 || op.Method == "PATCH" && !strings.Contains(r.Body, "Chess") {
			t.Errorf("afterwards: %s", r.Body)
		}
	}
}

// TestRedirectsElsewhere has the source redirect to another host, which must not be called.
func TestRedirectsElsewhere(t *testing.T) {
	t.Parallel()
	elsewhere := &recorder{Answer: echo}
	server := httptest.NewServer(elsewhere)
	defer server.Close()
	rec := new(recorder)
	f := newFacade(t, rec)
	for _, status := range []int{301, 302, 303, 307, 308} {
		rec.answerWith(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, server.URL+r.RequestURI, status) })
		for _, op := range scene.Operations {
			r := f.do(op.Text, op.Variables, "Authorization", "Bearer the-token-of-the-caller")
			if r.Code(t) != "SOURCE_REFUSED" || len(rec.take()) != 1 {
				t.Errorf("%d, %s: %s", status, op.Name, r.Body)
			}
			checkDiscreet(t, f, r)
		}
	}
	if requests := elsewhere.take(); len(requests) > 0 {
		t.Errorf("followed: %+v", requests)
	}
	checkGoesOn(t, f, rec)
}

// checkDiscreet checks that a response and the log contain nothing that must stay private.
func checkDiscreet(t *testing.T, f *facade, r reply) {
	t.Helper()
	for _, text := range []string{
		secret, "127.0.0.1", "localhost", "source.example", "the-token-of-the-caller", "the-text-of-the-caller", "/beta", "elsewhere", "goroutine", ".go:",
	} {
		if strings.Contains(r.Body, text) {
			t.Errorf("the answer tells %q: %s", text, r.Body)
		}
		if strings.Contains(f.logged(), text) {
			t.Errorf("the log tells %q: %s", text, f.logged())
		}
	}
	if r.Header.Get("Cache-Control") != "no-store" || r.Status != 200 {
		t.Errorf("got %d with %v", r.Status, r.Header)
	}
}

// TestErrorDetails tests the extensions of errors besides the code.
func TestErrorDetails(t *testing.T) {
	t.Parallel()
	says := func(message string) string {
		return fmt.Sprintf(`{"error": {"code": "BadRequest", "message": %q}}`, message)
	}
	for _, test := range []struct {
		name   string
		answer http.HandlerFunc
		want   map[string]any // nil for a member that must be absent
	}{
		{"everything", answerJSON(409, odataError, "request-id", "in-the-header", "Retry-After", "2.128"), map[string]any{
			"code": "CONFLICT", "source": "upstream", "status": 409.0, "sourceCode": "propertyNotUpdateable",
			"sourceMessage": "The value is not good.", "requestId": "in-the-header", "retryAfter": nil, "retryable": false,
		}},
		{"throttled", answerJSON(429, `{"error": {"code": "TooManyRequests", "innerError": {"code": "429", "status": "429"}}}`, "Retry-After", "17.5"), map[string]any{
			"code": "THROTTLED", "sourceCode": "TooManyRequests", "retryAfter": 17.5, "retryable": true, "sourceMessage": nil,
		}},
		{"locked", answerJSON(423, odataError, "Retry-After", "2.5"), map[string]any{
			"code": "SOURCE_UNAVAILABLE", "retryAfter": 2.5, "retryable": true, "sourceMessage": nil,
		}},
		{"not known, with Retry-After", answerJSON(500, odataError, "Retry-After", "2.5"), map[string]any{
			"code": "OUTCOME_UNKNOWN", "retryAfter": nil, "retryable": false,
		}},
		{"no header", answerJSON(412, odataError), map[string]any{"requestId": "in-the-body", "retryAfter": nil}},
		{"other spellings", answerJSON(400, `{"error": {"code": "", "message": "", "innererror": {"requestId": "old", "innerError": {"code": "deep", "message": "Too long."}}}}`), map[string]any{
			"sourceCode": "deep", "sourceMessage": "Too long.", "requestId": "old",
		}},
		{"nothing said", answerJSON(404, `{"error": {"code": "UnknownError", "message": ""}}`), map[string]any{
			"code": "NOT_FOUND", "sourceCode": "UnknownError", "sourceMessage": nil, "requestId": nil,
		}},
		{"another JSON", answerJSON(400, says("Too long."), "Content-Type", "application/problem+json"), map[string]any{"sourceCode": "BadRequest", "sourceMessage": "Too long."}},
		{"a number inside", answerJSON(412, `{"error": {"code": "outer", "innerError": {"code": 17, "innererror": {"code": "0"}}}}`), map[string]any{"sourceCode": "outer"}},
		{"the deepest code", answerJSON(422, `{"error": {"code": "outer", "innererror": {"code": "", "innerError": {"code": "inner"}}}}`), map[string]any{
			"code": "BAD_USER_INPUT", "sourceCode": "inner",
		}},
		{"an error without end", answerJSON(400, strings.Repeat(`{"error": {"code": "x", "innerError": {"a": `, 1)+strings.Repeat(`{"innerError": `, 3000)+"{}"+strings.Repeat("}", 3003)), map[string]any{"sourceCode": "x"}},
		{"a property", answerJSON(400, says("The property 'displayName' is required to create a 'microsoft.graph.personInterest'.")), map[string]any{
			"sourceMessage": "The property 'displayName' is required to create a 'microsoft.graph.personInterest'.", "sourceTarget": "displayName",
		}},
		{"no property", answerJSON(400, says("The property 'column' is required here.")), map[string]any{"sourceTarget": nil}},
		{"something inside", answerJSON(422, says("The property 'displayName' is longer than the column at 10.1.2.3 takes.")), map[string]any{
			"sourceMessage": "The property 'displayName' is longer than the column at … takes.", "sourceTarget": "displayName",
		}},
		{"HTML", html(400), map[string]any{"sourceCode": nil, "sourceMessage": nil}},
		{"nothing", answerJSON(422, ``), map[string]any{"code": "BAD_USER_INPUT", "sourceCode": nil, "sourceMessage": nil}},
		{"no error in it", answerJSON(400, `[]`), map[string]any{"code": "BAD_USER_INPUT", "sourceCode": nil}},
		{"odd error", answerJSON(400, `{"error": {"code": 7, "message": ["x"], "innerError": "x"}}`), map[string]any{"sourceCode": nil, "sourceMessage": nil}},
		{"error as a text", answerJSON(400, `{"error": "invalid_request"}`), map[string]any{"sourceCode": nil}},
		{"a code that is none", answerJSON(400, `{"error": {"code": "<script>", "message": "x"}}`), map[string]any{"sourceCode": nil}},
		{"a request id that is none", answerJSON(400, odataError, "request-id", "<b> x"), map[string]any{"requestId": "in-the-body"}},
		{"401 says nothing more", answerJSON(401, says("You may not.")), map[string]any{"sourceMessage": nil}},
		{"403 says nothing more", answerJSON(403, says("You may not.")), map[string]any{"sourceMessage": nil}},
		{"404 says nothing more", answerJSON(404, says("You may not.")), map[string]any{"sourceMessage": nil}},
		{"423 says nothing more", answerJSON(423, says("You may not.")), map[string]any{"sourceMessage": nil}},
		{"500 says nothing more", answerJSON(500, says("You may not.")), map[string]any{"sourceMessage": nil}},
		{"409 says it", answerJSON(409, says("You  may\n not.")), map[string]any{"sourceMessage": "You may not."}},
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
			rec := &recorder{Answer: test.answer}
			f := newFacade(t, rec)
			const id = "9f4fe8ea-7e6e-486e-b8f4-ad7c0a4d1a3e"
			r := f.do(scene.Operations[2].Text, scene.Operations[2].Variables, "client-request-id", id)
			r.Code(t)
			got := r.Errors[0].Extensions
			test.want["clientRequestId"] = id
			for name, want := range test.want {
				if got[name] != want {
					t.Errorf("%s is %v, want %v: %s", name, got[name], want, r.Body)
				}
			}
			checkDiscreet(t, f, r)
			checkGoesOn(t, f, rec)
		})
	}
}

// TestAcceptedButNotShown has 2xx responses to writes that contain no item. The write may have been executed, and
// must not be reported as failed. For a read, they are invalid responses.
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
		{"a header and nothing more", lost("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n"), "SOURCE_UNAVAILABLE", 2},
		{"half of a chunk", lost("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n90\r\n" + half), "SOURCE_UNAVAILABLE", 2},
		{"an error after it", answerJSON(200, `{"id": "abc"}`+odataError), "SOURCE_INVALID_RESPONSE", 1},
		{"an error inside of it", answerJSON(200, `{"id": "abc", "error": {"code": "InternalServerError", "message": "`+secret+`"}}`), "SOURCE_INVALID_RESPONSE", 1},
		{"a byte order mark", answerJSON(200, "\ufeff"+`{"id": "abc"}`), "SOURCE_INVALID_RESPONSE", 1},
		{"two items", answerJSON(200, `{"id": "abc"} {"id": "abc"}`), "SOURCE_INVALID_RESPONSE", 1},
		{"not said to be JSON", answerJSON(200, `{"id": "abc", "value": []}`, "Content-Type", "text/plain"), "SOURCE_INVALID_RESPONSE", 1},
		{"not said to be anything", answerJSON(200, `{"id": "abc", "value": []}`, "Content-Type", ""), "SOURCE_INVALID_RESPONSE", 1},
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
			for _, op := range scene.Operations[:4] {
				f := newFacade(t, rec) // or the circuit breaker would open
				r := f.do(op.Text, op.Variables)
				requests := rec.take()
				code, sent := "OUTCOME_UNKNOWN", 1
				if op.Method == "GET" {
					code, sent = test.read, test.gets
				}
				if r.Code(t) != code || len(requests) != sent {
					t.Errorf("%s: %d requests, and %s", op.Name, len(requests), r.Body)
				}
				if accepted := strings.Contains(r.Errors[0].Message, "accepted"); accepted != (op.Method != "GET") {
					t.Errorf("%s says %q", op.Name, r.Errors[0].Message)
				}
				if told := r.Errors[0].Extensions; told["source"] != "upstream" || told["status"] != 200.0 || told["retryable"] != (code == "SOURCE_UNAVAILABLE") {
					t.Errorf("%s: %s", op.Name, r.Body)
				}
				checkDiscreet(t, f, r)
				checkGoesOn(t, f, rec)
				rec.answerWith(test.answer)
				rec.take()
			}
			// A DELETE returns no item.
			if r := newFacade(t, rec).do(scene.Operations[4].Text, scene.Operations[4].Variables); len(r.Errors) > 0 {
				t.Errorf("delete: %s", r.Body)
			}
		})
	}
}

// bomb responds with 64 MB in a small gzip.
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

// TestSuccessOfAnotherKind has 2xx responses that do not contain what was asked for.
func TestSuccessOfAnotherKind(t *testing.T) {
	t.Parallel()
	rec := new(recorder)
	f := newFacade(t, rec)
	for _, test := range []struct {
		status int
		body   string
		op     int // in operations
		code   string
	}{
		{200, ``, 0, "SOURCE_INVALID_RESPONSE"}, {200, ``, 1, "SOURCE_INVALID_RESPONSE"},
		{204, ``, 0, "SOURCE_INVALID_RESPONSE"}, {204, ``, 1, "SOURCE_INVALID_RESPONSE"},
		{202, `{}`, 0, "SOURCE_INVALID_RESPONSE"}, {202, `{}`, 1, "SOURCE_INVALID_RESPONSE"},
		{202, `{"status": "queued"}`, 2, "OUTCOME_UNKNOWN"}, {202, `{"status": "queued"}`, 3, "OUTCOME_UNKNOWN"},
		{201, ``, 3, "OUTCOME_UNKNOWN"}, {204, ``, 3, "OUTCOME_UNKNOWN"}, {200, ``, 3, "OUTCOME_UNKNOWN"},
		{200, `{}`, 2, "OUTCOME_UNKNOWN"}, {201, `{}`, 3, "OUTCOME_UNKNOWN"}, {201, `{"displayName": "Chess"}`, 3, "OUTCOME_UNKNOWN"},
	} {
		rec.answerWith(answerJSON(test.status, test.body))
		op := scene.Operations[test.op]
		r := f.do(op.Text, op.Variables)
		if requests := rec.take(); r.Code(t) != test.code || len(requests) != 1 || strings.Contains(r.Errors[0].Message, "accepted") != (op.Method != "GET") {
			t.Errorf("%d %q to %s: %s, want %s", test.status, test.body, op.Name, r.Body, test.code)
		}
		checkDiscreet(t, f, r)
	}
	checkGoesOn(t, f, rec)
}

// TestKindsOfJSON tests the media types that mean JSON.
func TestKindsOfJSON(t *testing.T) {
	t.Parallel()
	rec := new(recorder)
	f := newFacade(t, rec)
	for _, contentType := range []string{
		"application/json", "application/json; charset=UTF-8", "Application/JSON", "application/json;odata.metadata=minimal;",
		"application/vnd.api+json", "application/hal+json; charset=utf-8",
	} {
		rec.answerWith(answerJSON(200, `{"id": "abc", "displayName": "Chess", "value": [{"id": "a"}]}`, "Content-Type", contentType))
		for _, op := range scene.Operations[:4] {
			if r := f.do(op.Text, op.Variables); len(r.Errors) > 0 {
				t.Errorf("%s, %s: %s", contentType, op.Name, r.Body)
			}
		}
	}
}

// TestUpdateWithoutContent has the source respond to a PATCH with 204. The item is read again.
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
			r := f.do(scene.Operations[2].Text, scene.Operations[2].Variables)
			requests := rec.take()
			if len(r.Errors) > 0 || !strings.Contains(r.Body, `"Chess"`) || len(requests) != 2 || requests[1].Method != "GET" || requests[1].Target != requests[0].Target {
				t.Errorf("got %s after %+v", r.Body, requests)
			}
			for again, gets := range map[*http.HandlerFunc]int{
				new(answerJSON(404, odataError)): 1, new(answerJSON(500, odataError)): 1, new(answerJSON(504, odataError)): 2, new(lost("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{")): 2,
				new(html(200)): 1, new(answerJSON(200, `{}`)): 1, new(redirect(302)): 1, new(answerJSON(429, odataError, "Retry-After", "60")): 1,
			} {
				rec.answerWith(emptyThen(*again))
				r = f.do(scene.Operations[2].Text, scene.Operations[2].Variables)
				if r.Code(t) != "OUTCOME_UNKNOWN" || !strings.Contains(r.Errors[0].Message, "accepted") {
					t.Errorf("where it cannot be read again: %s", r.Body)
				}
				if requests := rec.take(); len(requests) != 1+gets {
					t.Errorf("where it cannot be read again: %d requests, want %d: %s", len(requests), 1+gets, r.Body)
				}
				checkDiscreet(t, f, r)
			}
			checkGoesOn(t, f, rec)
		})
	}
}

// TestNobodyThere has a source that does not listen. Nothing is sent, so a write has certainly not been executed.
func TestNobodyThere(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(nil)
	server.Close()
	for _, op := range scene.Operations {
		f := newFacadeAt(t, server.URL+"/beta") // or the circuit breaker would open
		if r := f.do(op.Text, op.Variables); r.Code(t) != "SOURCE_UNAVAILABLE" || r.Errors[0].Extensions["retryable"] != true {
			t.Errorf("%s: %s", op.Name, r.Body)
		} else {
			checkDiscreet(t, f, r)
		}
	}
}

// TestNobodyTrusted has a source whose certificate is not trusted. Nothing is sent.
func TestNobodyTrusted(t *testing.T) {
	t.Parallel()
	rec := &recorder{Answer: echo}
	server := httptest.NewUnstartedServer(rec)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	for _, op := range scene.Operations {
		f := newFacadeAt(t, server.URL+"/beta") // or the circuit breaker would open
		r := f.do(op.Text, op.Variables, "Authorization", "Bearer the-token-of-the-caller")
		if r.Code(t) != "SOURCE_UNAVAILABLE" || len(rec.take()) > 0 {
			t.Errorf("%s: %s", op.Name, r.Body)
		}
		checkDiscreet(t, f, r)
	}
}

// TestHungUp has a source that closes the connection before it reads a byte. A write may have been sent.
func TestHungUp(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var calls atomic.Int32
	var accepting sync.WaitGroup
	defer accepting.Wait()
	defer func() { _ = listener.Close() }()
	accepting.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			calls.Add(1)
			_ = conn.Close()
		}
	})
	for _, op := range scene.Operations {
		f := newFacadeAt(t, "http://"+listener.Addr().String()+"/beta") // or the circuit breaker would open
		code, want := "OUTCOME_UNKNOWN", int32(1)
		if op.Method == "GET" {
			code, want = "SOURCE_UNAVAILABLE", 2
		}
		r := f.do(op.Text, op.Variables)
		if got := calls.Swap(0); r.Code(t) != code || got != want {
			t.Errorf("%s: %d calls, want %d: %s", op.Name, got, want, r.Body)
		}
		checkDiscreet(t, f, r)
	}
}

// TestLostWhereAllWasWell has connections break that were used before, several of them idle. net/http's transport
// would retry a read on such a connection by itself.
func TestLostWhereAllWasWell(t *testing.T) {
	t.Parallel()
	for _, op := range scene.Operations {
		rec := new(recorder)
		f := newFacade(t, rec)
		var together sync.WaitGroup
		together.Add(4)
		rec.answerWith(func(w http.ResponseWriter, r *http.Request) {
			together.Done()
			together.Wait() // all four are concurrent, so that there are four connections
			echo(w, r)
		})
		var callers sync.WaitGroup
		for range 4 {
			callers.Go(func() { f.do(scene.Operations[2].Text, scene.Operations[2].Variables) })
		}
		callers.Wait()
		rec.take()
		rec.answerWith(lost(""))
		code, want := "OUTCOME_UNKNOWN", 1
		if op.Method == "GET" {
			code, want = "SOURCE_UNAVAILABLE", 2
		}
		r := f.do(op.Text, op.Variables)
		if requests := rec.take(); r.Code(t) != code || len(requests) != want {
			t.Errorf("%s: %d requests reached the source, want %d: %s", op.Name, len(requests), want, r.Body)
		}
		checkGoesOn(t, f, rec)
	}
}

// TestThrottledThenDone has the source throttle the first attempt and execute the second one.
func TestThrottledThenDone(t *testing.T) {
	t.Parallel()
	for _, op := range scene.Operations[1:] {
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
		r := newFacade(t, rec).do(op.Text, op.Variables)
		requests := rec.take()
		if len(r.Errors) > 0 || len(requests) != 2 || requests[0].Body != requests[1].Body || requests[0].Header.Get("Client-Request-Id") != requests[1].Header.Get("Client-Request-Id") {
			t.Errorf("%s: %s after %+v", op.Name, r.Body, requests)
		}
	}
}

// TestSeveralNodes has one of several objects fail. The others are returned, and the error has its path.
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
	id := func(item string) string { return scene.GlobalID("upstream", "", "interests", item) }
	r := f.do(`query($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }`, map[string]any{"ids": []string{id("a"), id("missing"), "nonsense", scene.GlobalID("", "", "", ""), id("b")}})
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
	if r.Code(t) != "LIMIT_EXCEEDED" || r.Errors[0].Extensions["limit"] != "nodes" || len(rec.take()) != 0 {
		t.Errorf("101 ids: %s", r.Body)
	}
}
