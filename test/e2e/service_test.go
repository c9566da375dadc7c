package e2e

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"profileql/test/scene"
)

// writeCertificate writes a certificate for this machine with a serial number, and its key.
func writeCertificate(t *testing.T, dir string, serial int64) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{
		certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: keyDER},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}

// TestTLS tests HTTPS, that SIGHUP loads a new certificate, and that an invalid one changes nothing.
func TestTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, key := writeCertificate(t, dir, 1)
	p := start(t, "--listen", "127.0.0.1:0", "--tls-cert", cert, "--tls-key", key)
	address := strings.TrimPrefix(p.url(), "https://")
	serial := func() int64 {
		t.Helper()
		c, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true}) // it is checked below
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		return c.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	client := insecureClient()
	defer client.CloseIdleConnections()
	resp, err := client.Post(p.url()+"/graphql", "application/json", strings.NewReader(`{"query": "{ __typename }"}`))
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if string(text) != `{"data":{"__typename":"Query"}}` || resp.Header.Get("Strict-Transport-Security") == "" || resp.ProtoMajor != 2 {
		t.Errorf("%s %v: %s", resp.Proto, resp.Header, text)
	}
	if serial() != 1 {
		t.Errorf("the serial number is %d", serial())
	}
	writeCertificate(t, dir, 2)
	p.hangUp(t, true)
	if serial() != 2 {
		t.Errorf("the serial number is %d", serial())
	}
	if err := os.WriteFile(cert, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.hangUp(t, false)
	if serial() != 2 {
		t.Errorf("the serial number is %d", serial())
	}
	if strings.Contains(p.banner, "Warning") || !strings.Contains(p.banner, "https://") {
		t.Errorf("the banner: %s", p.banner)
	}
	if err := p.stop(t); err != nil {
		t.Errorf("stopping: %v", err)
	}
	if _, stderr, err := output(t, nil, "--tls-cert", cert, "--tls-key", key, "--listen", "127.0.0.1:0"); err == nil || !strings.Contains(stderr, "PEM") {
		t.Errorf("with a bad certificate: %v %s", err, stderr)
	}
}

// insecureClient returns a client that accepts every certificate.
func insecureClient() *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}}
}

// eventually waits for an effect in another process.
func eventually(t *testing.T, done func() bool) {
	t.Helper()
	for end := time.Now().Add(scene.Patience); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it does not come")
		}
	}
}

// TestLogIsNotRead has a log that nobody reads, in a pipe of 64 KiB. Requests are served nevertheless, and when the
// log is read again, it says how much was dropped.
func TestLogIsNotRead(t *testing.T) {
	t.Parallel()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	p := new(process)
	p.begin(t, write, command(context.Background(), path, nil, "--listen", scene.AnyPort))
	_ = write.Close()
	const requests = 6000 // more than the queue holds
	for range requests {
		if r := p.graphQL(t, `{ __typename }`, `{}`); r.Status != 200 {
			t.Fatal(r.Body)
		}
	}
	written, dropped := 0, 0
	for lines := bufio.NewScanner(read); written+dropped < requests && lines.Scan(); {
		var line struct {
			Msg   string
			Lines int
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatalf("%v: %s", err, lines.Text())
		}
		if line.Msg == "request" {
			written++
		}
		dropped += line.Lines
	}
	if dropped == 0 || written+dropped != requests {
		t.Errorf("%d lines were written, and %d dropped, of %d", written, dropped, requests)
	}
	if err := p.stop(t); err != nil {
		t.Error(err)
	}
}

// TestDrain tests SIGTERM: the service reports not ready while it still serves, finishes requests in progress, and exits
// successfully.
func TestDrain(t *testing.T) {
	t.Parallel()
	box := newSandbox(t, ``)
	asked, answers := make(chan struct{}), make(chan struct{})
	ask, answerNow := sync.OnceFunc(func() { close(asked) }), sync.OnceFunc(func() { close(answers) })
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ask()
		<-answers
		box.ServeHTTP(w, r)
	}))
	t.Cleanup(slow.Close)
	defer answerNow()
	p := start(t, "--listen", "0.0.0.0:0", "--upstream", slow.URL+"/beta")
	if !strings.Contains(p.banner, "Warning     bearer tokens come in the clear") {
		t.Errorf("no warning in the banner: %s", p.banner)
	}
	base := p.url()
	if !strings.HasPrefix(base, "http://localhost:") {
		t.Errorf("the banner has no address to go to: %s", p.banner)
	}
	status := func(path string) int {
		resp, err := http.Get(base + path)
		if err != nil {
			return 0
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	if status("/readyz") != 204 {
		t.Fatalf("not ready: %d", status("/readyz"))
	}
	answer := make(chan string, 1)
	go func() {
		resp, err := http.Post(base+"/graphql", "application/json", strings.NewReader(`{"query": "{ me { interests { totalCount nodes { id } } } }"}`))
		if err != nil {
			answer <- err.Error()
			return
		}
		defer func() { _ = resp.Body.Close() }()
		text, _ := io.ReadAll(resp.Body)
		answer <- string(text)
	}()
	<-asked
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return status("/readyz") == 503 })
	if status("/healthz") != 204 {
		t.Error("it is not alive any more while it waits")
	}
	eventually(t, func() bool { return status("/healthz") == 0 })
	answerNow()
	if text := <-answer; !strings.Contains(text, `"totalCount":13`) {
		t.Errorf("what was under way: %s", text)
	}
	if err := p.wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
}

// TestSecondSignal tests that a second signal ends the service immediately.
func TestSecondSignal(t *testing.T) {
	t.Parallel()
	p := start(t, "--listen", "0.0.0.0:0", "--sandbox")
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { // else the two signals could be merged
		resp, err := http.Get(p.url() + "/readyz")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusServiceUnavailable
	})
	ended := make(chan error, 1)
	go func() { ended <- p.wait() }()
	// The service reports not ready shortly before it handles a second signal, so another one is sent if it was too
	// early. It also ends by itself, but successfully.
	for over := false; !over; {
		if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Fatal(err)
		}
		select {
		case err := <-ended:
			over = true
			if status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); err == nil || !ok || status.Signal() != syscall.SIGTERM {
				t.Errorf("it ended with %v", err)
			}
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func writeFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestCrowdOfIdlers tests that 500 idle connections and 50 that send a request byte by byte do not keep others from
// being served, and that they are closed.
func TestCrowdOfIdlers(t *testing.T) {
	t.Parallel()
	p := start(t, "--listen", "127.0.0.1:0")
	address := strings.TrimPrefix(p.url(), "http://")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var group sync.WaitGroup
	var cut sync.Map
	for i := range 550 {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		group.Go(func() {
			defer func() { _ = c.Close() }()
			if i >= 500 {
				sendSlowly(ctx, c)
			}
			_ = c.SetReadDeadline(time.Now().Add(25 * time.Second))
			if _, err := io.ReadAll(c); err == nil || !os.IsTimeout(err) {
				cut.Store(i, true)
			}
		})
	}
	slowest := time.Duration(0)
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		began := time.Now()
		if r := p.graphQL(t, `{ me { interests(first: 1) { nodes { id } } } }`, nil); len(r.Errors) > 0 {
			t.Fatal(r.Body)
		}
		slowest = max(slowest, time.Since(began))
	}
	t.Logf("the slowest of the others took %v", slowest)
	if slowest > 2*time.Second {
		t.Errorf("the others waited up to %v", slowest)
	}
	cancel()
	group.Wait()
	kept := 0
	for i := range 550 {
		if _, ok := cut.Load(i); !ok {
			kept++
		}
	}
	if kept > 0 {
		t.Errorf("%d connections were not cut off", kept)
	}
}

// sendSlowly sends half of a request's headers, or its body, byte by byte, until the connection is closed.
func sendSlowly(ctx context.Context, c net.Conn) {
	w := bufio.NewWriterSize(c, 1)
	_, _ = fmt.Fprintf(w, "POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n")
	for ctx.Err() == nil {
		if _, err := w.WriteString("{"); err != nil || w.Flush() != nil {
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// TestShown tests who may see the playground, the demo and the schema.
func TestShown(t *testing.T) {
	t.Parallel()
	const introspection = `{ ...Shown } fragment Shown on Query { all: __schema { queryType { name } } one: __type(name: "Query") { name } }`
	for name, test := range map[string]struct {
		args   []string
		header []string
		code   string // of the refusal; empty if it is shown
	}{
		"the sandbox":                       {[]string{"--listen", "127.0.0.1:0"}, nil, ""},
		"the sandbox, through a proxy":      {[]string{"--listen", "127.0.0.1:0"}, []string{"X-Forwarded-For", "192.0.2.1"}, "BAD_REQUEST"},
		"an upstream, elsewhere":            {[]string{"--listen", "0.0.0.0:0", "--upstream", "https://profiles.example.com/beta"}, nil, "BAD_REQUEST"},
		"an upstream, elsewhere, asked for": {[]string{"--listen", "0.0.0.0:0", "--upstream", "https://profiles.example.com/beta", "--introspection"}, []string{"Via", "1.1 x"}, ""},
		"listed documents":                  {[]string{"--listen", "127.0.0.1:0", "--operations", writeFile(t, `{"a": "{ __typename }"}`)}, nil, "OPERATION_NOT_LISTED"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t, test.args...)
			base := p.url()
			r := (&facade{t: t, URL: base + "/graphql"}).do(introspection, nil, test.header...)
			shown := test.code == ""
			if shown && len(r.Errors) > 0 || !shown && r.Code(t) != test.code {
				t.Errorf("introspection: %s", r.Body)
			}
			for _, path := range []string{"/", "/playground/boot.js", "/demo", "/demo/app.js"} {
				request, err := http.NewRequest("GET", base+path, nil)
				if err != nil {
					t.Fatal(err)
				}
				for i := 0; i+1 < len(test.header); i += 2 {
					request.Header.Set(test.header[i], test.header[i+1])
				}
				resp, err := http.DefaultClient.Do(request)
				if err != nil {
					t.Fatal(err)
				}
				_ = resp.Body.Close()
				if (resp.StatusCode == 200) != shown || !shown && resp.StatusCode != 404 || resp.Header.Get("Cache-Control") != "no-store" {
					t.Errorf("%s: %d %v", path, resp.StatusCode, resp.Header)
				}
			}
		})
	}
}

// TestLargeHeaders tests that a request with large headers is refused, and that the next request is served.
func TestLargeHeaders(t *testing.T) {
	t.Parallel()
	p := start(t, "--listen", "127.0.0.1:0")
	request, err := http.NewRequest("POST", p.url()+"/graphql", strings.NewReader(`{"query": "{ __typename }"}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+strings.Repeat("x", 80<<10))
	resp, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("got %s", resp.Status)
	}
	if r := p.graphQL(t, "{ __typename }", nil); len(r.Errors) > 0 {
		t.Error(r.Body)
	}
}
