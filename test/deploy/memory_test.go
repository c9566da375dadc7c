package deploy

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
)

const (
	callers   = 100
	listBytes = 7_500_000 // just below what ProfileQL accepts of a source
)

// TestMemoryLimit tests that ProfileQL keeps to the limit of memory in the manifests while many callers read lists that are as
// large as possible. With GOMEMLIMIT it knows the limit, as it does in a container with the limit.
func TestMemoryLimit(t *testing.T) {
	t.Parallel()
	limit := render(t, "base").container().Resources.Limits.Memory().Value()
	for _, s := range replicas(t, loadCompose(t)) {
		limit = min(limit, int64(s.MemLimit))
	}
	maximum, err := resource.ParseQuantity(readUnit(t)["MemoryMax"][0] + "i") // systemd's M is 1024²
	if err != nil {
		t.Fatal(err)
	}
	limit = min(limit, maximum.Value())

	source := largeSource(t)
	cmd := exec.Command(binary(t), "--listen", "127.0.0.1:0", "--upstream", source+"/beta")
	cmd.Env = append(os.Environ(), fmt.Sprintf("GOMEMLIMIT=%d", limit/10*9))
	p := startFor(t, cmd)
	var answered, refused atomic.Int32
	var all sync.WaitGroup
	for caller := range callers {
		all.Go(func() {
			switch size, err := readList(p.graphQL, fmt.Sprint("caller ", caller)); {
			case err != nil:
				t.Error(err)
			case size > listBytes:
				answered.Add(1)
			default:
				refused.Add(1)
			}
		})
	}
	peak := peakMemory(t, p.cmd.Process.Pid, &all)
	t.Logf("with %d callers, %d lists of %.1f MB were answered, %d refused, and the peak was %.0f MB of %.0f MB",
		callers, answered.Load(), float64(listBytes)/1e6, refused.Load(), float64(peak)/1e6, float64(limit)/1e6)
	if peak > limit {
		t.Errorf("it used %d bytes, and the limit is %d", peak, limit)
	}
	if answered.Load() == 0 { // on a busy machine, many wait until their deadline
		t.Error("no list was answered")
	}
}

// largeSource starts a source whose lists have a few large items, and returns its address.
func largeSource(t *testing.T) string {
	t.Helper()
	const items = 50
	var list strings.Builder
	for i := range items {
		_, _ = fmt.Fprintf(&list, `{"id": "item-%02d", "displayName": "Chess", "createdDateTime": "2026-01-01T00:00:00Z", "description": "%s"},`,
			i, strings.Repeat("x", listBytes/items))
	}
	body := fmt.Sprintf(`{"value": [%s]}`, strings.TrimSuffix(list.String(), ","))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// deadline matches the codes of requests that had no memory or no response before their deadline.
var deadline = regexp.MustCompile("OVERLOADED|SOURCE_TIMEOUT")

// readList reads a list, and returns the size of the response.
func readList(url, token string) (size int64, err error) {
	req, err := http.NewRequest(http.MethodPost, url, strings.NewReader(
		`{"query": "{ me { interests(first: 100) { nodes { id description } failedSources { code } } } }"}`))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	var start strings.Builder
	size, err = io.Copy(io.Discard, io.TeeReader(resp.Body, &limited{to: &start, left: 4096}))
	if err == nil && size < listBytes && !deadline.MatchString(start.String()) {
		err = fmt.Errorf("status %d: %s", resp.StatusCode, start.String())
	}
	return size, err
}

// limited is a writer that keeps only the first bytes.
type limited struct {
	to   io.Writer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	n, err := l.to.Write(p[:min(len(p), l.left)])
	l.left -= n
	return len(p), err
}

// anonymous matches the line of proc_pid_status(5) with the memory that the kernel cannot take back, as it can with the pages
// of the binary.
var anonymous = regexp.MustCompile(`RssAnon:\s+(\d+) kB`)

// peakMemory returns the peak of a process's memory in bytes while a group of callers is at work.
func peakMemory(t *testing.T, pid int, callers *sync.WaitGroup) (peak int64) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		callers.Wait()
		close(done)
	}()
	for {
		select {
		case <-done:
			return peak
		case <-time.After(5 * time.Millisecond):
		}
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			t.Fatal(err)
		}
		found := anonymous.FindSubmatch(text)
		if found == nil {
			t.Fatalf("the process has ended:\n%s", text)
		}
		kib, err := strconv.ParseInt(string(found[1]), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		peak = max(peak, kib<<10)
	}
}
