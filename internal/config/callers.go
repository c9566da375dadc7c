package config

import (
	"cmp"
	"net/url"
	"os"
	"strings"
)

// Callers says how callers' tokens for ProfileQL are verified. The tokens come in the Authorization header.
type Callers struct {
	Issuer   string   // the claim iss
	Audience string   // the claim aud
	Scopes   []string // of which a token needs one; empty for any delegated scope
}

type callersEntry struct {
	Issuer   string   `yaml:"issuer"`
	Audience string   `yaml:"audience"`
	Scopes   []string `yaml:"scopes,omitempty"`
}

// callers reads the section callers.
func (f *file) callers(e *callersEntry) (*Callers, error) {
	if e == nil {
		return nil, nil
	}
	if problem := httpsProblem(e.Issuer); problem != "" {
		return nil, f.errorAt("$.callers.issuer", "the issuer %s; write one such as https://login.microsoftonline.com/TENANT/v2.0", problem)
	}
	if e.Audience == "" {
		return nil, f.errorAt("$.callers", "there is no audience; write the application id that callers' tokens are for")
	}
	return &Callers{Issuer: e.Issuer, Audience: e.Audience, Scopes: e.Scopes}, f.checkScopes("$.callers.scopes", e.Scopes)
}

// checkScopes rejects scopes that are not one word (RFC 6749, section 3.3).
func (f *file) checkScopes(path string, scopes []string) error {
	for _, scope := range scopes {
		if scope == "" || strings.ContainsAny(scope, " \t\r\n\"\\") {
			return f.errorAt(path, "%q is not a scope; write each as an entry of the list", scope)
		}
	}
	return nil
}

// httpsProblem describes why text is not the address of an identity provider; empty if it is.
func httpsProblem(text string) string {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return "is not a valid URL"
	case u.Scheme != "https" || u.Hostname() == "":
		return "does not start with https:// and a host"
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "has more than a scheme, a host and a path"
	}
	return ""
}

// Exchange is how ProfileQL gets a source's token from a token service.
type Exchange struct {
	Tenant, ClientID   string
	SecretEnv          string   // environment variable with the secret; empty for none
	Secret             string   // its value; never printed
	CertificateFile    string   // PEM file with the certificate and its key; empty for none
	Certificate        []byte   // its text; never printed
	FederatedTokenFile string   // of a workload identity; empty for none
	Scopes             []string // of the source
	Authority          string   // address of the token service
}

// defaultAuthority is the token service of Microsoft Entra in the public cloud.
const defaultAuthority = "https://login.microsoftonline.com"

// exchange reads the settings of a token that a token service gives out.
func (r *reader) exchange(path string, e *tokenEntry) (*Exchange, error) {
	x := &Exchange{Tenant: e.Tenant, ClientID: e.ClientID, SecretEnv: e.SecretEnv, Scopes: e.Scopes, Authority: cmp.Or(e.Authority, defaultAuthority)}
	for _, required := range []struct{ key, value string }{{"tenant", e.Tenant}, {"clientId", e.ClientID}} {
		if required.value == "" {
			return nil, r.errorAt(path, "a token from: %s needs %s", e.From, required.key)
		}
	}
	if len(e.Scopes) == 0 {
		return nil, r.errorAt(path, "a token from: %s needs scopes, such as [https://graph.microsoft.com/.default]", e.From)
	}
	if err := r.checkScopes(path+".scopes", e.Scopes); err != nil {
		return nil, err
	}
	if problem := httpsProblem(x.Authority); problem != "" {
		return nil, r.errorAt(path+".authority", "the authority %s; write one such as %s", problem, defaultAuthority)
	}
	return x, r.proof(path, e, x)
}

// proof reads how ProfileQL proves to the token service who it is.
func (r *reader) proof(path string, e *tokenEntry, x *Exchange) (err error) {
	given := 0
	for _, key := range []string{e.SecretEnv, e.Certificate, e.FederatedTokenFile} {
		if key != "" {
			given++
		}
	}
	switch {
	case given != 1:
		return r.errorAt(path, "write exactly one of secretEnv, certificate and federatedTokenFile, with which ProfileQL proves who it is")
	case e.SecretEnv != "":
		if x.Secret = strings.TrimSpace(os.Getenv(e.SecretEnv)); x.Secret == "" {
			return r.errorAt(path+".secretEnv", "the environment variable %s is not set or empty", e.SecretEnv)
		}
	case e.Certificate != "":
		if x.CertificateFile, err = r.resolvePath(e.Certificate); err != nil {
			return err
		}
		if x.Certificate, err = os.ReadFile(x.CertificateFile); err != nil {
			return r.errorAt(path+".certificate", "the file %s cannot be read; write the path of a PEM file with the certificate and its key", x.CertificateFile)
		}
	default: // the file is read for each exchange, and need not exist yet
		x.FederatedTokenFile, err = r.resolvePath(e.FederatedTokenFile)
	}
	return err
}

// UsersFor are the callers who may reach other users at a source whose token is not theirs. Exactly one field is set.
type UsersFor struct {
	Role  string `yaml:"role,omitempty"`
	Scope string `yaml:"scope,omitempty"`
}

type meEntry struct {
	Claim string `yaml:"claim"`
}

// person reads which user a source is asked for, where its token does not say who the caller is.
func (r *reader) person(path string, e *entry, s *Source) error {
	isShared := s.Token.From == FromEnv || s.Token.From == FromClientCredentials || s.Token.From == FromNobody
	for key, given := range map[string]bool{"me": e.Me != nil, "usersFor": e.UsersFor != nil} {
		switch {
		case given && r.verifiedCallers == nil:
			return r.errorAt(path+"."+key, "%s needs the section callers, which says how callers are verified", key)
		case given && !isShared:
			return r.errorAt(path+"."+key, "the source receives the caller's own token, which says who the caller is; leave %s out", key)
		}
	}
	if r.verifiedCallers == nil || !isShared || s.Token.From == FromNobody && e.Me == nil && e.UsersFor == nil {
		return nil
	}
	if e.Me == nil || e.Me.Claim == "" {
		return r.errorAt(path, "the token of the source %s does not say who the caller is; write me: {claim: oid}, or another claim with the user's name at the source", e.Name)
	}
	s.MeClaim = e.Me.Claim
	if u := e.UsersFor; u != nil {
		if (u.Role == "") == (u.Scope == "") {
			return r.errorAt(path+".usersFor", "write one of role and scope")
		}
		s.UsersFor = u
	}
	asked := e.Users != nil && *e.Users == "any"
	switch {
	case asked && s.UsersFor == nil:
		return r.errorAt(path+".users", "every caller could read and change other users' profiles with this token; say who may with usersFor: {role: …} or {scope: …}")
	case !asked && s.UsersFor != nil:
		return r.errorAt(path+".usersFor", "this needs users: any")
	}
	s.AnyUser = asked
	return nil
}
