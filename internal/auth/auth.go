// Package auth decides which token each source receives: the one that its configuration names, and no other.
//
// A caller's token for a source is opaque: it is forwarded unchanged, and the source validates it. [Middleware] reads
// such tokens of a request into its context, [Transport] adds a source's token to outgoing requests. In the context,
// they do not end up in logs, errors or other headers.
//
// A caller's token for ProfileQL itself is verified by a [Verifier], and says who the caller is: [Claim], [HasRole] and
// [HasScope]. [OnBehalfOf] exchanges it for the caller's token for a source, [ClientCredentials] gets a token of
// ProfileQL's own.
//
// Package config reads and checks which source receives which token (token.go), and server.go passes it on as a
// [Token].
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

// Token is where the token of a source comes from. The zero value is no token.
type Token struct {
	// Header is the header of the caller's request whose value is sent to the source as Authorization. Authenticating
	// proxies forward tokens without a scheme, so it is optional in other headers than Authorization.
	Header   string
	static   string     // value of Authorization for a token of ProfileQL's own
	exchange *exchanger // asks a token service; nil for none
}

// Static returns a token of ProfileQL's own, the same for every caller.
func Static(token string) Token { return Token{static: withScheme(token)} }

// withScheme returns the value of Authorization for a token: without a scheme, it is a bearer token (RFC 6750).
func withScheme(token string) string {
	if strings.Contains(token, " ") {
		return token
	}
	return "Bearer " + token
}

const authorization = "Authorization"

// maxValue is the maximum length of a header with a token, in bytes. Microsoft Entra's tokens have a few thousand.
const maxValue = 16 << 10

type callerKey struct{}

// caller is the tokens of a request.
type caller struct {
	headers []string // that may have tokens
	values  []string // of these headers; empty for none
	id      uint64
}

// Middleware reads the tokens from these headers, whose names are in canonical form, for [Transport]. Duplicate headers
// and values that cannot be tokens are rejected with refuse.
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

// headerProblem describes why the values of a header are not one token; empty if they are.
func headerProblem(values []string) string {
	switch {
	case len(values) > 1:
		return "is sent more than once"
	case len(values[0]) > maxValue:
		return fmt.Sprintf("is longer than %d bytes", maxValue)
	case strings.ContainsFunc(values[0], unicode.IsControl):
		return "contains control characters"
	}
	return ""
}

var seed = maphash.MakeSeed()

// Caller returns a hash which identifies the caller until the process ends: of who the caller is, if a [Verifier] has
// verified it, otherwise of the caller's tokens; 0 without tokens. Tokens cannot be recovered from it.
func Caller(ctx context.Context) uint64 {
	if v, ok := ctx.Value(verifiedKey{}).(*verified); ok {
		return v.id
	}
	if c, ok := ctx.Value(callerKey{}).(*caller); ok {
		return c.id
	}
	return 0
}

// Caller identifies callers by the token of theirs that this source receives, regardless of their other tokens. Callers
// without one are identified as [Caller] does.
func (t Token) Caller(ctx context.Context) uint64 {
	if value := t.value(ctx); value != "" && t.static == "" {
		return maphash.String(seed, value)
	}
	return Caller(ctx)
}

// Transport adds the source's token, if any, to requests and sends them with Base.
type Transport struct {
	Base  http.RoundTripper
	Token Token
}

// RoundTrip implements [http.RoundTripper]. If a token service has to be asked and gives no token, nothing is sent, and
// the error is a *[profile.Error] or the context's.
func (t Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if t.Token.exchange != nil {
		return t.roundTripExchanged(r)
	}
	return t.Base.RoundTrip(withAuthorization(r, t.Token.value(r.Context())))
}

func (t Transport) roundTripExchanged(r *http.Request) (*http.Response, error) {
	c, value, err := t.Token.exchange.token(r.Context())
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close() // as every RoundTripper must
		}
		return nil, err
	}
	resp, err := t.Base.RoundTrip(withAuthorization(r, value))
	if err == nil && resp.StatusCode == http.StatusUnauthorized {
		t.Token.exchange.drop(c, value)
	}
	return resp, err
}

// withAuthorization returns the request with this Authorization, if it is not empty. A RoundTripper must not modify the
// request. The header's values stay shared: they are not written to.
func withAuthorization(r *http.Request, value string) *http.Request {
	if value == "" {
		return r
	}
	r = r.WithContext(r.Context())
	r.Header = maps.Clone(r.Header)
	r.Header[authorization] = []string{value}
	return r
}

// value returns the Authorization of the context's caller; empty for none.
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
