package playground

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
)

func get(t *testing.T, method, path string, header ...string) *http.Response {
	t.Helper()
	shown := func(http.Header) bool { return true }
	handler, err := New(Options{Endpoint: "graphql", Shown: shown, Tabs: []Tab{{Query: "{ me { id } } # </script>", Variables: `{"a": "<b>"}`}}})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w.Result()
}

func read(t *testing.T, resp *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestPage(t *testing.T) {
	resp := get(t, "GET", "/")
	body := read(t, resp)
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/html; charset=utf-8" || resp.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("got %s %v", resp.Status, resp.Header)
	}
	if strings.Count(body, "</script>") != 6 {
		t.Errorf("an option has broken out of its place: %s", body)
	}
	csp := resp.Header.Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "script-src 'self';", "connect-src 'self'", "frame-ancestors 'none'"} {
		if !strings.Contains(csp, part) {
			t.Errorf("the policy lacks %q: %s", part, csp)
		}
	}
}

// TestNothingFromElsewhere checks our own files. The browser test checks that GraphiQL requests nothing from other
// hosts.
func TestNothingFromElsewhere(t *testing.T) {
	address := regexp.MustCompile(`(?:https?:)?//[a-z0-9.-]+\.[a-z]+`)
	own, err := fs.Glob(pageFiles, "page/*[slm]") // not images, whose namespace is an address
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range own {
		path := strings.Replace(name, "page", "/playground", 1)
		if path == "/playground/index.html" {
			path = "/"
		}
		for _, found := range address.FindAllString(read(t, get(t, "GET", path)), -1) {
			t.Errorf("%s names %s", path, found)
		}
	}
}

// TestErrorCodes tests that the page about error codes says what README.md says.
func TestErrorCodes(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	page := read(t, get(t, "GET", "/playground/errors.html"))
	code := regexp.MustCompile("`([^`]+)`")
	rows := regexp.MustCompile("(?m)^\\| (`[A-Z_]+`(?:, `[A-Z_]+`)*) \\| (.*) \\|$").FindAllStringSubmatch(string(readme), -1)
	for _, row := range rows {
		want := "<dt>" + code.ReplaceAllString(row[1], `<code id="$1">$1</code>`) + "</dt>\n<dd>" + code.ReplaceAllString(row[2], "<code>$1</code>") + "</dd>\n"
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if n := strings.Count(page, "<dt>"); n != len(rows) || n < 15 {
		t.Errorf("the page has %d rows, README.md %d", n, len(rows))
	}
}

func TestAssets(t *testing.T) {
	assets, err := loadAssets()
	if err != nil {
		t.Fatal(err)
	}
	page := read(t, get(t, "GET", "/"))
	for _, match := range regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(page, -1) {
		if _, there := assets["/"+match[1]]; !there {
			t.Errorf("the page refers to %s, which is not there", match[1])
		}
	}
	for path, asset := range assets {
		if asset.contentType == "" {
			t.Errorf("%s has no content type", path)
		}
	}
	if !strings.Contains(read(t, get(t, "GET", "/playground/LICENSES.txt")), "MIT License") {
		t.Error("the licenses are missing")
	}
}

func TestCompression(t *testing.T) {
	const path = "/playground/graphiql.min.css"
	for _, test := range []struct {
		accept     string
		compressed bool
	}{
		{"", false}, {"gzip", true}, {"br, gzip;q=0.5", true}, {"gzip;q=0", false}, {"*", true}, {"*;q=0", false},
		{"*, gzip;q=0", false}, {"identity", false}, {"gzip;q=x", false},
	} {
		resp := get(t, "GET", path, "Accept-Encoding", test.accept)
		body := read(t, resp)
		if compressed := resp.Header.Get("Content-Encoding") == "gzip"; compressed != test.compressed {
			t.Errorf("Accept-Encoding %q: compressed is %v", test.accept, compressed)
		}
		if test.compressed {
			unpacked, err := gzip.NewReader(strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			plain, _ := io.ReadAll(unpacked)
			body = string(plain)
		}
		if !strings.Contains(body, ".graphiql-container") {
			t.Errorf("Accept-Encoding %q: not the style sheet", test.accept)
		}
	}
}

// TestHidden tests that requests which may not see the playground get 404 for all of its files.
func TestHidden(t *testing.T) {
	handler, err := New(Options{Endpoint: "graphql", Shown: func(h http.Header) bool { return h.Get("Via") == "" }})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/", "/playground/boot.js"} {
		r := httptest.NewRequest("GET", path, nil)
		r.Header.Set("Via", "1.1 proxy")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

func TestMethodsAndPaths(t *testing.T) {
	for _, test := range []struct {
		method, path string
		status       int
	}{
		{"HEAD", "/", 200}, {"POST", "/", 405}, {"DELETE", "/playground/boot.js", 405}, {"GET", "/playground/", 404},
		{"GET", "/index.html", 404}, {"GET", "/playground/index.html", 404}, {"POST", "/nowhere", 404},
	} {
		resp := get(t, test.method, test.path)
		if resp.StatusCode != test.status || test.status == 405 && resp.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s %s: %s, Allow %q", test.method, test.path, resp.Status, resp.Header.Get("Allow"))
		}
		if resp.Header.Get("Content-Security-Policy") != policy {
			t.Errorf("%s %s has no policy", test.method, test.path)
		}
	}
}

// TestSums compares the embedded files with the checksums that npm/build.sh wrote.
func TestSums(t *testing.T) {
	sums, err := os.ReadFile("dist/SHA256SUMS")
	if err != nil {
		t.Fatal(err)
	}
	var actual bytes.Buffer
	files, err := fs.Glob(distFiles, "dist/*.gz")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		content, err := distFiles.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(content)
		actual.WriteString(hex.EncodeToString(sum[:]) + "  " + strings.TrimPrefix(name, "dist/") + "\n")
	}
	if actual.String() != string(sums) {
		t.Errorf("dist/ is not what npm/build.sh made of it:\n%s\nagainst\n%s", actual.String(), sums)
	}
}
