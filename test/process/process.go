// Package process builds ProfileQL, starts servers as processes of their own, and measures what they use. Programs and
// tests that look at the binary from outside share it.
package process

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

// Build builds ProfileQL into a folder, and returns the path of the binary. The working directory must be in the module's
// root.
func Build(ctx context.Context, folder string) (binary string, err error) {
	binary = filepath.Join(folder, "profileql")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return binary, nil
}

// Process is a server that has been started.
type Process struct {
	Address string // http://127.0.0.1:port
	PID     int
	end     func(os.Signal) error
}

// addressPattern matches the line with the address in the banners of ProfileQL and its sandbox, and what other servers
// print in their place.
var addressPattern = regexp.MustCompile(`^(?:serving|  GraphQL|  REST) +(http://127\.0\.0\.1:\d+)`)

// Start starts a server with additional environment variables, and returns when it has printed its address. Its standard
// input stays open until Stop, so that a server can end when its parent does.
func Start(ctx context.Context, env []string, binary string, args ...string) (*Process, error) {
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = append(os.Environ(), env...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &Process{PID: cmd.Process.Pid, end: func(signal os.Signal) error {
		_ = stdin.Close()
		return errors.Join(cmd.Process.Signal(signal), cmd.Wait())
	}}
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if found := addressPattern.FindStringSubmatch(lines.Text()); found != nil {
			p.Address = found[1]
			go func() { _, _ = io.Copy(io.Discard, stdout) }() // ends with the process
			return p, nil
		}
	}
	p.Stop()
	return nil, fmt.Errorf("%s did not start", filepath.Base(binary))
}

// Stop interrupts the process and waits for its end.
func (p *Process) Stop() { _ = p.End(os.Interrupt) }

// End sends a signal that ends the process, and waits for its end. The error is that of its exit status.
func (p *Process) End(signal os.Signal) error { return p.end(signal) }

// CPU returns the CPU time that a process has used so far (proc_pid_stat(5), fields 14 and 15).
func CPU(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// Fields are counted from the end of the second, the name, which may contain any character.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 13 {
		return 0, errors.New("/proc has another form")
	}
	user, errUser := strconv.Atoi(fields[14-3])
	system, errSystem := strconv.Atoi(fields[15-3])
	const tick = time.Second / 100 // USER_HZ, the same on every Linux
	return time.Duration(user+system) * tick, errors.Join(errUser, errSystem)
}

// Memory returns the resident memory of a process in bytes (proc_pid_statm(5)).
func Memory(pid int) (int64, error) {
	statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
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
