package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// faults are the faults of each sandbox. They do not delay the visibility of writes, since otherwise no response
// could be called wrong.
const faults = `{"seed": 7, "rules": [
	{"fault": "error", "status": 429, "retryAfter": 0.2, "share": 0.01},
	{"fault": "error", "status": 503, "retryAfter": 0.2, "share": 0.01},
	{"fault": "error", "status": 500, "after": true, "share": 0.005},
	{"fault": "drop", "share": 0.005}, {"fault": "drop", "after": true, "share": 0.005},
	{"fault": "truncate", "share": 0.005}, {"fault": "append", "share": 0.005}, {"fault": "stall", "share": 0.0005},
	{"fault": "delay", "seconds": 0.5, "share": 0.03}, {"fault": "noContent", "methods": ["PATCH"], "share": 0.02}
]}`

// process is a server started by soak.
type process struct {
	cmd     *exec.Cmd
	address string
}

// servers are the servers of a run.
type servers struct {
	folder string
	all    []*process
	facade *process
}

func (s *servers) stop() {
	for _, p := range slices.Backward(s.all) {
		_ = p.cmd.Process.Signal(os.Interrupt)
		_ = p.cmd.Wait()
	}
	_ = os.RemoveAll(s.folder)
}

// startAll builds ProfileQL and starts two sandboxes and a ProfileQL in front of them.
func startAll(ctx context.Context) (s *servers, err error) {
	s = new(servers)
	if s.folder, err = os.MkdirTemp("", "profileql-soak-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.stop()
		}
	}()
	binary := filepath.Join(s.folder, "profileql")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build: %w\n%s", err, out)
	}
	file := "sources:\n"
	for _, name := range sourceNames {
		box, err := s.start(binary, "sandbox", "--listen", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		if err := putFaults(ctx, box.address); err != nil {
			return nil, err
		}
		file += fmt.Sprintf("  - {name: %s, kind: profile, url: %s/beta, token: {from: nobody}}\n", name, box.address)
	}
	config := filepath.Join(s.folder, "sources.yaml")
	if err := os.WriteFile(config, []byte(file), 0o600); err != nil {
		return nil, err
	}
	s.facade, err = s.start(binary, "--listen", "127.0.0.1:0", "--config", config)
	return s, err
}

var sourceNames = []string{"first", "second"}

func putFaults(ctx context.Context, address string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, address+"/faults", strings.NewReader(faults))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode/100 != 2 {
		text, _ := io.ReadAll(resp.Body)
		return fmt.Errorf("the sandbox does not take the faults: %s", text)
	}
	return nil
}

var printedAddress = regexp.MustCompile(`http://127\.0\.0\.1:\d+`)

// start starts a server, and returns when its banner is complete.
func (s *servers) start(binary string, args ...string) (*process, error) {
	p := &process{cmd: exec.Command(binary, args...)}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	s.all = append(s.all, p)
	banner := ""
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		banner += lines.Text() + "\n"
		if strings.Contains(banner, "  Source ") || strings.Contains(banner, "  REST ") {
			p.address = printedAddress.FindString(banner)
			go func() { _, _ = io.Copy(io.Discard, stdout) }() // ends with the process
			return p, nil
		}
	}
	return nil, errors.New("a server does not start: " + banner)
}

var residentLine = regexp.MustCompile(`VmRSS:\s+(\d+) kB`)

// resident returns the resident memory of a process in kilobytes (proc_pid_status(5)).
func (p *process) resident() (kilobytes int64, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	found := residentLine.FindSubmatch(status)
	if found == nil {
		return 0, errors.New("there is no VmRSS")
	}
	return strconv.ParseInt(string(found[1]), 10, 64)
}
