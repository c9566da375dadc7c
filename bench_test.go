package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
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

	"profileql/internal/config"
	"profileql/internal/profileapi"
)

// stubAnswer is what the stub source answers to a PATCH: an interest of ordinary size.
var stubAnswer = []byte(`{
  "@odata.context": "https://graph.example.com/beta/$metadata#users('41a5a8b7')/profile/interests/$entity",
  "id": "db489940-9940-db48-4099-48db409948db",
  "allowedAudiences": "groupMembers,organization",
  "inference": {"confidenceScore": 0.6, "userHasVerifiedAccuracy": true},
  "createdDateTime": "2020-07-06T06:34:12.2294868Z",
  "createdBy": {"application": null, "device": null, "user": {"displayName": "Ada Lindqvist", "id": "41a5a8b7-e1f6-4e1a-9d4e-6b7c5d8e9f00"}},
  "lastModifiedDateTime": "2020-07-06T06:34:12.2294868Z",
  "lastModifiedBy": {"application": null, "device": null, "user": {"displayName": "Ada Lindqvist", "id": "41a5a8b7-e1f6-4e1a-9d4e-6b7c5d8e9f00"}},
  "categories": ["games"],
  "collaborationTags": null,
  "description": "Openings, endgames and everything between",
  "displayName": "Chess",
  "isSearchable": false,
  "webUrl": "https://www.example.com/chess",
  "thumbnailUrl": null,
  "source": {"type": ["User"]},
  "sources": [{"sourceId": "46a57efc-33f8-4eec-a512-b90039ad6187", "isDefaultSource": true}]
}`)

// stubSource reads the request and answers at once, so that what is measured is what stands in front of it.
func stubSource(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(stubAnswer)
}

const stubItem = "db489940-9940-db48-4099-48db409948db"

var stubPatch = []byte(`{"displayName":"Chess","description":"Openings, endgames and everything between","categories":["games"],"webUrl":"https://www.example.com/chess"}`)

func updateRequest(t testing.TB) []byte {
	return operationBody(t, updateMutation, map[string]any{
		"input": map[string]any{"id": stubItem, "patch": json.RawMessage(stubPatch)},
	})
}

// BenchmarkUpdate is the price of one update over loopback HTTP, callers at once: the whole facade, and beside it in
// the same run a plain reverse proxy that sends the finished PATCH on, and the source alone. CPU is that of the whole
// process, in microseconds for each request; what "direct" takes is the caller's and the source's, and has to be
// taken off the other two before they are compared.
func BenchmarkUpdate(b *testing.B) {
	source := httptest.NewServer(http.HandlerFunc(stubSource))
	b.Cleanup(source.Close)
	f := newFacadeAt(b, source.URL+"/beta")
	patchURL := newProxy(b, source.URL) + "/beta/me/profile/interests/" + stubItem
	direct := source.URL + "/beta/me/profile/interests/" + stubItem
	b.Run("direct", func(b *testing.B) { benchmarkRequests(b, http.MethodPatch, direct, stubPatch) })
	b.Run("proxy", func(b *testing.B) { benchmarkRequests(b, http.MethodPatch, patchURL, stubPatch) })
	b.Run("profileql", func(b *testing.B) { benchmarkRequests(b, http.MethodPost, f.URL, updateRequest(b)) })
}

// BenchmarkMergedList is the price of the first 20 of a list that one to four sources make up, as for
// [BenchmarkUpdate]. What the sources take to answer is in it: they are asked for one page each.
func BenchmarkMergedList(b *testing.B) {
	var items []string
	for i := range 21 {
		items = append(items, strings.Replace(string(stubAnswer), stubItem, fmt.Sprintf("%02d%s", i, stubItem[2:]), 1))
	}
	page := []byte(`{"value": [` + strings.Join(items, ",") + `]}`)
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(page)
	}))
	b.Cleanup(source.Close)
	body := operationBody(b, `query { me { interests { nodes { id displayName createdDateTime profileSource { name } } } } }`, nil)
	var sources []config.Source
	for n := range 4 {
		s := sourceAt(source.URL + "/beta")
		s.Name = string(rune('a' + n))
		sources = append(sources, s)
		f := newFacadeOf(b, sources...)
		b.Run(fmt.Sprintf("sources=%d", n+1), func(b *testing.B) { benchmarkRequests(b, http.MethodPost, f.URL, body) })
	}
}

// newProxy is the baseline: net/http's reverse proxy with as many connections as ProfileQL keeps.
func newProxy(tb testing.TB, source string) string {
	target, err := url.Parse(source)
	if err != nil {
		tb.Fatal(err)
	}
	transport := profileapi.NewTransport(256)
	tb.Cleanup(transport.CloseIdleConnections)
	proxy := &httputil.ReverseProxy{
		Transport: transport,
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target) },
	}
	server := httptest.NewServer(proxy)
	tb.Cleanup(server.Close)
	return server.URL
}

func benchmarkRequests(b *testing.B, method, url string, body []byte) {
	client := &http.Client{Transport: profileapi.NewTransport(256)}
	defer client.CloseIdleConnections()
	b.SetParallelism(32 / runtime.GOMAXPROCS(0))
	b.ReportAllocs()
	before := cpuTime()
	b.ResetTimer()
	var callers atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		token := fmt.Sprintf("Bearer %01500d", callers.Add(1)) // of one caller, only some requests run at once
		for pb.Next() {
			if err := roundTrip(client, method, url, token, body); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(cpuTime()-before)/float64(time.Microsecond)/float64(b.N), "cpu-µs/op")
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

func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
