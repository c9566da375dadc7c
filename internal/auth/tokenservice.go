package auth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"profileql/internal/profile"
)

// tokenService is a token service, and how ProfileQL authenticates itself there. azidentity has the protocol.
type tokenService struct {
	credential credentialFunc
	scopes     []string
	cloud      cloud.Configuration
	client     *http.Client
	metadata   *metadata
}

// credentialFunc returns a credential for one exchange.
type credentialFunc func(assertion string, a *attempt, o azcore.ClientOptions) (azcore.TokenCredential, error)

// newTokenService checks the options as far as possible without asking the token service.
func newTokenService(o ExchangeOptions, onBehalf bool) (s tokenService, err error) {
	if o.Authority == "" {
		o.Authority = cloud.AzurePublic.ActiveDirectoryAuthorityHost
	}
	u, err := url.Parse(o.Authority)
	switch {
	case err != nil || !isHTTPS(u) || strings.Trim(u.Path, "/") != "":
		return s, fmt.Errorf("the authority %q is no https address without a path, such as https://login.microsoftonline.com", o.Authority)
	case o.ClientID == "":
		return s, errors.New("the client id is empty")
	case len(o.Scopes) == 0:
		return s, errors.New("there are no scopes")
	}
	s = tokenService{
		scopes: o.Scopes, client: providerClient(o.Transport), metadata: &metadata{now: o.Now},
		cloud: cloud.Configuration{ActiveDirectoryAuthorityHost: o.Authority},
	}
	if s.metadata.now == nil {
		s.metadata.now = time.Now
	}
	if s.credential, err = credentialFor(o, onBehalf); err != nil {
		return s, err
	}
	_, err = s.credential("x", &attempt{}, azcore.ClientOptions{Cloud: s.cloud}) // checks the tenant
	return s, err
}

// credentialFor returns the credentials for the way in which ProfileQL authenticates itself.
func credentialFor(o ExchangeOptions, onBehalf bool) (credentialFunc, error) {
	ways := 0
	for _, given := range []bool{o.Secret != "", o.Certificate != nil, o.FederatedTokenFile != ""} {
		if given {
			ways++
		}
	}
	switch {
	case ways != 1:
		return nil, errors.New("exactly one of a secret, a certificate and a federated token file is needed")
	case o.Secret != "":
		return withSecret(o, onBehalf), nil
	case o.Certificate != nil:
		return withCertificate(o, onBehalf)
	}
	return withFederatedToken(o, onBehalf), nil
}

// The options of azidentity's credentials. An authority that an operator has configured needs no confirmation by
// login.microsoftonline.com, which is what instance discovery asks for.

func onBehalfOptions(o azcore.ClientOptions) *azidentity.OnBehalfOfCredentialOptions {
	return &azidentity.OnBehalfOfCredentialOptions{ClientOptions: o, DisableInstanceDiscovery: true}
}

func withSecret(o ExchangeOptions, onBehalf bool) credentialFunc {
	return func(assertion string, _ *attempt, client azcore.ClientOptions) (azcore.TokenCredential, error) {
		if onBehalf {
			return azidentity.NewOnBehalfOfCredentialWithSecret(o.Tenant, o.ClientID, assertion, o.Secret, onBehalfOptions(client))
		}
		return azidentity.NewClientSecretCredential(o.Tenant, o.ClientID, o.Secret,
			&azidentity.ClientSecretCredentialOptions{ClientOptions: client, DisableInstanceDiscovery: true})
	}
}

func withCertificate(o ExchangeOptions, onBehalf bool) (credentialFunc, error) {
	certs, key, err := azidentity.ParseCertificates(o.Certificate, nil)
	if err != nil {
		return nil, errors.New("the certificate is no PEM text with a certificate and its private key")
	}
	return func(assertion string, _ *attempt, client azcore.ClientOptions) (azcore.TokenCredential, error) {
		if onBehalf {
			return azidentity.NewOnBehalfOfCredentialWithCertificate(o.Tenant, o.ClientID, assertion, certs, key, onBehalfOptions(client))
		}
		return azidentity.NewClientCertificateCredential(o.Tenant, o.ClientID, certs, key,
			&azidentity.ClientCertificateCredentialOptions{ClientOptions: client, DisableInstanceDiscovery: true})
	}, nil
}

// withFederatedToken reads the file for each exchange, because Kubernetes replaces it every hour or so.
func withFederatedToken(o ExchangeOptions, onBehalf bool) credentialFunc {
	return func(assertion string, a *attempt, client azcore.ClientOptions) (azcore.TokenCredential, error) {
		read := func(context.Context) (string, error) { return a.readToken(o.FederatedTokenFile) }
		if onBehalf {
			return azidentity.NewOnBehalfOfCredentialWithClientAssertions(o.Tenant, o.ClientID, assertion, read, onBehalfOptions(client))
		}
		return azidentity.NewClientAssertionCredential(o.Tenant, o.ClientID, read,
			&azidentity.ClientAssertionCredentialOptions{ClientOptions: client, DisableInstanceDiscovery: true})
	}
}

// fetch gets a token: the caller's, or ProfileQL's own if the caller is nil.
func (s *tokenService) fetch(ctx context.Context, caller *verified) (azcore.AccessToken, *profile.Error) {
	a := &attempt{client: s.client, metadata: s.metadata}
	assertion, o := "", policy.TokenRequestOptions{Scopes: s.scopes}
	if caller != nil {
		assertion, o.EnableCAE = caller.token, caller.cae
	}
	credential, err := s.credential(assertion, a, azcore.ClientOptions{
		Cloud: s.cloud, Transport: a,
		Retry: policy.RetryOptions{MaxRetries: -1}, // the caller's deadline has no time for them
	})
	if err == nil {
		var token azcore.AccessToken
		if token, err = credential.GetToken(ctx, o); err == nil {
			a.keepMetadata()
			return token, nil
		}
	}
	return azcore.AccessToken{}, a.problem(ctx, caller != nil)
}

// attempt is the HTTP side of one exchange. The errors of azidentity contain the token service's whole answer and lose
// the error of the transport, so both are looked at here, and azidentity's errors are used nowhere.
type attempt struct {
	client   *http.Client
	metadata *metadata

	err        error        // why there is no answer; nil if there is one
	answer     *answerError // the last answer
	claims     string       // that it demands of the caller's token
	retryAfter *float64

	address  string // of the metadata that were read; empty for none
	document []byte // the metadata
}

// answerError is an answer of a token service that is not the token, reduced to what may be logged.
type answerError struct {
	status int
	code   string // OAuth's, such as invalid_grant
	aadsts []int  // Microsoft Entra's
}

func (e *answerError) Error() string {
	text := fmt.Sprintf("the token service answered with status %d", e.status)
	if e.code != "" {
		text += ", " + e.code
	}
	for _, code := range e.aadsts {
		text += fmt.Sprintf(", AADSTS%d", code)
	}
	if e.status == http.StatusOK {
		text += ", but with no token for the configured scopes that lives for five minutes" // azidentity takes no other
	}
	return text
}

// Do implements azcore's policy.Transporter.
func (a *attempt) Do(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" {
		a.err = errors.New("the token service's metadata name an address without https")
		return nil, a.err
	}
	if resp := a.metadata.response(r); resp != nil {
		return resp, nil
	}
	resp, err := a.client.Do(r)
	if err != nil {
		return nil, a.fail(err)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxProviderBytes))
	_ = resp.Body.Close()
	if err != nil {
		return nil, a.fail(err)
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	a.note(resp, body)
	if r.Method == http.MethodGet {
		a.address, a.document = r.URL.String(), body
	}
	return resp, nil
}

// fail keeps why there is no answer, without anything that the token service may have sent.
func (a *attempt) fail(err error) error {
	if rejection, ok := errors.AsType[*profile.Error](err); ok {
		a.err = rejection
	} else {
		a.err = errors.New(profile.FailureReason(err))
	}
	return a.err
}

func (a *attempt) keepMetadata() {
	if a.address != "" {
		a.metadata.keep(a.address, a.document)
	}
}

// oauthCode is what OAuth's error codes look like. Anything else is not repeated.
var oauthCode = regexp.MustCompile(`^[a-z_]{1,40}$`)

const maxCodes = 5 // of Microsoft Entra's error codes that are logged

// note keeps what may be told of an answer.
func (a *attempt) note(resp *http.Response, body []byte) {
	a.answer = &answerError{status: resp.StatusCode}
	if resp.StatusCode == http.StatusOK {
		return
	}
	if seconds, ok := profile.RetryAfter(resp.Header); ok {
		a.retryAfter = &seconds
	}
	var answer struct {
		Error  string `json:"error"`
		Codes  []int  `json:"error_codes"`
		Claims string `json:"claims"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return
	}
	if oauthCode.MatchString(answer.Error) {
		a.answer.code = answer.Error
	}
	a.answer.aadsts = answer.Codes[:min(len(answer.Codes), maxCodes)]
	a.claims = profile.ClaimsChallenge(answer.Claims)
}

// maxTokenFile is the maximum length of a file with a token, in bytes, like that of a header with one.
const maxTokenFile = maxValue

// readToken reads ProfileQL's own token for the token service.
func (a *attempt) readToken(file string) (string, error) {
	text, err := os.ReadFile(file)
	if err == nil && (len(text) > maxTokenFile || len(bytes.TrimSpace(text)) == 0) {
		err = fmt.Errorf("%s: empty, or more than %d bytes", file, maxTokenFile)
	}
	if err != nil {
		a.err = err
		return "", err
	}
	return string(bytes.TrimSpace(text)), nil
}

// problem returns the error for an exchange that failed.
func (a *attempt) problem(ctx context.Context, onBehalf bool) *profile.Error {
	if a.err != nil || a.answer == nil {
		return a.noAnswer(ctx)
	}
	e := &profile.Error{RetryAfter: a.retryAfter, Cause: a.answer}
	switch {
	case a.answer.status == http.StatusOK:
		e.Code, e.Message = profile.SourceInvalidResponse, "The token service's response cannot be used."
	case a.answer.status == http.StatusTooManyRequests:
		e.Code, e.Message = profile.Throttled, "The token service is throttling requests."
	case a.answer.status/100 != 4:
		e.Code, e.Message = profile.SourceUnavailable, "The token service failed."
	case onBehalf && a.ofCaller():
		e.Code, e.Message, e.Claims = profile.Unauthenticated, "The identity provider requires the caller to sign in again.", a.claims
	default:
		e.Code, e.Message = profile.SourceUnavailable, "The token service does not accept this server's configuration."
	}
	return e
}

// ofCaller reports whether the caller can do something about a refusal: sign in again, give consent, use a second
// factor.
func (a *attempt) ofCaller() bool {
	switch a.answer.code {
	case "interaction_required", "invalid_grant", "login_required", "consent_required":
		return true
	}
	return a.claims != ""
}

// noAnswer returns the error for an exchange without an answer. A rejection by our own transport is returned as it is.
func (a *attempt) noAnswer(ctx context.Context) *profile.Error {
	rejection, rejected := errors.AsType[*profile.Error](a.err)
	switch {
	case rejected:
		copied := *rejection
		return &copied
	case ctx.Err() != nil:
		return &profile.Error{Code: profile.SourceTimeout, Message: "The token service did not respond in time.", Cause: ctx.Err()}
	}
	return &profile.Error{Code: profile.SourceUnavailable, Message: "The token service cannot be reached.", Cause: a.err}
}

// metadataAge is how long the token service's metadata are used before they are read again.
const metadataAge = time.Hour

// metadata is the token service's discovery document, which each new credential would read again.
type metadata struct {
	now func() time.Time

	mu      sync.Mutex
	address string
	text    []byte
	expiry  time.Time
}

// response returns the document as the response to a request for it; nil if the token service has to be asked.
func (m *metadata) response(r *http.Request) *http.Response {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r.Method != http.MethodGet || r.URL.String() != m.address || !m.now().Before(m.expiry) {
		return nil
	}
	return &http.Response{
		StatusCode: http.StatusOK, Status: "200 OK", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(m.text)),
	}
}

// keep remembers a document which led to a token.
func (m *metadata) keep(address string, text []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.address, m.text, m.expiry = address, text, m.now().Add(metadataAge)
}
