package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	measured "profileql/test/process" // e2e has a type process
	"profileql/test/scene"
)

// stubSource reads the request and responds immediately, so that the measurement is of what is in front of it.
func stubSource(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(scene.StubAnswer)
}

func updateRequest(t testing.TB) []byte {
	return scene.Body(t, scene.UpdateMutation, map[string]any{
		"input": map[string]any{"id": scene.StubItem, "patch": json.RawMessage(scene.StubPatch)},
	})
}

// BenchmarkUpdate measures an update over loopback HTTP with concurrent callers: the binary, a plain reverse proxy
// that forwards the same PATCH, and the source alone ("direct"). CPU time is that of all processes, in microseconds
// per request. It includes the caller and the source, so that of "direct" must be subtracted before the others are
// compared.
func BenchmarkUpdate(b *testing.B) {
	source := httptest.NewServer(http.HandlerFunc(stubSource))
	b.Cleanup(source.Close)
	p := start(b, "--listen", scene.AnyPort, "--upstream", source.URL+"/beta")
	patchURL := newProxy(b, source.URL) + "/beta/me/profile/interests/" + scene.StubItem
	direct := source.URL + "/beta/me/profile/interests/" + scene.StubItem
	b.Run("direct", func(b *testing.B) { benchmarkRequests(b, nil, http.MethodPatch, direct, scene.StubPatch) })
	b.Run("proxy", func(b *testing.B) { benchmarkRequests(b, nil, http.MethodPatch, patchURL, scene.StubPatch) })
	b.Run("profileql", func(b *testing.B) { benchmarkRequests(b, p, http.MethodPost, p.url()+"/graphql", updateRequest(b)) })
}

// BenchmarkMergedList measures the first 20 items of a list of one to four sources, in the same way as
// [BenchmarkUpdate]. It includes the time of the sources, each of which is asked for one page.
func BenchmarkMergedList(b *testing.B) {
	var items []string
	for i := range 21 {
		items = append(items, strings.Replace(string(scene.StubAnswer), scene.StubItem, fmt.Sprintf("%02d%s", i, scene.StubItem[2:]), 1))
	}
	page := []byte(`{"value": [` + strings.Join(items, ",") + `]}`)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(page)
	}))
	b.Cleanup(server.Close)
	body := scene.Body(b, `query { me { interests { nodes { id displayName createdDateTime profileSource { name } } } } }`, nil)
	var sources []source
	for n := range 4 {
		sources = append(sources, source{
			Name: string(rune('a' + n)), URL: server.URL + "/beta", Token: token{From: "caller"}, Writable: true, AnyUser: true,
		})
		p := start(b, "--listen", scene.AnyPort, "--config", configOf(b, sources...))
		b.Run(fmt.Sprintf("sources=%d", n+1), func(b *testing.B) {
			benchmarkRequests(b, p, http.MethodPost, p.url()+"/graphql", body)
		})
	}
}

// newTransport returns a transport with the same limits of connections as ProfileQL.
func newTransport() *http.Transport {
	return &http.Transport{MaxConnsPerHost: 256, MaxIdleConns: 256, MaxIdleConnsPerHost: 256}
}

// newProxy serves the baseline: net/http's reverse proxy.
func newProxy(tb testing.TB, source string) string {
	target, err := url.Parse(source)
	if err != nil {
		tb.Fatal(err)
	}
	transport := newTransport()
	tb.Cleanup(transport.CloseIdleConnections)
	proxy := &httputil.ReverseProxy{
		Transport: transport,
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target) },
	}
	server := httptest.NewServer(proxy)
	tb.Cleanup(server.Close)
	return server.URL
}

// benchmarkRequests measures requests, with the CPU time of this process and of p, if it is not nil.
func benchmarkRequests(b *testing.B, p *process, method, url string, body []byte) {
	client := &http.Client{Transport: newTransport()}
	defer client.CloseIdleConnections()
	b.SetParallelism(32 / runtime.GOMAXPROCS(0))
	before := cpuTime(b, p)
	b.ResetTimer()
	var callers atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		token := fmt.Sprintf("Bearer %01500d", callers.Add(1)) // concurrent requests of one caller are limited
		for pb.Next() {
			if err := roundTrip(client, method, url, token, body); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(cpuTime(b, p)-before)/float64(time.Microsecond)/float64(b.N), "cpu-µs/op")
}

func roundTrip(client *http.Client, method, url, token string, body []byte) error {
	req, err := http.NewRequest(method, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", token)
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && (resp.StatusCode != http.StatusOK || !bytes.Contains(answer, []byte(`"Chess"`))) {
		err = &badAnswer{resp.Status, string(answer)}
	}
	return err
}

type badAnswer struct{ status, body string }

func (e *badAnswer) Error() string { return e.status + ": " + e.body }

func cpuTime(b *testing.B, p *process) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	took := time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	if p != nil {
		ofProcess, err := measured.CPU(p.cmd.Process.Pid)
		if errors.Is(err, fs.ErrNotExist) {
			b.Skipf("only Linux tells: %v", err)
		}
		if err != nil {
			b.Fatal(err)
		}
		took += ofProcess
	}
	return took
}
