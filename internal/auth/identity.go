package auth

import (
	"context"
	"encoding/json"
	"errors"
	"hash/maphash"
	"slices"
	"strings"
	"time"
)

type verifiedKey struct{}

// verified is the verified token of a request.
type verified struct {
	*identity
	token string   // without its scheme
	key   tokenKey // of token
}

// identity is what a verified token says about its caller.
type identity struct {
	claims map[string]string // those that are strings
	roles  []string
	scopes []string
	cae    bool   // whether the caller's client understands demands for another token at any time (continuous access evaluation)
	id     uint64 // hash of the identity provider's name for the caller
	expiry time.Time
	until  time.Time // when the token has to be verified again: with its expiry, or once its key may have been withdrawn
}

func identityOf(ctx context.Context) *identity {
	if v, ok := ctx.Value(verifiedKey{}).(*verified); ok {
		return v.identity
	}
	return nil
}

// Claim returns a claim of the caller's verified token. ok is false if the token has no such claim, if the claim is no
// string or empty, and without a [Verifier].
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

// HasScope reports whether the caller's verified token has this delegated scope (the claim scp, or scope of RFC 9068).
func HasScope(ctx context.Context, scope string) bool {
	i := identityOf(ctx)
	return i != nil && slices.Contains(i.scopes, scope)
}

// errNobody means that a token does not name its caller.
var errNobody = errors.New("it has neither the claims tid and oid nor the claim sub")

// newIdentity reads the claims of a verified token.
func newIdentity(payload []byte) (*identity, error) {
	var all map[string]any
	if err := json.Unmarshal(payload, &all); err != nil {
		return nil, err
	}
	i := &identity{claims: make(map[string]string, len(all)), roles: words(all["roles"])}
	for name, value := range all {
		if text, ok := value.(string); ok {
			i.claims[name] = text
		}
	}
	if i.scopes = words(all["scp"]); i.scopes == nil {
		i.scopes = words(all["scope"])
	}
	i.cae = slices.ContainsFunc(words(all["xms_cc"]), func(capability string) bool { return strings.EqualFold(capability, "cp1") })
	// The names of a caller that are never given to anybody else. An email or a user principal name can be.
	realm, name := i.claims["tid"], i.claims["oid"]
	if realm == "" || name == "" {
		realm, name = i.claims["iss"], i.claims["sub"]
	}
	if name == "" {
		return nil, errNobody
	}
	i.id = maphash.String(seed, realm+"\x00"+name)
	return i, nil
}

// words returns the elements of a claim that is an array, or a string with spaces.
func words(claim any) (all []string) {
	switch claim := claim.(type) {
	case string:
		return strings.Fields(claim)
	case []any:
		for _, element := range claim {
			if text, ok := element.(string); ok {
				all = append(all, text)
			}
		}
	}
	return all
}
