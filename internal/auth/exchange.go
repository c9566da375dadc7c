package auth

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"profileql/internal/profile"
)

// ExchangeOptions are the options of [OnBehalfOf] and [ClientCredentials]. ProfileQL authenticates itself to the token service
// with exactly one of Secret, Certificate and FederatedTokenFile.
type ExchangeOptions struct {
	Source   string // configured name of the source, for errors
	Tenant   string
	ClientID string // of ProfileQL at the token service

	Secret             string
	Certificate        []byte // certificate and its private key, PEM
	FederatedTokenFile string // token of a Kubernetes service account or another workload identity; read for each exchange

	Scopes    []string // of the source, such as https://graph.microsoft.com/.default
	Authority string   // address of the token service, https; empty for Microsoft Entra's public cloud

	// Transport sends requests to the token service; nil for [http.DefaultTransport]. Give it a limiter of its own
	// (sources.NewLimiter, named after the source), so that its concurrency is bounded and that it has a circuit breaker:
	// an error of type *[profile.Error] is returned to the caller as it is.
	Transport http.RoundTripper
	Timeout   time.Duration // of an exchange, the source's
	Now       func() time.Time
	Log       *slog.Logger

	// Observe is called after each exchange, if not nil: with the context of the request that caused it, the code of its
	// error ("" for a success), when it began, and how long it took. Cached tokens are no exchange. The exchange itself runs without
	// the request's context, so a span has to be made here.
	Observe func(ctx context.Context, code profile.Code, began time.Time, took time.Duration)
}

// OnBehalfOf returns the caller's token for a source: the token service exchanges the token that a [Verifier] has verified.
// Requests without one fail with Unauthenticated.
//
// Where the token service demands more of the caller, such as a second factor, the error is Unauthenticated, with Claims if
// the service named them. A token service that is down or slow is SourceUnavailable or SourceTimeout, and nothing was sent to the source. The
// error's Cause has the token service's error codes, and nothing else that it sent.
//
// It fails if the options cannot work, without asking the token service.
func OnBehalfOf(o ExchangeOptions) (Token, error) { return Token{}, errors.New("not written yet") }

// ClientCredentials returns ProfileQL's own token for a source, the same for every caller. Errors are as for [OnBehalfOf],
// except that none is the caller's: there is no Unauthenticated.
func ClientCredentials(o ExchangeOptions) (Token, error) {
	return Token{}, errors.New("not written yet")
}

// exchanger is where the token of a source comes from, if a token service has to be asked.
type exchanger struct{}
