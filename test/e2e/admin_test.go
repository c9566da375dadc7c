package e2e

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"

	"profileql/test/scene"
)

// get returns the status and the body of a page; 0 if there is no answer.
func get(url string) (status int, body string) {
	resp, err := http.Get(url)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(text)
}

// adminURL returns the address of the operator's listener.
func (p *process) adminURL(t testing.TB) string {
	t.Helper()
	_, address, found := strings.Cut(p.banner, "  Admin       ")
	if !found {
		t.Fatalf("the banner has no operator's listener: %s", p.banner)
	}
	return bannerAddress.FindString(address)
}

// TestAdminListener holds that what is for the operator is on the operator's address alone, and that none of it has a
// secret or anything that a caller sent.
func TestAdminListener(t *testing.T) {
	t.Parallel()
	const secret = "s3cret-of-somebody"
	write := fileWriter(t)
	sources := write("sources.yaml", `
default: box
sources:
  - {name: box, kind: sandbox}
  - {name: hr, kind: profile, url: "http://127.0.0.1:9/beta", token: {from: env, name: HR_TOKEN}}
  - name: vault
    kind: profile
    url: "http://127.0.0.1:9/beta"
    token: {from: clientCredentials, tenant: t, clientId: c, secretEnv: VAULT_SECRET, scopes: [s], authority: "https://127.0.0.1:9"}
`)
	env := []string{"HR_TOKEN=" + secret, "VAULT_SECRET=" + secret}
	p := startWith(t, env, "--listen", scene.AnyPort, "--admin", scene.AnyPort, "--config", sources)
	admin := p.adminURL(t)
	if admin == p.url() {
		t.Fatal("it is the public address")
	}
	f := &facade{t: t, URL: p.url() + "/graphql", log: p.stderr}
	bearer := []string{"Authorization", "Bearer " + secret}
	f.do(`query `+strings.ReplaceAll(secret, "-", "_")+`($id: ID!) { node(id: $id) { id } me { interests(first: 1) { nodes { id } } } }`,
		map[string]any{"id": secret}, bearer...)
	f.do(`{ `+strings.ReplaceAll(secret, "-", "_")+` }`, nil, bearer...)
	get(p.url() + "/graphql?query=" + secret + "&" + secret + "=1")
	for path, says := range map[string]string{
		"/metrics": `profileql_operation_duration_seconds_count{graphql_operation_type="query",http_response_status_class="2xx"} 1`,
		"/config":  "admin: 127.0.0.1:0\n", "/debug/pprof/cmdline": "--admin", "/debug/pprof/goroutine?debug=2": "goroutine 1",
		"/debug/pprof/heap?debug=1": "heap profile", "/debug/pprof/": "goroutine",
	} {
		status, page := get(admin + path)
		if status != 200 || !strings.Contains(page, says) {
			t.Errorf("%s: %d, without %q: %.2000s", path, status, says, page)
		}
		for _, told := range []string{secret, strings.ReplaceAll(secret, "-", "_")} {
			if strings.Contains(page, told) {
				t.Errorf("%s has %s", path, told)
			}
		}
		if status, page := get(p.url() + path); status != 404 {
			t.Errorf("%s on the public address: %d %.200s", path, status, page)
		}
	}
	_, settings := get(admin + "/config")
	if _, file, _ := strings.Cut(settings, "default:"); !strings.Contains(settings, "from: env") || !strings.Contains(settings, "name: HR_TOKEN") {
		t.Errorf("the settings are not whole: %s", settings)
	} else if _, stderr, err := output(t, env, "check", "--config", write("again.yaml", "default:"+file)); err != nil {
		t.Errorf("the sources in the settings are no file: %v %s", err, stderr)
	}
	for path, want := range map[string]int{"/healthz": 204, "/readyz": 204, "/graphql": 404, "/": 404} {
		if status, _ := get(admin + path); status != want {
			t.Errorf("%s: %d", path, status)
		}
	}
}

// TestAdminOutlivesRequests tests that the operator's listener serves until requests in progress have finished.
func TestAdminOutlivesRequests(t *testing.T) {
	t.Parallel()
	asked, answers := make(chan struct{}), make(chan struct{})
	ask, answerNow := sync.OnceFunc(func() { close(asked) }), sync.OnceFunc(func() { close(answers) })
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		ask()
		<-answers
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, scene.GoodBody)
	}))
	t.Cleanup(source.Close)
	defer answerNow()
	p := start(t, "--listen", scene.AnyPort, "--admin", scene.AnyPort, "--upstream", source.URL+"/beta")
	admin := p.adminURL(t)
	done := make(chan string, 1)
	go func() {
		resp, err := http.Post(p.url()+"/graphql", "application/json", strings.NewReader(`{"query": "{ me { interests(first: 1) { nodes { id } } } }"}`))
		if err != nil {
			done <- err.Error()
			return
		}
		defer func() { _ = resp.Body.Close() }()
		text, _ := io.ReadAll(resp.Body)
		done <- string(text)
	}()
	<-asked
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { status, _ := get(p.url() + "/healthz"); return status == 0 })
	if status, _ := get(admin + "/readyz"); status != 503 {
		t.Errorf("while it stops, /readyz is %d", status)
	}
	if status, page := get(admin + "/metrics"); status != 200 || !strings.Contains(page, "profileql_operations_in_flight 1") {
		t.Errorf("while it stops, there are no metrics of the request in progress: %d %s", status, page)
	}
	answerNow()
	if text := <-done; !strings.Contains(text, `"nodes":[`) {
		t.Errorf("the request in progress: %s", text)
	}
	if err := p.wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	if status, _ := get(admin + "/healthz"); status != 0 {
		t.Error("the operator's listener is still there")
	}
}

// TestAdminAfterReload holds that the settings and the metrics are those of the reloaded configuration, and that metrics of
// an unchanged source go on.
func TestAdminAfterReload(t *testing.T) {
	t.Parallel()
	const box = "sources:\n  - {name: box, kind: sandbox}\n"
	file := writeFile(t, box+"  - {name: old, kind: sandbox}\n")
	p := start(t, "--listen", scene.AnyPort, "--admin", scene.AnyPort, "--config", file)
	ask := func() { p.graphQL(t, `{ me { interests(first: 1) { nodes { id } } } }`, nil) }
	ask()
	replaceFile(t, file, box+"  - {name: new, kind: sandbox}\n")
	p.hangUp(t, true)
	ask()
	_, settings := get(p.adminURL(t) + "/config")
	if strings.Contains(settings, "name: old") || !strings.Contains(settings, "name: new") {
		t.Errorf("the settings are not the current ones: %s", settings)
	}
	_, page := get(p.adminURL(t) + "/metrics")
	m := scene.ReadMetrics(t, page, "profileql_source_")
	requests := m.By("profileql_source_request_duration_seconds_count", "", "source")
	if limits := m.By("profileql_source_requests_limit", "", "source"); len(limits) != 2 || limits["new"] == 0 {
		t.Errorf("the sources are %v", limits)
	}
	if requests["box"] != 2 || requests["old"] != 1 || requests["new"] != 1 {
		t.Errorf("the requests are %v", requests)
	}
}
