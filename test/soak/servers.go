package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"profileql/test/process"
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

// servers are the servers of a run.
type servers struct {
	folder string
	all    []*process.Process
	facade *process.Process
}

func (s *servers) stop() {
	for _, p := range slices.Backward(s.all) {
		p.Stop()
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
	binary, err := process.Build(ctx, s.folder)
	if err != nil {
		return nil, err
	}
	file := "sources:\n"
	for _, name := range sourceNames {
		box, err := s.start(ctx, binary, "sandbox", "--listen", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		if err := putFaults(ctx, box.Address); err != nil {
			return nil, err
		}
		file += fmt.Sprintf("  - {name: %s, kind: profile, url: %s/beta, token: {from: nobody}}\n", name, box.Address)
	}
	config := filepath.Join(s.folder, "sources.yaml")
	if err := os.WriteFile(config, []byte(file), 0o600); err != nil {
		return nil, err
	}
	s.facade, err = s.start(ctx, binary, "--listen", "127.0.0.1:0", "--config", config)
	return s, err
}

func (s *servers) start(ctx context.Context, binary string, args ...string) (*process.Process, error) {
	p, err := process.Start(ctx, nil, binary, args...)
	if err == nil {
		s.all = append(s.all, p)
	}
	return p, err
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
