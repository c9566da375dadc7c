package e2e

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
)

// source is a source of the profile API, as in a configuration file.
type source struct {
	Name, URL         string
	Aliases           []string
	Token             token
	Timeout           time.Duration // 0 for the default
	Writable, AnyUser bool
	NoBatch           bool
}

// token is where a source's token comes from; none if From is empty.
type token struct {
	From, Name string
	Value      string // of the environment variable
}

// configOf writes a configuration file. JSON is valid YAML.
func configOf(t testing.TB, sources ...source) (path string) {
	t.Helper()
	type entry struct {
		Name     string            `json:"name"`
		Kind     string            `json:"kind"`
		URL      string            `json:"url"`
		Aliases  []string          `json:"aliases,omitempty"`
		Token    map[string]string `json:"token"`
		Timeout  string            `json:"timeout,omitempty"`
		Writable bool              `json:"writable"`
		Users    string            `json:"users"`
		Batch    bool              `json:"batch"`
	}
	entries := make([]entry, len(sources))
	for i, s := range sources {
		e := entry{Name: s.Name, Kind: "profile", URL: s.URL, Aliases: s.Aliases, Writable: s.Writable, Users: "me", Batch: !s.NoBatch}
		if s.AnyUser {
			e.Users = "any"
		}
		if s.Timeout > 0 {
			e.Timeout = s.Timeout.String()
		}
		e.Token = map[string]string{"from": "nobody"}
		if s.Token.From != "" {
			e.Token["from"] = s.Token.From
		}
		if s.Token.Name != "" {
			e.Token["name"] = s.Token.Name
		}
		entries[i] = e
	}
	text, err := json.Marshal(map[string]any{"sources": entries})
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "sources.yaml")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// serveSource serves the API of a source, and returns its description.
func serveSource(t testing.TB, name string, handler http.Handler) source {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return source{Name: name, URL: server.URL + "/beta", Aliases: []string{innerOrigin}, Writable: true, AnyUser: true}
}

// fresh provides sources that have not been asked yet, with few processes: ProfileQL remembers per source what it
// does not support.
type fresh struct {
	t    testing.TB
	left []freshSource
}

type freshSource struct {
	facade *facade
	plays  *atomic.Pointer[http.Handler]
}

// mostSources is the maximum number of sources of a process.
const mostSources = 16

// serve serves ProfileQL in front of upstream, which is the only source of lists.
func (f *fresh) serve(upstream http.Handler) *facade {
	f.t.Helper()
	if len(f.left) == 0 {
		f.start()
	}
	next := f.left[0]
	f.left = f.left[1:]
	next.plays.Store(&upstream)
	return next.facade
}

func (f *fresh) start() {
	f.t.Helper()
	var described []source
	for i := range mostSources {
		plays := new(atomic.Pointer[http.Handler])
		name := string(rune('a' + i))
		described = append(described, serveSource(f.t, name, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			(*plays.Load()).ServeHTTP(w, r)
		})))
		f.left = append(f.left, freshSource{&facade{t: f.t, only: name}, plays})
	}
	whole := newFacadeOf(f.t, described...)
	for _, one := range f.left {
		one.facade.URL, one.facade.log = whole.URL, whole.log
	}
}
