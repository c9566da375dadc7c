// Package demo serves a small app from the binary: a profile page that is built with React and urql, as docs/frontend
// describes. Its sources are in clients/demo. dist/ is what "npm run demo" in clients makes of them, compressed, with the
// licenses of what it contains.
package demo

import (
	"bytes"
	"compress/gzip"
	"embed"
	"fmt"
	"io"
	"io/fs"
	"net/http"

	"profileql/internal/webpage"
)

//go:embed dist/*.gz
var files embed.FS

// Faults are the faults of the second sandbox with the command demo, as in a file of --faults. They show what the app does
// when a source is slow, fails, or is throttled.
//
//go:embed faults.json
var Faults []byte

// policy allows the page to load what this package serves and to connect to its own origin, and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; frame-ancestors 'none'; form-action 'none'"

// New returns a handler for the page, "/demo", and its assets, "/demo/…". Other paths are answered with 404. Shown reports
// whether a request with these headers may see the page. The page names its assets and the endpoint, "graphql", relative to
// its own address, so that it works below a path that a proxy strips.
func New(shown func(http.Header) bool) (http.Handler, error) {
	page, err := readPage()
	if err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	return webpage.New(webpage.Options{
		Path: "/demo", HTML: page, Prefix: "/demo/", Assets: []fs.FS{files}, Policy: policy, Shown: shown,
	})
}

func readPage() ([]byte, error) {
	compressed, err := files.ReadFile("dist/index.html.gz")
	if err != nil {
		return nil, err
	}
	r, err := gzip.NewReader(bytes.NewReader(compressed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}
