package auth

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
)

// BenchmarkRequest is the cost of a token for one request to a source: verified and exchanged, both remembered, and
// forwarded unverified.
func BenchmarkRequest(b *testing.B) {
	sent := &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}
	base := roundTripper(func(*http.Request) (*http.Response, error) { return sent, nil })
	x := newExchanging(b, OnBehalfOf, nil)
	token := x.provider.Mint(nil)
	send := func(r *http.Request, token Token) {
		resp, err := Transport{Base: base, Token: token}.RoundTrip(r)
		if err != nil {
			b.Fatal(err)
		}
		_ = resp.Body.Close()
	}
	through := func(token Token) http.Handler {
		return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { send(r, token) })
	}
	for name, handler := range map[string]http.Handler{
		"verified and exchanged": x.Middleware(refuseText, through(x.token)),
		"verified":               x.Middleware(refuseText, through(Token{})),
		"forwarded":              Middleware([]string{"Authorization"}, func(http.ResponseWriter, string) {}, through(Token{Header: "Authorization"})),
	} {
		b.Run(name, func(b *testing.B) {
			r := httptest.NewRequest(http.MethodPost, "/graphql", nil)
			r.Header.Set("Authorization", "Bearer "+token)
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r) // fetches the keys and the token
			b.ReportAllocs()
			for b.Loop() {
				handler.ServeHTTP(w, r)
			}
		})
	}
}

// BenchmarkVerify is the cost of a token that has not been verified before.
func BenchmarkVerify(b *testing.B) {
	v := newVerifying(b)
	token := v.provider.Mint(nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.verify(context.Background(), token); err != nil {
			b.Fatal(err)
		}
	}
}
