package profileapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/go-resty/resty/v2"
)

// Options are the options of [New].
type Options struct {
	Name      string            // the source's configured name, for errors
	BaseURL   string            // such as https://graph.microsoft.com/beta
	Aliases   []string          // other origins that the source's links may name, such as one behind a gateway
	Transport http.RoundTripper // [NewTransport], wrapped in a RoundTripper that adds the token
	UserAgent string
	Timeout   time.Duration // for one call of a [Collection] method, retries included; 0 for 10 s
	Memory    *MemoryBudget // shared by all sources; nil for no limit
	Batch     bool          // whether reads of one operation are sent in a $batch

	// Observe is called with each response in a batch, which Transport does not see. It may be nil.
	Observe func(ctx context.Context, status int, header http.Header)

	// Retrying is called before a request is sent again, with the status of the response to it, or 0 if there was none. It
	// may be nil.
	Retrying func(method string, status int)

	Log *slog.Logger
}

// Client is one source. It is safe for concurrent use.
type Client struct {
	name         string
	base         *url.URL
	hosts        []*url.URL // of the base URL and its aliases
	http         *resty.Client
	timeout      time.Duration
	memory       *MemoryBudget
	useBatch     bool
	observe      func(ctx context.Context, status int, header http.Header)
	retrying     func(method string, status int)
	log          *slog.Logger
	capabilities capabilities
}

// New returns a client. It fails unless the base URL is an absolute HTTP URL without query or fragment.
func New(o Options) (*Client, error) {
	base, err := ParseBaseURL(o.BaseURL)
	if err != nil {
		return nil, err
	}
	hosts := []*url.URL{base}
	for _, alias := range o.Aliases {
		host, err := ParseBaseURL(alias)
		if err != nil {
			return nil, err
		}
		hosts = append(hosts, host)
	}
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	// Not resty.New: it installs a cookie jar, which would send one caller's cookies with another's requests.
	client := resty.NewWithClient(&http.Client{
		Transport: sanitizingTransport{o.Transport},
		// Following a redirect would send the body, and on the same host name the token, to its target.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	})
	client.SetLogger(discardLogger{}).SetHeader("User-Agent", o.UserAgent).SetHeader("Accept", "application/json")
	client.SetHeader("OData-MaxVersion", "4.0") // otherwise a service may respond in a later version
	return &Client{
		name: o.Name, base: base, hosts: hosts, http: client, timeout: o.Timeout, memory: o.Memory,
		useBatch: o.Batch, observe: o.Observe, retrying: o.Retrying, log: o.Log,
	}, nil
}

// ParseBaseURL parses the base URL of a source and removes trailing slashes.
func ParseBaseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("not a URL")
	case u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "":
		return nil, fmt.Errorf("%q must start with https:// or http:// and a host", u.Redacted())
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, fmt.Errorf("%q must consist of a scheme, a host and a path only", u.Redacted())
	}
	return url.Parse(strings.TrimRight(u.String(), "/"))
}

// NewTransport returns a transport with up to this many connections per host, all of which may be idle: with net/http's
// default of two idle ones, two requests in three would dial.
func NewTransport(connections int) *Transport {
	return &Transport{&http.Transport{
		Proxy:               proxyUnlessLoopback(http.ProxyFromEnvironment),
		DialContext:         keepConns((&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext),
		ForceAttemptHTTP2:   true,
		MaxIdleConns:        connections,
		MaxIdleConnsPerHost: connections,
		MaxConnsPerHost:     connections,
		IdleConnTimeout:     90 * time.Second,
		TLSHandshakeTimeout: 5 * time.Second,
		// A source's headers are few and small; net/http's default of 1 MiB would only help an attacker.
		MaxResponseHeaderBytes: 64 << 10,
	}}
}

// proxyUnlessLoopback bypasses the proxy for loopback addresses, which may be plain HTTP. [http.ProxyFromEnvironment] does so
// too, but not for LOCALHOST.
func proxyUnlessLoopback(proxy func(*http.Request) (*url.URL, error)) func(*http.Request) (*url.URL, error) {
	return func(r *http.Request) (*url.URL, error) {
		host := r.URL.Hostname()
		if address, err := netip.ParseAddr(host); err == nil && address.IsLoopback() || strings.EqualFold(host, "localhost") {
			return nil, nil
		}
		return proxy(r)
	}
}

// discardLogger keeps resty from writing to standard error; it returns the same problems as errors.
type discardLogger struct{}

func (discardLogger) Errorf(string, ...any) {}
func (discardLogger) Warnf(string, ...any)  {}
func (discardLogger) Debugf(string, ...any) {}

// sanitizingTransport removes from responses what net/http would act on.
type sanitizingTransport struct{ base http.RoundTripper }

func (t sanitizingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := t.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 == 3 {
		resp.Header.Del("Location") // an invalid one would be an error of net/http instead of a response
	}
	if resp.StatusCode == http.StatusSwitchingProtocols {
		_ = resp.Body.Close() // it is the connection, which the context does not close
		resp.Body = http.NoBody
	}
	return resp, nil
}
