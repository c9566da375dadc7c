// Package auth decides which token goes to which source. So far there is one rule: the caller's own Authorization
// header goes, as it is, to the one source that there is, and to nobody else. A token is opaque here: whether it is
// any good is for the source to say.
//
// [Middleware] takes the header off a request on its way in, [Transport] puts it on a request on its way out; in
// between it lives in the context, where no log, error or other header can pick it up.
package auth

import (
	"context"
	"maps"
	"net/http"
)

type authorizationKey struct{}

// Middleware keeps the request's Authorization header for [Transport].
func Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if value := r.Header.Get("Authorization"); value != "" {
			r = r.WithContext(context.WithValue(r.Context(), authorizationKey{}, value))
		}
		next.ServeHTTP(w, r)
	})
}

// Transport sends requests on through Base with the Authorization header of the caller on whose behalf they are made,
// or with none where the caller gave none.
type Transport struct{ Base http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (t Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if value, ok := r.Context().Value(authorizationKey{}).(string); ok {
		// A RoundTripper must not change the request that it is given. The header's values stay shared: they are
		// not written to.
		r = r.WithContext(r.Context())
		r.Header = maps.Clone(r.Header)
		r.Header["Authorization"] = []string{value}
	}
	return t.Base.RoundTrip(r)
}
