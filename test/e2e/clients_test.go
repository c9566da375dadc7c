package e2e

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestClients runs the tests in clients/, of GraphQL clients against the binary. It does not run in parallel with other
// tests, some of which depend on timing.
func TestClients(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts other compilers and many processes")
	}
	npmTest(t, "clients")
}

// npmTest runs the tests of a folder with a package.json against the binary. It skips the test if Node is missing, unless
// PROFILEQL_TEST_ALL is set, as in .ci/run.
func npmTest(t *testing.T, folder string) {
	t.Helper()
	if _, err := exec.LookPath("npm"); err != nil {
		if os.Getenv("PROFILEQL_TEST_ALL") != "" {
			t.Fatal("PROFILEQL_TEST_ALL is set, and there is no npm")
		}
		t.Skip("there is no npm: install Node 20 or newer for the tests in " + folder)
	}
	binary, err := buildPlain()
	if err != nil {
		t.Fatal(err)
	}
	if !installed(t, folder) {
		npm(t, folder, "", "ci", "--no-audit", "--no-fund")
	}
	npm(t, folder, binary, "test")
}

// installed reports whether the packages in node_modules are those of the lock file, of which npm leaves a copy when
// it is done.
func installed(t *testing.T, folder string) bool {
	t.Helper()
	wanted, err := os.Stat(filepath.Join(folder, "package-lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	there, err := os.Stat(filepath.Join(folder, "node_modules/.package-lock.json"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return err == nil && !there.ModTime().Before(wanted.ModTime())
}

// npm runs npm in a folder, and logs the end of its output if it fails.
func npm(t *testing.T, folder, binary string, args ...string) {
	t.Helper()
	cmd := exec.Command("npm", args...)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "PROFILEQL="+binary, "NO_COLOR=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		lines := strings.Split(string(out), "\n")
		t.Fatalf("npm %s: %v\n%s", strings.Join(args, " "), err, strings.Join(lines[max(0, len(lines)-100):], "\n"))
	}
}
