package auth

import (
	"context"
	"slices"
	"time"
)

type verifiedKey struct{}

// verified is a verified token of a request.
type verified struct {
	*identity
	token string   // without its scheme
	key   tokenKey // of token
}

// identity is what a verified token says about the caller.
type identity struct {
	claims map[string]string // those that are strings
	roles  []string
	scopes []string
	id     uint64 // hash of the issuer's name for the caller
	expiry time.Time
}

func identityOf(ctx context.Context) *identity {
	if v, ok := ctx.Value(verifiedKey{}).(*verified); ok {
		return v.identity
	}
	return nil
}

// Claim returns a claim of the caller's verified token. ok is false if the token has no such claim, if the claim is no string
// or empty, and without a [Verifier].
func Claim(ctx context.Context, name string) (value string, ok bool) {
	if i := identityOf(ctx); i != nil {
		value = i.claims[name]
	}
	return value, value != ""
}

// HasRole reports whether the caller's verified token has this role (the claim roles).
func HasRole(ctx context.Context, role string) bool {
	i := identityOf(ctx)
	return i != nil && slices.Contains(i.roles, role)
}

// HasScope reports whether the caller's verified token has this delegated scope (the claim scp).
func HasScope(ctx context.Context, scope string) bool {
	i := identityOf(ctx)
	return i != nil && slices.Contains(i.scopes, scope)
}
