// Package playground serves GraphiQL, a page for trying GraphQL operations, from the binary. The page loads nothing
// from other hosts and stores nothing in the browser.
//
// page/ contains our own page and the script that starts GraphiQL. dist/ contains GraphiQL and React as published,
// compressed, with their licenses. npm/build.sh rebuilds dist/ reproducibly.
package playground

import (
	"bytes"
	"compress/gzip"
	"embed"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed page
var pageFiles embed.FS

//go:embed dist/*.gz
var distFiles embed.FS

// Options are the options of [New].
type Options struct {
	Endpoint string                 // of GraphQL, relative to the page, such as "graphql"
	Tabs     []Tab                  // tabs that the page opens with; the first one is active
	People   []Person               // who may be chosen as signed in; empty if there is no sandbox
	Sources  map[string]string      // base URLs of sandboxes by name, for commands that repeat a request
	Shown    func(http.Header) bool // reports whether a request with these headers may see the page
}

// Person is a person of a sandbox, whose token is no secret.
type Person struct {
	Name  string `json:"name"`
	Token string `json:"token"`
}

// Tab is an operation in the editor of the page.
type Tab struct {
	Query     string `json:"query"`
	Variables string `json:"variables"` // JSON
}

// policy allows the page to load what this package serves and to connect to its own origin, and nothing else.
// 'unsafe-inline' is for GraphiQL's editor, which sets styles from scripts; data: is for the fonts in its style
// sheet.
const policy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src data:; " +
	"img-src 'self' data:; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'"

// New returns a handler for the page, "/", and its assets, "/playground/…". Other paths are answered with 404. The page
// names its assets relative to its own address, so that it works below a path that a proxy strips.
func New(o Options) (http.Handler, error) {
	page, err := renderPage(o)
	if err != nil {
		return nil, err
	}
	assets, err := loadAssets()
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Cache-Control", "no-store")
		asset, isAsset := assets[r.URL.Path]
		switch {
		case !o.Shown(r.Header) || !isAsset && r.URL.Path != "/":
			http.NotFound(w, r)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			h.Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		case isAsset:
			asset.serve(w, r)
		default:
			h.Set("Content-Type", "text/html; charset=utf-8")
			_, _ = w.Write(page)
		}
	}), nil
}

func renderPage(o Options) ([]byte, error) {
	t, err := template.ParseFS(pageFiles, "page/index.html")
	if err != nil {
		return nil, err
	}
	var page bytes.Buffer
	err = t.Execute(&page, map[string]any{
		"endpoint": o.Endpoint, "tabs": o.Tabs, "people": append([]Person{}, o.People...), "sources": o.Sources,
	})
	return page.Bytes(), err
}

// asset is a file that the page loads.
type asset struct {
	contentType string
	content     []byte
	compressed  bool // content is gzip
}

// loadAssets returns all assets by their paths.
func loadAssets() (map[string]asset, error) {
	assets := make(map[string]asset)
	for _, files := range []fs.FS{pageFiles, distFiles} {
		err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || path.Base(name) == "index.html" {
				return err
			}
			content, err := fs.ReadFile(files, name)
			if err != nil {
				return err
			}
			plain, compressed := strings.CutSuffix(path.Base(name), ".gz")
			assets["/playground/"+plain] = asset{
				contentType: mime.TypeByExtension(path.Ext(plain)),
				content:     content,
				compressed:  compressed,
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("playground: %w", err)
		}
	}
	return assets, nil
}

func (a asset) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", a.contentType)
	h.Set("Vary", "Accept-Encoding")
	if a.compressed && !acceptsGzip(r.Header.Values("Accept-Encoding")) {
		if plain, err := gzip.NewReader(bytes.NewReader(a.content)); err == nil {
			_, _ = io.Copy(w, plain)
		}
		return
	}
	if a.compressed {
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Content-Length", strconv.Itoa(len(a.content)))
	_, _ = w.Write(a.content)
}

// acceptsGzip reports whether values of Accept-Encoding accept gzip (RFC 9110, section 12.5.3).
func acceptsGzip(values []string) bool {
	accepted := false
	for _, part := range strings.Split(strings.Join(values, ","), ",") {
		coding, parameters, err := mime.ParseMediaType(part)
		if err != nil || coding != "gzip" && coding != "*" {
			continue
		}
		quality, err := strconv.ParseFloat(parameters["q"], 64)
		accepted = parameters["q"] == "" || err == nil && quality > 0
		if coding == "gzip" {
			return accepted // a named coding takes precedence over *
		}
	}
	return accepted
}
