package demo

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

// get returns a response and its body.
func get(t *testing.T, path string) (*http.Response, string) {
	t.Helper()
	handler, err := New(func(http.Header) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Result(), w.Body.String()
}

// TestPage tests that what the page loads is there, and that its policy permits nothing inline.
func TestPage(t *testing.T) {
	resp, page := get(t, "/demo")
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("got %s %v", resp.Status, resp.Header)
	}
	if csp := resp.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
		t.Errorf("the policy is %q", csp)
	}
	assets := regexp.MustCompile(`(?:src|href)="\./([^"]+)"`).FindAllStringSubmatch(page, -1)
	if len(assets) != 3 || len(assets) != len(regexp.MustCompile(`(?:src|href)=`).FindAllString(page, -1)) {
		t.Errorf("the page loads something else: %s", page)
	}
	for _, asset := range assets {
		if resp, _ := get(t, "/"+asset[1]); resp.StatusCode != 200 || resp.Header.Get("Content-Type") == "" {
			t.Errorf("%s: %s, %q", asset[1], resp.Status, resp.Header.Get("Content-Type"))
		}
	}
	if _, licenses := get(t, "/demo/LICENSES.txt"); !strings.Contains(licenses, "react-dom") {
		t.Error("the licenses are missing")
	}
}

// TestSize tests that all that a browser loads is at most 120 kB.
func TestSize(t *testing.T) {
	total := 0
	for _, name := range []string{"index.html", "app.js", "index.css", "icon.svg"} {
		content, err := files.ReadFile("dist/" + name + ".gz")
		if err != nil {
			t.Fatal(err)
		}
		total += len(content)
	}
	if total > 120_000 {
		t.Errorf("the page has %d bytes", total)
	}
}
