// Package edge stands between the network and ProfileQL: who may ask, by which name and from which web page, what
// every answer says to browsers, whether the service is there, and what becomes of a panic.
//
// A browser is everybody's: a page of any origin can send requests from it to addresses that only its machine can
// reach. Three things keep such a page out. The endpoint takes no body but JSON, which browsers ask for permission
// to send. Requests of other origins are refused by what browsers say of them ([net/http.CrossOriginProtection]), a GET
// too. And on a loopback listener the Host has to be a name of this machine, for a page may have its own name point here (DNS
// rebinding), and is then of the same origin.
package edge

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
)

// Options say who may ask.
type Options struct {
	Hosts   []string // names in Host that are answered; any is when there are none
	Origins []string // of web pages that may ask besides our own: scheme://host:port, or scheme://*.name
	Health  *Health
	// LogPanic tells the log of a panic, and returns the id that it stands under.
	LogPanic func(r *http.Request, panicked any) (errorID string)
}

// New puts the edge around the endpoint, which is at path /graphql, and around pages, which are everywhere else; pages
// is nil for none. It fails where an origin is none.
func New(o Options, endpoint, pages http.Handler) (http.Handler, error) {
	protected, err := crossOrigin(o.Origins, endpoint)
	if err != nil {
		return nil, err
	}
	if pages == nil {
		pages = http.NotFoundHandler()
	}
	// Probes know no name; whether the service is there is no secret.
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", o.Health.live)
	mux.HandleFunc("GET /readyz", o.Health.ready)
	mux.Handle("/graphql", KnownHost(o.Hosts, protected))
	mux.Handle("/", KnownHost(o.Hosts, pages))
	return withSecurityHeaders(recoverPanics(o.LogPanic, mux)), nil
}

// securityHeaders is what every answer says to browsers: what they must not do with it.
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

// recoverPanics answers a request whose handler has panicked, as far as it has not been answered yet.
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

// BadRequest answers a request that is refused for the reason that the message gives.
func BadRequest(w http.ResponseWriter, message string) {
	writeError(w, http.StatusBadRequest, badRequest, message, "")
}

// writeError answers in the form of a GraphQL error, which clients of the endpoint read.
func writeError(w http.ResponseWriter, status int, code, message, errorID string) {
	extensions := map[string]string{"code": code}
	if errorID != "" {
		extensions["errorId"] = errorID
	}
	body, err := json.Marshal(map[string]any{"errors": []any{map[string]any{"message": message, "extensions": extensions}}})
	if err != nil { // texts only: it cannot fail
		body = []byte(fmt.Sprintf(`{"errors":[{"message":%q}]}`, message))
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(body) // a caller that is gone needs no answer
}
