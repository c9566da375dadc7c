package e2e

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestClients runs the tests of clients/, of real GraphQL clients against the real binary. They need Node; with
// PROFILEQL_TEST_ALL set, as the gate has it, they are not skipped without it. They do not run beside other tests, of
// which some mind the time.
func TestClients(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts other compilers and many processes")
	}
	if _, err := exec.LookPath("npm"); err != nil {
		if os.Getenv("PROFILEQL_TEST_ALL") != "" {
			t.Fatal("PROFILEQL_TEST_ALL is set, and there is no npm")
		}
		t.Skip("there is no npm: install Node 20 or newer to test the clients in clients/")
	}
	binary, err := buildPlain()
	if err != nil {
		t.Fatal(err)
	}
	if !installed(t) {
		npm(t, "", "ci", "--no-audit", "--no-fund")
	}
	npm(t, binary, "test")
}

// installed tells whether the packages in node_modules are those of the lock file: npm leaves a copy when it is done.
func installed(t *testing.T) bool {
	t.Helper()
	wanted, err := os.Stat("clients/package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	there, err := os.Stat("clients/node_modules/.package-lock.json")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return err == nil && !there.ModTime().Before(wanted.ModTime())
}

// npm runs npm in clients/, and shows the end of what it said only where it failed.
func npm(t *testing.T, binary string, args ...string) {
	t.Helper()
	cmd := exec.Command("npm", args...)
	cmd.Dir = "clients"
	cmd.Env = append(os.Environ(), "PROFILEQL="+binary, "NO_COLOR=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		lines := strings.Split(string(out), "\n")
		t.Fatalf("npm %s: %v\n%s", strings.Join(args, " "), err, strings.Join(lines[max(0, len(lines)-100):], "\n"))
	}
}
