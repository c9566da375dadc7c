// Package edge protects the HTTP server: Host validation, CORS and cross-origin protection, security headers, health checks
// and recovery from panics.
//
// A web page of any origin can make a browser send requests to addresses that only the browser's machine can reach. Three
// measures prevent that. The endpoint accepts only JSON bodies, for which browsers send a preflight. Cross-origin requests
// are rejected ([net/http.CrossOriginProtection]), GET included. And on a loopback listener, the Host header must be a name
// of this machine: with DNS rebinding, a page's own name points here, which makes it same-origin.
package edge

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
)

// Options are the options of [New].
type Options struct {
	// BasePath is the path below which everything is served, such as /profileql; empty for none.
	BasePath string

	Hosts   []string // allowed Host names; empty for any
	Origins []string // allowed origins besides our own: scheme://host:port, or scheme://*.name

	// PageShown reports whether a browser that opens the endpoint's address with these headers is redirected to the pages.
	// It may be nil.
	PageShown func(http.Header) bool

	Health *Health
	// LogPanic logs a panic, and returns the id of the log line.
	LogPanic func(r *http.Request, panicked any) (errorID string)
}

// New wraps the endpoint, which is served at /graphql, and the pages, which are served at all other paths; pages may be nil.
// It fails if an origin is not valid.
func New(o Options, endpoint, pages http.Handler) (http.Handler, error) {
	protected, err := crossOrigin(o.Origins, endpoint)
	if err != nil {
		return nil, err
	}
	if pages == nil {
		pages = http.NotFoundHandler()
	}
	// Health checks do not validate Host: probes use IP addresses, and the state is no secret.
	mux := http.NewServeMux()
	o.Health.register(mux)
	mux.Handle("/graphql", KnownHost(o.Hosts, redirectBrowsers(o.PageShown, protected)))
	mux.Handle("/", KnownHost(o.Hosts, pages))
	return withSecurityHeaders(recoverPanics(o.LogPanic, below(o.BasePath, mux))), nil
}

// redirectBrowsers redirects browsers that open the endpoint's address to the page beside it.
func redirectBrowsers(shown func(http.Header) bool, endpoint http.Handler) http.Handler {
	if shown == nil {
		return endpoint
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && r.URL.RawQuery == "" && strings.Contains(r.Header.Get("Accept"), "text/html") && shown(r.Header) {
			w.Header().Set("Location", "./") // relative, because a proxy may have removed a part of the path
			w.WriteHeader(http.StatusFound)
			return
		}
		endpoint.ServeHTTP(w, r)
	})
}

// below serves mux below a path. Health checks stay at the root too, for probes that do not pass a proxy.
func below(path string, mux *http.ServeMux) http.Handler {
	if path == "" {
		return mux
	}
	root := http.NewServeMux()
	root.Handle("GET /healthz", mux)
	root.Handle("GET /readyz", mux)
	root.Handle(path+"/", http.StripPrefix(path, mux))
	return root
}

// securityHeaders are sent with every response.
var securityHeaders = http.Header{
	"Cache-Control":                {"no-store"},
	"X-Content-Type-Options":       {"nosniff"},
	"Referrer-Policy":              {"no-referrer"},
	"Content-Security-Policy":      {"default-src 'none'; frame-ancestors 'none'"},
	"Cross-Origin-Opener-Policy":   {"same-origin"},
	"Cross-Origin-Resource-Policy": {"same-origin"},
}

func withSecurityHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		maps.Copy(w.Header(), securityHeaders)
		if r.TLS != nil {
			w.Header().Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}

// recoverPanics responds 500 if a handler panics, unless it has already responded.
func recoverPanics(internal func(*http.Request, any) string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if p := recover(); p != nil {
				writeError(w, http.StatusInternalServerError, "INTERNAL_SERVER_ERROR",
					"Something went wrong inside ProfileQL. The log has the cause under this errorId.", internal(r, p))
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// BadRequest responds 400 with the message.
func BadRequest(w http.ResponseWriter, message string) {
	writeError(w, http.StatusBadRequest, badRequest, message, "")
}

// Refuse responds to a request that is not executed.
func Refuse(w http.ResponseWriter, status int, code, message string) {
	writeError(w, status, code, message, "")
}

// writeError writes a GraphQL error response.
func writeError(w http.ResponseWriter, status int, code, message, errorID string) {
	extensions := map[string]string{"code": code}
	if errorID != "" {
		extensions["errorId"] = errorID
	}
	body, err := json.Marshal(map[string]any{"errors": []any{map[string]any{"message": message, "extensions": extensions}}})
	if err != nil { // strings only: it cannot fail
		body = []byte(fmt.Sprintf(`{"errors":[{"message":%q}]}`, message))
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may have disconnected
}
