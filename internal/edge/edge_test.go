package edge

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// answered is the response of the endpoint.
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

// TestHosts holds which Host names are allowed.
func TestHosts(t *testing.T) {
	t.Parallel()
	h := newEdge(t, Options{Hosts: append([]string{"profile.test"}, Loopback...)})
	for host, known := range map[string]bool{
		"localhost": true, "localhost:8080": true, "LOCALHOST:1": true, "127.0.0.1": true, "127.0.0.1:8080": true,
		"[::1]": true, "[::1]:8080": true, "profile.test": true, "profile.test:80": true,
		"rebind.example": false, "rebind.example:8080": false, "localhost.rebind.example": false, "127.0.0.1.rebind.example": false,
		"localhost.": true, "localhost.:8080": true, "profile.test.": true, "127.0.0.2": false, "0.0.0.0:8080": false, "[::]": false, "::1": false, "localhost..": false, "rebind.example.": false, ".": false, "": false, "x.profile.test": false, "[::1": false,
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
	for path, status := range map[string]int{"/": 421, "/nowhere": 421, "/graphql": 421, "/healthz": 204, "/readyz": 204} {
		if w := ask(h, "GET", "http://rebind.example"+path); w.Code != status {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	if w := ask(newEdge(t, Options{}), "POST", "http://anything.example/graphql"); w.Body.String() != answered {
		t.Errorf("without names: %d", w.Code)
	}
}

// TestBasePath holds what is served below a path, and what is not.
func TestBasePath(t *testing.T) {
	t.Parallel()
	h := newEdge(t, Options{BasePath: "/a/profileql"})
	for path, status := range map[string]int{
		"/a/profileql/": 200, "/a/profileql/graphql": 200, "/a/profileql/healthz": 204, "/a/profileql/readyz": 204,
		"/healthz": 204, "/readyz": 204, "/a/profileql": 307, "/a/profileql/nowhere": 404,
		"/": 404, "/graphql": 404, "/a/": 404, "/a/profileqlx/": 404, "/a/profileql/a/profileql/graphql": 404,
	} {
		if w := ask(h, "GET", path); w.Code != status {
			t.Errorf("%s: %d, want %d", path, w.Code, status)
		}
	}
	if to := ask(h, "GET", "/a/profileql").Header().Get("Location"); to != "/a/profileql/" {
		t.Errorf("redirected to %q", to)
	}
}

// TestOrigins holds which cross-origin requests are allowed.
func TestOrigins(t *testing.T) {
	t.Parallel()
	const app, other = "https://app.example.com", "https://evil.example"
	closed, open := newEdge(t, Options{}), newEdge(t, Options{Origins: []string{app, "http://localhost:3000", "https://*.preview.example.com", "capacitor://localhost"}})
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
		{"a person who types the address", closed, []string{"Sec-Fetch-Site", "none"}, 200, ""},
		{"a link or a picture on another page", closed, []string{"Sec-Fetch-Site", "cross-site"}, 403, ""},
		{"a link on another page, where pages are listed", open, []string{"Sec-Fetch-Site", "cross-site"}, 403, ""},
		{"a page below a name", open, []string{"Origin", "https://pr-1.preview.example.com", "Sec-Fetch-Site", "cross-site"}, 200, "https://pr-1.preview.example.com"},
		{"a page two labels below a name", open, []string{"Origin", "https://a.b.preview.example.com", "Sec-Fetch-Site", "cross-site"}, 403, ""},
		{"a page of the name itself", open, []string{"Origin", "https://preview.example.com", "Sec-Fetch-Site", "cross-site"}, 403, ""},
		{"a page below a name, of another port", open, []string{"Origin", "https://a.preview.example.com:8443", "Sec-Fetch-Site", "cross-site"}, 403, ""},
		{"a page below a name, in the clear", open, []string{"Origin", "http://a.preview.example.com", "Sec-Fetch-Site", "cross-site"}, 403, ""},
		{"a page below nothing", open, []string{"Origin", "https://.preview.example.com", "Sec-Fetch-Site", "cross-site"}, 403, ""},
		{"a page of a name that ends alike", open, []string{"Origin", "https://evil.example/.preview.example.com", "Sec-Fetch-Site", "cross-site"}, 403, ""},
		{"an app's shell", open, []string{"Origin", "capacitor://localhost", "Sec-Fetch-Site", "cross-site"}, 200, "capacitor://localhost"},
		{"an app's shell that is not listed", open, []string{"Origin", "ionic://localhost", "Sec-Fetch-Site", "cross-site"}, 403, ""},
	} {
		for _, method := range []string{"POST", "GET"} {
			w := ask(test.h, method, "http://example.com/graphql", test.header...)
			if w.Code != test.status || w.Header().Get("Access-Control-Allow-Origin") != test.allowed || (w.Code == 403) == strings.Contains(w.Body.String(), answered) {
				t.Errorf("%s, %s: %d %v %s", test.name, method, w.Code, w.Header(), w.Body)
			}
			if w.Header().Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("%s, %s: cookies are asked for", test.name, method)
			}
		}
	}
	w := ask(open, "POST", "http://example.com/graphql", "Origin", app)
	if got := w.Header().Get("Access-Control-Expose-Headers"); got != "content-type, retry-after, request-id" {
		t.Errorf("exposed: %s", got)
	}
}

// TestPreflight holds which headers a preflight allows.
func TestPreflight(t *testing.T) {
	t.Parallel()
	const app, other = "https://app.example.com", "https://evil.example"
	closed, open := newEdge(t, Options{}), newEdge(t, Options{Origins: []string{app}})
	preflight := func(h http.Handler, origin string, headers ...string) http.Header {
		r := httptest.NewRequest("OPTIONS", "http://example.com/graphql", nil)
		r.Header = http.Header{"Origin": {origin}, "Access-Control-Request-Method": {"POST"}, "Access-Control-Request-Headers": headers}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Header()
	}
	long := strings.Repeat("x", maxHeaderName)
	for asked, allowed := range map[string]string{
		"content-type": "content-type", "authorization,traceparent, baggage,sentry-trace": "authorization, traceparent, baggage, sentry-trace",
		"x-apollo-operation-name,apollographql-client-name,apollo-require-preflight,x-datadog-trace-id": "x-apollo-operation-name, apollographql-client-name, apollo-require-preflight, x-datadog-trace-id",
		"": "", " ": "", ",": "", "a,,b": "", "a b": "", "a:b": "", "é": "", "a\x00": "", long: long, long + "x": "",
		strings.TrimSuffix(strings.Repeat("x,", maxRequestedHeaders+1), ","): "", strings.Repeat(" ", maxRequestedBytes) + "a": "",
	} {
		h := preflight(open, app, asked)
		if got := h.Get("Access-Control-Allow-Headers"); got != allowed {
			t.Errorf("%.100q: %q", asked, got)
		}
		if h.Get("Access-Control-Allow-Methods") != "GET, POST" || h.Get("Access-Control-Allow-Origin") != app || strings.Join(h.Values("Vary"), ",") != "Origin,Access-Control-Request-Headers" {
			t.Errorf("%.100q: %v", asked, h)
		}
	}
	if got := preflight(open, app, "a", "b").Get("Access-Control-Allow-Headers"); got != "a, b" {
		t.Errorf("in two lines: %s", got)
	}
	for name, h := range map[string]http.Handler{"closed": closed, "open": open} {
		got := preflight(h, other, "content-type")
		if got.Get("Access-Control-Allow-Origin") != "" || got.Get("Access-Control-Allow-Methods") != "" {
			t.Errorf("of another page, %s: %v", name, got)
		}
	}
}

// TestBadOrigins holds that origins that no browser would send are rejected at the start.
func TestBadOrigins(t *testing.T) {
	t.Parallel()
	for _, origin := range []string{"", "*", "null", "app.example.com", "https://", "https://app.example.com/", "https://*.com", "https://*.co.uk", "https://*.github.io", "https://*.localhost", "https://*.0.0.1", "https://*", "https://a.*.example.com", "https://*a.example.com", "https://**.example.com", "https://*.*.example.com", "capacitor://*.example.com", "file://x", "capacitor://", "capacitor:", "https://x:", "https://APP.example.com", "ftp://x", "https://u@x", "https://x?y"} {
		if _, err := New(Options{Origins: []string{origin}, Health: new(Health)}, http.NotFoundHandler(), nil); err == nil {
			t.Errorf("%q is taken", origin)
		}
	}
}

// TestHealth holds that health responses have no body, and that a stopping service is live but not ready.
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

// TestSecurityHeaders holds the headers of every response, errors and unknown paths included.
func TestSecurityHeaders(t *testing.T) {
	t.Parallel()
	h := newEdge(t, Options{Hosts: []string{"example.com"}, LogPanic: func(*http.Request, any) string { return "id" }})
	for url, status := range map[string]int{
		"/graphql": 200, "/": 200, "/healthz": 204, "/readyz": 204, "/nowhere": 404, "/graphql/": 404, "/.git/config": 404, "http://other/": 421, "http://other/healthz": 204,
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

// TestPanics holds that a panic is logged and answered with an id, and that the next request is served.
func TestPanics(t *testing.T) {
	t.Parallel()
	var told any
	h := newEdge(t, Options{LogPanic: func(_ *http.Request, p any) string { told = p; return "the-id" }})
	w := ask(h, "POST", "/graphql", "Panic", "s3cret")
	if w.Code != 500 || !strings.Contains(w.Body.String(), `"errorId":"the-id"`) || strings.Contains(w.Body.String(), "s3cret") || told != "s3cret" {
		t.Errorf("%d %s, told %v", w.Code, w.Body, told)
	}
	if w := ask(h, "POST", "/graphql"); w.Body.String() != answered {
		t.Errorf("the next request: %d", w.Code)
	}
}

// TestDirect holds which requests have passed a proxy.
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

// TestRedirectBrowsers tests who is redirected from the endpoint to the page: browsers that open its address and may see the
// page.
func TestRedirectBrowsers(t *testing.T) {
	t.Parallel()
	handler, err := New(Options{Health: new(Health), PageShown: Direct}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
	}), nil)
	if err != nil {
		t.Fatal(err)
	}
	const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	for _, test := range []struct {
		method, target string
		header         http.Header
		redirected     bool
	}{
		{"GET", "/graphql", http.Header{"Accept": {browser}}, true},
		{"GET", "/graphql", http.Header{"Accept": {browser}, "Sec-Fetch-Site": {"cross-site"}}, true},
		{"GET", "/graphql?query={__typename}", http.Header{"Accept": {browser}}, false},
		{"GET", "/graphql", http.Header{"Accept": {"*/*"}}, false},
		{"GET", "/graphql", http.Header{"Accept": {browser}, "Via": {"1.1 proxy"}}, false},
		{"POST", "/graphql", http.Header{"Accept": {browser}}, false},
	} {
		r := httptest.NewRequest(test.method, test.target, nil)
		r.Header = test.header
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if redirected := w.Code == http.StatusFound && w.Header().Get("Location") == "./"; redirected != test.redirected {
			t.Errorf("%s %s %v: %d %v", test.method, test.target, test.header, w.Code, w.Header())
		}
	}
}
