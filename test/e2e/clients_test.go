package e2e

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestClients runs the tests in clients/, of GraphQL clients against the binary. It is skipped if Node is missing,
// unless PROFILEQL_TEST_ALL is set, as in .ci/run. It does not run in parallel with other tests, some of which depend
// on timing.
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

// installed reports whether the packages in node_modules are those of the lock file, of which npm leaves a copy when
// it is done.
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

// npm runs npm in clients/, and logs the end of its output if it fails.
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
