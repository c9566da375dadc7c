package auth

import (
	"context"
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	_ "crypto/sha512" // for crypto.SHA512
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"profileql/test/idp"
)

// verifying is a server that verifies tokens.
type verifying struct {
	*Verifier
	provider *idp.Provider
	clock    *clock
	log      *record
	handler  http.Handler
}

func newVerifying(t testing.TB, scopes ...string) *verifying {
	t.Helper()
	v := &verifying{provider: startIDP(t), clock: newClock(), log: new(record)}
	var err error
	v.Verifier, err = NewVerifier(VerifierOptions{
		Issuer: v.provider.Issuer(), Audience: idp.Audience, Scopes: scopes, Transport: v.provider.Transport(),
		Log: v.log.logger(), Now: v.clock.now,
	})
	if err != nil {
		t.Fatal(err)
	}
	v.handler = v.Middleware(refuseText, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		oid, _ := Claim(r.Context(), "oid")
		_, _ = fmt.Fprintf(w, "hello %s", oid)
	}))
	return v
}

func refuseText(w http.ResponseWriter, status int, code, message string) {
	w.WriteHeader(status)
	_, _ = io.WriteString(w, code+": "+message)
}

// ask sends a request with these values of Authorization. The answer is its status, WWW-Authenticate and text.
func (v *verifying) ask(authorization ...string) string {
	return v.askWith(context.Background(), authorization...)
}

func (v *verifying) askWith(ctx context.Context, authorization ...string) string {
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/graphql", strings.NewReader("{}"))
	r.Header["Authorization"] = authorization
	w := httptest.NewRecorder()
	v.handler.ServeHTTP(w, r)
	if after := w.Header().Get("Retry-After"); w.Code == http.StatusServiceUnavailable && after != "2" {
		return "Retry-After is " + after
	}
	return fmt.Sprintf("%d %s %s", w.Code, w.Header().Get("WWW-Authenticate"), w.Body)
}

const welcome = "200  hello adele"

// forge signs a token's header and claims in another way than the provider does.
func forge(header map[string]any, claims string, sign func(signed []byte) []byte) string {
	signed := idp.Encode(header) + "." + claims
	return signed + "." + base64.RawURLEncoding.EncodeToString(sign([]byte(signed)))
}

func unsigned([]byte) []byte { return nil }

func signRSA(t *testing.T, key *rsa.PrivateKey, hash crypto.Hash) func([]byte) []byte {
	return func(signed []byte) []byte {
		h := hash.New()
		h.Write(signed)
		signature, err := rsa.SignPKCS1v15(rand.Reader, key, hash, h.Sum(nil))
		if err != nil {
			t.Fatal(err)
		}
		return signature
	}
}

func signHMAC(key []byte) func([]byte) []byte {
	return func(signed []byte) []byte {
		mac := hmac.New(sha256.New, key)
		mac.Write(signed)
		return mac.Sum(nil)
	}
}

func TestVerify(t *testing.T) {
	t.Parallel()
	v := newVerifying(t, "Profile.ReadWrite", "Profile.Read")
	now := time.Now()
	const (
		invalid  = `401 Bearer error="invalid_token" UNAUTHENTICATED: The token in Authorization is not valid for this server.`
		expired  = `401 Bearer error="invalid_token", error_description="expired" UNAUTHENTICATED: The token in Authorization has expired.`
		nobody   = `403 Bearer error="insufficient_scope" FORBIDDEN: The token is not a person's access token: it has no delegated scope.`
		scopes   = `403 Bearer error="insufficient_scope" FORBIDDEN: The token has none of the scopes that this server needs: Profile.ReadWrite, Profile.Read.`
		noIssuer = `its issuer is`
	)
	for name, test := range map[string]struct {
		claims       map[string]any
		want, logged string
	}{
		"right":                    {nil, welcome, ""},
		"another of the scopes":    {map[string]any{"scp": "openid Profile.Read"}, welcome, ""},
		"scopes of RFC 9068":       {map[string]any{"scp": nil, "scope": "Profile.Read"}, welcome, ""},
		"scopes in an array":       {map[string]any{"scp": []string{"Profile.Read"}}, welcome, ""},
		"several audiences":        {map[string]any{"aud": []string{"other", idp.Audience}}, welcome, ""},
		"valid in a minute":        {map[string]any{"nbf": now.Add(time.Minute).Unix()}, welcome, ""},
		"valid in an hour":         {map[string]any{"nbf": now.Add(time.Hour).Unix()}, invalid, "its signature or its time is not valid"},
		"expired":                  {map[string]any{"exp": now.Add(-time.Hour).Unix()}, expired, ""},
		"without expiry":           {map[string]any{"exp": nil}, invalid, "it does not expire"},
		"expiry that is text":      {map[string]any{"exp": fmt.Sprint(now.Add(time.Hour).Unix())}, invalid, "it does not expire"},
		"another audience":         {map[string]any{"aud": "https://graph.microsoft.com"}, invalid, `its audience is \"https://graph.microsoft.com\"`},
		"audience among words":     {map[string]any{"aud": "other " + idp.Audience}, invalid, `its audience is`},
		"without audience":         {map[string]any{"aud": nil}, invalid, `its audience is`},
		"another issuer":           {map[string]any{"iss": "https://evil.example/v2.0"}, invalid, noIssuer},
		"without issuer":           {map[string]any{"iss": nil}, invalid, noIssuer},
		"issuer with a slash":      {map[string]any{"iss": v.provider.Issuer() + "/"}, invalid, noIssuer},
		"version 1.0":              {map[string]any{"iss": "https://sts.windows.net/" + idp.Tenant + "/", "ver": "1.0"}, invalid, "api.requestedAccessTokenVersion"},
		"nobody's":                 {map[string]any{"oid": nil, "sub": nil}, invalid, "neither the claims tid and oid nor the claim sub"},
		"an application's":         {map[string]any{"idtyp": "app", "scp": nil, "roles": []string{"Profile.ReadWrite.All"}}, nobody, "no delegated scope"},
		"an application's, silent": {map[string]any{"scp": nil}, nobody, "no delegated scope"},
		"an application's, lying":  {map[string]any{"idtyp": "app"}, nobody, "no delegated scope"},
		"without the scope":        {map[string]any{"scp": "User.Read Profile.ReadWrit"}, scopes, "none of the scopes"},
	} {
		token := v.provider.Mint(test.claims)
		v.clock.put(logInterval) // each one is logged
		before := len(v.log.String())
		if got := v.ask("Bearer " + token); got != test.want {
			t.Errorf("%s: got %s\nwant %s", name, got, test.want)
		}
		logged := v.log.String()[before:]
		if !strings.Contains(logged, test.logged) || test.logged == "" && logged != "" {
			t.Errorf("%s: logged %q; want %q", name, logged, test.logged)
		}
		mentions(t, "the log", logged, token)
	}
}

func TestVerifyForged(t *testing.T) {
	t.Parallel()
	v := newVerifying(t)
	private, id := v.provider.Key()
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	header := func(alg, kid string) map[string]any { return map[string]any{"alg": alg, "kid": kid, "typ": "JWT"} }
	good := v.provider.Mint(nil)
	claims := strings.Split(good, ".")[1]
	if got := v.ask("Bearer " + good); got != welcome {
		t.Fatal(got)
	}
	for name, token := range map[string]string{
		"RS512":      forge(header("RS512", id), claims, signRSA(t, private, crypto.SHA512)),
		"lower case": good,
		"own claims": v.provider.Mint(map[string]any{"kid": "x"}),
	} {
		if got := v.ask("bearer " + token); got != welcome {
			t.Errorf("%s: %s", name, got)
		}
	}
	for name, value := range map[string]string{
		"alg none":                   "Bearer " + forge(header("none", id), claims, unsigned),
		"alg None":                   "Bearer " + forge(header("None", id), claims, unsigned),
		"without signature":          "Bearer " + forge(header("RS256", id), claims, unsigned),
		"HS256, public key as PEM":   "Bearer " + forge(header("HS256", id), claims, signHMAC(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}))),
		"HS256, public key as DER":   "Bearer " + forge(header("HS256", id), claims, signHMAC(public)),
		"HS256, modulus":             "Bearer " + forge(header("HS256", id), claims, signHMAC(private.N.Bytes())),
		"another key":                "Bearer " + forge(header("RS256", id), claims, signRSA(t, other, crypto.SHA256)),
		"another key, its own id":    "Bearer " + forge(header("RS256", "mine"), claims, signRSA(t, other, crypto.SHA256)),
		"a key for encryption":       "Bearer " + forge(header("RS256", "encrypts-"+id), claims, signRSA(t, private, crypto.SHA256)),
		"without key id":             "Bearer " + forge(map[string]any{"alg": "RS256"}, claims, signRSA(t, private, crypto.SHA256)),
		"key in the header":          "Bearer " + forge(map[string]any{"alg": "RS256", "kid": id, "jwk": map[string]any{"kty": "RSA", "n": base64.RawURLEncoding.EncodeToString(other.N.Bytes()), "e": "AQAB"}}, claims, signRSA(t, other, crypto.SHA256)),
		"claims of another person":   "Bearer " + strings.Replace(good, claims, idp.Encode(map[string]any{"iss": v.provider.Issuer(), "aud": idp.Audience, "exp": 1 << 40, "oid": "eve", "tid": idp.Tenant, "scp": "x"}), 1),
		"PS256 of another signature": "Bearer " + strings.Replace(good, strings.Split(good, ".")[0], idp.Encode(header("PS256", id)), 1),
		"four parts":                 "Bearer " + good + ".x",
		"no JWT":                     "Bearer s3cret",
		"control characters":         "Bearer " + good + "\r\nX-Other: y",
		"too long":                   "Bearer " + good + strings.Repeat("x", maxValue),
	} {
		if got := v.ask(value); !strings.HasPrefix(got, "401 Bearer error=") {
			t.Errorf("%s: %s", name, got)
		}
	}
	for name, values := range map[string][]string{
		"none": nil, "empty": {""}, "no scheme": {good}, "another scheme": {"Basic abc="}, "no token": {"Bearer "},
	} {
		if got, want := v.ask(values...), "401 Bearer UNAUTHENTICATED: This server needs a bearer token in Authorization."; got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
	if got := v.ask("Bearer "+good, "Bearer "+good); !strings.HasPrefix(got, "401 Bearer error=") {
		t.Errorf("twice: %s", got)
	}
}

func TestIdentity(t *testing.T) {
	t.Parallel()
	v := newVerifying(t)
	of := func(claims map[string]any) (ctx context.Context) {
		r := httptest.NewRequest(http.MethodPost, "/graphql", nil)
		r.Header.Set("Authorization", "Bearer "+v.provider.Mint(claims))
		v.Middleware(refuseText, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { ctx = r.Context() })).ServeHTTP(httptest.NewRecorder(), r)
		if ctx == nil {
			t.Fatalf("%v is refused", claims)
		}
		return ctx
	}
	ctx := of(map[string]any{"roles": []string{"HR.Admin"}, "scp": "A B", "employee": "", "level": 3, "groups": []string{"g"}})
	for name, want := range map[string]string{"oid": "adele", "preferred_username": "adele@contoso.example", "employee": "", "level": "", "groups": "", "other": ""} {
		if got, ok := Claim(ctx, name); got != want || ok != (want != "") {
			t.Errorf("claim %s is %q, %v", name, got, ok)
		}
	}
	if !HasRole(ctx, "HR.Admin") || HasRole(ctx, "HR") || !HasScope(ctx, "A") || !HasScope(ctx, "B") || HasScope(ctx, "A B") {
		t.Error("roles or scopes are mixed up")
	}
	if _, ok := Claim(context.Background(), "oid"); ok || HasRole(context.Background(), "") || HasScope(context.Background(), "") {
		t.Error("somebody is nobody")
	}

	id := Caller(ctx)
	same := map[string]map[string]any{"another token": {"jti": "2"}, "another email": {"email": "eve@contoso.example"}}
	for name, claims := range same {
		if Caller(of(claims)) != id {
			t.Errorf("%s: another caller", name)
		}
	}
	others := map[string]map[string]any{
		"another oid": {"oid": "eve"}, "another tenant": {"tid": "other"}, "another sub": {"oid": nil, "sub": "eve"}, "by sub": {"oid": nil},
	}
	for name, claims := range others {
		if Caller(of(claims)) == id {
			t.Errorf("%s: the same caller", name)
		}
	}
}

func TestKeysRotate(t *testing.T) {
	t.Parallel()
	v := newVerifying(t)
	mint := func() string { return v.provider.Mint(map[string]any{"exp": time.Now().Add(24 * time.Hour).Unix()}) }
	old := mint()
	v.provider.Rotate()
	rotated := mint()
	for _, token := range []string{old, rotated} {
		if got := v.ask("Bearer " + token); got != welcome {
			t.Fatal(got)
		}
	}
	if n := v.provider.Fetches("keys"); n != 1 {
		t.Errorf("the keys were fetched %d times", n)
	}

	v.provider.Rotate()
	newest := mint()
	if got := v.ask("Bearer " + newest); !strings.HasPrefix(got, "401") {
		t.Errorf("right after a fetch, a new key is unknown: %s", got)
	}
	v.clock.put(keysInterval)
	if got := v.ask("Bearer " + newest); got != welcome {
		t.Errorf("the new key is not fetched: %s", got)
	}

	// A key that is withdrawn is not trusted for more than an hour, and neither are tokens that it has signed.
	v.provider.Withdraw()
	v.clock.put(keysMaxAge)
	if got := v.ask("Bearer " + newest); got != welcome { // starts a fetch and does not wait for it
		t.Error(got)
	}
	eventually(t, func() bool { return strings.HasPrefix(v.ask("Bearer "+old), "401") })
	if got, n := v.ask("Bearer "+newest), v.provider.Fetches("keys"); got != welcome || n != 3 {
		t.Errorf("after %d fetches: %s", n, got)
	}
}

func TestUnknownKeysAreBounded(t *testing.T) {
	t.Parallel()
	v := newVerifying(t)
	good := v.provider.Mint(nil)
	if got := v.ask("Bearer " + good); got != welcome {
		t.Fatal(got)
	}
	parts := strings.Split(good, ".")
	for round := 1; round <= 3; round++ {
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				header := idp.Encode(map[string]any{"alg": "RS256", "kid": fmt.Sprint(round, i)})
				if got := v.ask("Bearer " + header + "." + parts[1] + "." + parts[2]); !strings.HasPrefix(got, "401") {
					t.Errorf("an invented key: %s", got)
				}
			})
		}
		wg.Wait()
		if n := v.provider.Fetches("keys"); n > round {
			t.Errorf("round %d: the keys were fetched %d times", round, n)
		}
		v.clock.put(keysInterval)
	}
	if n := strings.Count(v.log.String(), "\n"); n == 0 || n > 4 {
		t.Errorf("%d log lines for 150 refused tokens", n)
	}
	// Tokens for others cause no fetch at all.
	before := v.provider.Fetches("keys")
	v.ask("Bearer " + v.provider.Mint(map[string]any{"iss": "https://evil.example"}))
	if n := v.provider.Fetches("keys"); n != before {
		t.Error("a token of another issuer caused a fetch")
	}
}

func TestProviderDown(t *testing.T) {
	t.Parallel()
	const unknown = "503  SOURCE_UNAVAILABLE: The token cannot be verified at the moment, because the identity provider does not respond. Try again in a moment."
	for name, b := range map[string]idp.Behavior{
		"503": {Status: 503}, "404": {Status: 404}, "no keys": {Keyless: true}, "redirect": {Status: 302}, "another issuer": {Issuer: "https://evil.example"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVerifying(t)
			v.provider.Behave(b)
			token := v.provider.Mint(nil)
			for range 3 {
				if got := v.ask("Bearer " + token); got != unknown {
					t.Errorf("got %s", got)
				}
			}
			if n := strings.Count(v.log.String(), "keys cannot be fetched"); n != 1 {
				t.Errorf("the provider was asked %d times within %s: %s", n, keysRetryDelay, v.log)
			}
			mentions(t, "the log", v.log.String(), token)
			v.provider.Behave(idp.Behavior{})
			v.clock.put(keysRetryDelay)
			if got := v.ask("Bearer " + token); got != welcome {
				t.Errorf("once the provider is up: %s", got)
			}

			// From now on, nobody notices that it is down.
			v.provider.Behave(b)
			v.clock.put(keysMaxAge - time.Minute)
			for range 2 {
				fresh := v.provider.Mint(map[string]any{"exp": v.clock.now().Add(time.Hour).Unix()})
				if got := v.ask("Bearer " + fresh); got != welcome {
					t.Errorf("the keys are not kept: %s", got)
				}
				v.clock.put(2 * keysMaxAge)
			}
		})
	}
}

func TestProviderSlow(t *testing.T) {
	t.Parallel()
	v := newVerifying(t)
	v.keys.timeout = 200 * time.Millisecond
	v.provider.Behave(idp.Behavior{Hang: true})
	token := v.provider.Mint(nil)
	ctx, leave := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if got := v.askWith(ctx, "Bearer "+token); got != "200  " && !strings.HasPrefix(got, "503") { // nothing is written, unless it came late
				t.Errorf("a caller that has left: %s", got)
			}
		})
	}
	leave()
	wg.Wait()
	// Those who stay wait for the one fetch, which ends by its own timeout.
	for range 20 {
		wg.Go(func() {
			if got := v.ask("Bearer " + token); !strings.HasPrefix(got, "503") {
				t.Errorf("got %s", got)
			}
		})
	}
	wg.Wait()
	if n := strings.Count(v.log.String(), `"reason":"discovery: timeout"`); n != 1 {
		t.Errorf("%d fetches: %s", n, v.log)
	}
}

func TestNewVerifierRefuses(t *testing.T) {
	t.Parallel()
	for _, o := range []VerifierOptions{
		{Issuer: "", Audience: "a"}, {Issuer: "http://idp.example", Audience: "a"}, {Issuer: "https://u:p@idp.example", Audience: "a"},
		{Issuer: "https://idp.example/?x", Audience: "a"}, {Issuer: "https:///x", Audience: "a"}, {Issuer: "https://idp.example"},
	} {
		if _, err := NewVerifier(o); err == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
}

// eventually waits for something that happens in the background.
func eventually(t *testing.T, happened func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !happened(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not happen")
		}
	}
}
