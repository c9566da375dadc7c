// Package deploy tests what is in deploy/: the image, and how Compose, Kubernetes and systemd start it. It is a separate
// module, so that ProfileQL does not depend on Kubernetes and Compose.
//
// A test whose tool is missing is skipped, unless PROFILEQL_TEST_ALL is set, as in .ci/run.
package deploy

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// folder has what all tests share: the build context and the image.
var folder string

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	if err := os.Chdir("../.."); err != nil { // the root folder of the repository
		return 0, err
	}
	if folder, err = os.MkdirTemp("", "profileql-deploy"); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	return m.Run(), nil
}

// missing skips the test, because it lacks something.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("PROFILEQL_TEST_ALL") != "" {
		t.Fatalf("PROFILEQL_TEST_ALL is set, and there is no %s", what)
	}
	t.Skipf("there is no %s, which this test needs", what)
}

// tool returns the path of a program. The test is skipped without it.
func tool(t *testing.T, name string) string {
	t.Helper()
	for _, name := range []string{name, "/usr/sbin/" + name} { // which is not in the PATH of every user
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	missing(t, name)
	return ""
}

// output runs a program, and returns what it prints, errors too. The test fails if the program does.
func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	text, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", filepath.Base(name), strings.Join(args, " "), err, text)
	}
	return string(text)
}

// buildContext runs deploy/build.sh once, and returns the folder. The certificate authorities are that of the tests.
var buildContext = sync.OnceValues(func() (string, error) {
	context, authorities := filepath.Join(folder, "context"), filepath.Join(folder, "authorities.pem")
	if err := os.WriteFile(authorities, authority().certificate, 0o644); err != nil {
		return "", err
	}
	cmd := exec.Command("deploy/build.sh", context, "v1.2.3")
	cmd.Env = append(os.Environ(), "CA_CERTIFICATES="+authorities)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("deploy/build.sh: %w\n%s", err, out)
	}
	return context, nil
})

// binary returns the path of ProfileQL as deploy/build.sh builds it.
func binary(t *testing.T) string {
	t.Helper()
	context, err := buildContext()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(context, "profileql")
}

// supervisedArguments tests the arguments with which a supervisor starts a replica, and returns the file of --config.
func supervisedArguments(t *testing.T, args []string) (config string) {
	t.Helper()
	for _, option := range []string{"--listen", "--admin", "--config"} {
		if argument(args, option) == "" {
			t.Errorf("%q has no %s", args, option)
		}
	}
	return argument(args, "--config")
}

// argument returns the value of an option.
func argument(args []string, option string) string {
	if i := slices.Index(args, option); i >= 0 && i+1 < len(args) {
		return args[i+1]
	}
	return ""
}

// grace tests that a supervisor waits longer than a replica takes to stop.
func grace(t *testing.T, setting string, wait time.Duration) {
	t.Helper()
	took, err := stopTime()
	if err != nil {
		t.Fatal(err)
	}
	if wait < took+5*time.Second {
		t.Errorf("%s is %v, and a replica took %v to stop", setting, wait, took)
	}
}

// stopTime returns how long a replica takes to stop after SIGTERM, while a request does not end.
var stopTime = sync.OnceValues(func() (time.Duration, error) {
	context, err := buildContext()
	if err != nil {
		return 0, err
	}
	asked, done := make(chan struct{}, 100), make(chan struct{})
	source := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked <- struct{}{}
		<-done
	}))
	defer source.Close()
	defer close(done)
	p, err := start(exec.Command(filepath.Join(context, "profileql"), "--listen", "127.0.0.1:0", "--upstream", source.URL+"/beta"))
	if err != nil {
		return 0, err
	}
	// The mutations run one after the other, and each takes the source's 10 seconds.
	create := "createPersonInterest(input: {item: {displayName: \"Chess\"}}) { personInterest { id } }\n"
	answered := make(chan error, 1)
	go func() {
		_, err := post(http.DefaultClient, p.graphQL, "token", "mutation { a: "+create+"b: "+create+"c: "+create+"d: "+create+"}")
		answered <- err
	}()
	select {
	case <-asked:
	case err := <-answered:
		return 0, errors.Join(fmt.Errorf("the source was not asked: %w", err), p.cmd.Process.Kill())
	}
	began := time.Now()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return 0, err
	}
	<-p.ended
	took := time.Since(began)
	if took < 18*time.Second {
		return 0, fmt.Errorf("the replica did not wait for the request: it ended after %v\n%s", took, p.log.String())
	}
	return took, nil
})

// address splits an address to listen on, which must be that of all interfaces or the loopback.
func address(t *testing.T, listen string) (host string, port int32) {
	t.Helper()
	host, text, err := net.SplitHostPort(listen)
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	return host, int32(number)
}
