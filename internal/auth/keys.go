package auth

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"profileql/internal/profile"
)

const (
	keysTimeout    = 5 * time.Second  // of fetching the keys
	keysInterval   = 10 * time.Second // between fetches, so that tokens with invented key ids do not cause any number of them
	keysRetryDelay = 2 * time.Second  // after a fetch that failed
	keysMaxAge     = time.Hour        // when they are fetched again although no token asks for another one

	maxProviderBytes = 1 << 20 // of a response of the identity provider
	maxKeys          = 100
	minKeyBits       = 2048
)

// keySet is the public keys of an identity provider. They are fetched when the first token asks for one, again when a
// token asks for one that is unknown, and when they are old. Keys stay in use while the provider is down.
//
// go-oidc's RemoteKeySet is not used, because it asks the provider again for each token with an unknown key, without a
// timeout, and never on its own, so that a withdrawn key would stay in use.
type keySet struct {
	issuer  string
	client  *http.Client
	timeout time.Duration // of fetching
	log     *slog.Logger
	now     func() time.Time

	mu      sync.Mutex
	keys    map[string]*rsa.PublicKey // by key id
	expiry  time.Time                 // of the keys
	retryAt time.Time                 // when they may be fetched again
	err     error                     // of the last fetch
	fetched chan struct{}             // closed when the fetch under way ends; nil for none
}

// errNoKeys means that it is unknown whether the identity provider has a key.
var errNoKeys = errors.New("the identity provider's keys cannot be fetched")

// key returns the key with this id, and when it should be asked for again; nil if the identity provider has none. It
// fails with errNoKeys or the context's error.
func (k *keySet) key(ctx context.Context, id string) (key *rsa.PublicKey, until time.Time, err error) {
	k.mu.Lock()
	key, now := k.keys[id], k.now()
	if due := key == nil || !now.Before(k.expiry); due && k.fetched == nil && !now.Before(k.retryAt) {
		k.fetched = make(chan struct{})
		go k.fetch()
	}
	fetched, until, err := k.fetched, k.expiry, k.err
	k.mu.Unlock()
	if key != nil {
		return key, until, nil
	}
	if fetched != nil {
		select {
		case <-fetched:
		case <-ctx.Done():
			return nil, until, ctx.Err()
		}
		k.mu.Lock()
		key, until, err = k.keys[id], k.expiry, k.err
		k.mu.Unlock()
	}
	if key == nil && err != nil {
		return nil, until, errNoKeys
	}
	return key, until, nil
}

// fetch fetches the keys. It is independent of the request that needs them first, because others wait for them too.
func (k *keySet) fetch() {
	ctx, cancel := context.WithTimeout(context.Background(), k.timeout)
	defer cancel()
	keys, err := k.download(ctx)
	if err != nil {
		k.log.Warn("the identity provider's keys cannot be fetched", "issuer", k.issuer, "reason", err.Error())
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	if k.err = err; err == nil {
		k.keys, k.expiry, k.retryAt = keys, now.Add(keysMaxAge), now.Add(keysInterval)
	} else {
		k.retryAt = now.Add(keysRetryDelay)
	}
	close(k.fetched)
	k.fetched = nil
}

// download returns the identity provider's keys by OpenID Connect Discovery. Its errors contain nothing that the
// provider has sent, except for its issuer.
func (k *keySet) download(ctx context.Context) (map[string]*rsa.PublicKey, error) {
	var provider struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if err := k.get(ctx, strings.TrimSuffix(k.issuer, "/")+"/.well-known/openid-configuration", &provider); err != nil {
		return nil, fmt.Errorf("discovery: %w", err)
	}
	if provider.Issuer != k.issuer {
		return nil, fmt.Errorf("discovery: the identity provider calls itself %.200q; if it is yours, configure that issuer", provider.Issuer)
	}
	if u, err := url.Parse(provider.Keys); err != nil || u.Scheme != "https" {
		return nil, errors.New("discovery: jwks_uri is no https address")
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := k.get(ctx, provider.Keys, &set); err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	keys := rsaKeys(set.Keys)
	if len(keys) == 0 {
		return nil, errors.New("keys: none of them is an RSA key for signatures with an id")
	}
	return keys, nil
}

// rsaKeys returns the keys that may sign tokens. Other keys of a provider are none of ours, whatever they are.
func rsaKeys(set []json.RawMessage) map[string]*rsa.PublicKey {
	keys := make(map[string]*rsa.PublicKey)
	for _, text := range set[:min(len(set), maxKeys)] {
		var key jose.JSONWebKey
		if json.Unmarshal(text, &key) != nil || key.KeyID == "" || key.Use != "" && key.Use != "sig" {
			continue
		}
		if public, ok := key.Key.(*rsa.PublicKey); ok && public.N.BitLen() >= minKeyBits {
			keys[key.KeyID] = public
		}
	}
	return keys
}

// get reads a JSON document of the identity provider.
func (k *keySet) get(ctx context.Context, address string, document any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return errors.New("not an address")
	}
	resp, err := k.client.Do(r)
	if err != nil {
		return errors.New(profile.FailureReason(err))
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxProviderBytes+1))
	switch {
	case err != nil:
		return errors.New(profile.FailureReason(err))
	case len(text) > maxProviderBytes:
		return fmt.Errorf("more than %d bytes", maxProviderBytes)
	case json.Unmarshal(text, document) != nil:
		return errors.New("not the JSON that it should be")
	}
	return nil
}

// providerClient returns a client for an identity provider. It follows no redirects: what is sent to a token service is
// for nobody else, and keys come from nobody else.
func providerClient(transport http.RoundTripper) *http.Client {
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// isHTTPS reports whether an address of an identity provider is https, and nothing but a server and a path.
func isHTTPS(u *url.URL) bool {
	return u.Scheme == "https" && u.Host != "" && u.User == nil && u.RawQuery == "" && u.Fragment == ""
}
