package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const verified = "callers: {issuer: 'https://idp.example/t/v2.0', audience: api, scopes: [access]}\n"

// exchangeOf returns a token setting of a token service.
func exchangeOf(from string, more ...string) string {
	return "token: {" + strings.Join(append([]string{"from: " + from, "tenant: t", "clientId: c", "scopes: ['https://graph.microsoft.com/.default']"}, more...), ", ") + "}"
}

func TestWrongCallers(t *testing.T) {
	t.Setenv("PROFILEQL_TEST_SECRET", "s3cret")
	const secret = "secretEnv: PROFILEQL_TEST_SECRET"
	hr := []string{"name: hr", "kind: profile", "url: https://hr.example"}
	file := func(lines ...string) string { return verified + source(append(hr, lines...)...) }
	for _, test := range []struct{ file, want string }{
		{"callers: {issuer: x, audience: a}\n" + source("name: a", "kind: sandbox"), "1:19: the issuer does not start with https:// and a host"},
		{"callers: {issuer: 'http://a.example', audience: a}\n" + source("name: a", "kind: sandbox"), "1:19: the issuer does not start with https://"},
		{"callers: {issuer: 'https://a.example'}\n" + source("name: a", "kind: sandbox"), "there is no audience"},
		{"callers: {issuer: 'https://a.example', audience: a, scopes: [a b]}\n" + source("name: a", "kind: sandbox"), `"a b" is not a scope`},
		{"callers: {issuer: 'https://a.example', audience: a, clock: b}\n" + source("name: a", "kind: sandbox"), `there is no key "clock" here`},
		{file("token: {from: caller}"), "6:19: with the section callers, Authorization has a token for ProfileQL, which must not reach a source"},
		{source(append(hr, exchangeOf("onBehalfOf", secret))...), "5:19: this needs the section callers"},
		{file(exchangeOf("onBehalfOf")), "write exactly one of secretEnv, certificate and federatedTokenFile"},
		{file(exchangeOf("onBehalfOf", secret, "certificate: c.pem")), "write exactly one of secretEnv, certificate and federatedTokenFile"},
		{file(exchangeOf("onBehalfOf", "secretEnv: PROFILEQL_TEST_NONE")), "the environment variable PROFILEQL_TEST_NONE is not set or empty"},
		{file(exchangeOf("onBehalfOf", "certificate: nowhere.pem")), "nowhere.pem cannot be read"},
		{file(exchangeOf("onBehalfOf", secret, "name: X")), "a token from: onBehalfOf has no name; leave it out"},
		{file(exchangeOf("onBehalfOf", secret, "authority: 'http://a.example'")), "the authority does not start with https://"},
		{file("token: {from: onBehalfOf, clientId: c, scopes: [s], " + secret + "}"), "a token from: onBehalfOf needs tenant"},
		{file("token: {from: onBehalfOf, tenant: t, scopes: [s], " + secret + "}"), "a token from: onBehalfOf needs clientId"},
		{file("token: {from: clientCredentials, tenant: t, clientId: c, " + secret + "}"), "a token from: clientCredentials needs scopes"},
		{file("token: {from: header, name: X-HR, tenant: t}"), "are for from: onBehalfOf and from: clientCredentials"},
		{file(exchangeOf("onBehalfOf", secret), "me: {claim: oid}"), "the source receives the caller's own token, which says who the caller is; leave me out"},
		{file(exchangeOf("clientCredentials", secret)), "the token of the source hr does not say who the caller is; write me: {claim: oid}"},
		{file("token: {from: env, name: PROFILEQL_TEST_SECRET}"), "the token of the source hr does not say who the caller is"},
		{file(exchangeOf("clientCredentials", secret), "me: {claim: oid}", "users: any"), "every caller could read and change other users' profiles with this token"},
		{file(exchangeOf("clientCredentials", secret), "me: {claim: oid}", "usersFor: {role: hr}"), "this needs users: any"},
		{file(exchangeOf("clientCredentials", secret), "me: {claim: oid}", "users: any", "usersFor: {role: hr, scope: s}"), "write one of role and scope"},
		{file("token: {from: nobody}", "usersFor: {role: hr}"), "the token of the source hr does not say who the caller is"},
		{source(append(hr, "token: {from: nobody}", "me: {claim: oid}")...), "me needs the section callers"},
	} {
		_, _, err := parseFile("f.yaml", []byte(test.file), true)
		if err == nil || !strings.HasPrefix(err.Error(), "f.yaml:") || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s\ngot  %v\nwant %s", test.file, err, test.want)
		}
	}
	_, _, err := parseFile("f.yaml", []byte(source(append(hr, exchangeOf("clientCredentials", secret))...)), false)
	if err == nil || !strings.Contains(err.Error(), "everybody who can reach the listener would use this token") {
		t.Errorf("a token of our own on a public address: %v", err)
	}
}

// TestCallers reads a file with verified callers, on an address that other machines can reach.
func TestCallers(t *testing.T) {
	t.Setenv("PROFILEQL_TEST_SECRET", "s3cret\n")
	dir := t.TempDir()
	certificate := filepath.Join(dir, "client.pem")
	if err := os.WriteFile(certificate, []byte("s3cret certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	text := verified + `sources:
  - name: tenant
    kind: profile
    url: https://graph.microsoft.com/beta
    token: {from: onBehalfOf, tenant: t, clientId: c, certificate: client.pem, scopes: [s]}
  - name: hr
    kind: profile
    url: https://hr.example
    token: {from: clientCredentials, tenant: t, clientId: c, secretEnv: PROFILEQL_TEST_SECRET, scopes: [s], authority: 'https://login.example'}
    me: {claim: preferred_username}
    users: any
    usersFor: {role: hr}
  - name: pod
    kind: profile
    url: https://pod.example
    token: {from: onBehalfOf, tenant: t, clientId: c, federatedTokenFile: /var/run/token, scopes: [s]}
  - name: old
    kind: profile
    url: https://old.example
    token: {from: env, name: PROFILEQL_TEST_SECRET}
    me: {claim: oid}
`
	name := filepath.Join(dir, "sources.yaml")
	got, callers, err := parseFile(name, []byte(text), false)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&Callers{Issuer: "https://idp.example/t/v2.0", Audience: "api", Scopes: []string{"access"}}, callers); diff != "" {
		t.Error(diff)
	}
	scopes := []string{"s"}
	want := map[string]Source{
		"tenant": {AnyUser: true, Token: Token{From: FromOnBehalfOf, Exchange: &Exchange{
			Tenant: "t", ClientID: "c", CertificateFile: certificate, Certificate: []byte("s3cret certificate"), Scopes: scopes, Authority: defaultAuthority,
		}}},
		"hr": {AnyUser: true, MeClaim: "preferred_username", UsersFor: &UsersFor{Role: "hr"}, Token: Token{From: FromClientCredentials, Exchange: &Exchange{
			Tenant: "t", ClientID: "c", SecretEnv: "PROFILEQL_TEST_SECRET", Secret: "s3cret", Scopes: scopes, Authority: "https://login.example",
		}}},
		"pod": {Token: Token{From: FromOnBehalfOf, Exchange: &Exchange{
			Tenant: "t", ClientID: "c", FederatedTokenFile: "/var/run/token", Scopes: scopes, Authority: defaultAuthority,
		}}},
		"old": {MeClaim: "oid", Token: Token{From: FromEnv, Name: "PROFILEQL_TEST_SECRET", Value: "s3cret"}},
	}
	for _, s := range got {
		w := want[s.Name]
		if diff := cmp.Diff(w.Token, s.Token) + cmp.Diff(w.UsersFor, s.UsersFor); diff != "" || s.AnyUser != w.AnyUser || s.MeClaim != w.MeClaim || s.Concurrency != defaultConcurrency {
			t.Errorf("%s: %s %+v", s.Name, diff, s)
		}
	}
	checkRoundTrip(t, got, callers)
}
