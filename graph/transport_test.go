package graph

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"
)

const (
	both  = graphQLResponse
	plain = plainJSON
)

func TestNegotiation(t *testing.T) {
	t.Parallel()
	for accept, want := range map[string]string{
		"": plain, "*/*": plain, "application/*": plain, "application/json": plain, "application/graphql-response+json": both,
		"application/graphql-response+json, application/json": both, "application/json, application/graphql-response+json": both,
		"application/graphql-response+json, application/json;q=0.9": both, "application/graphql-response+json;q=0.5, application/json": plain,
		"application/json;q=0.2, */*;q=0.1": plain, "application/graphql-response+json;q=0, */*": plain, "*/*, application/json;q=0": both,
		"text/html, application/json;q=0.9, */*;q=0.8": plain, "APPLICATION/JSON": plain, "application/json; charset=UTF-8": plain,
		"text/html": "", "application/json;q=0": "", "*/*;q=0": "", "application/json;charset=utf-16": "", "application/json;q=2": "",
		"application/json;q=x": "", ";;": "", "application/xml, text/*": "",
	} {
		if got := negotiate([]string{accept}); got != want {
			t.Errorf("Accept %q: got %q, want %q", accept, got, want)
		}
	}
	if got := negotiate([]string{"text/html", "application/json"}); got != plain {
		t.Errorf("two headers: got %q", got)
	}
}

// endpoint is a GraphQL endpoint without facets worth the name; nothing gets that far here.
func endpoint(t testing.TB) http.Handler {
	t.Helper()
	h, err := NewHandler(testOptions())
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestRequests(t *testing.T) {
	t.Parallel()
	const jsonType = "application/json"
	const ok = `{"query": "{ __typename }"}`
	server := httptest.NewServer(endpoint(t))
	t.Cleanup(server.Close)
	tokens := `{"query": "{ ` + strings.Repeat("__typename ", 2100) + `}"}`
	for _, test := range []struct {
		name, method, contentType, accept, body string
		status                                  int
		code, says                              string
	}{
		{"good", "POST", jsonType, "", ok, 200, "", ""},
		{"good, and members that nobody knows", "POST", jsonType + "; charset=utf-8", both, `{"query": "{ __typename }", "variables": null, "extensions": null, "operationName": null, "id": 5}`, 200, "", ""},
		{"GET", "GET", "", "", "", 405, "BAD_REQUEST", "POST"},
		{"PUT", "PUT", jsonType, "", ok, 405, "BAD_REQUEST", "POST"},
		{"no type", "POST", "", "", ok, 415, "BAD_REQUEST", "Content-Type"},
		{"a form", "POST", "application/x-www-form-urlencoded", "", ok, 415, "BAD_REQUEST", "Content-Type"},
		{"text", "POST", "text/plain", "", ok, 415, "BAD_REQUEST", "Content-Type"},
		{"another charset", "POST", jsonType + "; charset=utf-16", "", ok, 415, "BAD_REQUEST", "UTF-8"},
		{"not acceptable", "POST", jsonType, "text/html", ok, 406, "BAD_REQUEST", "Accept"},
		{"too large", "POST", jsonType, "", `{"query": "` + strings.Repeat(" ", maxBody.value) + `"}`, 413, "LIMIT_EXCEEDED", "1048576"},
		{"empty", "POST", jsonType, "", "", 400, "BAD_REQUEST", "JSON"},
		{"no JSON", "POST", jsonType, "", "secret", 400, "BAD_REQUEST", "JSON"},
		{"null", "POST", jsonType, "", "null", 400, "BAD_REQUEST", "JSON"},
		{"a text", "POST", jsonType, "", `"secret"`, 400, "BAD_REQUEST", "JSON"},
		{"two documents", "POST", jsonType, "", ok + ok, 400, "BAD_REQUEST", "JSON"},
		{"something behind it", "POST", jsonType, "", ok + "secret", 400, "BAD_REQUEST", "JSON"},
		{"several requests", "POST", jsonType, "", "[" + ok + "]", 400, "BAD_REQUEST", "one at a time"},
		{"broken UTF-8", "POST", jsonType, "", "{\"query\": \"{ __typename } # \xff\"}", 400, "BAD_REQUEST", "UTF-8"},
		{"no query", "POST", jsonType, "", `{"variables": {}}`, 400, "BAD_REQUEST", "query"},
		{"query in another case", "POST", jsonType, "", `{"Query": "{ __typename }"}`, 400, "BAD_REQUEST", "query"},
		{"query is a number", "POST", jsonType, "", `{"query": 5}`, 400, "BAD_REQUEST", "query"},
		{"variables are a list", "POST", jsonType, "", `{"query": "{ __typename }", "variables": ["secret"]}`, 400, "BAD_REQUEST", "variables"},
		{"extensions are a text", "POST", jsonType, "", `{"query": "{ __typename }", "extensions": "secret"}`, 400, "BAD_REQUEST", "extensions"},
		{"operationName is a number", "POST", jsonType, "", `{"query": "{ __typename }", "operationName": 1}`, 400, "BAD_REQUEST", "operationName"},
		{"a hash alone", "POST", jsonType, "", `{"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "x"}}}`, 200, "PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound"},
		{"no document", "POST", jsonType, "", `{"query": "{ nonsense"}`, 200, "GRAPHQL_PARSE_FAILED", ""},
		{"no document, new type", "POST", jsonType, both, `{"query": "{ nonsense"}`, 400, "GRAPHQL_PARSE_FAILED", ""},
		{"unknown field", "POST", jsonType, "", `{"query": "{ nonsense }"}`, 200, "GRAPHQL_VALIDATION_FAILED", "nonsense"},
		{"unknown field, new type", "POST", jsonType, both, `{"query": "{ nonsense }"}`, 400, "GRAPHQL_VALIDATION_FAILED", "nonsense"},
		{"unknown operation", "POST", jsonType, both, `{"query": "query A { __typename }", "operationName": "B"}`, 400, "GRAPHQL_VALIDATION_FAILED", ""},
		{"a variable is missing", "POST", jsonType, both, `{"query": "query($id: ID!) { node(id: $id) { id } }"}`, 400, "GRAPHQL_VALIDATION_FAILED", ""},
		{"too many tokens", "POST", jsonType, both, tokens, 400, "LIMIT_EXCEEDED", "2000"},
		{"a subscription", "POST", jsonType, both, `{"query": "subscription { x }"}`, 400, "GRAPHQL_VALIDATION_FAILED", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r, err := http.NewRequest(test.method, server.URL, strings.NewReader(test.body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", test.contentType)
			r.Header.Set("Accept", test.accept)
			resp, err := server.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			text, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			body := string(text)
			mediaType, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
			if resp.StatusCode != test.status || mediaType != plain && mediaType != both {
				t.Errorf("got %d %v: %.300s", resp.StatusCode, resp.Header, body)
			}
			if test.code == "" {
				if body != `{"data":{"__typename":"Query"}}` {
					t.Errorf("got %s", body)
				}
				return
			}
			if !strings.Contains(body, `"code":"`+test.code+`"`) || !strings.Contains(body, test.says) || strings.Contains(body, `"data"`) || strings.Contains(body, "secret") {
				t.Errorf("got %.300s", body)
			}
			if test.status == 405 && resp.Header.Get("Allow") != "POST" {
				t.Errorf("Allow is %q", resp.Header.Get("Allow"))
			}
			if test.code == "LIMIT_EXCEEDED" && !strings.Contains(body, `"limit":"`) {
				t.Errorf("the limit is not named: %s", body)
			}
		})
	}
}

// TestBrokenBody has the caller break off.
func TestBrokenBody(t *testing.T) {
	t.Parallel()
	body := io.MultiReader(strings.NewReader(`{"query": "secret`), iotest.ErrReader(io.ErrUnexpectedEOF))
	r := httptest.NewRequest("POST", "/graphql", body)
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	endpoint(t).ServeHTTP(w, r)
	if w.Code != 400 || !strings.Contains(w.Body.String(), "BAD_REQUEST") || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

// FuzzRequestBody holds that any body is either a request or refused, in UTF-8 and in our own words.
func FuzzRequestBody(f *testing.F) {
	for _, seed := range []string{`{"query": "{ me { id } }", "variables": {"a": [1, null]}}`, `[`, `{"query": null}`, `{"query": "\ud800"}`, "\xef\xbb\xbf{}"} {
		f.Add([]byte(seed))
	}
	own := map[string]bool{}
	f.Fuzz(func(t *testing.T, body []byte) {
		q, refused := parseRequest(body)
		if refused == nil {
			if !json.Valid(body) || !utf8.ValidString(q.params.Query) {
				t.Errorf("%q: the query is %q", body, q.params.Query)
			}
			return
		}
		if own[refused.err.Message] = true; len(own) > 14 {
			t.Errorf("%q: the messages vary with the body: %v", body, own)
		}
	})
}
