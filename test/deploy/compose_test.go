package deploy

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"sigs.k8s.io/yaml"
)

// loadCompose loads deploy/compose.yaml as Docker Compose does: what is not in its schema is an error.
func loadCompose(t *testing.T) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{"deploy/compose.yaml"})
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return project
}

// replicas returns the services that run ProfileQL.
func replicas(t *testing.T, project *types.Project) (all []types.ServiceConfig) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(project.Services)) {
		if s := project.Services[name]; s.Image == "profileql" {
			all = append(all, s)
		}
	}
	if len(all) != 2 {
		t.Fatalf("there are %d replicas", len(all))
	}
	return all
}

// mounted returns the file or folder of the machine that is mounted at a path.
func mounted(t *testing.T, service types.ServiceConfig, target string) string {
	t.Helper()
	for _, volume := range service.Volumes {
		if volume.Target == target && volume.ReadOnly {
			return volume.Source
		}
	}
	t.Fatalf("%s has nothing that is mounted read-only at %s", service.Name, target)
	return ""
}

// TestComposeReplicas tests how the replicas are protected and stopped.
func TestComposeReplicas(t *testing.T) {
	t.Parallel()
	for _, s := range replicas(t, loadCompose(t)) {
		switch {
		case !s.ReadOnly:
			t.Errorf("%s can change its files", s.Name)
		case s.User != "" || s.Privileged || !slices.Equal(s.CapDrop, []string{"ALL"}) || len(s.CapAdd) > 0:
			t.Errorf("%s has privileges", s.Name)
		case !slices.Contains(s.SecurityOpt, "no-new-privileges:true"):
			t.Errorf("%s can get privileges", s.Name)
		case len(s.Ports) > 0:
			t.Errorf("%s publishes the ports %v", s.Name, s.Ports)
		case s.MemLimit == 0:
			t.Errorf("%s has no limit of memory", s.Name)
		}
		grace(t, "stop_grace_period of "+s.Name, time.Duration(*s.StopGracePeriod))
	}
}

// TestComposeRuns starts the replicas out of the image, behind nginx with deploy/nginx/nginx.conf.
func TestComposeRuns(t *testing.T) {
	t.Parallel()
	i := builtImage(t)
	project := loadCompose(t)
	addresses := make(map[string]string) // of the replicas, by the names that nginx uses
	for _, s := range replicas(t, project) {
		file := supervisedArguments(t, s.Command)
		text, err := os.ReadFile(filepath.Join(mounted(t, s, path.Dir(file)), path.Base(file)))
		if err != nil {
			t.Fatal(err)
		}
		c := i.container(t, map[string][]byte{file: text})
		c.check(t, s.Command)
		p := startFor(t, c.command(t, nil, onFreePorts(s.Command)...))
		u, err := url.Parse(p.graphQL)
		if err != nil {
			t.Fatal(err)
		}
		_, port := address(t, argument(s.Command, "--listen"))
		addresses[fmt.Sprintf("%s:%d", s.Name, port)] = "127.0.0.1:" + u.Port()
	}
	direct := slices.Sorted(maps.Values(addresses))[0]
	proxied := startNginx(t, project, addresses)
	for name, request := range limitRequests {
		status := func(address string) int {
			resp, err := http.DefaultClient.Do(request(t, "http://"+address+"/graphql"))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			defer func() { _ = resp.Body.Close() }()
			_, _ = io.Copy(io.Discard, resp.Body)
			return resp.StatusCode
		}
		if want, got := status(direct), status(proxied); got != want {
			t.Errorf("%s: nginx answers %d, and ProfileQL %d", name, got, want)
		}
	}
}

// startNginx starts nginx with the configuration in deploy, in front of the replicas, and returns its address.
func startNginx(t *testing.T, project *types.Project, replicas map[string]string) (address string) {
	t.Helper()
	binary := tool(t, "nginx")
	service := project.Services["nginx"]
	text, err := os.ReadFile(mounted(t, service, "/etc/nginx/nginx.conf"))
	if err != nil {
		t.Fatal(err)
	}
	address = freeAddress(t)
	listen := fmt.Sprintf("listen %d;", service.Ports[0].Target)
	config := replaced(t, string(text), listen, "listen "+address+";")
	for name, replica := range replicas {
		config = replaced(t, config, name, replica)
	}
	folder := t.TempDir()
	file := filepath.Join(folder, "nginx.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"-c", file, "-e", filepath.Join(folder, "error.log"), "-g", "daemon off; pid " + folder + "/nginx.pid;"}
	if out := output(t, binary, append(args, "-t")...); strings.Contains(out, "warn") {
		t.Errorf("nginx -t: %s", out)
	}
	cmd := exec.Command(binary, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	for until := time.Now().Add(time.Minute); status(http.DefaultClient, "http://"+address+"/healthz") != http.StatusNoContent; {
		if time.Now().After(until) {
			t.Fatal("nginx does not serve")
		}
		time.Sleep(20 * time.Millisecond)
	}
	return address
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// replaced replaces the only occurrence of a text.
func replaced(t *testing.T, in, text, by string) string {
	t.Helper()
	if n := strings.Count(in, text); n != 1 {
		t.Fatalf("%q occurs %d times in\n%s", text, n, in)
	}
	return strings.Replace(in, text, by, 1)
}

// limitRequests are requests at ProfileQL's limits, and above them. The proxy must not have lower limits.
var limitRequests = map[string]func(t *testing.T, url string) *http.Request{
	"the longest token":    func(t *testing.T, url string) *http.Request { return limitRequest(t, url, 16<<10, 0, 0) },
	"a longer token":       func(t *testing.T, url string) *http.Request { return limitRequest(t, url, 16<<10+1, 0, 0) },
	"the longest address":  func(t *testing.T, url string) *http.Request { return limitRequest(t, url, 0, 16<<10, 0) },
	"a longer address":     func(t *testing.T, url string) *http.Request { return limitRequest(t, url, 0, 16<<10+1, 0) },
	"the largest body":     func(t *testing.T, url string) *http.Request { return limitRequest(t, url, 0, 0, 1<<20) },
	"a larger body":        func(t *testing.T, url string) *http.Request { return limitRequest(t, url, 0, 0, 1<<20+1) },
	"all of them together": func(t *testing.T, url string) *http.Request { return limitRequest(t, url, 16<<10, 0, 1<<20) },
}

// limitRequest returns a request with a header Authorization, a query string and a body of these lengths in bytes.
func limitRequest(t *testing.T, url string, token, address, body int) *http.Request {
	t.Helper()
	method, query, text := http.MethodPost, "", `{"query": "{ __typename }"`
	if address > 0 {
		method, query, text = http.MethodGet, "?query={__typename}", ""
		query += "&extensions={%22x%22:%22" + strings.Repeat("x", address+1-len(query)-len("&extensions={%22x%22:%22%22}")) + "%22}"
	} else {
		text += strings.Repeat(" ", max(0, body-len(text)-1)) + "}"
	}
	req, err := http.NewRequestWithContext(t.Context(), method, url+query, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if token > 0 {
		req.Header.Set("Authorization", "Bearer "+strings.Repeat("x", token-len("Bearer ")))
	}
	return req
}

// TestComposePrometheus tests the configuration of Prometheus: it is valid, and it reads the metrics of all replicas.
func TestComposePrometheus(t *testing.T) {
	t.Parallel()
	project := loadCompose(t)
	prometheus := project.Services["prometheus"]
	file := mounted(t, prometheus, strings.TrimPrefix(prometheus.Command[0], "--config.file="))
	var config struct {
		RuleFiles     []string `json:"rule_files"`
		ScrapeConfigs []struct {
			StaticConfigs []struct{ Targets []string } `json:"static_configs"`
		} `json:"scrape_configs"`
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &config); err != nil {
		t.Fatal(err)
	}
	for _, rules := range config.RuleFiles {
		mounted(t, prometheus, "/etc/prometheus/"+rules)
	}
	var want []string
	for _, s := range replicas(t, project) {
		_, port := address(t, argument(s.Command, "--admin"))
		want = append(want, fmt.Sprintf("%s:%d", s.Name, port))
		if !sharesNetwork(s, prometheus) || !sharesNetwork(s, project.Services["nginx"]) {
			t.Errorf("%s is not in the network of nginx and Prometheus", s.Name)
		}
	}
	if got := config.ScrapeConfigs[0].StaticConfigs[0].Targets; !slices.Equal(got, want) {
		t.Errorf("Prometheus reads %q, want %q", got, want)
	}
	output(t, tool(t, "promtool"), "check", "config", file)
}

func sharesNetwork(a, b types.ServiceConfig) bool {
	return slices.ContainsFunc(slices.Collect(maps.Keys(a.Networks)), func(name string) bool { _, found := b.Networks[name]; return found })
}

// TestComposePublishes tests that ports are only published to this machine.
func TestComposePublishes(t *testing.T) {
	t.Parallel()
	for name, s := range loadCompose(t).Services {
		for _, p := range s.Ports {
			if cmp.Or(p.HostIP, "0.0.0.0") != "127.0.0.1" {
				t.Errorf("%s publishes %+v", name, p)
			}
		}
	}
}
