package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"profileql/internal/sandbox/faults"
	"profileql/test/scene"
)

// hangUp sends SIGHUP, and waits for the line that says that the configuration was reloaded, or that it was not.
func (p *process) hangUp(t *testing.T, reloaded bool) {
	t.Helper()
	const done, failed = `"msg":"configuration reloaded"`, `"msg":"the configuration was not reloaded`
	count := func(text string) int { return strings.Count(p.stderr.String(), text) }
	before, beforeFailed := count(done), count(failed)
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return count(done)+count(failed) > before+beforeFailed })
	if got := count(done) > before; got != reloaded {
		t.Fatalf("reloaded: %t; the log: %s", got, p.stderr)
	}
}

// sourceNames returns the names of the sources that are served.
func (p *process) sourceNames(t *testing.T) string {
	t.Helper()
	r := p.graphQL(t, "{ profileSources { name } }", nil)
	return strings.NewReplacer(`{"profileSources":[`, "", `{"name":`, "", "}", "", `"`, "", "]", "").Replace(string(r.Data))
}

// broken are files that cannot be used, each with a part of the error in the log.
var broken = []struct{ file, says string }{
	{"sources: [", ":1:"},
	{"", "the file is empty"},
	{"sources:\n  - name: box\n    kind: sandbox\n    color: red\n", ":4:5: there is no key"},
	{"sources:\n  - name: box\n    kind: sandbox\n    faults: nowhere.json\n", ":4:13: the file"},
	{"sources:\n  - name: box\n    kind: profile\n    url: http://hr.example.com\n    token: {from: caller}\n", ":4:10: requests and tokens would be sent unencrypted"},
}

// TestReloadUnderLoad reloads 20 times while operations run, every second time with a file that cannot be used. No operation
// fails, an unchanged sandbox keeps its data, an unchanged source its connections, and removed sources are closed.
func TestReloadUnderLoad(t *testing.T) {
	t.Parallel()
	const workers = 8
	var connections atomic.Int64
	other := httptest.NewUnstartedServer(openBox(t, faults.Config{}))
	other.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	other.Start()
	t.Cleanup(other.Close)
	unchanged := "sources:\n  - name: box\n    kind: sandbox\n    token: {from: nobody}\n" +
		"  - name: other\n    kind: profile\n    url: " + other.URL + "/beta\n    token: {from: nobody}\n"
	const added = "  - name: lab\n    kind: sandbox\n    seed: lab\n    token: {from: nobody}\n"
	file := writeFile(t, unchanged)
	p := start(t, "--listen", scene.AnyPort, "--config", file)
	created := p.graphQL(t, `mutation { createPersonInterest(input: {item: {displayName: "Reloading"}}) { personInterest { id } } }`, nil)
	id := strings.Split(string(created.Data), `"`)[7]

	stop, operations := make(chan struct{}), new(atomic.Int64)
	var load sync.WaitGroup
	for i := range workers {
		load.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				r := p.graphQL(t, `{ me { interests(first: 100) { nodes { displayName } } skills { nodes { id } } } }`, nil)
				if i == 0 {
					r = p.graphQL(t, `mutation($id: ID!, $text: String) { updatePersonInterest(input: {id: $id, patch: {description: $text}}) { personInterest { displayName } } }`,
						map[string]any{"id": id, "text": fmt.Sprint(n)})
				}
				if len(r.Errors) > 0 || !strings.Contains(string(r.Data), "Reloading") {
					t.Errorf("an operation failed: %s", r.Body)
					return
				}
				operations.Add(1)
			}
		})
	}
	descriptors := func() int {
		entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	began := 0
	for i := range 10 {
		bad := broken[i%len(broken)]
		before := p.sourceNames(t)
		replaceFile(t, file, bad.file)
		p.hangUp(t, false)
		if log := p.stderr.String(); !strings.Contains(log, bad.says) || p.sourceNames(t) != before {
			t.Errorf("after a broken file the sources are %s; want %q in %s", p.sourceNames(t), bad.says, log)
		}
		text, want := unchanged+added, "box,other,lab"
		if i%2 == 1 {
			text, want = unchanged, "box,other"
		}
		replaceFile(t, file, text)
		p.hangUp(t, true)
		if got := p.sourceNames(t); got != want {
			t.Errorf("the sources are %s, want %s", got, want)
		}
		if i == 1 {
			began = descriptors()
		}
	}
	done := operations.Load()
	eventually(t, func() bool { return operations.Load() > done+workers })
	close(stop)
	load.Wait()
	if n := connections.Load(); n > 2*workers {
		t.Errorf("%d connections to the unchanged source for %d workers", n, workers)
	}
	eventually(t, func() bool { return descriptors() <= began+workers })
	t.Logf("%d operations, %d connections to the unchanged source", operations.Load(), connections.Load())
}

// replaceFile replaces a file atomically, as deployments do.
func replaceFile(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
}

// TestReloadIsAllOrNothing changes two of the three kinds of files, one of them into something that cannot be used.
func TestReloadIsAllOrNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, key := writeCertificate(t, dir, 1)
	sources := func(name string) string { return "sources:\n  - name: " + name + "\n    kind: sandbox\n" }
	const first, second = `{"1": "query First { profileSources { name } }"}`, `{"2": "query Second { profileSources { name } }"}`
	file, manifest := filepath.Join(dir, "sources.yaml"), filepath.Join(dir, "operations.json")
	replaceFile(t, file, sources("old"))
	replaceFile(t, manifest, first)
	p := start(t, "--listen", scene.AnyPort, "--config", file, "--operations", manifest, "--tls-cert", cert, "--tls-key", key)
	check := func(what string, serial int64, id, name string) {
		t.Helper()
		client := insecureClient() // a connection keeps the certificate with which it began
		defer client.CloseIdleConnections()
		resp, err := client.Post(p.url()+"/graphql", "application/json", strings.NewReader(`{"documentId": "`+id+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		r := scene.ReadReply(t, resp.StatusCode, resp.Header, body)
		if got := resp.TLS.PeerCertificates[0].SerialNumber.Int64(); got != serial || !strings.Contains(r.Body, `"`+name+`"`) {
			t.Errorf("%s: certificate %d, %s; want %d and %s", what, got, r.Body, serial, name)
		}
	}
	check("at the start", 1, "1", "old")
	replaceFile(t, file, sources("new"))
	replaceFile(t, manifest, "{")
	p.hangUp(t, false)
	check("a broken manifest", 1, "1", "old")
	replaceFile(t, manifest, second)
	if err := os.WriteFile(cert, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.hangUp(t, false)
	check("a broken certificate", 1, "1", "old")
	writeCertificate(t, dir, 2)
	replaceFile(t, file, "sources:")
	p.hangUp(t, false)
	check("a broken file of sources", 1, "1", "old")
	replaceFile(t, file, sources("new"))
	p.hangUp(t, true)
	check("all of them", 2, "2", "new")
}
