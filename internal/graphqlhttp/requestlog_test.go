package graphqlhttp

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"profileql/internal/telemetry"
)

// TestRequestLog checks the log line of a request, and that an operation's name is the only text from the request in
// it.
func TestRequestLog(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	o := testOptions(t)
	o.Log = telemetry.NewLog(&out)
	h, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	const secret = "s3cret"
	for _, test := range []struct {
		body string
		want map[string]any
	}{
		{`{"query": "query Who { __typename }"}`, map[string]any{
			"status": 200.0, "type": "query", "operation": "Who", "upstream_calls": 0.0, "document": sha256Of("query Who { __typename }"),
		}},
		{`{"query": "query A { __typename } mutation B { __typename }", "operationName": "B"}`, map[string]any{"type": "mutation", "operation": "B"}},
		{`{"query": "query ` + strings.Repeat("x", 100) + ` { __typename }"}`, map[string]any{"operation": strings.Repeat("x", 64)}},
		{`{"query": "{ node(id: \"` + secret + `\") { id } }", "variables": {"a": "` + secret + `"}}`, map[string]any{"codes": []any{"BAD_USER_INPUT"}}},
		{`{"query": "{ ` + secret + ` }"}`, map[string]any{"codes": []any{"GRAPHQL_VALIDATION_FAILED"}}},
		{`{"query": "{ __typename }", "operationName": "` + secret + `"}`, map[string]any{"codes": []any{"GRAPHQL_VALIDATION_FAILED"}}},
		{`{"query": ` + secret, map[string]any{"status": 400.0, "codes": []any{"BAD_REQUEST"}}},
	} {
		out.Reset()
		w, _ := exchange(t.Context(), h, test.body, "Authorization", "Bearer "+secret, "Cookie", secret)
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		var line map[string]any
		if err := json.Unmarshal([]byte(lines[len(lines)-1]), &line); err != nil || line["msg"] != "request" {
			t.Errorf("%s: %s", test.body, out.String())
			continue
		}
		if id := w.Header().Get("Request-Id"); len(id) < 20 || line["request_id"] != id {
			t.Errorf("%s: %v, and the caller was told %q", test.body, line["request_id"], id)
		}
		for name, want := range test.want {
			got, _ := json.Marshal(line[name])
			wanted, _ := json.Marshal(want)
			if !bytes.Equal(got, wanted) {
				t.Errorf("%s: %s is %s, want %s", test.body, name, got, wanted)
			}
		}
		if ms, ok := line["ms"].(float64); !ok || ms < 0 {
			t.Errorf("%s: it took %v", test.body, line["ms"])
		}
		if strings.Contains(out.String(), secret) {
			t.Errorf("%s: the log tells: %s", test.body, out.String())
		}
	}
}

// TestPlainName checks which characters of a name are logged.
func TestPlainName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"": "", "Mine_2": "Mine_2", "a\nb\x1b[31m": "ab31m", "日本": "", strings.Repeat("a", 65): strings.Repeat("a", 64),
	} {
		if got := plainName(name); got != want {
			t.Errorf("%q: %q", name, got)
		}
	}
}
