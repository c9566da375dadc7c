package telemetry

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"golang.org/x/net/http/httpguts"
	"google.golang.org/protobuf/proto"
)

// collector sends spans by OTLP over HTTP, in protobuf (https://opentelemetry.io/docs/specs/otlp/#otlphttp). It implements
// otlptrace.Client. OpenTelemetry's own client, package otlptracehttp, links gRPC, and writes headers that it cannot parse to
// standard error.
type collector struct {
	url      string
	header   http.Header
	compress bool
	timeout  time.Duration // for one batch, retries included
	client   *http.Client
	aborted  context.Context
	abort    context.CancelFunc
}

// newCollector returns the collector of the environment variables
// (https://opentelemetry.io/docs/specs/otel/protocol/exporter/).
func newCollector() (c *collector, err error) {
	c = &collector{header: http.Header{"Content-Type": {"application/x-protobuf"}, "User-Agent": {"profileql"}}}
	if protocol, variable := otlpVariable("PROTOCOL"); protocol != "" && protocol != "http/protobuf" {
		return nil, fmt.Errorf("%s: %q is not supported; write http/protobuf, or leave it out", variable, protocol)
	}
	if c.url, err = collectorURL(); err != nil {
		return nil, err
	}
	if err := c.addHeaders(); err != nil {
		return nil, err
	}
	if c.timeout, err = collectorTimeout(); err != nil {
		return nil, err
	}
	switch compression, variable := otlpVariable("COMPRESSION"); compression {
	case "", "none":
	case "gzip":
		c.compress = true
		c.header.Set("Content-Encoding", "gzip")
	default:
		return nil, fmt.Errorf("%s: %q is not supported; write gzip or none", variable, compression)
	}
	security, err := collectorTLS()
	if err != nil {
		return nil, err
	}
	c.client = &http.Client{
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: 5 * time.Second}).DialContext, TLSClientConfig: security,
			ForceAttemptHTTP2: true, TLSHandshakeTimeout: 5 * time.Second, IdleConnTimeout: 90 * time.Second, MaxResponseHeaderBytes: 64 << 10,
		},
		// Following a redirect would send the headers, which may have a secret, to its target.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	c.aborted, c.abort = context.WithCancel(context.Background())
	return c, nil
}

// otlpVariable returns the value of a variable of the exporter, and the name of the variable: the one for traces, if it is
// set, or the one for all signals.
func otlpVariable(name string) (value, variable string) {
	for _, variable = range []string{"OTEL_EXPORTER_OTLP_TRACES_" + name, "OTEL_EXPORTER_OTLP_" + name} {
		if value = strings.TrimSpace(os.Getenv(variable)); value != "" {
			return value, variable
		}
	}
	return "", variable
}

// collectorURL returns the URL that spans are sent to. The endpoint for all signals is a base URL.
func collectorURL() (string, error) {
	text, variable := otlpVariable("ENDPOINT")
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return "", fmt.Errorf("%s is not a URL with http:// or https:// and a host", variable)
	case u.User != nil:
		return "", fmt.Errorf("%s has a password; write OTEL_EXPORTER_OTLP_HEADERS instead", variable)
	case variable == "OTEL_EXPORTER_OTLP_ENDPOINT":
		u = u.JoinPath("v1", "traces")
	}
	return u.String(), nil
}

// addHeaders adds the configured headers: a list such as a=b,c=d, with values as in a URL.
func (c *collector) addHeaders() error {
	list, variable := otlpVariable("HEADERS")
	if list == "" {
		return nil
	}
	for pair := range strings.SplitSeq(list, ",") {
		name, value, found := strings.Cut(pair, "=")
		name = strings.TrimSpace(name)
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if !found || err != nil || !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
			return fmt.Errorf("%s is not a list such as name=value,name=value", variable)
		}
		c.header.Set(name, value)
	}
	return nil
}

// collectorTimeout returns the time that the collector has for one batch.
func collectorTimeout() (time.Duration, error) {
	text, variable := otlpVariable("TIMEOUT")
	ms, err := strconv.Atoi(cmp.Or(text, "10000"))
	if err != nil || ms < 1 {
		return 0, fmt.Errorf("%s: %q is not a number of milliseconds", variable, text)
	}
	return time.Duration(ms) * time.Millisecond, nil
}

// collectorTLS returns the certificates that the collector is checked with, and that ProfileQL identifies itself with.
func collectorTLS() (*tls.Config, error) {
	security := &tls.Config{MinVersion: tls.VersionTLS12}
	if file, variable := otlpVariable("CERTIFICATE"); file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", variable, err)
		}
		security.RootCAs = x509.NewCertPool()
		if !security.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("%s: %s has no certificate in PEM", variable, file)
		}
	}
	cert, variable := otlpVariable("CLIENT_CERTIFICATE")
	key, _ := otlpVariable("CLIENT_KEY")
	if cert == "" && key == "" {
		return security, nil
	}
	own, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", variable, err)
	}
	security.Certificates = []tls.Certificate{own}
	return security, nil
}

// Start implements otlptrace.Client.
func (c *collector) Start(context.Context) error { return nil }

// Stop implements otlptrace.Client.
func (c *collector) Stop(context.Context) error {
	c.client.CloseIdleConnections()
	return nil
}

// maxCollectorDelay is the maximum time between two attempts to send a batch.
const maxCollectorDelay = 5 * time.Second

// UploadTraces implements otlptrace.Client. A collector that is busy is asked again, until the timeout.
func (c *collector) UploadTraces(ctx context.Context, spans []*tracepb.ResourceSpans) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	defer context.AfterFunc(c.aborted, cancel)()
	body, err := c.encode(spans)
	if err != nil {
		return err
	}
	for delay := time.Second; ; delay = min(2*delay, maxCollectorDelay) {
		err := c.send(ctx, body)
		refusal, ok := errors.AsType[*collectorError](err)
		if !ok || !refusal.isTemporary() {
			return err
		}
		select {
		case <-time.After(cmp.Or(refusal.retryAfter, delay/2+rand.N(delay))):
		case <-ctx.Done():
			return err
		}
	}
}

// encode returns the body of a request. An ExportTraceServiceRequest has the same form as TracesData, but its package links
// gRPC.
func (c *collector) encode(spans []*tracepb.ResourceSpans) ([]byte, error) {
	body, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: spans})
	if err != nil || !c.compress {
		return body, err
	}
	var compressed bytes.Buffer
	w := gzip.NewWriter(&compressed)
	_, err = w.Write(body)
	err = errors.Join(err, w.Close())
	return compressed.Bytes(), err
}

// send sends a batch once.
func (c *collector) send(ctx context.Context, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header = c.header
	resp, err := c.client.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection can be used again
	if resp.StatusCode/100 == 2 {
		return nil
	}
	seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
	return &collectorError{resp.StatusCode, time.Duration(max(seconds, 0)) * time.Second}
}

// collectorError is a response of a collector that did not take the spans.
type collectorError struct {
	status     int
	retryAfter time.Duration // 0 if it does not say
}

// Error implements error. It has nothing that the collector sent.
func (e *collectorError) Error() string { return fmt.Sprintf("status %d", e.status) }

// isTemporary reports whether the same spans may be sent again (https://opentelemetry.io/docs/specs/otlp/#retryable-response-codes).
func (e *collectorError) isTemporary() bool {
	switch e.status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// lossLog logs that spans could not be sent, at most once a minute.
type lossLog struct {
	sdk.SpanExporter
	log    *slog.Logger
	lost   int // since the last line
	logged time.Time
}

// ExportSpans implements [sdk.SpanExporter]. It is not called concurrently.
func (l *lossLog) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	err := l.SpanExporter.ExportSpans(ctx, spans)
	if err == nil {
		return nil
	}
	if l.lost += len(spans); time.Since(l.logged) >= time.Minute {
		l.log.Warn("traces cannot be sent", "spans_lost", l.lost, "reason", lossReason(err))
		l.lost, l.logged = 0, time.Now()
	}
	return nil
}

// lossReason returns why spans could not be sent, without the address, which may have a secret.
func lossReason(err error) string {
	if ofURL, ok := errors.AsType[*url.Error](err); ok {
		err = ofURL.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "timeout"
	}
	return err.Error()
}
