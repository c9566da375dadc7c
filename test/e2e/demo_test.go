package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// TestDemo tests that the command demo shows the page, also below a path, and that of its sandboxes only the second fails.
// test/browser uses the page.
func TestDemo(t *testing.T) {
	t.Parallel()
	p := start(t, "demo", "--listen", "127.0.0.1:0", "--base-path", "/profileql")
	page := p.url() + "/profileql/demo"
	if !strings.Contains(p.banner, "  Demo        "+page+"\n") {
		t.Errorf("the banner: %s", p.banner)
	}
	for _, path := range []string{"", "/app.js", "/index.css"} {
		resp, err := http.Get(page + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", path, resp.Status)
		}
	}
	r := (&facade{t: t, URL: p.url() + "/profileql/graphql"}).do(
		`{ me { publications { nodes { id } failedSources { source { name } code } } awards { failedSources { code } } } }`, nil)
	var data struct {
		Me map[string]struct {
			Nodes         []any
			FailedSources []struct {
				Source struct{ Name string }
				Code   string
			}
		}
	}
	if err := json.Unmarshal(r.Data, &data); err != nil {
		t.Fatal(err)
	}
	failed := data.Me["publications"].FailedSources
	if len(data.Me["publications"].Nodes) == 0 || len(failed) != 1 || failed[0].Source.Name != "lab" || failed[0].Code != "FORBIDDEN" {
		t.Errorf("publications: %s", r.Data)
	}
	if len(data.Me["awards"].FailedSources) > 0 {
		t.Errorf("awards: %s", r.Data)
	}
}
