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

// badRequest is the code of what is no request to the endpoint.
const badRequest = "BAD_REQUEST"

// exposedHeaders are those of an answer that a page of another origin may read.
const exposedHeaders = "content-type, retry-after, request-id"

// crossOrigin refuses requests that a browser sends for a page of another origin, unless it is one of those listed:
// their pages may ask and read answers (CORS, fetch.spec.whatwg.org).
//
// A GET is refused as a POST is. Its answer could not be read, and it changes nothing, but it asks the sources.
func crossOrigin(listed []string, next http.Handler) (http.Handler, error) {
	allowed, err := parseOrigins(listed)
	if err != nil {
		return nil, err
	}
	protection := http.NewCrossOriginProtection()
	protected := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		checked := r
		if r.Method != http.MethodPost { // the protection lets every GET pass
			checked = &http.Request{Method: http.MethodPost, Header: r.Header, Host: r.Host, URL: r.URL}
		}
		if protection.Check(checked) != nil {
			writeError(w, http.StatusForbidden, badRequest, "Pages of other origins are not answered here.", "")
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

// answerPreflight permits what a listed origin asks for. Headers that are not known here are ignored here, so a page may
// send any: those of tracing and monitoring are many, and change.
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
	maxRequestedHeaders = 50   // names that a preflight may ask for
	maxHeaderName       = 100  // bytes of one of them
	maxRequestedBytes   = 4096 // bytes of all of them, as they are asked for
)

var headerNamePattern = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$") // a token of RFC 9110, section 5.6.2

// requestedHeaders are the names that a preflight asks for; none where one of them is no name, or there are too many.
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

// origins are those of web pages that may ask.
type origins struct {
	exact     []string
	wildcards []wildcard
}

// wildcard stands for the origins whose host is one label before a name.
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

// schemesWithoutOrigin are schemes of addresses whose pages have no origin that a browser would send.
var schemesWithoutOrigin = []string{"ftp", "file", "data", "blob", "about", "javascript", "ws", "wss"}

var originPattern = regexp.MustCompile(`^[a-z][a-z0-9+.-]*://[^/?#@]+$`)

// checkOrigin refuses what no browser would ever send as an origin. App shells and extensions have schemes of their own,
// such as capacitor://localhost. An asterisk may stand for the first label of a host's name, in front of a name that
// somebody can own.
func checkOrigin(origin string) error {
	u, err := url.Parse(strings.Replace(origin, "//*.", "//wildcard.", 1))
	if err != nil || !originPattern.MatchString(origin) || slices.Contains(schemesWithoutOrigin, u.Scheme) || u.Hostname() == "" ||
		strings.ToLower(origin) != origin || strings.Contains(u.Host, "*") || strings.HasSuffix(origin, ":") {
		return fmt.Errorf("%q is not an origin; one is written like https://app.example.com or https://*.preview.example.com, in small letters and without a slash behind", origin)
	}
	if !strings.Contains(origin, "*") {
		return nil
	}
	name, _ := strings.CutPrefix(u.Hostname(), "wildcard.")
	switch suffix, _ := publicsuffix.PublicSuffix(name); {
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("%q: an asterisk is for origins of http and https", origin)
	case suffix == name || strings.Trim(suffix, "0123456789") == "":
		return fmt.Errorf("%q would let in everybody who can have a name below %s; write one more label behind the asterisk", origin, name)
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
