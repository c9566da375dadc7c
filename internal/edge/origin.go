package edge

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// badRequest is the code of what is no request to the endpoint.
const badRequest = "BAD_REQUEST"

// allowedHeaders are those that a page of another origin may send, besides those with tokens, and exposedHeaders those
// that it may read.
const (
	allowedHeaders = "content-type, client-request-id"
	exposedHeaders = "content-type"
)

// crossOrigin refuses requests that a browser sends for a page of another origin, unless it is one of those listed:
// their pages may ask and read answers (CORS, fetch.spec.whatwg.org).
func crossOrigin(origins, headers []string, next http.Handler) (http.Handler, error) {
	allowed := strings.Join(append([]string{allowedHeaders}, headers...), ", ")
	protection := http.NewCrossOriginProtection()
	for _, origin := range origins {
		if err := checkOrigin(origin); err != nil {
			return nil, err
		}
		if err := protection.AddTrustedOrigin(origin); err != nil {
			return nil, err
		}
	}
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusForbidden, badRequest, "Pages of other origins are not answered here.", "")
	}))
	guarded := protection.Handler(next)
	if len(origins) == 0 {
		return guarded, nil
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Add("Vary", "Origin")
		origin := r.Header.Get("Origin")
		if !slices.Contains(origins, origin) {
			guarded.ServeHTTP(w, r)
			return
		}
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Expose-Headers", exposedHeaders)
		h.Set("Cross-Origin-Resource-Policy", "cross-origin")
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			h.Set("Access-Control-Allow-Methods", http.MethodPost)
			h.Set("Access-Control-Allow-Headers", allowed)
			h.Set("Access-Control-Max-Age", "600")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		guarded.ServeHTTP(w, r)
	}), nil
}

// checkOrigin refuses what no browser would ever send as an origin.
func checkOrigin(origin string) error {
	u, err := url.Parse(origin)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Scheme+"://"+u.Host != origin ||
		strings.ToLower(origin) != origin || strings.Contains(origin, "*") {
		return fmt.Errorf("%q is not an origin; one is written like https://app.example.com, in small letters and without a slash behind", origin)
	}
	return nil
}

// Direct tells whether a request with these headers has come without a proxy in between: through one, a listener
// that only this machine can reach may be reached by others.
func Direct(h http.Header) bool {
	for name := range h {
		if name == "Forwarded" || name == "Via" || strings.HasPrefix(name, "X-Forwarded-") {
			return false
		}
	}
	return true
}
