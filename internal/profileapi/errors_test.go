package profileapi

import (
	"strings"
	"testing"
)

// TestHarmless holds which of a source's messages are shown. One that tells too much is not shown at all.
func TestHarmless(t *testing.T) {
	t.Parallel()
	for message, want := range map[string]string{
		"":                                     "",
		"The value is too long.":               "The value is too long.",
		"  Two \n\t\u0085 lines \r\n":          "Two lines",
		"At most 100.5 of v1.0, i.e. 3!":       "At most 100.5 of v1.0, i.e. 3!",
		"Could not find a property named 'x'.": "Could not find a property named 'x'.",
		"displayName: must not be empty":       "displayName: must not be empty",
		"and/or, 50 %, a_b, a-b, “q”, 折り紙, €5":  "and/or, 50 %, a_b, a-b, “q”, 折り紙, €5",
		strings.Repeat("x ", 149) + "xy":        strings.Repeat("x ", 149) + "xy",
		strings.Repeat("é ", 150) + "xy":        strings.Repeat("é ", 149) + "é…",
		strings.Repeat("x ", 200) + "a.example": "", // what is cut off counts too
	} {
		if got := harmless(message); got != want {
			t.Errorf("%q: %q, want %q", message, got, want)
		}
	}
	for _, message := range []string{
		// URLs and hosts
		"See https://example.com/x", "see HTTP://X", "ftp://x", "urn x://y", "outlook.office365.com", "OUTLOOK.OFFICE365.COM failed", "at a.example", "host localhost is down",
		"LocalHost", "backend:8443", "at (backend:443)", "163.com is down", "at host-1.internal", "db_1.corp", "a.b.c.example", "xn--bcher-kva.example", "bücher.example", "пример.рф",
		// Internet addresses
		"10.1.2.3", "from 10.1.2.3:80", "at 255.255.255.255.", "::1", "at fe80::1%eth0", "2001:db8::ff00:42:8329", "[2001:db8::1]:443",
		// e-mail addresses
		"ada@example.com", "not ada.l@example.com", "ada@corp", "mailto:ada@example",
		// paths
		"in /var/lib/x", `in D:\app\x`, `\\server\share`, "at /beta/me/profile", "../../etc/passwd", "/etc", `C:\x`, "/users('abc')",
		// tokens
		"Bearer abc", "bearer  x", "token eyJhbGciOiJub25lIn0", strings.Repeat("a1B2", 10), "sig " + strings.Repeat("x", 43) + "=",
		// type names
		"Exception of type 'Microsoft.Fast.Profile' was thrown.", "microsoft.graph.personInterest", "System.NullReferenceException", "at Foo.Bar(String x)", "java.lang.String",
		// what is no text
		"a\x00b", "a\x1bb[31m", "a\u0084b", "a\x7fb", "\xff",
	} {
		if got := harmless(message); got != "" {
			t.Errorf("%q is shown as %q", message, got)
		}
	}
}
