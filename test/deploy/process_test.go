package deploy

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// process is a ProfileQL, or a sandbox, that has been started.
type process struct {
	cmd                  *exec.Cmd
	graphQL, admin, rest string        // addresses from the banner; empty for none
	log                  bytes.Buffer  // must not be read before the end
	ended                chan struct{} // closed at the end
}

// bannerLine matches a line of the banner: what it is about, and an address.
var bannerLine = regexp.MustCompile(`^  (GraphQL|Admin|Source|REST) +(https?://[^/]+)?`)

// start starts ProfileQL, and returns when it has printed its banner.
func start(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, ended: make(chan struct{})}
	cmd.Stderr = &p.log
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	var printed strings.Builder
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		_, _ = fmt.Fprintln(&printed, lines.Text())
		found := bannerLine.FindStringSubmatch(lines.Text())
		if found == nil {
			continue
		}
		switch found[1] {
		case "GraphQL":
			p.graphQL = found[2] + "/graphql"
		case "Admin":
			p.admin = found[2]
		case "REST":
			p.rest = found[2]
			fallthrough
		case "Source": // the last lines
			go func() {
				_, _ = io.Copy(io.Discard, stdout) // until the end
				_ = cmd.Wait()
				close(p.ended)
			}()
			return p, nil
		}
	}
	err = cmd.Wait()
	return nil, fmt.Errorf("%s did not start: %w\n%s%s", strings.Join(cmd.Args, " "), err, printed.String(), p.log.String())
}

// startFor starts ProfileQL until the end of the test.
func startFor(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p, err := start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.stop(t) })
	return p
}

// stop ends the process, and tests that it ends well.
func (p *process) stop(t *testing.T) {
	t.Helper()
	_ = p.cmd.Process.Signal(syscall.SIGINT) // it may have ended
	select {
	case <-p.ended:
	case <-time.After(time.Minute):
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
	if !p.cmd.ProcessState.Success() {
		t.Errorf("%s ended with %v\n%s", strings.Join(p.cmd.Args, " "), p.cmd.ProcessState, p.log.String())
	}
}

// status returns the HTTP status of a GET request, 0 without a response.
func status(client *http.Client, url string) int {
	resp, err := client.Get(url)
	if err != nil {
		return 0
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

// answer is a response of GraphQL about one item.
type answer struct {
	Data struct {
		Me struct {
			Interests struct {
				Nodes []interest
			}
		}
		UpdatePersonInterest struct {
			PersonInterest interest
		}
	}
	Errors []struct{ Message string }
}

type interest struct{ ID, DisplayName string }

// errorOf returns the errors of a response as one.
func (a *answer) errorOf() error {
	var all []error
	for _, e := range a.Errors {
		all = append(all, errors.New(e.Message))
	}
	return errors.Join(all...)
}

// post sends an operation with a token.
func post(client *http.Client, url, token, operation string) (*answer, error) {
	body, err := json.Marshal(map[string]string{"query": operation})
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	a := new(answer)
	if err := json.NewDecoder(resp.Body).Decode(a); err != nil {
		return nil, fmt.Errorf("status %d: %w", resp.StatusCode, err)
	}
	return a, a.errorOf()
}

// update changes the first interest of a person of the sandbox, and reads it again.
func update(t *testing.T, client *http.Client, graphQL, token, displayName string) {
	t.Helper()
	const read = `{ me { interests(first: 1) { nodes { id displayName } } } }`
	before, err := post(client, graphQL, token, read)
	if err != nil {
		t.Fatal(err)
	}
	if len(before.Data.Me.Interests.Nodes) != 1 {
		t.Fatalf("there is no interest: %+v", before)
	}
	id := before.Data.Me.Interests.Nodes[0].ID
	changed, err := post(client, graphQL, token, fmt.Sprintf(
		`mutation { updatePersonInterest(input: {id: %q, patch: {displayName: %q}}) { personInterest { id displayName } } }`, id, displayName))
	if err != nil {
		t.Fatal(err)
	}
	if got := changed.Data.UpdatePersonInterest.PersonInterest; got != (interest{id, displayName}) {
		t.Errorf("the update returned %+v", got)
	}
	after, err := post(client, graphQL, token, `{ me { interests(first: 100) { nodes { id displayName } } } }`)
	if err != nil {
		t.Fatal(err)
	}
	for _, node := range after.Data.Me.Interests.Nodes {
		if node == (interest{id, displayName}) {
			return
		}
	}
	t.Errorf("after the update, there are %+v", after.Data.Me.Interests.Nodes)
}
