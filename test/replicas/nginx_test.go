package replicas

import (
	_ "embed"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"text/template"
)

//go:embed nginx.conf.tmpl
var nginxConfig string

// nginx is a running nginx.
type nginx struct {
	address string // host:port
	folder  string
	cmd     *exec.Cmd
}

// nginxBinary returns the path of nginx. The test is skipped without it, unless PROFILEQL_TEST_ALL is set, as in .ci/run.
func nginxBinary(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"nginx", "/usr/sbin/nginx"} { // Debian's is not in the PATH of every user
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("PROFILEQL_TEST_ALL") != "" {
		t.Fatal("PROFILEQL_TEST_ALL is set, and there is no nginx")
	}
	t.Skip("there is no nginx: install it to test replicas")
	return ""
}

// startNginx starts nginx in front of the replicas, and returns when it listens.
func startNginx(t *testing.T, replicas []string) *nginx {
	t.Helper()
	n := &nginx{address: freeAddress(t), folder: t.TempDir()}
	file, err := os.Create(filepath.Join(n.folder, "nginx.conf"))
	if err != nil {
		t.Fatal(err)
	}
	err = template.Must(template.New("").Parse(nginxConfig)).Execute(file, map[string]any{
		"Root": os.Geteuid() == 0, "Folder": n.folder, "Address": n.address, "Replicas": replicas,
	})
	if err != nil {
		t.Fatal(err)
	}
	_ = file.Close()
	n.cmd = exec.Command(nginxBinary(t), "-c", file.Name(), "-e", filepath.Join(n.folder, "error.log"))
	n.cmd.Stderr = os.Stderr
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // if the test has not stopped it
		_ = n.cmd.Process.Signal(syscall.SIGTERM)
		_ = n.cmd.Wait()
	})
	eventually(t, "nginx listens", func() bool {
		conn, err := net.Dial("tcp", n.address)
		if err != nil {
			return false
		}
		return conn.Close() == nil
	})
	return n
}

// line is a line of the access log.
type line struct {
	status    string
	upstreams []string // addresses of the replicas that were tried, in this order
}

// stop ends nginx when it has answered all requests, and returns the log by operation.
func (n *nginx) stop(t *testing.T) map[string]line {
	t.Helper()
	if err := n.cmd.Process.Signal(syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	if err := n.cmd.Wait(); err != nil {
		t.Errorf("nginx ended with %v", err)
	}
	text, err := os.ReadFile(filepath.Join(n.folder, "access.log"))
	if err != nil {
		t.Fatal(err)
	}
	lines := make(map[string]line)
	for entry := range strings.Lines(string(text)) {
		fields := strings.Split(strings.TrimSpace(entry), "|")
		if len(fields) != 3 {
			t.Fatalf("the access log has %q", entry)
		}
		lines[fields[0]] = line{status: fields[1], upstreams: strings.Split(fields[2], ", ")}
	}
	return lines
}

// replica returns the address of the replica that had the request last.
func (l line) replica() string {
	if len(l.upstreams) == 0 {
		return ""
	}
	return l.upstreams[len(l.upstreams)-1]
}

// TestDocumentedConfig tests that the directives in docs/deployment.md are those of the test.
func TestDocumentedConfig(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/deployment.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```nginx\n")
	block, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("docs/deployment.md has no nginx configuration")
	}
	server := regexp.MustCompile(`server [0-9.:]+`) // the template has a variable here
	tested := strings.ReplaceAll(nginxConfig, "{{.}}", "ADDRESS")
	for directive := range strings.Lines(block) {
		directive = server.ReplaceAllString(strings.TrimSpace(directive), "server ADDRESS")
		if !strings.Contains(tested, directive) {
			t.Errorf("%q is not tested", directive)
		}
	}
}
