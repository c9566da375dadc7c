// Package idp is an identity provider for tests: OpenID Connect Discovery, keys that can be replaced, and a token
// endpoint like Microsoft Entra's for on-behalf-of and client credentials, over TLS. It can be told to fail in the ways
// in which real ones do. It has one tenant, and one client: ProfileQL.
package idp

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"
)

// What the provider knows of ProfileQL.
const (
	Tenant   = "11111111-2222-3333-4444-555555555555"
	ClientID = "profileql-client"
	Secret   = "s3cret-of-profileql"
	Audience = "api://profileql" // of the callers' tokens
	Scope    = "Profile.ReadWrite"
)

// Provider is a running identity provider. It is safe for concurrent use.
type Provider struct {
	server *httptest.Server
	ended  chan struct{} // closed by Close

	mu        sync.Mutex
	keys      []key // the last one signs
	behavior  Behavior
	changed   chan struct{} // closed by the next Behave
	hanging   int           // requests without an answer
	requests  int           // of all kinds
	exchanges []Exchange
	fetches   map[string]int
}

// key is a key that signs tokens.
type key struct {
	id      string
	private *rsa.PrivateKey
}

// Behavior is how the provider answers. The zero value is an answer to every valid request.
type Behavior struct {
	Status     int           // of every answer; 0 for what is right. A redirect leads to the right answer
	Issuer     string        // that the provider calls itself, if not what it is
	RetryAfter string        // the header of answers with Status
	Hang       bool          // no answer before the next Behave
	Keyless    bool          // the document of the keys has none
	Refuse     string        // code of OAuth with which token requests are refused
	Claims     string        // demanded by refusals
	Scope      string        // that is granted instead of the requested one
	ExpiresIn  time.Duration // of issued tokens; 0 for an hour
	Echo       bool          // refusals repeat the request, as careless providers do
}

// Exchange is a token request that the provider has received, whatever the answer.
type Exchange struct {
	Grant     string // grant_type
	Scope     string
	Claims    string // that the client asks for
	Subject   string // oid of the assertion, on behalf of a caller
	Assertion string // client_assertion, by which the client authenticates itself; empty with a secret
}

// Start starts a provider.
func Start() *Provider {
	p := &Provider{fetches: make(map[string]int), ended: make(chan struct{}), changed: make(chan struct{})}
	p.Rotate()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /"+Tenant+"/v2.0/.well-known/openid-configuration", p.discovery)
	mux.HandleFunc("GET /"+Tenant+"/discovery/v2.0/keys", p.keyDocument)
	mux.HandleFunc("POST /"+Tenant+"/oauth2/v2.0/token", p.token)
	p.server = httptest.NewTLSServer(p.misbehave(mux))
	return p
}

// Close stops the provider.
func (p *Provider) Close() {
	close(p.ended)
	p.server.Close()
}

// Authority is the provider's address.
func (p *Provider) Authority() string { return p.server.URL }

// Issuer is the issuer of its tokens.
func (p *Provider) Issuer() string { return p.server.URL + "/" + Tenant + "/v2.0" }

// Transport is a transport that trusts the provider's certificate.
func (p *Provider) Transport() http.RoundTripper { return p.server.Client().Transport }

// Certificate is the provider's certificate as PEM, for other processes that have to trust it.
func (p *Provider) Certificate() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.server.Certificate().Raw})
}

// Behave changes how the provider answers from now on.
func (p *Provider) Behave(b Behavior) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.behavior = b
	close(p.changed)
	p.changed = make(chan struct{})
}

// Hanging returns the number of requests that wait for an answer because of [Behavior].Hang.
func (p *Provider) Hanging() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hanging
}

// Requests returns the number of requests of all kinds so far.
func (p *Provider) Requests() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.requests
}

// Exchanges returns the token requests so far.
func (p *Provider) Exchanges() []Exchange {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Exchange(nil), p.exchanges...)
}

// Fetches returns how often a document was asked for: "keys" or "discovery".
func (p *Provider) Fetches(document string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fetches[document]
}

// Rotate signs with a new key from now on. The earlier ones stay published.
func (p *Provider) Rotate() {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err) // there is no randomness
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = append(p.keys, key{id: fmt.Sprintf("key-%d", len(p.keys)+1), private: private})
}

// Withdraw publishes no key but the last one any more.
func (p *Provider) Withdraw() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = p.keys[len(p.keys)-1:]
}

// Key returns the key that signs, and its id.
func (p *Provider) Key() (*rsa.PrivateKey, string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	k := p.keys[len(p.keys)-1]
	return k.private, k.id
}

// Mint returns a caller's token for ProfileQL. The claims change those of a usual token; nil leaves one out.
func (p *Provider) Mint(claims map[string]any) string {
	now := time.Now()
	all := map[string]any{
		"iss": p.Issuer(), "aud": Audience, "tid": Tenant, "oid": "adele", "sub": "adele-at-profileql", "scp": Scope, "ver": "2.0",
		"preferred_username": "adele@contoso.example",
		"iat":                now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}
	maps.Copy(all, claims)
	maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
	private, id := p.Key()
	signed := Encode(map[string]any{"alg": "RS256", "typ": "JWT", "kid": id}) + "." + Encode(all)
	hash := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, private, crypto.SHA256, hash[:])
	if err != nil {
		panic(err) // the key is too short
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// Encode returns a part of a JWT.
func Encode(part map[string]any) string {
	text, err := json.Marshal(part)
	if err != nil {
		panic(err) // a test has a claim that is no JSON
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// Claims returns the claims of a token without verifying it.
func Claims(token string) (claims map[string]any, err error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, fmt.Errorf("a token with %d parts", len(parts))
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, err
	}
	return claims, json.Unmarshal(text, &claims)
}

// moved is the prefix of paths that redirects lead to.
const moved = "/moved"

// misbehave lets requests through to next, unless the provider is down or slow.
func (p *Provider) misbehave(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, ok := p.await(r)
		switch {
		case !ok:
		case strings.HasPrefix(r.URL.Path, moved):
			http.StripPrefix(moved, next).ServeHTTP(w, r)
		case b.Status != 0:
			if b.RetryAfter != "" {
				w.Header().Set("Retry-After", b.RetryAfter)
			}
			w.Header().Set("Location", moved+r.URL.Path)
			http.Error(w, "unwell", b.Status)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// await returns how the provider answers a request, once it does; ok is false if the client left before.
func (p *Provider) await(r *http.Request) (b Behavior, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests++
	p.hanging++
	defer func() { p.hanging-- }()
	for p.behavior.Hang {
		changed := p.changed
		p.mu.Unlock()
		select {
		case <-changed:
			ok = true
		case <-r.Context().Done():
			ok = false
		case <-p.ended:
			ok = false
		}
		p.mu.Lock()
		if !ok {
			return Behavior{}, false
		}
	}
	return p.behavior, true
}

// now returns how the provider answers at the moment.
func (p *Provider) now() Behavior {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.behavior
}

func (p *Provider) count(document string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fetches[document]++
}

func (p *Provider) discovery(w http.ResponseWriter, _ *http.Request) {
	p.count("discovery")
	base, issuer := p.server.URL+"/"+Tenant, p.Issuer()
	if b := p.now(); b.Issuer != "" {
		issuer = b.Issuer
	}
	answer(w, http.StatusOK, map[string]any{
		"issuer": issuer, "jwks_uri": base + "/discovery/v2.0/keys",
		"authorization_endpoint": base + "/oauth2/v2.0/authorize", "token_endpoint": base + "/oauth2/v2.0/token",
	})
}

func (p *Provider) keyDocument(w http.ResponseWriter, _ *http.Request) {
	p.count("keys")
	p.mu.Lock()
	defer p.mu.Unlock()
	// Providers also publish keys of kinds that nobody else knows, short ones, and the same ones for encryption.
	set := []map[string]any{{"kty": "EC", "crv": "unknown", "kid": "curve"}, {"kty": "RSA", "kid": "short", "n": "AQAB", "e": "AQAB"}}
	for _, k := range p.keys {
		set = append(set, k.document(k.id, "sig"), k.document("encrypts-"+k.id, "enc"))
	}
	if p.behavior.Keyless {
		set = set[:0]
	}
	answer(w, http.StatusOK, map[string]any{"keys": set})
}

func (k key) document(id, use string) map[string]any {
	return map[string]any{
		"kty": "RSA", "use": use, "kid": id, "n": base64.RawURLEncoding.EncodeToString(k.private.N.Bytes()),
		"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(k.private.E)).Bytes()),
	}
}

func answer(w http.ResponseWriter, status int, document map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(document) // the client may have left
}
