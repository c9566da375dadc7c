package webpage

import (
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/fstest"
)

const (
	policy = "default-src 'self'"
	style  = "body { margin: 0 }"
)

func get(t *testing.T, method, path string, header ...string) *http.Response {
	t.Helper()
	var compressed bytes.Buffer
	w := gzip.NewWriter(&compressed)
	if _, err := io.WriteString(w, style); err != nil || w.Close() != nil {
		t.Fatal("gzip failed")
	}
	handler, err := New(Options{
		Path: "/page", HTML: []byte("<!doctype html>"), Prefix: "/page/", Policy: policy,
		Assets: []fs.FS{
			fstest.MapFS{"own/start.js": {Data: []byte("start()")}, "own/index.html": {}},
			fstest.MapFS{"dist/style.css.gz": {Data: compressed.Bytes()}, "dist/index.html.gz": {}},
		},
		Shown: func(h http.Header) bool { return h.Get("Via") == "" },
	})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, r)
	return recorder.Result()
}

func TestRequests(t *testing.T) {
	for _, test := range []struct {
		method, path string
		status       int
		contentType  string
	}{
		{"GET", "/page", 200, "text/html; charset=utf-8"},
		{"HEAD", "/page", 200, "text/html; charset=utf-8"},
		{"GET", "/page/start.js", 200, "text/javascript; charset=utf-8"},
		{"GET", "/page/style.css", 200, "text/css; charset=utf-8"},
		{"POST", "/page", 405, ""},
		{"DELETE", "/page/start.js", 405, ""},
		{"GET", "/", 404, ""},
		{"GET", "/page/", 404, ""},
		{"GET", "/page/index.html", 404, ""},
		{"GET", "/page/style.css.gz", 404, ""},
		{"POST", "/nowhere", 404, ""},
	} {
		resp := get(t, test.method, test.path, "Accept-Encoding", "gzip")
		if resp.StatusCode != test.status || test.contentType != "" && resp.Header.Get("Content-Type") != test.contentType {
			t.Errorf("%s %s: %s %v", test.method, test.path, resp.Status, resp.Header)
		}
		if resp.Header.Get("Content-Security-Policy") != policy || resp.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s %s: %v", test.method, test.path, resp.Header)
		}
		if allow := resp.Header.Get("Allow"); (allow == "GET, HEAD") != (test.status == 405) {
			t.Errorf("%s %s: Allow %q", test.method, test.path, allow)
		}
	}
}

// TestHidden tests that requests which may not see the page get 404 for all of its files.
func TestHidden(t *testing.T) {
	for _, path := range []string{"/page", "/page/start.js"} {
		if resp := get(t, "GET", path, "Via", "1.1 proxy"); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", path, resp.Status)
		}
	}
}

func TestCompression(t *testing.T) {
	for _, test := range []struct {
		accept     string
		compressed bool
	}{
		{"", false}, {"gzip", true}, {"br, gzip;q=0.5", true}, {"gzip;q=0", false}, {"*", true}, {"*;q=0", false},
		{"*, gzip;q=0", false}, {"identity", false}, {"gzip;q=x", false},
	} {
		resp := get(t, "GET", "/page/style.css", "Accept-Encoding", test.accept)
		if compressed := resp.Header.Get("Content-Encoding") == "gzip"; compressed != test.compressed {
			t.Errorf("Accept-Encoding %q: compressed is %v", test.accept, compressed)
		}
		content := io.Reader(resp.Body)
		if test.compressed {
			unpacked, err := gzip.NewReader(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			content = unpacked
		}
		if text, err := io.ReadAll(content); string(text) != style || err != nil {
			t.Errorf("Accept-Encoding %q: %q, %v", test.accept, text, err)
		}
	}
}
