// Package e2e tests the binary in front of sources that the tests implement.
package e2e

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"profileql/test/scene"
)

// schema is the expected schema.
var schema string

// binaryDir is the folder for built binaries.
var binaryDir string

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	if err := os.Chdir("../.."); err != nil { // the root folder, to which file names in the README are relative
		return 0, err
	}
	text, err := os.ReadFile("schema.graphqls")
	if err != nil {
		return 0, err
	}
	schema = string(text)
	if binaryDir, err = os.MkdirTemp("", "profileql-test"); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(binaryDir)) }()
	return m.Run(), nil
}

// build builds ProfileQL for all tests, with the race detector if the tests have it.
var build = sync.OnceValues(func() (string, error) {
	if raceEnabled {
		return goBuild("profileql-race", "-race")
	}
	return buildPlain()
})

// buildPlain builds ProfileQL without the race detector.
var buildPlain = sync.OnceValues(func() (string, error) { return goBuild("profileql") })

func goBuild(name string, flags ...string) (path string, err error) {
	if err := noteInputs(); err != nil {
		return "", err
	}
	path = filepath.Join(binaryDir, name)
	out, err := exec.Command("go", append(append([]string{"build"}, flags...), "-o", path, ".")...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("go build: %w: %s", err, out)
	}
	return path, err
}

// noteInputs reads the metadata of every file of the project, so that `go test` does not use a cached result after a
// change that affects only the programs which the tests start: the binary, the client tests, and the compiler. The paths are
// absolute, because go test does not know that [run] has changed the folder.
func noteInputs() error {
	root, err := filepath.Abs(".")
	if err != nil {
		return err
	}
	made := []string{".git", "node_modules", "gen", "__generated__"}
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist): // a temporary file of another program
			return nil
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains(made, entry.Name()):
			return filepath.SkipDir
		}
		_, _ = os.Stat(path)
		return nil
	})
}

// command returns a command with additional environment variables.
func command(ctx context.Context, path string, env []string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = os.Environ()
	if os.Getenv("GORACE") == "" {
		cmd.Env = append(cmd.Env, "GORACE=atexit_sleep_ms=10") // the default is a second, for each of many processes
	}
	cmd.Env = append(cmd.Env, env...)
	return cmd
}

// process is a running ProfileQL.
type process struct {
	cmd    *exec.Cmd
	banner string
	stderr *scene.Log
	waited atomic.Bool
	wait   func() error // returns the error of the process when it has exited
}

// start starts ProfileQL and returns when its banner contains an address. The process is stopped at the end of the
// test, which fails if it does not exit successfully.
func start(t testing.TB, args ...string) *process {
	t.Helper()
	return startWith(t, nil, args...)
}

func startWith(t testing.TB, env []string, args ...string) *process {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{stderr: new(scene.Log)}
	p.begin(t, p.stderr, command(context.Background(), path, env, args...))
	return p
}

// begin starts the process with its standard error written to stderr.
func (p *process) begin(t testing.TB, stderr io.Writer, cmd *exec.Cmd) {
	t.Helper()
	p.cmd = cmd
	p.wait = sync.OnceValue(func() error {
		p.waited.Store(true)
		return cmd.Wait()
	})
	cmd.Stderr = stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.end(t) })
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		p.banner += lines.Text() + "\n"
		if strings.Contains(p.banner, "  Source ") || strings.Contains(p.banner, "  REST ") {
			go func() { _, _ = io.Copy(io.Discard, stdout) }()
			return
		}
	}
	t.Fatalf("no banner; it said %q and %v", p.banner, stderr)
}

// end stops the process if the test has not, and checks that it logged no internal errors.
func (p *process) end(t testing.TB) {
	if !p.waited.Load() {
		if err := p.stop(t); err != nil {
			t.Errorf("it ended with %v: %v", err, p.stderr)
		}
	}
	if p.stderr == nil {
		return
	}
	for _, fault := range []string{"panic", "DATA RACE", "fatal error"} {
		if logged := p.stderr.String(); strings.Contains(logged, fault) {
			t.Errorf("the log has a %s: %s", fault, logged)
			return
		}
	}
}

var bannerAddress = regexp.MustCompile(`https?://[^\s/]+`)

// url returns the first address in the banner.
func (p *process) url() string { return bannerAddress.FindString(p.banner) }

// stop sends SIGINT to the process, which does not drain then, and returns its error.
func (p *process) stop(t testing.TB) error {
	t.Helper()
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Error(err)
	}
	late := time.AfterFunc(scene.Patience, func() { _ = p.cmd.Process.Kill() })
	defer late.Stop()
	return p.wait()
}

func (p *process) graphQL(t testing.TB, operation string, variables any) scene.Reply {
	t.Helper()
	return (&facade{t: t, URL: p.url() + "/graphql"}).do(operation, variables)
}
