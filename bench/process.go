package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// process is a server started by bench.
type process struct {
	address string // http://127.0.0.1:port
	pid     int
	stop    func()
}

// processes are the servers of a run. There is one ProfileQL for each number of sources.
type processes struct {
	source, proxy process
	facades       []process
	stops         []func()
}

func (p *processes) stop() {
	for i := len(p.stops) - 1; i >= 0; i-- {
		p.stops[i]()
	}
}

// collectorTarget is the garbage collector target of ProfileQL, which the proxy gets too.
const collectorTarget = "GOGC=400"

const mostSources = 4

func startProcesses(ctx context.Context) (p *processes, err error) {
	p = new(processes)
	defer func() {
		if err != nil {
			p.stop()
		}
	}()
	folder, err := os.MkdirTemp("", "profileql-bench-")
	if err != nil {
		return nil, err
	}
	p.stops = append(p.stops, func() { _ = os.RemoveAll(folder) })
	binary := filepath.Join(folder, "profileql")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build: %w\n%s", err, out)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if p.source, err = p.start(ctx, self, "-role", "source"); err != nil {
		return nil, err
	}
	if p.proxy, err = p.start(ctx, self, "-role", "proxy", "-target", p.source.address); err != nil {
		return nil, err
	}
	for n := 1; n <= mostSources; n++ {
		file := filepath.Join(folder, fmt.Sprintf("%d.yaml", n))
		if err := os.WriteFile(file, []byte(sourcesFile(p.source.address, n)), 0o600); err != nil {
			return nil, err
		}
		facade, err := p.start(ctx, binary, "--listen", "127.0.0.1:0", "--config", file)
		if err != nil {
			return nil, err
		}
		p.facades = append(p.facades, facade)
	}
	return p, nil
}

func sourcesFile(address string, n int) string {
	var b strings.Builder
	b.WriteString("sources:\n")
	for i := range n {
		_, _ = fmt.Fprintf(&b, "  - name: s%d\n    kind: profile\n    url: %s/s%d/beta\n    token: {from: caller}\n", i, address, i)
	}
	return b.String()
}

var printedAddress = regexp.MustCompile(`(?m)^(?:serving|  GraphQL +)\s*(http://127\.0\.0\.1:\d+)`)

// start starts a server, and returns when it has printed its address.
func (p *processes) start(ctx context.Context, binary string, args ...string) (process, error) {
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = append(os.Environ(), collectorTarget)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return process{}, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return process{}, err
	}
	if err := cmd.Start(); err != nil {
		return process{}, err
	}
	started := process{pid: cmd.Process.Pid, stop: func() {
		_ = stdin.Close()
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	}}
	p.stops = append(p.stops, started.stop)
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if found := printedAddress.FindStringSubmatch(lines.Text()); found != nil {
			started.address = found[1]
			go func() { _, _ = io.Copy(io.Discard, stdout) }() // ends with the process
			return started, nil
		}
	}
	return process{}, fmt.Errorf("%s did not start", filepath.Base(binary))
}

// cpu returns the CPU time that the process has used so far (proc_pid_stat(5), fields 14 and 15).
func (p process) cpu() (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, errors.New("/proc has another form")
	}
	user, errUser := strconv.Atoi(fields[11])
	system, errSystem := strconv.Atoi(fields[12])
	const tick = time.Second / 100 // USER_HZ, the same on every Linux
	return time.Duration(user+system) * tick, errors.Join(errUser, errSystem)
}

// memory returns the resident memory of the process in bytes (proc_pid_statm(5)).
func (p process) memory() (int64, error) {
	statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(statm))
	if len(fields) < 2 {
		return 0, errors.New("/proc has another form")
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
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
