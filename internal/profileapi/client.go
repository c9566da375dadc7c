package profileapi

import (
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

// Options says what a [Client] talks to and how.
type Options struct {
	Name      string            // the source's configured name, for errors
	BaseURL   string            // such as https://graph.microsoft.com/beta
	Aliases   []string          // other origins that the source may name in links to itself, such as one behind a gateway
	Transport http.RoundTripper // [NewTransport], wrapped in what adds the caller's token
	UserAgent string
	Timeout   time.Duration // for all that one call of a [Collection] method does; 10 s where it is 0
	Memory    *MemoryBudget // that all sources share; nil for no bound
	Log       *slog.Logger
}

// Client is one source. It may be used by many goroutines at once.
type Client struct {
	name         string
	base         *url.URL
	hosts        []*url.URL // of the base URL and its aliases
	http         *resty.Client
	timeout      time.Duration
	memory       *MemoryBudget
	log          *slog.Logger
	capabilities capabilities
}

// New returns a client. It fails where the base URL is not an absolute HTTP one, or carries more than a path.
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
	// Not resty.New: it installs a cookie jar, in which one caller's cookies would meet another's requests.
	client := resty.NewWithClient(&http.Client{
		Transport: sanitizingTransport{o.Transport},
		// A redirect would carry the body, and on the same host name the token, to wherever it points.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	})
	client.SetLogger(discardLogger{}).SetHeader("User-Agent", o.UserAgent).SetHeader("Accept", "application/json")
	client.SetHeader("OData-MaxVersion", "4.0") // what answers are read as; a service may answer in a later version otherwise
	return &Client{name: o.Name, base: base, hosts: hosts, http: client, timeout: o.Timeout, memory: o.Memory, log: o.Log}, nil
}

// ParseBaseURL reads the base URL of a source and takes off a trailing slash.
func ParseBaseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("not a URL")
	case u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "":
		return nil, fmt.Errorf("%q must begin with https:// or http:// and name a host", u.Redacted())
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, fmt.Errorf("%q must hold nothing but a scheme, a host and a path", u.Redacted())
	}
	return url.Parse(strings.TrimRight(u.String(), "/"))
}

// NewTransport returns a transport with up to this many connections, all of which are kept for a while: with the two idle
// ones that net/http keeps by default, two requests in three would dial.
func NewTransport(connections int) *http.Transport {
	return &http.Transport{
		Proxy:               proxyUnlessLoopback(http.ProxyFromEnvironment),
		DialContext:         keepConns((&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext),
		ForceAttemptHTTP2:   true,
		MaxIdleConns:        connections,
		MaxIdleConnsPerHost: connections,
		MaxConnsPerHost:     connections,
		IdleConnTimeout:     90 * time.Second,
		TLSHandshakeTimeout: 5 * time.Second,
		// A source's headers are few and small; a megabyte of them, net/http's default, would be an attack.
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// proxyUnlessLoopback leaves out requests to this machine, which may be plain HTTP. The environment's proxies are not asked
// for localhost either, but for LOCALHOST.
func proxyUnlessLoopback(proxy func(*http.Request) (*url.URL, error)) func(*http.Request) (*url.URL, error) {
	return func(r *http.Request) (*url.URL, error) {
		host := r.URL.Hostname()
		if address, err := netip.ParseAddr(host); err == nil && address.IsLoopback() || strings.EqualFold(host, "localhost") {
			return nil, nil
		}
		return proxy(r)
	}
}

// discardLogger keeps resty from writing to standard error; what matters comes back as an error.
type discardLogger struct{}

func (discardLogger) Errorf(string, ...any) {}
func (discardLogger) Warnf(string, ...any)  {}
func (discardLogger) Debugf(string, ...any) {}

// sanitizingTransport takes off answers what net/http would act on.
type sanitizingTransport struct{ base http.RoundTripper }

func (t sanitizingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := t.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 == 3 {
		resp.Header.Del("Location") // one that is no URL would be an error, as if there were no answer
	}
	if resp.StatusCode == http.StatusSwitchingProtocols {
		_ = resp.Body.Close() // it is the connection, which no context ends
		resp.Body = http.NoBody
	}
	return resp, nil
}
