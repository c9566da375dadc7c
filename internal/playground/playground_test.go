package playground

import (
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
	page := read(t, get(t, "GET", "/"))
	for _, match := range regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(page, -1) {
		resp := get(t, "GET", "/"+match[1])
		if resp.StatusCode != 200 || resp.Header.Get("Content-Type") == "" {
			t.Errorf("the page refers to %s: %s, %q", match[1], resp.Status, resp.Header.Get("Content-Type"))
		}
	}
	if !strings.Contains(read(t, get(t, "GET", "/playground/LICENSES.txt")), "MIT License") {
		t.Error("the licenses are missing")
	}
}
