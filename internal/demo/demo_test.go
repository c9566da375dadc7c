package demo

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

// TestSums compares the embedded files with the checksums that the build wrote. A test in clients/demo builds them again.
func TestSums(t *testing.T) {
	sums, err := os.ReadFile("dist/SHA256SUMS")
	if err != nil {
		t.Fatal(err)
	}
	var actual bytes.Buffer
	names, err := fs.Glob(files, "dist/*.gz")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		content, err := files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if r, err := gzip.NewReader(bytes.NewReader(content)); err != nil {
			t.Errorf("%s: %v", name, err)
		} else if _, err := io.Copy(io.Discard, r); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		sum := sha256.Sum256(content)
		actual.WriteString(hex.EncodeToString(sum[:]) + "  " + strings.TrimPrefix(name, "dist/") + "\n")
	}
	if len(strings.Fields(string(sums))) != 2*len(names) {
		t.Errorf("there are %d files, and the checksums %s", len(names), sums)
	}
	for line := range strings.Lines(actual.String()) {
		if !strings.Contains(string(sums), line) {
			t.Errorf("dist/ is not what the build made of it: %s", line)
		}
	}
}
