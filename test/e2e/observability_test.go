package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"profileql/test/scene"
)

const (
	alertsFile    = "deploy/prometheus/alerts.yaml"
	dashboardFile = "deploy/grafana/profileql.json"
)

// TestAlertsAndDashboard runs a Prometheus that reads the metrics of ProfileQL, and evaluates the queries of the dashboard
// and of the alerts in it: each has a result. It is skipped if Prometheus is missing, unless PROFILEQL_TEST_ALL is set, as in
// .ci/run.
func TestAlertsAndDashboard(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"prometheus", "promtool"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("PROFILEQL_TEST_ALL") != "" {
				t.Fatalf("PROFILEQL_TEST_ALL is set, and there is no %s", tool)
			}
			t.Skipf("there is no %s: install Prometheus (Debian: prometheus) to test what is in deploy/", tool)
		}
	}
	promtool(t, nil, "check", "rules", alertsFile)
	promtool(t, nil, "test", "rules", "deploy/prometheus/alerts_test.yaml")
	p := startObserved(t)
	_, page := get(p.adminURL(t) + "/metrics")
	promtool(t, strings.NewReader(page), "check", "metrics")
	prometheus := startPrometheus(t, strings.TrimPrefix(p.adminURL(t), "http://"))
	prometheus.scraped(t, 2)
	p.beObserved(t) // between scrapes, so that rates are not 0
	prometheus.scraped(t, 2)
	for title, targets := range dashboardTargets(t) {
		for _, target := range targets {
			prometheus.hasResult(t, "panel "+title, target.Expr, legendLabel.FindAllStringSubmatch(target.LegendFormat, -1))
		}
	}
	for name, query := range alertQueries(t) {
		prometheus.hasResult(t, "alert "+name, query, nil)
	}
}

// promtool runs promtool, which is part of Prometheus.
func promtool(t *testing.T, stdin *strings.Reader, args ...string) {
	t.Helper()
	cmd := exec.Command("promtool", args...)
	if stdin != nil {
		cmd.Stdin = stdin
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// observedQuery is the persisted operation.
const observedQuery = `query Interests { me { interests(first: 1) { nodes { id } } } }`

// startObserved starts ProfileQL with persisted operations and four sources: one that works, one that refuses everything
// with 429, one that does not exist, and one whose token service does not.
func startObserved(t *testing.T) *process {
	t.Helper()
	busy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "0.01")
		http.Error(w, "{}", http.StatusTooManyRequests)
	}))
	t.Cleanup(busy.Close)
	write := fileWriter(t)
	manifest, err := json.Marshal(map[string]string{
		"one": observedQuery, "two": `{ me { interests(first: 1) { nodes { id } } skills(first: 1) { nodes { id } } } }`,
		"three": `mutation Note { createPersonAnnotation(input: {item: {displayName: "x"}}) { personAnnotation { id } } }`,
	})
	if err != nil {
		t.Fatal(err)
	}
	sources := write("sources.yaml", fmt.Sprintf(`
default: box
sources:
  - {name: box, kind: sandbox}
  - {name: busy, kind: profile, url: %q, token: {from: nobody}, users: me}
  - {name: gone, kind: profile, url: "http://127.0.0.1:1/beta", token: {from: nobody}, users: me}
  - name: locked
    kind: profile
    url: "http://127.0.0.1:2/beta"
    token: {from: clientCredentials, tenant: t, clientId: c, secretEnv: LOCKED_SECRET, scopes: [s], authority: "https://127.0.0.1:1"}
`, busy.URL+"/beta"))
	p := startWith(t, []string{"LOCKED_SECRET=x"}, "--listen", scene.AnyPort, "--admin", scene.AnyPort, "--config", sources, "--operations", write("operations.json", string(manifest)))
	p.beObserved(t)
	return p
}

// beObserved sends operations that move the metrics.
func (p *process) beObserved(t *testing.T) {
	t.Helper()
	f := &facade{t: t, URL: p.url() + "/graphql"}
	for range 3 {
		for _, id := range []string{"one", "two", "three", "four"} {
			f.post([]byte(`{"documentId": "`+id+`"}`), "Content-Type", "application/json")
		}
	}
}

// prometheusServer is a Prometheus that reads one ProfileQL each second.
type prometheusServer struct{ url string }

func startPrometheus(t *testing.T, target string) prometheusServer {
	t.Helper()
	alerts, err := filepath.Abs(alertsFile)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", scene.AnyPort)
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	config := fileWriter(t)("prometheus.yaml", fmt.Sprintf(`
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [%q]
scrape_configs:
  - job_name: profileql
    static_configs: [{targets: [%q]}]
`, alerts, target))
	var log bytes.Buffer
	cmd := exec.Command("prometheus", "--config.file="+config, "--storage.tsdb.path="+t.TempDir(), "--web.listen-address="+address)
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("Prometheus: %s", log.String())
		}
	})
	server := prometheusServer{"http://" + address}
	eventually(t, func() bool { status, _ := get(server.url + "/-/ready"); return status == 200 })
	return server
}

// instantSample is a sample of a result.
type instantSample struct {
	Metric map[string]string
	Value  [2]any
}

func (s prometheusServer) query(t *testing.T, query string) (result []instantSample, problem string) {
	t.Helper()
	_, body := get(s.url + "/api/v1/query?query=" + url.QueryEscape(query))
	var answer struct {
		Status, Error string
		Data          struct{ Result json.RawMessage }
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil || answer.Status != "success" {
		return nil, body
	}
	if err := json.Unmarshal(answer.Data.Result, &result); err != nil {
		return nil, body
	}
	return result, ""
}

// scraped waits until ProfileQL was read so many times more.
func (s prometheusServer) scraped(t *testing.T, times int) {
	t.Helper()
	count := func() (n int) {
		if result, _ := s.query(t, "count_over_time(profileql_build_info[1h])"); len(result) == 1 {
			_, _ = fmt.Sscan(fmt.Sprint(result[0].Value[1]), &n)
		}
		return n
	}
	before := count()
	eventually(t, func() bool { return count() >= before+times })
}

var (
	legendLabel = regexp.MustCompile(`{{(\w+)}}`)
	grouping    = regexp.MustCompile(`\bby \(([\w, ]+)\)`)
)

// hasResult checks that the result of a query has a number, the labels by which it is grouped, and those of a legend.
func (s prometheusServer) hasResult(t *testing.T, what, query string, legend [][]string) {
	t.Helper()
	result, problem := s.query(t, query)
	if problem != "" {
		t.Errorf("%s: %s\n%s", what, query, problem)
		return
	}
	labels := make(map[string]bool)
	for _, match := range legend {
		labels[match[1]] = true
	}
	for _, match := range grouping.FindAllStringSubmatch(query, -1) {
		for label := range strings.SplitSeq(match[1], ", ") {
			labels[label] = true
		}
	}
	delete(labels, "le") // of histograms: a quantile has none
	number := false
	for _, r := range result {
		number = number || r.Value[1] != "NaN"
		for label := range r.Metric {
			delete(labels, label)
		}
	}
	if !number || len(labels) > 0 {
		t.Errorf("%s: the result of %s has no number, or not the labels %v: %v", what, query, labels, result)
	}
}

// variables are those of the dashboard.
var variables = strings.NewReplacer("$job", "profileql", "$instance", ".*", "$source", ".*", "$__rate_interval", "1m")

// target is a query of the dashboard.
type target struct{ Expr, LegendFormat string }

// dashboardTargets returns the queries of the dashboard, by panel.
func dashboardTargets(t *testing.T) map[string][]target {
	t.Helper()
	text, err := os.ReadFile(dashboardFile)
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Type, Title string
			Targets     []target
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	targets := make(map[string][]target)
	for _, panel := range dashboard.Panels {
		if panel.Type == "row" {
			continue
		}
		if len(panel.Targets) == 0 {
			t.Errorf("panel %s has no query", panel.Title)
		}
		for _, q := range panel.Targets {
			q.Expr = variables.Replace(q.Expr)
			targets[panel.Title] = append(targets[panel.Title], q)
		}
	}
	if len(targets) < 20 {
		t.Errorf("the dashboard has %d panels", len(targets))
	}
	return targets
}

// threshold matches the last line of an alert's query.
var threshold = regexp.MustCompile(`\n> [0-9.]+\n$`)

// alertQueries returns the queries of the alerts without their thresholds, so that they have results on an ordinary day too.
func alertQueries(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(alertsFile)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Rules []struct{ Alert, Expr string }
		}
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	queries := make(map[string]string)
	for _, rule := range file.Groups[0].Rules {
		if !strings.Contains(string(page), "| `"+rule.Alert+"` |") {
			t.Errorf("docs/metrics.md does not say what to do about %s", rule.Alert)
		}
		if !threshold.MatchString(rule.Expr) && rule.Alert != "ProfileQLAbsent" {
			t.Errorf("alert %s does not end with a threshold in a line of its own", rule.Alert)
		}
		queries[rule.Alert] = threshold.ReplaceAllString(rule.Expr, "")
	}
	queries["ProfileQLAbsent"] = "absent(absent(profileql_build_info))" // has a result only if there is none of the alert's
	return queries
}
