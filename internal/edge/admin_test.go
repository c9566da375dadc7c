package edge

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

func newAdmin(t *testing.T, o AdminOptions) http.Handler {
	t.Helper()
	o.Health = new(Health)
	o.Metrics = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Panic") != "" {
			panic(r.Header.Get("Panic"))
		}
	})
	o.LogPanic = func(*http.Request, any) string { return "the-id" }
	if o.Settings == nil {
		o.Settings = func(w io.Writer) error { _, err := io.WriteString(w, "listen: here\n"); return err }
	}
	h, err := NewAdmin(o)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestAdmin holds what the operator's listener serves, and to whom.
func TestAdmin(t *testing.T) {
	t.Parallel()
	h := newAdmin(t, AdminOptions{Hosts: Loopback})
	const evil, here = "http://evil.example", "http://localhost:9090"
	for _, test := range []struct {
		method, url string
		header      []string
		want        int
	}{
		{"GET", here + "/metrics", nil, 200},
		{"GET", here + "/config", nil, 200},
		{"GET", here + "/healthz", nil, 204},
		{"GET", here + "/readyz", nil, 204},
		{"GET", here + "/debug/pprof/", nil, 200},
		{"GET", here + "/debug/pprof/goroutine", nil, 200},
		{"GET", here + "/debug/pprof/cmdline", nil, 200},
		{"GET", here + "/debug/pprof/symbol", nil, 200},
		{"GET", here + "/debug/pprof/nonsense", nil, 404},
		{"GET", here + "/", nil, 404},
		{"POST", here + "/graphql", nil, 404},
		{"POST", here + "/config", nil, 405},
		{"GET", here + "/metrics", []string{"Sec-Fetch-Site", "none"}, 200},
		{"GET", here + "/metrics", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"GET", here + "/debug/pprof/profile", []string{"Sec-Fetch-Site", "same-site"}, 403},
		{"GET", here + "/config", []string{"Origin", evil}, 403},
		{"GET", evil + ":9090/metrics", nil, 421},
		{"GET", evil + ":9090/debug/pprof/", nil, 421},
		{"GET", evil + ":9090/healthz", nil, 204},
	} {
		w := ask(h, test.method, test.url, test.header...)
		if w.Code != test.want {
			t.Errorf("%s %s %v: %d", test.method, test.url, test.header, w.Code)
		}
		if w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %v", test.url, w.Header())
		}
	}
	if w := ask(h, "GET", here+"/config"); w.Body.String() != "listen: here\n" || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") {
		t.Errorf("%v %s", w.Header(), w.Body)
	}
	if w := ask(newAdmin(t, AdminOptions{}), "GET", evil+":9090/metrics"); w.Code != 200 {
		t.Errorf("off loopback, another Host: %d", w.Code)
	}
}

// TestAdminFails holds that a panic and an error are answered, and that the next request is served.
func TestAdminFails(t *testing.T) {
	t.Parallel()
	h := newAdmin(t, AdminOptions{Settings: func(w io.Writer) error {
		_, _ = io.WriteString(w, "half")
		return errors.New("s3cret")
	}})
	if w := ask(h, "GET", "/metrics", "Panic", "s3cret"); w.Code != 500 || !strings.Contains(w.Body.String(), "the-id") || strings.Contains(w.Body.String(), "s3cret") {
		t.Errorf("a panic: %d %s", w.Code, w.Body)
	}
	if w := ask(h, "GET", "/config"); w.Code != 500 || strings.Contains(w.Body.String(), "s3cret") || strings.Contains(w.Body.String(), "half") {
		t.Errorf("an error: %d %s", w.Code, w.Body)
	}
	if w := ask(h, "GET", "/metrics"); w.Code != 200 {
		t.Errorf("the next request: %d", w.Code)
	}
}
