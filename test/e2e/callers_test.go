package e2e

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"profileql/internal/sandbox/faults"
	"profileql/test/idp"
	"profileql/test/scene"
)

// company is a ProfileQL with verified callers in front of two sources: the tenant, on behalf of the caller, and an HR system
// that knows only ProfileQL, and is asked for the caller by name.
type company struct {
	*facade
	admin      string // URL of the operator's listener
	provider   *idp.Provider
	tenant, hr *recorder
	tokens     []string // of callers
}

const companyFile = `callers: {issuer: '%[1]s', audience: '%[2]s', scopes: [%[3]s]}
sources:
  - name: tenant
    kind: profile
    url: %[5]s/beta
    timeout: 2s
    token: {from: onBehalfOf, tenant: %[7]s, clientId: %[8]s, secretEnv: COMPANY_SECRET, scopes: ['%[4]s/.default'], authority: '%[4]s'}
  - name: hr
    kind: profile
    url: %[6]s/beta
    token: {from: clientCredentials, tenant: %[7]s, clientId: %[8]s, secretEnv: COMPANY_SECRET, scopes: ['%[4]s/.default'], authority: '%[4]s'}
    me: {claim: preferred_username}
    users: any
    usersFor: {role: hr-manager}
`

func newCompany(t *testing.T, env ...string) *company {
	t.Helper()
	c := &company{provider: idp.Start(), tenant: &recorder{}, hr: &recorder{}}
	t.Cleanup(c.provider.Close)
	var urls []any
	for _, rec := range []*recorder{c.tenant, c.hr} {
		box := openBox(t, faults.Config{})
		rec.Answer = func(w http.ResponseWriter, r *http.Request) {
			r.Header.Del("Authorization") // the sandbox takes it for the name of a person
			box.ServeHTTP(w, r)
		}
		server := httptest.NewServer(rec)
		t.Cleanup(server.Close)
		urls = append(urls, server.URL)
	}
	text := fmt.Sprintf(companyFile, append([]any{c.provider.Issuer(), idp.Audience, idp.Scope, c.provider.Authority()}, append(urls, idp.Tenant, idp.ClientID)...)...)
	env = append(env, "COMPANY_SECRET="+idp.Secret, "SSL_CERT_FILE="+writeFile(t, string(c.provider.Certificate())))
	p := startWith(t, env, "--listen", scene.AnyPort, "--admin", scene.AnyPort, "--config", writeFile(t, text))
	c.facade = &facade{t: t, URL: p.url() + "/graphql", log: p.stderr}
	c.admin = p.adminURL(t)
	t.Cleanup(func() { c.tellsNothing(t, c.log.String()) })
	return c
}

// operators returns what the operator's listener shows at a path.
func (c *company) operators(path string) string {
	c.t.Helper()
	resp, err := http.Get(c.admin + path)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		c.t.Fatal(resp.Status, err)
	}
	c.tellsNothing(c.t, string(text))
	return string(text)
}

// as sends an operation with a new token, which has these claims.
func (c *company) as(claims map[string]any, operation string, variables any) reply {
	c.t.Helper()
	token := c.provider.Mint(claims)
	c.tokens = append(c.tokens, token)
	r := c.do(operation, variables, "Authorization", "Bearer "+token)
	c.tellsNothing(c.t, r.Body)
	return r
}

// tellsNothing checks that a text has no token, no secret and nothing of the identity provider's.
func (c *company) tellsNothing(t testing.TB, text string) {
	t.Helper()
	for _, secret := range append(c.tokens, idp.Secret, "eyJ", "AADSTS50076: description", "trace-of-the-provider") {
		if strings.Contains(text, secret) {
			t.Errorf("%.40s is told: %s", secret, text)
		}
	}
}

var (
	yuki      = map[string]any{"oid": "yuki", "preferred_username": "yuki@example.com"}
	nameless  = map[string]any{"oid": "nameless", "preferred_username": nil}
	traveler  = map[string]any{"oid": "traveler", "preferred_username": "../users/ada@example.com"}
	dotted    = map[string]any{"oid": "dotted", "preferred_username": ".."}
	manager   = map[string]any{"oid": "manager", "preferred_username": "ada@example.com", "roles": []string{"hr-manager"}}
	interests = `{ me { interests(first: 100) { nodes { displayName profileSource { name } } failedSources { source { name } code } } } }`
)

// TestOnBehalfOf tests which tokens and paths the sources receive.
func TestOnBehalfOf(t *testing.T) {
	t.Parallel()
	c := newCompany(t)
	r := c.as(yuki, interests, nil)
	if len(r.Errors) > 0 || !strings.Contains(r.Body, "茶道") || !strings.Contains(r.Body, "Chess") {
		t.Fatalf("merged: %s", r.Body)
	}
	for _, test := range []struct {
		rec                *recorder
		prefix, user, kind string
	}{
		{c.tenant, "/beta/me/profile/interests?", "yuki", "scp"}, {c.hr, "/beta/users/yuki@example.com/profile/interests?", idp.ClientID, "idtyp"},
	} {
		seen := test.rec.take()
		if len(seen) != 1 || !strings.HasPrefix(seen[0].Target, test.prefix) {
			t.Fatalf("the source saw %+v", seen)
		}
		claims, err := idp.Claims(strings.TrimPrefix(seen[0].Header.Get("Authorization"), "Bearer "))
		if err != nil || claims["oid"] != test.user || claims["aud"] != "the-source" || claims[test.kind] == nil {
			t.Errorf("a token with %v, %v", claims, err)
		}
	}
	const create = `mutation { createPersonInterest(input: {item: {displayName: "Go"}, source: "hr"}) { personInterest { id displayName } } }`
	created := c.as(yuki, create, nil)
	id := strings.Split(string(created.Data), `"`)[7]
	updated := c.as(yuki, scene.UpdateMutation, map[string]any{"input": map[string]any{"id": id, "patch": map[string]any{"description": nil}}})
	read, deleted := c.as(yuki, scene.NodeQuery, map[string]any{"id": id}), c.as(yuki, scene.DeleteMutation, map[string]any{"id": id})
	for _, r := range []reply{created, updated, read, deleted} {
		if len(r.Errors) > 0 {
			t.Error(r.Body)
		}
	}
	for _, seen := range c.hr.take() {
		if !strings.HasPrefix(seen.Target, "/beta/users/yuki@example.com/profile/interests") {
			t.Errorf("%s %s", seen.Method, seen.Target)
		}
	}
}

// TestOneExchange sends 20 operations with one token at once.
func TestOneExchange(t *testing.T) {
	t.Parallel()
	c := newCompany(t)
	token := c.provider.Mint(yuki)
	c.tokens = append(c.tokens, token)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if r := c.do(interests, nil, "Authorization", "Bearer "+token); len(r.Errors) > 0 {
				t.Error(r.Body)
			}
		})
	}
	all.Wait()
	if exchanges := c.provider.Exchanges(); len(exchanges) != 2 {
		t.Errorf("%d exchanges for two sources: %+v", len(exchanges), exchanges)
	}
	metrics := c.operators("/metrics")
	for _, source := range []string{"tenant", "hr"} {
		if want := fmt.Sprintf("profileql_token_exchange_duration_seconds_count{outcome=\"success\",source=%q} 1\n", source); !strings.Contains(metrics, want) {
			t.Errorf("the metrics have no %s: %s", want, metrics)
		}
	}
	if settings := c.operators("/config"); !strings.Contains(settings, "secretEnv: COMPANY_SECRET") || !strings.Contains(settings, "claim: preferred_username") {
		t.Errorf("the settings: %s", settings)
	}
}

// TestCallersAreVerified tests that nothing is sent for callers whose token is not valid for ProfileQL.
func TestCallersAreVerified(t *testing.T) {
	t.Parallel()
	c := newCompany(t)
	hour := time.Hour
	for name, test := range map[string]struct {
		authorization string
		status        int
	}{
		"no token":         {"", 401},
		"basic":            {"Basic YTpi", 401},
		"no JWT":           {"Bearer abc", 401},
		"another audience": {"Bearer " + c.provider.Mint(map[string]any{"aud": "https://graph.microsoft.com"}), 401},
		"another issuer":   {"Bearer " + c.provider.Mint(map[string]any{"iss": "https://elsewhere.example"}), 401},
		"expired":          {"Bearer " + c.provider.Mint(map[string]any{"exp": time.Now().Add(-hour).Unix()}), 401},
		"no expiry":        {"Bearer " + c.provider.Mint(map[string]any{"exp": nil}), 401},
		"an application's": {"Bearer " + c.provider.Mint(map[string]any{"scp": nil, "idtyp": "app"}), 403},
		"another scope":    {"Bearer " + c.provider.Mint(map[string]any{"scp": "Other"}), 403},
	} {
		var header []string
		if test.authorization != "" {
			header = []string{"Authorization", test.authorization}
		}
		r := c.do(interests, nil, header...)
		want := map[int]string{401: "UNAUTHENTICATED", 403: "FORBIDDEN"}[test.status]
		if r.Status != test.status || r.Code(t) != want || !strings.HasPrefix(r.Header.Get("WWW-Authenticate"), "Bearer") {
			t.Errorf("%s: %d %v %s", name, r.Status, r.Header, r.Body)
		}
		c.tellsNothing(t, r.Body)
	}
	if seen := len(c.tenant.take()) + len(c.hr.take()) + len(c.provider.Exchanges()); seen > 0 {
		t.Errorf("%d requests were sent", seen)
	}
	if resp, err := http.Get(strings.TrimSuffix(c.URL, "/graphql") + "/healthz"); err != nil || resp.StatusCode != http.StatusNoContent {
		t.Errorf("health: %v, %v", resp, err)
	}
}

// TestSharedToken tests that a token of ProfileQL's own reaches only the verified caller.
func TestSharedToken(t *testing.T) {
	t.Parallel()
	c := newCompany(t)
	for name, claims := range map[string]map[string]any{"no name": nameless, "a path": dotted} {
		r := c.as(claims, interests, nil)
		if len(r.Errors) != 1 || r.Errors[0].Extensions["code"] != "UNSUPPORTED_BY_SOURCE" || !strings.Contains(r.Body, "Chess") || len(c.hr.take()) > 0 {
			t.Errorf("%s: %s", name, r.Body)
		}
	}
	c.as(traveler, interests, nil)
	for _, seen := range c.hr.take() {
		if !strings.HasPrefix(seen.Target, "/beta/users/..%2Fusers%2Fada@example.com/profile/interests?") {
			t.Errorf("a name became the path %s", seen.Target)
		}
	}
	ada := scene.GlobalID("hr", "ada@example.com", "interests", "5f1d8c8e-6a0b-4c57-9d2f-1b7c3a90e4d1")
	patch := map[string]any{"input": map[string]any{"id": ada, "patch": map[string]any{"displayName": "Mine"}}}
	const create = `mutation { createPersonInterest(input: {item: {displayName: "Go"}, source: "hr", user: "ada@example.com"}) { personInterest { id } } }`
	const list = `{ profile(user: "ada@example.com") { interests(sources: ["hr"]) { nodes { id } } } }`
	operations := []struct {
		text      string
		variables any
	}{
		{list, nil}, {create, nil}, {scene.UpdateMutation, patch}, {scene.NodeQuery, map[string]any{"id": ada}}, {scene.DeleteMutation, map[string]any{"id": ada}},
	}
	for _, op := range operations {
		if r := c.as(yuki, op.text, op.variables); r.Code(t) != "FORBIDDEN" || len(c.hr.take()) > 0 {
			t.Errorf("another person's: %s: %s", op.text, r.Body)
		}
	}
	for name, caller := range map[string]map[string]any{"the person": {"preferred_username": "ada@example.com"}, "with the role": manager} {
		for _, op := range operations[:4] {
			if r := c.as(caller, op.text, op.variables); len(r.Errors) > 0 || len(c.hr.take()) == 0 {
				t.Errorf("%s: %s: %s", name, op.text, r.Body)
			}
		}
	}
}

// TestStepUp tests that the caller learns what a new token needs, from the identity provider and from a source, in single
// requests and in batches.
func TestStepUp(t *testing.T) {
	t.Parallel()
	const claims = `{"access_token":{"polids":{"essential":true,"values":["5ce770ea-8690-4747-aa73-c5b3cd509cd4"]}}}`
	c := newCompany(t)
	c.provider.Behave(idp.Behavior{Refuse: "interaction_required", Claims: claims, Echo: true})
	one := `{ me { interests(sources: ["tenant"]) { nodes { id } } } }`
	r := c.as(yuki, one, nil)
	if r.Code(t) != "UNAUTHENTICATED" || r.Errors[0].Extensions["claims"] != claims {
		t.Errorf("the provider's demand: %s", r.Body)
	}
	c.provider.Behave(idp.Behavior{})
	challenge := `Bearer realm="", authorization_uri="https://login.example/authorize", error="insufficient_claims", claims="` +
		base64.StdEncoding.EncodeToString([]byte(claims)) + `"`
	c.tenant.answerWith(answerJSON(http.StatusUnauthorized, `{"error": {"code": "InvalidAuthenticationToken", "message": "x"}}`, "WWW-Authenticate", challenge))
	two := `{ me { interests(sources: ["tenant"]) { nodes { id } } skills(sources: ["tenant"]) { nodes { id } } } }`
	for _, operation := range []string{one, two} {
		r = c.as(map[string]any{"oid": "other", "preferred_username": "yuki@example.com"}, operation, nil)
		if len(r.Errors) == 0 || strings.Contains(r.Body, "authorization_uri") {
			t.Errorf("the source's demand: %s", r.Body)
		}
		for _, e := range r.Errors {
			if e.Extensions["code"] != "UNAUTHENTICATED" || e.Extensions["claims"] != claims {
				t.Errorf("the source's demand: %s", r.Body)
			}
		}
	}
}

// TestTokenServiceFails tests that a token service costs what a slow source costs, and that the other source's data is there.
func TestTokenServiceFails(t *testing.T) {
	t.Parallel()
	for code, behavior := range map[string]idp.Behavior{
		"SOURCE_UNAVAILABLE": {Status: http.StatusServiceUnavailable}, "SOURCE_TIMEOUT": {Hang: true},
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			c := newCompany(t)
			if r := c.as(manager, interests, nil); len(r.Errors) > 0 { // hr's token and the keys are remembered
				t.Fatal(r.Body)
			}
			c.provider.Behave(behavior)
			began := time.Now()
			r := c.as(yuki, interests, nil)
			if len(r.Errors) != 1 || r.Errors[0].Extensions["code"] != code || !strings.Contains(r.Body, "茶道") {
				t.Errorf("after %v: %s", time.Since(began), r.Body)
			}
			write := c.as(yuki, `mutation { createPersonInterest(input: {item: {displayName: "Go"}}) { personInterest { id } } }`, nil)
			if write.Code(t) != code {
				t.Errorf("a write: %s", write.Body)
			}
			for _, seen := range c.tenant.take() {
				if seen.Method != http.MethodGet {
					t.Errorf("%s %s was sent", seen.Method, seen.Target)
				}
			}
			c.provider.Behave(idp.Behavior{})
		})
	}
}
