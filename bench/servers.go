package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"profileql/test/process"
)

// servers are the servers of a run. There is one ProfileQL for each number of sources.
type servers struct {
	source  stub
	proxy   *process.Process
	facades []*process.Process
	stops   []func()
}

func (s *servers) stop() {
	for i := len(s.stops) - 1; i >= 0; i-- {
		s.stops[i]()
	}
}

// collectorTarget is the garbage collector target of ProfileQL, which the proxy gets too.
const collectorTarget = "GOGC=400"

const mostSources = 4

func startServers(ctx context.Context) (s *servers, err error) {
	s = new(servers)
	defer func() {
		if err != nil {
			s.stop()
		}
	}()
	folder, err := os.MkdirTemp("", "profileql-bench-")
	if err != nil {
		return nil, err
	}
	s.stops = append(s.stops, func() { _ = os.RemoveAll(folder) })
	binary, err := process.Build(ctx, folder)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if s.source.Process, err = s.start(ctx, self, "-role", "source"); err != nil {
		return nil, err
	}
	if s.proxy, err = s.start(ctx, self, "-role", "proxy", "-target", s.source.Address); err != nil {
		return nil, err
	}
	for n := 1; n <= mostSources; n++ {
		file := filepath.Join(folder, fmt.Sprintf("%d.yaml", n))
		if err := os.WriteFile(file, []byte(sourcesFile(s.source.Address, n)), 0o600); err != nil {
			return nil, err
		}
		facade, err := s.start(ctx, binary, "--listen", "127.0.0.1:0", "--config", file)
		if err != nil {
			return nil, err
		}
		s.facades = append(s.facades, facade)
	}
	return s, nil
}

func (s *servers) start(ctx context.Context, binary string, args ...string) (*process.Process, error) {
	p, err := process.Start(ctx, []string{collectorTarget}, binary, args...)
	if err == nil {
		s.stops = append(s.stops, p.Stop)
	}
	return p, err
}

func sourcesFile(address string, n int) string {
	var b strings.Builder
	b.WriteString("sources:\n")
	for i := range n {
		_, _ = fmt.Fprintf(&b, "  - name: s%d\n    kind: profile\n    url: %s/s%d/beta\n    token: {from: caller}\n", i, address, i)
	}
	return b.String()
}

// allocations prints the allocations per request, as counted by the tests in the root folder.
func allocations(ctx context.Context, out io.Writer) error {
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", "^BenchmarkInProcess$", "-benchmem", ".")
	text, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("go test: %w\n%s", err, text)
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); strings.HasPrefix(line, "BenchmarkInProcess/") && len(fields) >= 8 {
			name, _, _ := strings.Cut(strings.TrimPrefix(fields[0], "BenchmarkInProcess/"), "-")
			if _, err := fmt.Fprintf(out, "%s: %s allocations, %s bytes\n", strings.ReplaceAll(name, "_", " "), fields[6], fields[4]); err != nil {
				return err
			}
		}
	}
	return nil
}
