package auth

import (
	"cmp"
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	lru "github.com/hashicorp/golang-lru/v2"

	"profileql/internal/profile"
)

const (
	maxVerified = 4096             // tokens that are remembered
	logInterval = 10 * time.Second // between log lines about refused tokens
)

// VerifierOptions are the options of [NewVerifier].
type VerifierOptions struct {
	Issuer    string            // address of the identity provider as in the claim iss, https
	Audience  string            // of the tokens (the claim aud)
	Scopes    []string          // a token needs at least one of them; empty: any delegated scope
	Transport http.RoundTripper // for the identity provider's keys; nil for [http.DefaultTransport]
	Log       *slog.Logger
	Now       func() time.Time // nil for [time.Now]
}

// Verifier verifies callers' tokens for ProfileQL. It is safe for concurrent use.
type Verifier struct {
	issuer   string
	audience string
	scopes   []string
	now      func() time.Time
	log      *slog.Logger
	keys     *keySet
	known    *lru.Cache[tokenKey, *identity]

	mu       sync.Mutex
	logAt    time.Time // when the next refused token is logged
	unlogged int       // refused tokens since the last log line
}

// tokenKey is the SHA-256 of a token.
type tokenKey = [sha256.Size]byte

// NewVerifier returns a verifier. It does not ask the identity provider: the first token does, so that a provider that
// is down does not keep the server from starting. It fails if the issuer is no https address, or the audience is empty.
func NewVerifier(o VerifierOptions) (*Verifier, error) {
	if u, err := url.Parse(o.Issuer); err != nil || !isHTTPS(u) {
		return nil, fmt.Errorf("the issuer %q is no https address, such as https://login.microsoftonline.com/TENANT/v2.0", o.Issuer)
	}
	if o.Audience == "" {
		return nil, errors.New("the audience is empty")
	}
	known, err := lru.New[tokenKey, *identity](maxVerified)
	if err != nil {
		return nil, err
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Verifier{
		issuer: o.Issuer, audience: o.Audience, scopes: o.Scopes, now: o.Now, log: o.Log, known: known,
		keys: &keySet{issuer: o.Issuer, client: providerClient(o.Transport), timeout: keysTimeout, log: o.Log, now: o.Now},
	}, nil
}

// refusal is why a request is answered before it is executed.
type refusal struct {
	status    int
	code      profile.Code
	message   string // for the caller
	challenge string // WWW-Authenticate; empty for none
	reason    string // for the log; empty if there is nothing to tell an operator
}

func (r *refusal) Error() string { return cmp.Or(r.reason, r.message) }

// invalid returns the refusal of a token that is not valid. The reason is for the log.
func invalid(reason string) *refusal {
	return &refusal{
		status: http.StatusUnauthorized, code: profile.Unauthenticated,
		message:   "The token in Authorization is not valid for this server.",
		challenge: `Bearer error="invalid_token"`, reason: reason,
	}
}

var (
	refusedMissing = &refusal{
		status: http.StatusUnauthorized, code: profile.Unauthenticated,
		message: "This server needs a bearer token in Authorization.", challenge: "Bearer",
	}
	refusedExpired = &refusal{
		status: http.StatusUnauthorized, code: profile.Unauthenticated,
		message: "The token in Authorization has expired.", challenge: `Bearer error="invalid_token", error_description="expired"`,
	}
	refusedUnknown = &refusal{
		status: http.StatusServiceUnavailable, code: profile.SourceUnavailable,
		message: "The token cannot be verified at the moment, because the identity provider does not respond. Try again in a moment.",
	}
)

// Middleware lets only requests with a valid token in Authorization through, and puts what it says about the caller
// into the context, for [Claim], [HasRole], [HasScope], [Caller] and [OnBehalfOf]. It does not replace the function
// [Middleware], which reads the tokens that are forwarded; their order does not matter.
//
// Other requests are answered by refuse, once WWW-Authenticate or Retry-After is set: with 401 UNAUTHENTICATED for a
// missing or invalid token; 403 FORBIDDEN for a valid one without the scope, or of an application; 503
// SOURCE_UNAVAILABLE if the identity provider's keys cannot be fetched. The messages may be shown to callers.
func (v *Verifier) Middleware(refuse func(w http.ResponseWriter, status int, code, message string), next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		verified, err := v.verifyRequest(r)
		if err == nil {
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), verifiedKey{}, verified)))
			return
		}
		refused, ok := errors.AsType[*refusal](err)
		if !ok {
			return // the caller has left
		}
		v.logRefusal(r.Context(), refused)
		if refused.challenge != "" {
			w.Header().Set("WWW-Authenticate", refused.challenge)
		}
		if refused.status == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", fmt.Sprint(int(keysRetryDelay.Seconds())))
		}
		refuse(w, refused.status, string(refused.code), refused.message)
	})
}

// logRefusal logs why a token was refused, unless it has just expired or there was a line a moment ago: anyone can send
// tokens that are refused.
func (v *Verifier) logRefusal(ctx context.Context, refused *refusal) {
	if refused.reason == "" {
		return
	}
	v.mu.Lock()
	now := v.now()
	if now.Before(v.logAt) {
		v.unlogged++
		v.mu.Unlock()
		return
	}
	unlogged := v.unlogged
	v.logAt, v.unlogged = now.Add(logInterval), 0
	v.mu.Unlock()
	v.log.WarnContext(ctx, "a caller's token was refused", "reason", refused.reason, "others_since_the_last_line", unlogged)
}

// verifyRequest verifies the token of a request. It fails with a *refusal or the context's error.
func (v *Verifier) verifyRequest(r *http.Request) (*verified, error) {
	values := r.Header[authorization]
	if len(values) == 0 {
		return nil, refusedMissing
	}
	if problem := headerProblem(values); problem != "" {
		return nil, invalid("Authorization " + problem)
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return nil, refusedMissing
	}
	key := sha256.Sum256([]byte(token))
	if known, ok := v.known.Get(key); ok && v.now().Before(known.until) {
		return &verified{identity: known, token: token, key: key}, nil
	}
	i, err := v.verify(r.Context(), token)
	if err != nil {
		return nil, err
	}
	v.known.Add(key, i)
	return &verified{identity: i, token: token, key: key}, nil
}

// algorithms are those that sign with the private key whose public key the identity provider publishes. HS256 would
// take the public key for a shared secret.
var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512}

// verify verifies a token. It fails with a *refusal or the context's error.
func (v *Verifier) verify(ctx context.Context, token string) (*identity, error) {
	jws, err := jose.ParseSignedCompact(token, algorithms)
	if err != nil {
		return nil, invalid("it is no JWT that is signed with RS256, RS384 or RS512")
	}
	if err := v.glance(jws.UnsafePayloadWithoutVerification()); err != nil {
		return nil, err
	}
	keyID := jws.Signatures[0].Header.KeyID
	if keyID == "" {
		return nil, invalid("it has no key id")
	}
	key, trusted, err := v.keys.key(ctx, keyID)
	switch {
	case errors.Is(err, errNoKeys):
		return nil, refusedUnknown
	case err != nil:
		return nil, err
	case key == nil:
		return nil, invalid("the identity provider has no key with its key id")
	}
	now := v.now()
	verifier := oidc.NewVerifier(v.issuer, &oidc.StaticKeySet{PublicKeys: []crypto.PublicKey{key}}, &oidc.Config{
		ClientID: v.audience, SupportedSigningAlgs: []string{oidc.RS256, oidc.RS384, oidc.RS512}, Now: func() time.Time { return now },
	})
	idToken, err := verifier.Verify(ctx, token)
	if err != nil {
		return nil, invalid("its signature or its time is not valid") // glance has looked at everything else
	}
	var payload json.RawMessage
	if err := idToken.Claims(&payload); err != nil {
		return nil, invalid("its claims cannot be read")
	}
	i, err := newIdentity(payload)
	if err != nil {
		return nil, invalid(err.Error())
	}
	i.expiry, i.until = idToken.Expiry, idToken.Expiry
	if trusted.Before(i.until) {
		i.until = trusted
	}
	return i, v.permitted(i)
}

// glance refuses tokens that are not for this server before their signature is verified, so that they do not cause
// requests for keys, and tells an operator why. It is no verification: [oidc.IDTokenVerifier] checks the same claims.
func (v *Verifier) glance(payload []byte) error {
	var claims struct {
		Issuer   string `json:"iss"`
		Audience any    `json:"aud"`
		Expiry   any    `json:"exp"`
	}
	if json.Unmarshal(payload, &claims) != nil {
		return invalid("its claims cannot be read")
	}
	expiry, _ := claims.Expiry.(float64)
	audience, several := claims.Audience.([]any)
	if !several {
		audience = []any{claims.Audience}
	}
	switch {
	case claims.Issuer != v.issuer && strings.HasPrefix(claims.Issuer, "https://sts.windows.net/"):
		return invalid("it is a token of version 1.0, whose issuer is https://sts.windows.net/; " +
			"set api.requestedAccessTokenVersion to 2 in the manifest of the app registration")
	case claims.Issuer != v.issuer:
		return invalid(fmt.Sprintf("its issuer is %.200q, not %q", claims.Issuer, v.issuer))
	case !slices.Contains(audience, any(v.audience)):
		return invalid(fmt.Sprintf("its audience is %.200q, not %q", fmt.Sprint(audience...), v.audience))
	case expiry == 0:
		return invalid("it does not expire")
	case !v.now().Before(time.Unix(int64(expiry), 0)):
		return refusedExpired
	}
	return nil
}

// permitted refuses valid tokens that are not a person's for this server. A token without any delegated scope is an
// application's, or an ID token.
func (v *Verifier) permitted(i *identity) error {
	forbidden := func(message string) *refusal {
		return &refusal{
			status: http.StatusForbidden, code: profile.Forbidden, message: message, reason: message,
			challenge: `Bearer error="insufficient_scope"`,
		}
	}
	switch {
	case i.claims["idtyp"] == "app" || len(i.scopes) == 0:
		return forbidden("The token is not a person's access token: it has no delegated scope.")
	case len(v.scopes) > 0 && !slices.ContainsFunc(v.scopes, func(s string) bool { return slices.Contains(i.scopes, s) }):
		return forbidden("The token has none of the scopes that this server needs: " + strings.Join(v.scopes, ", ") + ".")
	}
	return nil
}
