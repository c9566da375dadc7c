package replicas

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"path"
	"sync"
	"sync/atomic"
	"testing"

	"profileql/internal/sandbox"
)

// source is the sandbox that all replicas use. It counts the writes that it has executed.
type source struct {
	box     *sandbox.Sandbox
	servers []*httptest.Server // one for each replica, to tell them apart
	served  []atomic.Int64     // requests of each replica
	gates   []atomic.Pointer[gate]

	mu     sync.Mutex
	writes map[string]int // by method, and name in the body or id in the path
}

// gate keeps writes waiting.
type gate struct{ arrived, opened chan struct{} }

func newSource(t *testing.T, replicas int) *source {
	t.Helper()
	box, err := sandbox.Open(t.Context(), sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = box.Close() })
	s := &source{
		box: box, served: make([]atomic.Int64, replicas), gates: make([]atomic.Pointer[gate], replicas),
		writes: make(map[string]int),
	}
	for i := range replicas {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, i) }))
		t.Cleanup(server.Close)
		s.servers = append(s.servers, server)
	}
	return s
}

func (s *source) serve(w http.ResponseWriter, r *http.Request, replica int) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the replica has been killed while it sent
	}
	key := writeKey(r, body)
	if g := s.gates[replica].Load(); g != nil && key != "" {
		g.arrived <- struct{}{}
		<-g.opened
	}
	// A write that has arrived is executed, whatever happens to its replica.
	r = r.WithContext(context.WithoutCancel(r.Context()))
	r.Body = io.NopCloser(bytes.NewReader(body))
	recorded := httptest.NewRecorder()
	s.box.Handler().ServeHTTP(recorded, r)
	if key != "" && recorded.Code < 300 {
		s.mu.Lock()
		s.writes[key]++
		s.mu.Unlock()
	}
	s.served[replica].Add(1)
	maps.Copy(w.Header(), recorded.Header())
	w.WriteHeader(recorded.Code)
	_, _ = w.Write(recorded.Body.Bytes()) // the replica may have been killed
}

// writeKey returns what tells a write from all others, or "" for a read.
func writeKey(r *http.Request, body []byte) string {
	switch r.Method {
	case http.MethodDelete:
		return "DELETE " + path.Base(r.URL.Path)
	case http.MethodPost, http.MethodPatch:
		if path.Base(r.URL.Path) == "$batch" { // of reads
			return ""
		}
		var item struct{ DisplayName string }
		_ = json.Unmarshal(body, &item)
		return r.Method + " " + item.DisplayName
	}
	return ""
}

// hold keeps the writes of a replica waiting until n have arrived and release is called.
func (s *source) hold(replica, n int) (release func()) {
	g := &gate{arrived: make(chan struct{}, callers), opened: make(chan struct{})}
	s.gates[replica].Store(g)
	for range n {
		<-g.arrived
	}
	return func() {
		s.gates[replica].Store(nil)
		close(g.opened)
	}
}

// items returns all interests as they are in the sandbox, by id.
func (s *source) items(t *testing.T) map[string]item {
	t.Helper()
	resp, err := http.Get(s.servers[0].URL + "/beta/me/profile/interests?$top=1000")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var list struct {
		Value []struct {
			ID, DisplayName string
			Description     *string
		}
		NextLink string `json:"@odata.nextLink"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&list); err != nil || list.NextLink != "" {
		t.Fatalf("the list does not come, or not at once: %v", err)
	}
	items := make(map[string]item)
	for _, one := range list.Value {
		items[one.ID] = item{ItemID: one.ID, DisplayName: one.DisplayName, Description: one.Description}
	}
	return items
}
