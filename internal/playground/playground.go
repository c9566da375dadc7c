// Package playground serves GraphiQL, a page for trying GraphQL operations, from the binary. The page loads nothing
// from other hosts and stores nothing in the browser.
//
// page/ contains our own page and the script that starts GraphiQL. dist/ contains GraphiQL and React as published,
// compressed, with their licenses. npm/build.sh rebuilds dist/ reproducibly.
package playground

import (
	"bytes"
	"embed"
	"html/template"
	"io/fs"
	"net/http"

	"profileql/internal/webpage"
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
	return webpage.New(webpage.Options{
		Path: "/", HTML: page, Prefix: "/playground/", Assets: []fs.FS{pageFiles, distFiles}, Policy: policy, Shown: o.Shown,
	})
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
