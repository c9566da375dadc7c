package edge

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// badRequest is the error code of rejected HTTP requests.
const badRequest = "BAD_REQUEST"

// exposedHeaders are the response headers that pages of allowed origins may read.
const exposedHeaders = "content-type, retry-after, request-id"

// crossOrigin rejects cross-origin requests from browsers, except from the listed origins, for which it implements CORS
// (fetch.spec.whatwg.org).
//
// GET is rejected like POST. It changes nothing, and its response could not be read, but it causes requests to the sources.
func crossOrigin(listed []string, next http.Handler) (http.Handler, error) {
	allowed, err := parseOrigins(listed)
	if err != nil {
		return nil, err
	}
	protection := http.NewCrossOriginProtection()
	protected := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		checked := r
		if r.Method != http.MethodPost { // Check allows every GET
			checked = &http.Request{Method: http.MethodPost, Header: r.Header, Host: r.Host, URL: r.URL}
		}
		if protection.Check(checked) != nil {
			writeError(w, http.StatusForbidden, badRequest, "Cross-origin requests are not allowed.", "")
			return
		}
		next.ServeHTTP(w, r)
	})
	if len(listed) == 0 {
		return protected, nil
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Add("Vary", "Origin")
		origin := r.Header.Get("Origin")
		if !allowed.has(origin) {
			protected.ServeHTTP(w, r)
			return
		}
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Expose-Headers", exposedHeaders)
		h.Set("Cross-Origin-Resource-Policy", "cross-origin")
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			answerPreflight(w, r)
			return
		}
		next.ServeHTTP(w, r)
	}), nil
}

// answerPreflight allows all headers that a listed origin requests. Unknown headers are ignored anyway, and those of tracing
// and monitoring tools are many, and change.
func answerPreflight(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Add("Vary", "Access-Control-Request-Headers")
	h.Set("Access-Control-Allow-Methods", "GET, POST")
	if names := requestedHeaders(r.Header); len(names) > 0 {
		h.Set("Access-Control-Allow-Headers", strings.Join(names, ", "))
	}
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
}

const (
	maxRequestedHeaders = 50   // header names in a preflight
	maxHeaderName       = 100  // bytes of one name
	maxRequestedBytes   = 4096 // bytes of all names
)

var headerNamePattern = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$") // a token of RFC 9110, section 5.6.2

// requestedHeaders returns the header names in a preflight; nil if one of them is invalid or there are too many.
func requestedHeaders(h http.Header) []string {
	text := strings.Join(h.Values("Access-Control-Request-Headers"), ",")
	if strings.TrimSpace(text) == "" || len(text) > maxRequestedBytes {
		return nil
	}
	names := strings.Split(text, ",")
	for i, name := range names {
		names[i] = strings.TrimSpace(name)
		if len(name) > maxHeaderName || !headerNamePattern.MatchString(names[i]) {
			return nil
		}
	}
	if len(names) > maxRequestedHeaders {
		return nil
	}
	return names
}

// origins are the allowed origins.
type origins struct {
	exact     []string
	wildcards []wildcard
}

// wildcard matches origins whose host is one label before a name.
type wildcard struct{ scheme, name string } // "https://" and ".preview.example.com"

func parseOrigins(list []string) (o origins, err error) {
	for _, text := range list {
		if err := checkOrigin(text); err != nil {
			return o, err
		}
		if scheme, name, ok := strings.Cut(text, "*"); ok {
			o.wildcards = append(o.wildcards, wildcard{scheme, name})
		} else {
			o.exact = append(o.exact, text)
		}
	}
	return o, nil
}

func (o origins) has(origin string) bool {
	return slices.Contains(o.exact, origin) || slices.ContainsFunc(o.wildcards, func(w wildcard) bool { return w.matches(origin) })
}

var hostLabelPattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?$`)

func (w wildcard) matches(origin string) bool {
	rest, ok := strings.CutPrefix(origin, w.scheme)
	first, isBelow := strings.CutSuffix(rest, w.name)
	return ok && isBelow && hostLabelPattern.MatchString(first)
}

// schemesWithoutOrigin are schemes whose pages have no origin that browsers send.
var schemesWithoutOrigin = []string{"ftp", "file", "data", "blob", "about", "javascript", "ws", "wss"}

var originPattern = regexp.MustCompile(`^[a-z][a-z0-9+.-]*://[^/?#@]+$`)

// checkOrigin rejects what no browser would send as an origin. App shells and extensions have schemes of their own, such as
// capacitor://localhost. An asterisk may replace the first label of a host name, if the rest is not a public suffix.
func checkOrigin(origin string) error {
	u, err := url.Parse(strings.Replace(origin, "//*.", "//wildcard.", 1))
	if err != nil || !originPattern.MatchString(origin) || slices.Contains(schemesWithoutOrigin, u.Scheme) || u.Hostname() == "" ||
		strings.ToLower(origin) != origin || strings.Contains(u.Host, "*") || strings.HasSuffix(origin, ":") {
		return fmt.Errorf("%q is not an origin; write one such as https://app.example.com or https://*.preview.example.com, in lower case and without a trailing slash", origin)
	}
	if !strings.Contains(origin, "*") {
		return nil
	}
	name, _ := strings.CutPrefix(u.Hostname(), "wildcard.")
	switch suffix, _ := publicsuffix.PublicSuffix(name); {
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("%q: wildcards are for http and https only", origin)
	case suffix == name || strings.Trim(suffix, "0123456789") == "":
		return fmt.Errorf("%q would allow everybody who can register a name below %s; add one more label after the asterisk", origin, name)
	}
	return nil
}

// Direct reports whether a request with these headers has not passed a proxy. Through a proxy, other machines may reach a
// loopback listener.
func Direct(h http.Header) bool {
	for name := range h {
		if name == "Forwarded" || name == "Via" || strings.HasPrefix(name, "X-Forwarded-") {
			return false
		}
	}
	return true
}
