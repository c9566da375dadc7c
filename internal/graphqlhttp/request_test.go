package graphqlhttp

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"
)

const (
	both  = mediaTypeResponse
	plain = mediaTypeJSON
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

func TestRequests(t *testing.T) {
	t.Parallel()
	const jsonType = "application/json"
	const ok = `{"query": "{ __typename }"}`
	server := httptest.NewServer(testEndpoint(t))
	t.Cleanup(server.Close)
	tokens := `{"query": "{ ` + strings.Repeat("__typename ", 3600) + `}"}`
	for _, test := range []struct {
		name, method, contentType, accept, body string
		status                                  int
		code, says                              string
	}{
		{"good", "POST", jsonType, "", ok, 200, "", ""},
		{"good, and members that nobody knows", "POST", jsonType + "; charset=utf-8", both, `{"query": "{ __typename }", "variables": null, "extensions": null, "operationName": null, "id": 5}`, 200, "", ""},
		{"GET without a document", "GET", "", "", "", 400, "BAD_REQUEST", "query"},
		{"PUT", "PUT", jsonType, "", ok, 405, "BAD_REQUEST", "POST"},
		{"DELETE", "DELETE", jsonType, "", ok, 405, "BAD_REQUEST", "POST"},
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
		{"a hash alone", "POST", jsonType, "", `{"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "00"}}}`, 200, "PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound"},
		{"no document", "POST", jsonType, "", `{"query": "{ nonsense"}`, 200, "GRAPHQL_PARSE_FAILED", ""},
		{"no document, new type", "POST", jsonType, both, `{"query": "{ nonsense"}`, 400, "GRAPHQL_PARSE_FAILED", ""},
		{"unknown field", "POST", jsonType, "", `{"query": "{ nonsense }"}`, 200, "GRAPHQL_VALIDATION_FAILED", "nonsense"},
		{"unknown field, new type", "POST", jsonType, both, `{"query": "{ nonsense }"}`, 400, "GRAPHQL_VALIDATION_FAILED", "nonsense"},
		{"unknown operation", "POST", jsonType, both, `{"query": "query A { __typename }", "operationName": "B"}`, 400, "GRAPHQL_VALIDATION_FAILED", ""},
		{"a variable is missing", "POST", jsonType, both, `{"query": "query($id: ID!) { node(id: $id) { id } }"}`, 400, "GRAPHQL_VALIDATION_FAILED", ""},
		{"too many tokens", "POST", jsonType, both, tokens, 400, "LIMIT_EXCEEDED", "3500"},
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
			if test.status == 405 && resp.Header.Get("Allow") != "GET, POST" {
				t.Errorf("Allow is %q", resp.Header.Get("Allow"))
			}
			if test.code == "LIMIT_EXCEEDED" && !strings.Contains(body, `"limit":"`) {
				t.Errorf("the limit is not named: %s", body)
			}
		})
	}
}

// TestBrokenBody checks the response to a body that ends early.
func TestBrokenBody(t *testing.T) {
	t.Parallel()
	body := io.MultiReader(strings.NewReader(`{"query": "secret`), iotest.ErrReader(io.ErrUnexpectedEOF))
	r := httptest.NewRequest("POST", "/graphql", body)
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	testEndpoint(t).ServeHTTP(w, r)
	if w.Code != 400 || !strings.Contains(w.Body.String(), "BAD_REQUEST") || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

// FuzzRequestBody checks that each body is either parsed or rejected, with a message in UTF-8 that does not quote the
// body.
func FuzzRequestBody(f *testing.F) {
	for _, seed := range []string{`{"query": "{ me { id } }", "variables": {"a": [1, null]}}`, `[`, `{"query": null}`, `{"query": "\ud800"}`, "\xef\xbb\xbf{}"} {
		f.Add([]byte(seed))
	}
	own := map[string]bool{}
	f.Fuzz(func(t *testing.T, body []byte) {
		q, refused := parseRequest(body)
		if refused == nil {
			if !json.Valid(bytes.TrimPrefix(body, byteOrderMark)) || !utf8.ValidString(q.query) || strings.Contains(q.query, "\ufffd") && !bytes.ContainsAny(body, "\ufffd") && !bytes.Contains(body, []byte("ffd")) {
				t.Errorf("%q: the query is %q", body, q.query)
			}
			return
		}
		if own[refused.err.Message] = true; len(own) > 24 {
			t.Errorf("%q: the messages vary with the body: %v", body, own)
		}
	})
}

// TestGet checks the parameters of GET requests, and that only queries run with GET.
func TestGet(t *testing.T) {
	t.Parallel()
	const node = `query Node($id: ID!) { node(id: $id) { id } }`
	const remove = `mutation Delete($id: ID!) { deleteProfileItem(input: {id: $id}) { deletedId } }`
	h := testEndpoint(t)
	if w, _ := exchange(t.Context(), h, persistedQuery(remove, true)); w.Code != 200 { // to cache it by its hash
		t.Fatal(w.Body)
	}
	address := func(pairs ...string) string {
		values := make(url.Values)
		for i := 0; i+1 < len(pairs); i += 2 {
			values.Add(pairs[i], pairs[i+1])
		}
		return values.Encode()
	}
	const me = "pq1.AAAA" // the profile of the signed-in person
	const isQuery, refused = `{"data":{"__typename":"Query"}}`, `"code":"BAD_REQUEST"`
	for _, test := range []struct {
		name, query string
		status      int
		says        string
	}{
		{"a query", address("query", "{ __typename }"), 200, isQuery},
		{"parameters that nobody knows", address("query", "{ __typename }", "x", "1", "x", "2"), 200, isQuery},
		{"empty parameters", address("query", "{ __typename }", "variables", "", "operationName", "", "extensions", "", "documentId", ""), 200, isQuery},
		{"null", address("query", "{ __typename }", "variables", "null", "extensions", "null"), 200, isQuery},
		{"variables", address("query", node, "variables", `{"id":"`+me+`"}`), 200, `{"data":{"node":{"id":"` + me + `"}}}`},
		{"an operation's name", address("query", "query A { __typename } "+remove, "operationName", "A"), 200, isQuery},
		{"a plus is a blank", "query={+__typename+}", 200, isQuery},
		{"a document in two encodings", "query=%7B%20%5F%5Ftypename }", 200, isQuery},
		{"nothing", "", 400, refused},
		{"no query", address("query", ""), 400, refused},
		{"twice", address("query", "{ __typename }", "query", "{ __typename }"), 400, "more than once"},
		{"no JSON", address("query", node, "variables", "{id:1}"), 400, "The parameter variables is not JSON."},
		{"a list", address("query", node, "variables", "[]"), 400, "must be a JSON object"},
		{"a name twice", address("query", node, "variables", `{"id":"a","id":"b"}`), 400, "twice"},
		{"no percent-encoding", "query=%zz", 400, refused},
		{"no UTF-8", "query=%ff", 400, "not UTF-8"},
		{"half of a pair", address("query", node, "variables", `{"id":"\ud83d"}`), 400, "half of a surrogate pair"},
		{"too long", address("query", "{ __typename } #"+strings.Repeat("x", maxAddress.value)), 414, `"limit":"addressBytes"`},
		{"too many values", address("query", "{ __typename }", "variables", `{"a":[`+entries(maxAddress.value/3, "1")+"]}"), 414, `"limit":"addressBytes"`},
		{"too deep", address("query", "{ __typename }", "variables", strings.Repeat("[", 100)), 400, `"limit":"jsonDepth"`},
		{"a mutation", address("query", remove, "variables", `{"id":"x"}`), 405, "POST"},
		{"a mutation without variables", address("query", remove), 405, "POST"},
		{"a mutation without a name", address("query", `mutation { deleteProfileItem(input: {id: "x"}) { deletedId } }`), 405, "POST"},
		{"one of several", address("query", "query A { __typename } "+remove, "operationName", "Delete"), 405, "POST"},
		{"a mutation behind a comment", address("query", "# query { x }\n"+remove), 405, "POST"},
		{"a mutation of fragments", address("query", `mutation { ...f } fragment f on Mutation { deleteProfileItem(input: {id: "x"}) { deletedId } }`), 405, "POST"},
		{"a mutation by its hash", address("extensions", `{"persistedQuery":{"version":1,"sha256Hash":"`+sha256Of(remove)+`"}}`), 405, "POST"},
		{"a subscription", address("query", "subscription { x }"), 400, "GRAPHQL_VALIDATION_FAILED"},
		{"an unknown hash", address("extensions", `{"persistedQuery":{"version":1,"sha256Hash":"`+sha256Of("x")+`"}}`), 200, "PersistedQueryNotFound"},
	} {
		r := httptest.NewRequest("GET", "/graphql", nil)
		r.URL.RawQuery = test.query
		r.Header.Set("Accept", mediaTypeResponse)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != test.status || !strings.Contains(w.Body.String(), test.says) || w.Code == 405 && w.Header().Get("Allow") != "POST" {
			t.Errorf("%s: %d %v %s", test.name, w.Code, w.Header(), w.Body)
		}
	}
}

// FuzzAddress checks that each query string is either parsed or rejected, with a message that does not quote it.
func FuzzAddress(f *testing.F) {
	for _, seed := range []string{"query={a}", "query=%", "variables={}&variables={}", "variables=%5B", "query=%ff", "extensions={%22persistedQuery%22:{}}", "a;b", "+=+&&="} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q, refused := readAddress(text)
		if refused == nil && !utf8.ValidString(q.query+q.operationName+q.documentID) {
			t.Errorf("%q: %+v", text, q)
		}
		if refused != nil && len(refused.err.Message) > 100 {
			t.Errorf("%q: %s", text, refused.err.Message)
		}
	})
}

func compressed(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return b.String()
}

// TestContentEncoding checks which bodies are decompressed, and the limit of the decompressed size.
func TestContentEncoding(t *testing.T) {
	t.Parallel()
	const ok = `{"query": "{ __typename }"}`
	h := testEndpoint(t)
	for _, test := range []struct {
		name, encoding, body string
		status               int
		says                 string
	}{
		{"gzip", "gzip", compressed(ok), 200, `"data"`},
		{"x-gzip", "X-GZIP", compressed(ok), 200, `"data"`},
		{"identity", "identity", ok, 200, `"data"`},
		{"gzip in two members", "gzip", compressed(ok[:9]) + compressed(ok[9:]), 200, `"data"`},
		{"gzip that is none", "gzip", ok, 400, "not valid gzip"},
		{"gzip that is cut off", "gzip", compressed(ok)[:30], 400, "to its end"},
		{"gzip with something behind it", "gzip", compressed(ok) + "secret", 400, "to its end"},
		{"gzip twice", "gzip, gzip", compressed(compressed(ok)), 415, "must be gzip"},
		{"nothing, but gzip", "", compressed(ok), 400, "UTF-8"},
		{"deflate", "deflate", ok, 415, "must be gzip"},
		{"br", "br", ok, 415, "must be gzip"},
		{"a bomb", "gzip", compressed(strings.Repeat(" ", 50<<20)), 413, `"limit":"bodyBytes"`},
		{"as long as may be", "gzip", compressed(ok + strings.Repeat(" ", maxBody.value-len(ok))), 200, `"data"`},
		{"one byte longer", "gzip", compressed(ok + strings.Repeat(" ", maxBody.value-len(ok)+1)), 413, `"limit":"bodyBytes"`},
		{"long although it is compressed", "gzip", strings.Repeat(compressed(""), maxBody.value/20), 413, `"limit":"bodyBytes"`},
	} {
		w, _ := exchange(t.Context(), h, test.body, "Content-Encoding", test.encoding)
		if w.Code != test.status || !strings.Contains(w.Body.String(), test.says) || strings.Contains(w.Body.String(), "secret") ||
			(w.Code == 415) != (w.Header().Get("Accept-Encoding") == "gzip") {
			t.Errorf("%s: %d %v %s", test.name, w.Code, w.Header(), w.Body)
		}
	}
}

// TestCompressedAnswers checks that only long responses are compressed, and only if the client accepts gzip.
func TestCompressedAnswers(t *testing.T) {
	t.Parallel()
	h := testEndpoint(t)
	long := `{"query": "{ ` + rep(15, strings.Repeat("x", 100)+"#: __typename ") + `}"}`
	for _, test := range []struct {
		name, body, accept, encoding string
	}{
		{"long", long, "gzip, deflate, br", "gzip"}, {"short", `{"query": "{ __typename }"}`, "gzip", ""},
		{"not accepted", long, "", ""}, {"refused", long, "gzip;q=0", ""}, {"identity", long, "identity", ""},
	} {
		w, _ := exchange(t.Context(), h, test.body, "Accept-Encoding", test.accept)
		text := w.Body.String()
		if test.encoding == "gzip" {
			r, err := gzip.NewReader(w.Body)
			if err != nil {
				t.Fatal(err)
			}
			plain, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			text = string(plain)
		}
		if w.Header().Get("Content-Encoding") != test.encoding || !strings.Contains(strings.Join(w.Header().Values("Vary"), ","), "Accept-Encoding") || !strings.HasPrefix(text, `{"`) || !json.Valid([]byte(text)) {
			t.Errorf("%s: %v %.200s", test.name, w.Header(), text)
		}
	}
}

// TestByteOrderMark checks that a byte order mark is ignored before JSON, and is invalid elsewhere.
func TestByteOrderMark(t *testing.T) {
	t.Parallel()
	h := testEndpoint(t)
	for body, status := range map[string]int{"\ufeff" + `{"query": "{ __typename }"}`: 200, "\ufeff\ufeff{}": 400, `{"query": "{ __typename }"}` + "\ufeff": 400} {
		if w, _ := exchange(t.Context(), h, body); w.Code != status {
			t.Errorf("%q: %d %s", body, w.Code, w.Body)
		}
	}
	for _, contentType := range []string{"application/json; charset=utf8", "application/json;charset=UTF8"} {
		if w, _ := exchange(t.Context(), h, `{"query": "{ __typename }"}`, "Content-Type", contentType, "Accept", contentType); w.Code != 200 {
			t.Errorf("%s: %d %s", contentType, w.Code, w.Body)
		}
	}
}
