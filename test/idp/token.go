package idp

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"time"
)

const jwtBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer"

// refusal is the answer to a token request that is refused.
type refusal struct {
	status int
	code   string // OAuth's
	aadsts int    // Microsoft Entra's
}

// token is the token endpoint.
func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		answer(w, http.StatusBadRequest, map[string]any{"error": "invalid_request"})
		return
	}
	caller, refused := p.check(r)
	p.mu.Lock()
	subject, _ := caller["oid"].(string)
	p.exchanges = append(p.exchanges, Exchange{
		Grant: r.Form.Get("grant_type"), Scope: r.Form.Get("scope"), Claims: r.Form.Get("claims"), Subject: subject,
		Assertion: r.Form.Get("client_assertion"),
	})
	b := p.behavior
	serial := len(p.exchanges)
	p.mu.Unlock()
	if b.Refuse != "" {
		refused = &refusal{http.StatusBadRequest, b.Refuse, 50076}
	}
	if refused != nil {
		p.refuse(w, r, b, refused)
		return
	}
	p.issue(w, r, b, caller, serial)
}

// refuse answers as Microsoft Entra does.
func (p *Provider) refuse(w http.ResponseWriter, r *http.Request, b Behavior, refused *refusal) {
	body := map[string]any{
		"error": refused.code, "error_codes": []int{refused.aadsts}, "trace_id": "trace-of-the-provider",
		"error_description": fmt.Sprintf("AADSTS%d: description of the provider", refused.aadsts),
	}
	if b.Claims != "" {
		body["claims"] = b.Claims
	}
	if b.Echo {
		body["error_description"], body["error_uri"] = r.Form.Encode(), r.Form.Encode()
	}
	answer(w, refused.status, body)
}

// issue answers with a token for the requested scopes.
func (p *Provider) issue(w http.ResponseWriter, r *http.Request, b Behavior, caller map[string]any, serial int) {
	scope, life := r.Form.Get("scope"), b.ExpiresIn
	if b.Scope != "" {
		scope = b.Scope
	}
	if life == 0 {
		life = time.Hour
	}
	claims := map[string]any{
		"aud": "the-source", "azp": ClientID, "jti": fmt.Sprint(serial), "exp": time.Now().Add(life).Unix(),
		"scp": nil, "idtyp": "app", "oid": ClientID, "sub": ClientID, "preferred_username": nil,
	}
	if caller != nil {
		maps.Copy(claims, map[string]any{
			"oid": caller["oid"], "preferred_username": caller["preferred_username"], "scp": scope, "idtyp": nil,
		})
	}
	answer(w, http.StatusOK, map[string]any{
		"token_type": "Bearer", "access_token": p.Mint(claims), "expires_in": int(life.Seconds()), "ext_expires_in": int(life.Seconds()),
		"scope": scope,
	})
}

// check checks a token request and returns the claims of the caller on whose behalf it is; nil for none.
func (p *Provider) check(r *http.Request) (caller map[string]any, refused *refusal) {
	switch {
	case r.Form.Get("client_id") != ClientID:
		return nil, &refusal{http.StatusBadRequest, "unauthorized_client", 700016}
	case r.Form.Get("client_assertion") == "" && r.Form.Get("client_secret") != Secret:
		return nil, &refusal{http.StatusUnauthorized, "invalid_client", 7000215}
	}
	switch r.Form.Get("grant_type") {
	case "client_credentials":
		return nil, nil
	case jwtBearer:
		caller, err := p.verify(r.Form.Get("assertion"))
		if err != nil || r.Form.Get("requested_token_use") != "on_behalf_of" {
			return nil, &refusal{http.StatusBadRequest, "invalid_grant", 50013}
		}
		return caller, nil
	}
	return nil, &refusal{http.StatusBadRequest, "unsupported_grant_type", 70003}
}

// verify verifies a token that Mint has returned.
func (p *Provider) verify(token string) (map[string]any, error) {
	claims, err := Claims(token)
	if err != nil {
		return nil, err
	}
	header, rest, _ := strings.Cut(token, ".")
	payload, encoded, _ := strings.Cut(rest, ".")
	text, err := base64.RawURLEncoding.DecodeString(header)
	if err != nil {
		return nil, err
	}
	var h struct {
		KeyID string `json:"kid"`
	}
	if err := json.Unmarshal(text, &h); err != nil {
		return nil, err
	}
	signature, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return nil, err
	}
	hash := sha256.Sum256([]byte(header + "." + payload))
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, k := range p.keys {
		if k.id != h.KeyID || claims["aud"] != Audience {
			continue
		}
		return claims, rsa.VerifyPKCS1v15(&k.private.PublicKey, crypto.SHA256, hash[:], signature)
	}
	return nil, errors.New("no key for this token, or another audience")
}
