package edge

import (
	"net"
	"net/http"
	"slices"
	"strings"
)

// Loopback are the names that this machine has for itself.
var Loopback = []string{"localhost", "127.0.0.1", "[::1]"}

// KnownHost refuses requests to other names than those listed, whatever the port; with an empty list, none.
func KnownHost(names []string, next http.Handler) http.Handler {
	if len(names) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, hostname(r.Host)) }) {
			writeError(w, http.StatusMisdirectedRequest, badRequest, "Nothing is served under this name; --host lists more names.", "")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// hostname is Host without a port, and without the dot of the root, which a whole name may end with. An IPv6 address keeps
// its brackets.
func hostname(host string) string {
	name, _, err := net.SplitHostPort(host)
	switch {
	case err != nil:
		name = host
	case strings.Contains(name, ":"):
		return "[" + name + "]"
	}
	return strings.TrimSuffix(name, ".")
}
