package profileapi

import (
	"bufio"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"profileql/internal/profile"
)

// nodeSource is a Node server with default settings, which close a connection that has been idle for 5 seconds. It prints
// its URL, and the number of requests when its input ends.
const nodeSource = `
let asked = 0;
const server = require("node:http").createServer((request, response) => {
  request.resume().on("end", () => {
    asked++;
    response.setHeader("Content-Type", "application/json");
    response.end('{"id": "a"}');
  });
}).listen(0, "127.0.0.1", () => console.log("http://127.0.0.1:" + server.address().port));
process.stdin.resume().on("end", () => { console.log(asked); process.exit(); });
`

// TestNodeClosesConnections sends writes to a real Node server with pauses around its idle timeout: each write has a known
// outcome, and is carried out once.
func TestNodeClosesConnections(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it waits for real connections to become idle")
	}
	if _, err := exec.LookPath("node"); err != nil {
		if os.Getenv("PROFILEQL_TEST_ALL") != "" {
			t.Fatal("PROFILEQL_TEST_ALL is set, and there is no node")
		}
		t.Skip("there is no node")
	}
	cmd := exec.Command("node", "-e", nodeSource)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	lines := bufio.NewScanner(stdout)
	if !lines.Scan() {
		t.Fatal("node does not start")
	}
	transport := NewTransport(256)
	t.Cleanup(transport.CloseIdleConnections)
	client, err := New(Options{Name: "node", BaseURL: lines.Text(), Transport: transport, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	c := NewCollection(client, "things", nil)
	const callers, each = 100, 5 // each but the first after a pause
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for i := range each {
				if i > 0 {
					// Newer versions close connections a second after the announced timeout.
					time.Sleep([]time.Duration{4998 * time.Millisecond, 5998 * time.Millisecond}[i%2] + rand.N(8*time.Millisecond))
				}
				if _, err := c.Update(t.Context(), profile.Ref{ID: "a"}, []byte(`{"name":"x"}`)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	_ = stdin.Close()
	if lines.Scan(); strings.TrimSpace(lines.Text()) != fmt.Sprint(callers*each) {
		t.Errorf("the source was asked %s times, not %d", lines.Text(), callers*each)
	}
}
