package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"profileql/internal/sandbox"
	measured "profileql/test/process" // e2e has a type process
	"profileql/test/scene"
)

type updated struct {
	UpdatePersonInterest struct {
		PersonInterest struct {
			ID, ItemID  string
			DisplayName *string
			Description *string
			Categories  []string
		}
	}
}

func TestFirstUse(t *testing.T) {
	t.Parallel()
	p := start(t, "--listen", "127.0.0.1:0")
	var data updated
	p.graphQL(t, scene.UpdateMutation, map[string]any{"input": map[string]any{
		"id": sandbox.SampleInterest, "patch": map[string]any{"displayName": "Chess", "description": nil, "categories": []string{}},
	}}).Into(t, &data)
	item := data.UpdatePersonInterest.PersonInterest
	if item.ItemID != sandbox.SampleInterest || item.DisplayName == nil || *item.DisplayName != "Chess" ||
		item.Description != nil || item.Categories == nil || len(item.Categories) != 0 {
		t.Errorf("the update came back as %+v", item)
	}
	// The content of the sandbox, read without ProfileQL.
	source := bannerAddress.FindString(p.banner[strings.Index(p.banner, "  Source "):])
	resp, err := http.Get(source + "/beta/me/profile/interests/" + sandbox.SampleInterest)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var stored map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&stored); err != nil {
		t.Fatal(err)
	}
	if stored["displayName"] != "Chess" || stored["description"] != nil {
		t.Errorf("the sandbox holds %v", stored)
	}
	if err := p.stop(t); err != nil {
		t.Errorf("stopping: %v", err)
	}
}

func TestLockedItemIsRefused(t *testing.T) {
	t.Parallel()
	p := start(t, "--listen", "127.0.0.1:0")
	r := p.graphQL(t, scene.UpdateMutation, map[string]any{"input": map[string]any{
		"id": sandbox.LockedInterest, "patch": map[string]any{"displayName": "Mine now"},
	}})
	if code := r.Code(t); code != "NOT_FOUND" || r.Errors[0].Extensions["sourceCode"] != "UnknownError" {
		t.Errorf("got %s", r.Body)
	}
}

func TestDataIsKept(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "sandbox.db")
	p := start(t, "--listen", "127.0.0.1:0", "--data", file)
	create := `mutation($input: CreatePersonInterestInput!) { createPersonInterest(input: $input) { personInterest { id displayName } } }`
	var data struct {
		CreatePersonInterest struct{ PersonInterest struct{ ID string } }
	}
	p.graphQL(t, create, `{"input":{"item":{"displayName":"Beekeeping"}}}`).Into(t, &data)
	if err := p.stop(t); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the file's mode is %v", info.Mode())
	}
	p = start(t, "--listen", "127.0.0.1:0", "--data", file)
	r := p.graphQL(t, `query($id: ID!) { node(id: $id) { ... on PersonInterest { displayName } } }`, map[string]any{"id": data.CreatePersonInterest.PersonInterest.ID})
	if !strings.Contains(r.Body, "Beekeeping") {
		t.Errorf("after a restart: %s", r.Body)
	}
}

func TestSandboxAlone(t *testing.T) {
	t.Parallel()
	p := start(t, "sandbox", "--listen", "127.0.0.1:0")
	resp, err := http.Get(p.url() + "/beta/me/profile/interests?$top=1")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusOK || !bytes.Contains(body, []byte(`"value"`)) {
		t.Errorf("got %s %s", resp.Status, body)
	}
	// Another ProfileQL can use it as its source.
	front := start(t, "--listen", "127.0.0.1:0", "--upstream", p.url()+"/beta")
	if r := front.graphQL(t, scene.MineQuery, `{"first": 3}`); len(r.Errors) > 0 {
		t.Errorf("through ProfileQL: %s", r.Body)
	}
}

// output runs ProfileQL until it exits by itself.
func output(t *testing.T, env []string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), scene.Patience)
	defer cancel()
	var out, errOut bytes.Buffer
	cmd := command(ctx, path, env, args...)
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err = cmd.Run()
	if ctx.Err() != nil {
		t.Fatalf("%v did not end; it said %q and %q", args, out.String(), errOut.String())
	}
	return out.String(), errOut.String(), err
}

func TestCommandLine(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	inUse := listener.Addr().String()
	for _, test := range []struct {
		name  string
		env   []string
		args  []string
		fails bool
		says  []string
	}{
		{name: "version", args: []string{"--version"}, says: []string{"profileql devel", runtime.Version()}},
		{name: "schema", args: []string{"schema"}, says: []string{schema}},
		{name: "help", args: []string{"--help"}, says: []string{"--upstream", "--sandbox", "--data", "--listen", "PROFILEQL_UPSTREAM", "https://graph.microsoft.com/beta"}},
		{
			name: "no source and other machines", args: []string{"--listen", "0.0.0.0:0"},
			fails: true, says: []string{"--upstream", "--sandbox"},
		},
		{
			name: "the same by environment", env: []string{"PROFILEQL_LISTEN=:0"},
			fails: true, says: []string{"--upstream", "--sandbox"},
		},
		{
			name: "plain HTTP to another machine", args: []string{"--upstream", "http://profiles.example.com/beta"},
			fails: true, says: []string{"--plaintext-upstream", "https"},
		},
		{
			name: "two sources", args: []string{"--upstream", "https://profiles.example.com/beta", "--sandbox"},
			fails: true, says: []string{"--upstream", "--sandbox"},
		},
		{
			name: "a file and an upstream", args: []string{"--config", "docs/sources/two.yaml", "--upstream", "https://profiles.example.com/beta"},
			fails: true, says: []string{"--upstream and --config exclude each other: in the file, write url: at the source"},
		},
		{
			name: "a file with a sandbox and other machines", args: []string{"--listen", ":0", "--config", "docs/sources/partial.yaml"},
			fails: true, says: []string{"--config has a sandbox among its sources", "--sandbox"},
		},
		{
			name: "a file for the sandbox alone", args: []string{"sandbox", "--config", "docs/sources/two.yaml"},
			fails: true, says: []string{"--config is an option for GraphQL"},
		},
		{
			name: "other data for all", args: []string{"--seed", "lab"},
			fails: true, says: []string{"--seed is an option of the command sandbox"},
		},
		{
			name: "no file", args: []string{"--config", "/nonexistent/x.yaml"},
			fails: true, says: []string{"--config: open /nonexistent/x.yaml"},
		},
		{
			name: "data of no sandbox", args: []string{"--upstream", "https://profiles.example.com/beta", "--data", "x.db"},
			fails: true, says: []string{"--data"},
		},
		{
			name: "faults of no sandbox", args: []string{"--upstream", "https://profiles.example.com/beta", "--faults", "x.json"},
			fails: true, says: []string{"--faults"},
		},
		{
			name: "a required token of no sandbox", args: []string{"--upstream", "https://profiles.example.com/beta", "--require-token"},
			fails: true, says: []string{"--require-token"},
		},
		{
			name: "GraphQL's options for the sandbox alone", args: []string{"sandbox", "--cors-origin", "https://app.example.com"},
			fails: true, says: []string{"--cors-origin is an option for GraphQL"},
		},
		{name: "a subgraph of the sandbox alone", args: []string{"sandbox", "--federation"}, fails: true, says: []string{"--federation is an option for GraphQL"}},
		{
			name: "a certificate without a key", args: []string{"--tls-cert", "cert.pem"},
			fails: true, says: []string{"--tls-cert and --tls-key must be given together"},
		},
		{
			name: "a demo that is hidden", args: []string{"demo", "--listen", "0.0.0.0:0", "--upstream", "https://profiles.example.com/beta"},
			fails: true, says: []string{"demo: the page is hidden, like the playground"},
		},
		{
			name: "a demo of listed operations", args: []string{"demo", "--listen", "127.0.0.1:0", "--operations", "x.json"},
			fails: true, says: []string{"leave out --operations"},
		},
		{
			name: "shown and listed", args: []string{"--introspection", "--operations", "x.json"},
			fails: true, says: []string{"--introspection and --operations exclude each other"},
		},
		{
			name: "no manifest", args: []string{"--listen", "127.0.0.1:0", "--operations", "/nonexistent/x.json"},
			fails: true, says: []string{"--operations: open /nonexistent/x.json"},
		},
		{
			name: "a manifest that is none", args: []string{"--listen", "127.0.0.1:0", "--operations", "go.mod"},
			fails: true, says: []string{"--operations go.mod: neither a manifest"},
		},
		{
			name: "an origin that is none", args: []string{"--listen", "127.0.0.1:0", "--cors-origin", "app.example.com"},
			fails: true, says: []string{`"app.example.com" is not an origin`},
		},
		{
			name: "an origin with a slash", args: []string{"--listen", "127.0.0.1:0", "--cors-origin", "http://localhost:5173/"},
			fails: true, says: []string{"--cors-origin", "without a trailing slash"},
		},
		{
			name: "a name for an address that answers to any", args: []string{"--listen", "0.0.0.0:0", "--sandbox", "--host", "x.example"},
			fails: true, says: []string{"--host is for loopback addresses"},
		},
		{
			name: "a name with a port", args: []string{"--host", "x.example:1"},
			fails: true, says: []string{"--host x.example:1: write a whole name without a port"},
		},
		{
			name: "some name", args: []string{"--host", "a.example,*.example"},
			fails: true, says: []string{"--host *.example: "},
		},
		{
			name: "no certificate", args: []string{"--listen", "127.0.0.1:0", "--tls-cert", "nowhere.pem", "--tls-key", "nowhere.pem"},
			fails: true, says: []string{"--tls-cert and --tls-key: open nowhere.pem"},
		},
		{
			name: "made-up data for other machines, checked", args: []string{"check", "--config", "docs/sources/partial.yaml", "--listen", "0.0.0.0:0"},
			fails: true, says: []string{"--config has a sandbox among its sources"},
		},
		{
			name: "upstream with a query", args: []string{"--upstream", "https://profiles.example.com/beta?x=1"},
			fails: true, says: []string{"--upstream"},
		},
		{
			name: "upstream with a password", args: []string{"--upstream", "https://ada:secret@profiles.example.com/beta"},
			fails: true, says: []string{"--upstream"},
		},
		{name: "upstream of another kind", args: []string{"--upstream", "ftp://profiles.example.com"}, fails: true, says: []string{"https://"}},
		{name: "a sandbox alone with an upstream", args: []string{"sandbox", "--upstream", "https://profiles.example.com/beta"}, fails: true, says: []string{"--upstream"}},
		{
			name: "the operator's listener on the public address", args: []string{"--listen", "127.0.0.1:9", "--admin", "127.0.0.1:9"},
			fails: true, says: []string{"--admin 127.0.0.1:9 is the address of --listen, too"},
		},
		{name: "an operator's listener without a port", args: []string{"--admin", "localhost"}, fails: true, says: []string{"--admin localhost: write it as HOST:PORT"}},
		{name: "an operator's listener for the sandbox alone", args: []string{"sandbox", "--admin", ":0"}, fails: true, says: []string{"--admin is an option for GraphQL"}},
		{
			name: "an operator's listener on an address in use", args: []string{"--listen", "127.0.0.1:0", "--admin", inUse},
			fails: true, says: []string{"--admin: listen tcp " + inUse},
		},
		{name: "no port", args: []string{"--listen", "localhost"}, fails: true, says: []string{"HOST:PORT"}},
		{name: "unknown option", args: []string{"--upstrem", "x"}, fails: true, says: []string{"--upstrem"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			stdout, stderr, err := output(t, test.env, test.args...)
			if (err != nil) != test.fails {
				t.Errorf("ended with %v", err)
			}
			for _, text := range test.says {
				if !strings.Contains(stdout+stderr, text) {
					t.Errorf("does not say %q, but %q and %q", text, stdout, stderr)
				}
			}
			if strings.Contains(stdout+stderr, ":secret@") || strings.Contains(stderr, "panic") {
				t.Errorf("says too much: %q %q", stdout, stderr)
			}
		})
	}
}

// fileWriter returns a function that writes a file in a temporary folder, and returns its path.
func fileWriter(t *testing.T) func(name, text string) (path string) {
	dir := t.TempDir()
	return func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
}

// TestCheck tests that the example files are valid, and that errors are reported with their location.
func TestCheck(t *testing.T) {
	t.Parallel()
	write := fileWriter(t)
	page, err := os.ReadFile("docs/sources.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(page), "```yaml\n")
	example, _, _ = strings.Cut(example, "```")
	examples, err := filepath.Glob("docs/sources/*.yaml")
	if err != nil || len(examples) == 0 {
		t.Fatal(err, examples)
	}
	for _, file := range append(examples, write("example.yaml", example)) {
		stdout, stderr, err := output(t, nil, "check", "--config", file)
		if err != nil || !strings.HasPrefix(stdout, "default: ") {
			t.Errorf("%s: %v, %s", file, err, stderr)
			continue
		}
		if again, stderr, err := output(t, nil, "check", "--config", write("again.yaml", stdout)); err != nil || again != stdout {
			t.Errorf("%s, printed: %v, %s, %s", file, err, stderr, again)
		}
	}
	for url, warned := range map[string]bool{
		"https://graph.microsoft.com/beta": false, "https://graph.microsoft.com/beta/": false, "https://hr.example.com/api": false,
		"https://graph.microsoft.com": true, "https://graph.microsoft.us/v1.0": true, "https://Graph.Microsoft.com/beta/me/profile": true,
	} {
		file := write("cloud.yaml", "sources:\n  - {name: a, kind: profile, url: "+url+", token: {from: caller}}\n")
		if _, stderr, err := output(t, nil, "check", "--config", file); err != nil || strings.HasPrefix(stderr, "Warning: source a: ") != warned {
			t.Errorf("%s: %v, %s", url, err, stderr)
		}
		if p := start(t, "--listen", "127.0.0.1:0", "--config", file); strings.Contains(p.banner, "Warning     source a: ") != warned {
			t.Errorf("%s: the banner says %s", url, p.banner)
		}
	}
	const file = "sources:\n  - name: a\n    kind: sandbox\n"
	bad, faultsFile := write("bad.yaml", file+"    timout: 5s\n"), write("faults.json", `{"rules": [{"fault": "eror"}]}`)
	for _, test := range []struct{ file, want string }{
		{bad, bad + `:4:5: there is no key "timout"`},
		{write("nofaults.yaml", file+"    faults: nowhere.json\n"), ":4:13: the file "},
		{write("badfaults.yaml", file+"    faults: faults.json\n"), faultsFile + `: `},
	} {
		for _, args := range [][]string{{"check"}, {"--listen", "127.0.0.1:0"}} {
			args = append(args, "--config", test.file)
			if stdout, stderr, err := output(t, nil, args...); err == nil || stdout != "" || !strings.Contains(stderr, test.want) {
				t.Errorf("%v: %v, %s%s", args, err, stdout, stderr)
			}
		}
	}
}

// TestLimits tests the README's limits of start-up time and of idle memory. It does not run in parallel with other
// tests.
func TestLimits(t *testing.T) {
	path, err := buildPlain()
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	p := &process{stderr: new(scene.Log)}
	p.begin(t, p.stderr, command(context.Background(), path, nil, "--listen", scene.AnyPort))
	if r := p.graphQL(t, scene.MineQuery, `{"first": 20}`); len(r.Errors) > 0 {
		t.Fatal(r.Body)
	}
	took := time.Since(began)
	bytes, err := measured.Memory(p.cmd.Process.Pid)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("only Linux tells: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	resident := float64(bytes) / (1 << 20)
	// CPU time, since the elapsed time depends on the load of the machine.
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := p.wait(); err != nil {
		t.Fatal(err)
	}
	computed := p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime()
	t.Logf("start to first answer %v, %v of CPU time, %.1f MB resident", took.Round(time.Millisecond), computed, resident)
	if computed > 250*time.Millisecond {
		t.Errorf("start to first answer took %v of CPU time; the limit is 250 ms", computed)
	}
	if resident > 48 {
		t.Errorf("%.1f MB are resident; the limit is 48 MB", resident)
	}
}
