package config

import (
	"net/textproto"
	"os"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// tokenUsers maps the headers of callers' tokens to the sources that receive them.
type tokenUsers map[string][]tokenUser

// tokenUser is a source that receives a caller's token.
type tokenUser struct{ source, origin string }

// maxToken is the maximum length of a token in bytes, the same as for callers' tokens.
const maxToken = 16 << 10

// token reads the token settings of the source at a path of the file, and ensures that a caller's token is not sent to two
// origins.
func (r *reader) token(path string, e *entry, origin string) (Token, error) {
	if e.Token == nil && e.Kind == string(KindSandbox) {
		e.Token = &tokenEntry{From: string(FromNobody)}
	}
	if e.Token == nil {
		return Token{}, r.errorAt(path, "the source %s has no token setting; write token: {from: caller}, "+
			"{from: header, name: …}, {from: onBehalfOf, …}, {from: clientCredentials, …}, {from: env, name: …} or {from: nobody}", e.Name)
	}
	t, err := r.tokenFrom(path+".token", e.Token)
	if err != nil {
		return t, err
	}
	if t.From == FromCaller || t.From == FromHeader {
		return t, r.addTokenUser(path, e, tokenUser{e.Name, origin}, t.Name)
	}
	if e.ShareCallerToken {
		return t, r.errorAt(path+".shareCallerToken", "the source does not receive a caller's token; leave it out")
	}
	return t, nil
}

func (r *reader) tokenFrom(path string, e *tokenEntry) (t Token, err error) {
	t = Token{From: TokenFrom(e.From), Name: e.Name}
	takesName, usesService := t.From == FromHeader || t.From == FromEnv, t.From == FromOnBehalfOf || t.From == FromClientCredentials
	switch {
	case e.Name != "" && !takesName:
		return t, r.errorAt(path+".name", "a token from: %s has no name; leave it out", e.From)
	case e.isExchange() && !usesService:
		return t, r.errorAt(path, "tenant, clientId and the other keys of a token service are for from: onBehalfOf and from: clientCredentials")
	}
	switch t.From {
	case FromNobody:
		return t, nil
	case FromCaller:
		if r.verifiedCallers != nil {
			return t, r.errorAt(path+".from", "with the section callers, Authorization has a token for ProfileQL, which must not reach a source; write from: onBehalfOf, or from: header")
		}
		return callerToken, nil
	case FromOnBehalfOf:
		if r.verifiedCallers == nil {
			return t, r.errorAt(path+".from", "this needs the section callers, which says how callers are verified")
		}
		t.Exchange, err = r.exchange(path, e)
		return t, err
	case FromClientCredentials:
		if err := r.mayShare(path); err != nil {
			return t, err
		}
		t.Exchange, err = r.exchange(path, e)
		return t, err
	case FromHeader:
		t.Name = textproto.CanonicalMIMEHeaderKey(e.Name)
		return t, r.header(path, e.Name)
	case FromEnv:
		return r.environment(path, t)
	}
	return t, r.errorAt(path+".from", "%q is not known; write caller, header, onBehalfOf, clientCredentials, env or nobody", e.From)
}

// mayShare rejects a token of ProfileQL's own if anybody could use it.
func (r *reader) mayShare(path string) error {
	if r.onLoopback || r.verifiedCallers != nil {
		return nil
	}
	return r.errorAt(path, "everybody who can reach the listener would use this token, and it is reachable from other machines; "+
		"verify callers with the section callers, listen on a loopback address, or let callers bring their own with from: header")
}

// environment reads a token from the environment variable that t names.
func (r *reader) environment(path string, t Token) (Token, error) {
	if err := r.mayShare(path); err != nil {
		return t, err
	}
	t.Value = strings.TrimSpace(os.Getenv(t.Name)) // a trailing line break of a file is a common mistake
	switch {
	case t.Name == "":
		return t, r.errorAt(path, "the token has no name; write the name of the environment variable that contains it")
	case t.Value == "":
		return t, r.errorAt(path+".name", "the environment variable %s is not set or empty", t.Name)
	case len(t.Value) > maxToken || strings.ContainsFunc(t.Value, unicode.IsControl):
		return t, r.errorAt(path+".name", "the environment variable %s is no token: it has line breaks or other control characters, or "+
			"more than %d bytes", t.Name, maxToken)
	}
	return t, nil
}

var (
	headerPattern = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$") // a token of RFC 9110, section 5.6.2
	// reservedHeaders have another meaning for ProfileQL or for proxies.
	reservedHeaders = regexp.MustCompile(`(?i)^(proxy-.*|host|cookie|set-cookie|content-.*|connection|keep-alive|te|trailer|` +
		`transfer-encoding|upgrade|accept.*|origin|referer|user-agent|expect|range|if-.*|forwarded|x-forwarded(-.*)?|via|sec-.*|` +
		`access-control-.*|date|cache-control|pragma|priority|prefer|traceparent|tracestate|baggage|client-request-id|` +
		`x-request-id|x-correlation-id|x-real-ip|x-client-ip|true-client-ip|` +
		`cdn-loop|max-forwards|http2-settings|x-amzn-trace-id|b3|x-b3-.*|x-requested-with|x-http-method.*|apollo.*|x-apollo.*|sandbox-fault)$`)
)

// proxyTokenHeaders are the headers in which authenticating proxies forward the user's token: Azure App Service, and
// oauth2-proxy.
var proxyTokenHeaders = regexp.MustCompile(`(?i)^(x-ms-token-aad-access-token|x-forwarded-access-token)$`)

// header validates the name of a header for a caller's token.
func (r *reader) header(path, name string) error {
	switch {
	case name == "":
		return r.errorAt(path, "the token has no name; write the name of the header, such as name: X-HR-Authorization")
	case strings.EqualFold(name, "Authorization"):
		return r.errorAt(path+".name", "this is what from: caller means; write token: {from: caller}")
	case !headerPattern.MatchString(name) || reservedHeaders.MatchString(name) && !proxyTokenHeaders.MatchString(name):
		return r.errorAt(path+".name", "the header %q cannot hold a token; write one such as X-HR-Authorization", name)
	}
	return nil
}

// addTokenUser adds a source that receives the token in a caller's header, if it may.
func (r *reader) addTokenUser(path string, e *entry, h tokenUser, header string) error {
	users := r.tokenUsers[header]
	r.tokenUsers[header] = append(users, h)
	crossOrigin := len(users) > 0 && !slices.ContainsFunc(users, func(b tokenUser) bool { return b.origin == h.origin })
	switch {
	case crossOrigin && !e.ShareCallerToken:
		return r.errorAt(path+".token", "the source %s receives the same token (%s) of the caller and has another origin; "+
			"use a separate header, or allow it with shareCallerToken: true", users[0].source, header)
	case !crossOrigin && e.ShareCallerToken:
		return r.errorAt(path+".shareCallerToken", "no earlier source of another origin receives this token; leave it out")
	}
	return nil
}
