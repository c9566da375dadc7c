// Package auth decides which token goes to which source: the one that its configuration names, as it is, and to nobody
// else. A token is opaque here: whether it is any good is for the source to say.
//
// [Middleware] keeps the tokens that a caller's request brings, [Transport] puts the one of its source on a request on
// its way out; in between they live in the context, where no log, error or other header can pick them up.
package auth

import (
	"context"
	"fmt"
	"hash/maphash"
	"maps"
	"net/http"
	"slices"
	"strings"
	"unicode"
)

// Token says where the token of a source comes from. The zero value is none.
type Token struct {
	// Header is the header of the caller's request whose value goes to the source as Authorization. Proxies that sign
	// people in send bare tokens in headers of their own, so in any other one than Authorization the scheme may be
	// left out.
	Header string
	static string // the value of Authorization, where it is ProfileQL's own
}

// Static is a token of ProfileQL's own, the same for every caller.
func Static(token string) Token { return Token{static: withScheme(token)} }

// withScheme is the value of Authorization for a token: a bare one goes as a bearer token (RFC 6750), what has a scheme
// before it goes as it is.
func withScheme(token string) string {
	if strings.Contains(token, " ") {
		return token
	}
	return "Bearer " + token
}

const authorization = "Authorization"

// maxValue is the longest value of a header with a token, in bytes. Those of Microsoft Entra are a few thousand.
const maxValue = 16 << 10

type callerKey struct{}

// caller is what a request brought.
type caller struct {
	headers []string // those in which there may be tokens
	values  []string // of these headers; empty for none
	id      uint64
}

// Middleware keeps the tokens in these headers of the request, which are in canonical form, for [Transport]. A header
// that is there twice, or holds what no token can be, is refused: Refuse answers, for the reason in the message.
func Middleware(headers []string, refuse func(w http.ResponseWriter, message string), next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := caller{headers: headers, values: make([]string, len(headers))}
		var hash maphash.Hash
		hash.SetSeed(seed)
		for i, name := range headers {
			values := r.Header[name]
			if len(values) == 0 {
				continue
			}
			if problem := headerProblem(values); problem != "" {
				refuse(w, fmt.Sprintf("The header %s %s.", name, problem))
				return
			}
			c.values[i] = values[0]
			_ = hash.WriteByte(byte(i))
			_, _ = hash.WriteString(values[0])
			c.id = hash.Sum64()
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, &c)))
	})
}

// headerProblem says what is wrong with the values of a header; nothing where they are one that can be a token.
func headerProblem(values []string) string {
	switch {
	case len(values) > 1:
		return "is there more than once"
	case len(values[0]) > maxValue:
		return fmt.Sprintf("is longer than %d bytes", maxValue)
	case strings.ContainsFunc(values[0], unicode.IsControl):
		return "holds control characters"
	}
	return ""
}

var seed = maphash.MakeSeed()

// Caller tells callers apart by the tokens that they brought: it is the same for the same ones, as long as the process
// runs, and 0 for a caller without any. No token can be read from it.
func Caller(ctx context.Context) uint64 {
	if c, ok := ctx.Value(callerKey{}).(*caller); ok {
		return c.id
	}
	return 0
}

// Caller tells callers of the token's source apart by the token that it gets, whatever else they bring. Those who bring
// none for it are told apart as [Caller] does.
func (t Token) Caller(ctx context.Context) uint64 {
	if value := t.value(ctx); value != "" && t.static == "" {
		return maphash.String(seed, value)
	}
	return Caller(ctx)
}

// Transport sends requests on through Base, with the token of its source where there is one.
type Transport struct {
	Base  http.RoundTripper
	Token Token
}

// RoundTrip implements [http.RoundTripper].
func (t Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if value := t.Token.value(r.Context()); value != "" {
		// A RoundTripper must not change the request that it is given. The header's values stay shared: they are
		// not written to.
		r = r.WithContext(r.Context())
		r.Header = maps.Clone(r.Header)
		r.Header[authorization] = []string{value}
	}
	return t.Base.RoundTrip(r)
}

// value is that of Authorization for a request of the context's caller; empty for none.
func (t Token) value(ctx context.Context) string {
	c, ok := ctx.Value(callerKey{}).(*caller)
	if t.static != "" || !ok {
		return t.static
	}
	i := slices.Index(c.headers, t.Header)
	switch {
	case i < 0 || c.values[i] == "":
		return ""
	case t.Header == authorization:
		return c.values[i]
	}
	return withScheme(c.values[i])
}
