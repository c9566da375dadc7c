package edge

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// answered is what the endpoint behind the edge says.
const answered = "from the endpoint"

func newEdge(t *testing.T, o Options) http.Handler {
	t.Helper()
	if o.Health == nil {
		o.Health = new(Health)
	}
	endpoint := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Panic") != "" {
			panic(r.Header.Get("Panic"))
		}
		_, _ = io.WriteString(w, answered)
	})
	pages := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.NotFound(w, r)
		}
	})
	h, err := New(o, endpoint, pages)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func ask(h http.Handler, method, url string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, url, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// TestHosts holds which names are answered to.
func TestHosts(t *testing.T) {
	t.Parallel()
	h := newEdge(t, Options{Hosts: append([]string{"profile.test"}, Loopback...)})
	for host, known := range map[string]bool{
		"localhost": true, "localhost:8080": true, "LOCALHOST:1": true, "127.0.0.1": true, "127.0.0.1:8080": true,
		"[::1]": true, "[::1]:8080": true, "profile.test": true, "profile.test:80": true,
		"rebind.example": false, "rebind.example:8080": false, "localhost.rebind.example": false, "127.0.0.1.rebind.example": false,
		"127.0.0.2": false, "0.0.0.0:8080": false, "[::]": false, "::1": false, "localhost.": false, "": false, "x.profile.test": false, "[::1": false,
	} {
		r := httptest.NewRequest("POST", "/graphql", nil)
		r.Host = host
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		want := http.StatusMisdirectedRequest
		if known {
			want = http.StatusOK
		}
		if w.Code != want || !known && !strings.Contains(w.Body.String(), `"code":"BAD_REQUEST"`) {
			t.Errorf("%q: %d %s", host, w.Code, w.Body)
		}
	}
	for _, path := range []string{"/", "/healthz", "/nowhere"} {
		if w := ask(h, "GET", "http://rebind.example"+path); w.Code != http.StatusMisdirectedRequest {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	if w := ask(newEdge(t, Options{}), "POST", "http://anything.example/graphql"); w.Body.String() != answered {
		t.Errorf("without names: %d", w.Code)
	}
}

// TestOrigins holds which pages are answered, as browsers tell them.
func TestOrigins(t *testing.T) {
	t.Parallel()
	const app, other = "https://app.example.com", "https://evil.example"
	closed, open := newEdge(t, Options{}), newEdge(t, Options{Origins: []string{app, "http://localhost:3000"}, Headers: []string{"Authorization", "X-Hr-Authorization"}})
	for _, test := range []struct {
		name    string
		h       http.Handler
		header  []string
		status  int
		allowed string
	}{
		{"no browser", closed, nil, 200, ""},
		{"our own page", closed, []string{"Origin", "http://example.com", "Sec-Fetch-Site", "same-origin"}, 200, ""},
		{"our own page, of an old browser", closed, []string{"Origin", "http://example.com"}, 200, ""},
		{"another page", closed, []string{"Origin", app, "Sec-Fetch-Site", "cross-site"}, 403, ""},
		{"another page, of an old browser", closed, []string{"Origin", app}, 403, ""},
		{"another page of the same site", closed, []string{"Origin", "http://x.example.com", "Sec-Fetch-Site", "same-site"}, 403, ""},
		{"a page without an origin", closed, []string{"Origin", "null", "Sec-Fetch-Site", "cross-site"}, 403, ""},
		{"a listed page", open, []string{"Origin", app, "Sec-Fetch-Site", "cross-site"}, 200, app},
		{"the other listed page", open, []string{"Origin", "http://localhost:3000", "Sec-Fetch-Site", "cross-site"}, 200, "http://localhost:3000"},
		{"a page that is not listed", open, []string{"Origin", other, "Sec-Fetch-Site", "cross-site"}, 403, ""},
		{"a listed page of another port", open, []string{"Origin", app + ":444", "Sec-Fetch-Site", "cross-site"}, 403, ""},
		{"no browser, where pages are listed", open, nil, 200, ""},
	} {
		w := ask(test.h, "POST", "http://example.com/graphql", test.header...)
		if w.Code != test.status || w.Header().Get("Access-Control-Allow-Origin") != test.allowed || (w.Code == 403) == strings.Contains(w.Body.String(), answered) {
			t.Errorf("%s: %d %v %s", test.name, w.Code, w.Header(), w.Body)
		}
		if w.Header().Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s: cookies are asked for", test.name)
		}
	}
	preflight := []string{"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "content-type"}
	w := ask(open, "OPTIONS", "http://example.com/graphql", append(preflight, "Origin", app)...)
	if w.Code != 204 || w.Header().Get("Access-Control-Allow-Headers") != "content-type, client-request-id, Authorization, X-Hr-Authorization" || w.Header().Get("Access-Control-Allow-Methods") != "POST" || w.Header().Get("Vary") != "Origin" {
		t.Errorf("preflight: %d %v", w.Code, w.Header())
	}
	for name, h := range map[string]http.Handler{"closed": closed, "open": open} {
		w := ask(h, "OPTIONS", "http://example.com/graphql", append(preflight, "Origin", other)...)
		if w.Header().Get("Access-Control-Allow-Origin") != "" || w.Header().Get("Access-Control-Allow-Methods") != "" {
			t.Errorf("preflight of another page, %s: %v", name, w.Header())
		}
	}
}

// TestBadOrigins are refused at the start: no browser would ever send them.
func TestBadOrigins(t *testing.T) {
	t.Parallel()
	for _, origin := range []string{"", "*", "null", "app.example.com", "https://", "https://app.example.com/", "https://*.example.com", "https://APP.example.com", "ftp://x", "https://u@x", "https://x?y"} {
		if _, err := New(Options{Origins: []string{origin}, Health: new(Health)}, http.NotFoundHandler(), nil); err == nil {
			t.Errorf("%q is taken", origin)
		}
	}
}

// TestHealth holds that the answers are statuses alone, and that a service which stops is alive but not ready.
func TestHealth(t *testing.T) {
	t.Parallel()
	health := new(Health)
	h := newEdge(t, Options{Health: health})
	status := func(path string) int {
		w := ask(h, "GET", path)
		if w.Body.Len() > 0 {
			t.Errorf("%s says %s", path, w.Body)
		}
		return w.Code
	}
	if status("/healthz") != 204 || status("/readyz") != 204 {
		t.Error("not there from the start")
	}
	health.Stop()
	if status("/healthz") != 204 || status("/readyz") != 503 {
		t.Error("ready although it stops")
	}
}

// TestEveryAnswer holds what every answer says to browsers, refusals and unknown paths among them.
func TestEveryAnswer(t *testing.T) {
	t.Parallel()
	h := newEdge(t, Options{Hosts: []string{"example.com"}, Internal: func(*http.Request, any) string { return "id" }})
	for url, status := range map[string]int{
		"/graphql": 200, "/": 200, "/healthz": 204, "/readyz": 204, "/nowhere": 404, "/graphql/": 404, "/.git/config": 404, "http://other/": 421,
	} {
		w := ask(h, "GET", url)
		if w.Code != status {
			t.Errorf("%s: %d", url, w.Code)
		}
		for name, want := range map[string]string{
			"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
			"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
			"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'", "Strict-Transport-Security": "",
		} {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%s: %s is %q", url, name, got)
			}
		}
	}
	if w := ask(h, "GET", "https://example.com/"); w.Header().Get("Strict-Transport-Security") == "" {
		t.Error("over TLS, browsers are not told to stay there")
	}
	bare, err := New(Options{Health: new(Health)}, http.NotFoundHandler(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if w := ask(bare, "GET", "/"); w.Code != 404 {
		t.Errorf("without pages: %d", w.Code)
	}
}

// TestPanics are answered, told with an id, and the next request is served.
func TestPanics(t *testing.T) {
	t.Parallel()
	var told any
	h := newEdge(t, Options{Internal: func(_ *http.Request, p any) string { told = p; return "the-id" }})
	w := ask(h, "POST", "/graphql", "Panic", "s3cret")
	if w.Code != 500 || !strings.Contains(w.Body.String(), `"errorId":"the-id"`) || strings.Contains(w.Body.String(), "s3cret") || told != "s3cret" {
		t.Errorf("%d %s, told %v", w.Code, w.Body, told)
	}
	if w := ask(h, "POST", "/graphql"); w.Body.String() != answered {
		t.Errorf("the next request: %d", w.Code)
	}
}

// TestDirect holds which requests have come through a proxy.
func TestDirect(t *testing.T) {
	t.Parallel()
	for name, direct := range map[string]bool{
		"Accept": true, "X-Forward": true, "Forwarded": false, "Via": false, "X-Forwarded-For": false, "X-Forwarded-Proto": false, "x-forwarded-host": false,
	} {
		h := make(http.Header)
		h.Set(name, "x")
		if Direct(h) != direct {
			t.Errorf("%s: %t", name, !direct)
		}
	}
}
