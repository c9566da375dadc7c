package edge

import (
	"net"
	"net/http"
	"slices"
	"strings"
)

// Loopback are the host names of the loopback interface.
var Loopback = []string{"localhost", "127.0.0.1", "[::1]"}

// KnownHost rejects requests whose Host is not one of the names; the port is ignored. An empty list allows any Host.
func KnownHost(names []string, next http.Handler) http.Handler {
	if len(names) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, hostname(r.Host)) }) {
			writeError(w, http.StatusMisdirectedRequest, badRequest, "This host name is not allowed. Allow it with --host.", "")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// hostname returns Host without the port and the trailing dot of a fully qualified name. An IPv6 address keeps its brackets.
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
