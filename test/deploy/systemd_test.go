package deploy

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	unitFile        = "deploy/systemd/profileql.service"
	installedBinary = "/usr/local/bin/profileql"
)

// unit is a unit of systemd: the values of its settings, in the order of the file.
type unit map[string][]string

func readUnit(t *testing.T) unit {
	t.Helper()
	text, err := os.ReadFile(unitFile)
	if err != nil {
		t.Fatal(err)
	}
	u := make(unit)
	for line := range strings.Lines(string(text)) {
		if name, value, found := strings.Cut(strings.TrimSpace(line), "="); found && !strings.HasPrefix(name, "#") {
			u[name] = append(u[name], value)
		}
	}
	return u
}

// arguments returns the arguments in ExecStart.
func (u unit) arguments(t *testing.T) []string {
	t.Helper()
	words := strings.Fields(u["ExecStart"][0])
	if len(u["ExecStart"]) != 1 || words[0] != installedBinary {
		t.Fatalf("ExecStart is %q", u["ExecStart"])
	}
	return words[1:]
}

// TestSystemdUnit tests the unit with systemd's own tools.
func TestSystemdUnit(t *testing.T) {
	t.Parallel()
	analyze := tool(t, "systemd-analyze")
	text, err := os.ReadFile(unitFile)
	if err != nil {
		t.Fatal(err)
	}
	installed := filepath.Join(t.TempDir(), filepath.Base(unitFile)) // as if the binary were installed
	if err := os.WriteFile(installed, []byte(replaced(t, string(text), installedBinary, binary(t))), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := output(t, analyze, "verify", installed); out != "" {
		t.Errorf("systemd-analyze verify: %s", out)
	}
	output(t, analyze, "security", "--offline=yes", "--threshold=15", "--no-pager", unitFile) // of 100
	stop, err := time.ParseDuration(readUnit(t)["TimeoutStopSec"][0])
	if err != nil {
		t.Fatal(err)
	}
	grace(t, "TimeoutStopSec", stop)
}

// TestSystemdRuns starts ProfileQL as the unit does. systemd would refuse system calls that SystemCallFilter does not have, so
// strace lists them: from the start to the end, with a request and a reload.
func TestSystemdRuns(t *testing.T) {
	t.Parallel()
	strace, allowed := tool(t, "strace"), systemCalls(t, readUnit(t)["SystemCallFilter"])
	args := readUnit(t).arguments(t)
	file := filepath.Join(t.TempDir(), "sources.yaml")
	if err := os.WriteFile(file, []byte("sources:\n  - {name: sandbox, kind: sandbox}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	args[slices.Index(args, supervisedArguments(t, args))] = file
	output(t, binary(t), append([]string{"check"}, args...)...)

	trace := filepath.Join(t.TempDir(), "trace")
	traced := []string{"--daemonize", "--follow-forks", "--quiet=all", "--signal=none", "--output=" + trace, binary(t)}
	p, err := start(exec.Command(strace, append(traced, onFreePorts(args)...)...)) // strace is not the parent
	if err != nil {
		t.Fatal(err)
	}
	update(t, http.DefaultClient, p.graphQL, "ada@example.com", "Chess under strace")
	if got := status(http.DefaultClient, p.admin+"/metrics"); got != http.StatusOK {
		t.Errorf("/metrics is %d", got)
	}
	_ = p.cmd.Process.Signal(signals[readUnit(t)["ExecReload"][0]])
	update(t, http.DefaultClient, p.graphQL, "ada@example.com", "Chess after the reload")
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it drains for 5 seconds
	<-p.ended
	if !p.cmd.ProcessState.Success() || !strings.Contains(p.log.String(), "configuration reloaded") {
		t.Errorf("it ended with %v\n%s", p.cmd.ProcessState, p.log.String())
	}
	text, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	used := make(map[string]bool)
	for _, found := range tracedCall.FindAllStringSubmatch(string(text), -1) {
		used[found[1]] = true
	}
	if !used["execve"] || !used["exit_group"] {
		t.Errorf("the trace is not complete: %v", used)
	}
	for call := range used {
		if !allowed[call] {
			t.Errorf("ProfileQL uses %s, which SystemCallFilter does not allow", call)
		}
	}
}

// signals are the commands with which units send signals.
var signals = map[string]os.Signal{"/bin/kill -HUP $MAINPID": syscall.SIGHUP}

// tracedCall matches a line of strace: the number of the thread, and the system call.
var tracedCall = regexp.MustCompile(`(?m)^\d+ +([a-z]\w*)\(`)

// systemCalls returns the system calls that are allowed by the lines of SystemCallFilter. A line with ~ takes away.
func systemCalls(t *testing.T, filter []string) map[string]bool {
	t.Helper()
	sets := make(map[string][]string)
	var set string
	for line := range strings.Lines(output(t, tool(t, "systemd-analyze"), "syscall-filter", "--no-pager")) {
		name := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "@"):
			set = name
		case strings.HasPrefix(line, " ") && !strings.HasPrefix(name, "#"):
			sets[set] = append(sets[set], name)
		}
	}
	allowed := make(map[string]bool)
	var add func(name string, value bool)
	add = func(name string, value bool) {
		if !strings.HasPrefix(name, "@") {
			allowed[name] = value
			return
		}
		if len(sets[name]) == 0 {
			t.Fatalf("systemd has no set %s", name)
		}
		for _, member := range sets[name] {
			add(member, value)
		}
	}
	for _, line := range filter {
		names, removed := strings.CutPrefix(line, "~")
		for _, name := range strings.Fields(names) {
			add(name, !removed)
		}
	}
	add("@default", true) // always permitted
	return allowed
}
