package auth

import (
	"crypto/sha256"
	"errors"
	"log/slog"
	"net/http"
	"time"
)

// VerifierOptions are the options of [NewVerifier].
type VerifierOptions struct {
	Issuer    string            // address of the identity provider, as in the claim iss: https, without a trailing .well-known
	Audience  string            // of the tokens (the claim aud)
	Scopes    []string          // a token needs at least one of them; empty: any delegated scope
	Transport http.RoundTripper // for the identity provider's keys; nil for [http.DefaultTransport]
	Log       *slog.Logger
	Now       func() time.Time // nil for [time.Now]
}

// Verifier verifies callers' tokens for ProfileQL. It is safe for concurrent use.
type Verifier struct {
	o VerifierOptions
}

// tokenKey is the SHA-256 of a token.
type tokenKey = [sha256.Size]byte

// NewVerifier returns a verifier. It does not ask the identity provider: the first token does, so that a provider that is
// down does not keep the server from starting. It fails if the issuer is no https address, or the audience is empty.
func NewVerifier(o VerifierOptions) (*Verifier, error) {
	return nil, errors.New("not written yet")
}

// Middleware lets only requests with a valid token in Authorization through, and puts what it says about the caller into the
// context, for [Claim], [HasRole], [HasScope], [Caller] and [OnBehalfOf]. It does not replace the function [Middleware], which
// reads the tokens that are forwarded; their order does not matter.
//
// Other requests are answered by refuse, once WWW-Authenticate or Retry-After is set: with 401 UNAUTHENTICATED for a missing
// or invalid token; 403 FORBIDDEN for a valid one without the scope, or of an application; 503 SOURCE_UNAVAILABLE if
// the identity provider's keys cannot be fetched. The messages may be shown to callers.
func (v *Verifier) Middleware(refuse func(w http.ResponseWriter, status int, code, message string), next http.Handler) http.Handler {
	return next
}
