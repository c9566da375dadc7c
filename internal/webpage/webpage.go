// Package webpage serves a web page and its assets from the binary: the playground and the demo.
package webpage

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// Options are the options of [New].
type Options struct {
	Path   string                 // of the page, such as "/"
	HTML   []byte                 // the page
	Prefix string                 // of the paths of the assets, such as "/playground/"
	Assets []fs.FS                // all files but index.html, in any folder; the name of a compressed one ends with .gz
	Policy string                 // the Content-Security-Policy of all responses
	Shown  func(http.Header) bool // reports whether a request with these headers may see the page
}

// New returns a handler for the page and its assets. Other paths are answered with 404, and so is everything if the page
// is not shown. It fails if an asset cannot be read.
func New(o Options) (http.Handler, error) {
	assets, err := load(o.Prefix, o.Assets)
	if err != nil {
		return nil, err
	}
	assets[o.Path] = asset{contentType: "text/html; charset=utf-8", content: o.HTML}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", o.Policy)
		h.Set("Cache-Control", "no-store")
		asset, found := assets[r.URL.Path]
		switch {
		case !found || !o.Shown(r.Header):
			http.NotFound(w, r)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			h.Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		default:
			asset.serve(w, r)
		}
	}), nil
}

// asset is a file that a browser loads.
type asset struct {
	contentType string
	content     []byte
	compressed  bool // content is gzip
}

// load returns the files by their paths.
func load(prefix string, all []fs.FS) (map[string]asset, error) {
	assets := make(map[string]asset)
	for _, files := range all {
		err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
			plain, compressed := strings.CutSuffix(path.Base(name), ".gz")
			if err != nil || entry.IsDir() || plain == "index.html" {
				return err
			}
			content, err := fs.ReadFile(files, name)
			assets[prefix+plain] = asset{
				contentType: mime.TypeByExtension(path.Ext(plain)),
				content:     content,
				compressed:  compressed,
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("assets of %s: %w", prefix, err)
		}
	}
	return assets, nil
}

func (a asset) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", a.contentType)
	if a.compressed {
		h.Set("Vary", "Accept-Encoding")
		if !acceptsGzip(r.Header.Values("Accept-Encoding")) {
			if plain, err := gzip.NewReader(bytes.NewReader(a.content)); err == nil {
				_, _ = io.Copy(w, plain)
			}
			return
		}
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
