package config

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// source returns a file with one source, from the lines after the dash.
func source(lines ...string) string {
	return "sources:\n  - " + strings.Join(lines, "\n    ") + "\n"
}

// profile returns a file with a source of kind profile and further lines.
func profile(lines ...string) string {
	return source(append([]string{"name: main", "kind: profile", "url: https://a.example/beta", "token: {from: caller}"}, lines...)...)
}

// and adds a second source to a file.
func and(file string, lines ...string) string {
	_, second, _ := strings.Cut(source(lines...), "\n")
	return file + second
}

func TestWrongFiles(t *testing.T) {
	t.Setenv("PROFILEQL_TEST_TOKEN", "s3cret")
	t.Setenv("PROFILEQL_TEST_BROKEN", "s3cret\nX-Other: y")
	sandbox := source("name: lab", "kind: sandbox")
	for _, test := range []struct{ file, want string }{
		{"", "1:1: the file is empty; it needs at least sources: with one entry"},
		{"# nothing\n", "1:1: the file is empty; it needs at least sources: with one entry"},
		{"sources: []\n", "there are no sources; write sources: and at least one entry with name and kind"},
		{"source: []\n", `1:1: there is no key "source" here; keys of the file: callers, default, sources; of a source: name, kind, url, aliases, token, shareCallerToken`},
		{sandbox + "---\n" + sandbox, "4:1: a second document begins; put all into one"},
		{sandbox + "---\n", "4:1: a second document begins; put all into one"},
		{sandbox + "...\n---\n# nothing\n", "5:1: a second document begins; put all into one"},
		{sandbox + "    timeout: &t 5s\n", "4:14: anchors, aliases and tags are not read here; write the value itself"},
		{"sources: *all\n", "1:10: anchors, aliases and tags are not read here"},
		{"sources:\n  - <<: {name: lab}\n", "2:5: anchors, aliases and tags are not read here"},
		{"sources:\n  ! lab\n", "2:3: anchors, aliases and tags are not read here"},
		{sandbox + "default: lab\ndefault: lab\n", `5:1: mapping key "default" already defined at [4:1]`},
		{"sources: {name: lab}\n", "a list, each entry after a dash"},
		{profile("default: true"), `6:5: there is no key "default" here; keys of the file: callers, default, sources; of a source: name,`},
		{sandbox + "    data: nowhere/lab.db\n", "4:11: the folder "},
		{sandbox + "    data: file.go/lab.db\n", "4:11: the folder "},
		{sandbox + "    faults: nowhere.json\n", "4:13: the file "},
		{source("name: a", "kind: profile", "url: https://a.example:65536", "token: {from: caller}"), "4:10: the url has an invalid port"},
		{profile("timout: 5s"), `6:5: there is no key "timout"`},
		{profile("writable: maybe"), `6:15: "maybe" is not valid here; write true or false`},
		{profile("traceparent: 1"), `6:18: "1" is not valid here; write true or false`},
		{source("name: a", "kind: sandbox", "traceparent: true"), "4:18: a source of kind sandbox has no traceparent; leave it out"},
		{profile("timeout: 5"), `6:14: "5" is not a duration; write it with its unit, such as 5s or 500ms`},
		{profile("timeout: 50ms"), "6:14: 50ms is out of range; write 100ms to 30s"},
		{profile("timeout: 61s"), "6:14: 61s is out of range"},
		{profile("users: all"), `6:12: "all" is not known; write any, or me for the signed-in user only`},
		{profile("data: x.db"), "6:11: a source of kind profile has no data; leave it out"},
		{profile("requireToken: false"), "6:19: a source of kind profile has no requireToken; leave it out"},
		{profile("plaintext: true"), "6:16: plaintext has no effect here; leave it out"},
		{profile("shareCallerToken: true"), "6:23: no earlier source of another origin receives this token; leave it out"},
		{"default: other\n" + profile(), `1:10: there is no source "other"; name one of those below`},
		{and(profile(), "name: main", "kind: sandbox"), `6:11: there is a source "main" already; each needs a name of its own`},
		{source("name: Main", "kind: sandbox"), `2:11: "Main" is not a name; write name: and up to 32 of a to z, 0 to 9 and -, a letter first`},
		{source("kind: sandbox"), `"" is not a name`},
		{source("name: a", "kind: user"), `3:11: "user" is not a kind of source; write kind: profile or kind: sandbox`},
		{source("name: a", "kind: sandbox", "url: https://a.example"), "4:10: a source of kind sandbox has no url; leave it out"},
		{source("name: a", "kind: sandbox", "aliases: [https://a.example]"), "4:14: a source of kind sandbox has no aliases; leave it out"},
		{profile("aliases: https://b.example"), "6:14: this is not valid here; write a list, each entry after a dash"},
		{profile("aliases: [https://b.example, b.example]"), "6:34: the alias does not start with https:// or http:// and a host; write one such as http://profiles.internal:8080"},
		{profile("aliases:", "  - http://b.example:8080/beta"), "7:9: the alias has more than a scheme and a host; write http://profiles.internal:8080 without a path"},
		{profile("aliases: [http://b.example/]"), "6:15: the alias has more than a scheme and a host"},
		{profile("aliases: ['https://ada:s3cret@b.example']"), "6:15: the alias has more than a scheme, a host and a path"},
		{profile("aliases: [https://A.example:443]"), "6:15: the source has this origin already; leave it out"},
		{profile("aliases: [http://b.example, http://b.example:80]"), "6:33: the source has this origin already; leave it out"},
		{profile("aliases: [[https://b.example]]"), "write a string"},
		{profile("aliases: [5]"), "6:15: the alias does not start with https:// or http:// and a host"},
		{profile("aliases: [null]"), "6:15: the alias does not start with https:// or http:// and a host"},
		{profile("maxConcurrency: 0"), "6:21: 0 is not from 1 to 10000 requests"},
		{profile("maxConcurrency: 10001"), "6:21: 10001 is not from 1 to 10000 requests"},
		{profile("maxConcurrency: many"), "6:21: "},
		{profile("concurrency: 0"), "6:18: 0 is not from 1 to the 256 requests of all callers"},
		{profile("concurrency: 9", "maxConcurrency: 8"), "6:18: 9 is not from 1 to the 8 requests of all callers"},
		{source("name: a", "kind: sandbox", "token: {from: nobody}", "concurrency: 4"), "5:18: the token is not the caller's, so callers are not told apart; leave it out, and write maxConcurrency for all of them"},
		{source("name: a", "kind: sandbox", "seed: other"), `4:11: there is no made-up data "other"; write lab, or leave it out`},
		{
			and(source("name: a", "kind: sandbox", "data: x.db"), "name: b", "kind: sandbox", "data: ./x.db"),
			"7:11: another sandbox keeps its data in this file; each needs one of its own",
		},
		{source("name: a", "kind: profile"), "the source a has no url; write its base URL, such as https://graph.microsoft.com/beta"},
		{source("name: a", "kind: profile", "url: https://ada:s3cret@a.example"), "4:10: the url has more than a scheme, a host and a path"},
		{source("name: a", "kind: profile", "url: https://a.example?x"), "4:10: the url has more than a scheme, a host and a path"},
		{source("name: a", "kind: profile", "url: a.example/beta"), "4:10: the url does not start with https:// or http:// and a host"},
		{source("name: a", "kind: profile", `url: "https://a%zz"`), "4:10: the url is not a valid URL"},
		{source("name: a", "kind: profile", "url: http://a.example", "token: {from: nobody}"), "4:10: requests and tokens would be sent unencrypted; use https, or allow it with plaintext: true"},
		{source("name: a", "kind: profile", "url: https://a.example"), "the source a has no token setting; write token: {from: caller}"},
		{source("name: a", "kind: sandbox", "token: caller"), "write keys with values, such as {from: caller}"},
		{source("name: a", "kind: sandbox", "token: {from: me}"), `4:19: "me" is not known; write caller, header, onBehalfOf, clientCredentials, env or nobody`},
		{source("name: a", "kind: sandbox", "token: {from: caller, name: X}"), "4:33: a token from: caller has no name; leave it out"},
		{source("name: a", "kind: sandbox", "token: {from: header}"), "the token has no name; write the name of the header, such as name: X-HR-Authorization"},
		{source("name: a", "kind: sandbox", "token: {from: env}"), "the token has no name; write the name of the environment variable that contains it"},
		{source("name: a", "kind: sandbox", "token: {from: env, name: PROFILEQL_TEST_NONE}"), "4:30: the environment variable PROFILEQL_TEST_NONE is not set or empty"},
		{source("name: a", "kind: sandbox", "token: {from: env, name: PROFILEQL_TEST_BROKEN}"), "has line breaks"},
		{source("name: a", "kind: sandbox", "token: {from: nobody}", "shareCallerToken: true"), "5:23: the source does not receive a caller's token; leave it out"},
		{source("name: a", "kind: sandbox", "token: {from: header, name: authorization}"), "4:33: this is what from: caller means; write token: {from: caller}"},
		{
			and(profile(), "name: b", "kind: profile", "url: https://b.example", "token: {from: caller}"),
			"the source main receives the same token (Authorization) of the caller and has another origin; use a separate header, or allow it with shareCallerToken: true",
		},
		{and(profile(), "name: b", "kind: sandbox", "token: {from: caller}"), "the source main receives the same token (Authorization) of the caller"},
		{and(profile(), "name: b", "kind: profile", "url: https://a.example:8443", "token: {from: caller}"), "the same token (Authorization) of the caller"},
		{
			and(source("name: a", "kind: profile", "url: https://i.example", "token: {from: caller}"),
				"name: b", "kind: profile", "url: https://İ.example", "token: {from: caller}"), // xn--i-9bb.example
			"the same token (Authorization) of the caller",
		},
		{
			and(source("name: a", "kind: sandbox", "token: {from: header, name: X-One}"),
				"name: b", "kind: profile", "url: https://b.example", "token: {from: header, name: x-one}"),
			"the source a receives the same token (X-One) of the caller",
		},
	} {
		_, _, err := parseFile("f.yaml", []byte(test.file), true)
		if err == nil || !strings.HasPrefix(err.Error(), "f.yaml:") || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s\ngot  %v\nwant %s", test.file, err, test.want)
		}
	}
	for _, header := range []string{"X-MS-TOKEN-AAD-ACCESS-TOKEN", "x-forwarded-access-token", "X-Ms-Token-Aad-Access-Token"} {
		if _, _, err := parseFile("f.yaml", []byte(source("name: a", "kind: sandbox", fmt.Sprintf("token: {from: header, name: %q}", header))), true); err != nil {
			t.Errorf("%s: %v", header, err)
		}
	}
	for _, header := range []string{
		"Host", "cookie", "Set-Cookie", "Content-Type", "Connection", "Keep-Alive", "Proxy-Authorization", "TE", "Trailer", "Transfer-Encoding",
		"Upgrade", "Accept-Language", "Origin", "Referer", "User-Agent", "Expect", "Range", "If-Match", "Forwarded", "X-Forwarded-For", "X-Forwarded", "X-Forwarded-Access-Tokens", "Via", "True-Client-IP", "B3", "X-Amzn-Trace-Id",
		"Sec-Fetch-Site", "Access-Control-Allow-Origin", "Date", "Cache-Control", "traceparent", "X-Request-ID", "apollo-require-preflight", "client-request-id", "Sandbox-Fault", "X One", "X:One", "Ü",
	} {
		_, _, err := parseFile("f.yaml", []byte(source("name: a", "kind: sandbox", fmt.Sprintf("token: {from: header, name: %q}", header))), true)
		if want := fmt.Sprintf("the header %q cannot hold a token; write one such as X-HR-Authorization", header); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", header, err)
		}
	}
	_, _, err := parseFile("f.yaml", []byte(source("name: a", "kind: sandbox", "token: {from: env, name: PROFILEQL_TEST_TOKEN}")), false)
	if err == nil || !strings.Contains(err.Error(), "everybody who can reach the listener would use this token") {
		t.Errorf("a token of our own on a public address: %v", err)
	}
}

func TestFile(t *testing.T) {
	t.Setenv("PROFILEQL_TEST_TOKEN", " s3cret\n")
	dir := t.TempDir()
	name := filepath.Join(dir, "sources.yaml")
	text := "\ufeff" + `# Five of them.
default: contoso
sources:
  - name: hr
    kind: profile
    url: https://hr.example.com/api
    aliases: [http://profiles.internal:8080, "http://[::1]:8081"]
    token: {from: header, name: x-hr-authorization}
    writable: false
    users: any
    batch: false
  - name: contoso
    kind: profile
    url: https://graph.microsoft.com/beta
    token: {from: caller}
    timeout: 5s
    traceparent: true
    concurrency: 8
    maxConcurrency: 64
  - name: twin
    kind: profile
    url: https://GRAPH.microsoft.com:443/v1.0
    token: {from: caller}
    maxConcurrency: 2
  - name: merged
    kind: profile
    url: http://merged.example.com/beta
    plaintext: true
    token: {from: caller}
    shareCallerToken: true
    users: me
  - name: lab
    kind: sandbox
    seed: lab
    data: lab.db
    faults: ` + name + `
    requireToken: true
    token: {from: env, name: PROFILEQL_TEST_TOKEN}
`
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got, callers, err := readFile(name, true)
	if err != nil {
		t.Fatal(err)
	}
	want := []Source{
		{Name: "contoso", Kind: KindProfile, URL: "https://graph.microsoft.com/beta", Token: callerToken, Timeout: 5 * time.Second, Writable: true, AnyUser: true, Concurrency: 8, MaxConcurrency: 64, Batch: true, Traceparent: true},
		{Name: "hr", Kind: KindProfile, URL: "https://hr.example.com/api", Aliases: []string{"http://profiles.internal:8080", "http://[::1]:8081"}, Token: Token{From: FromHeader, Name: "X-Hr-Authorization"}, Timeout: 10 * time.Second, AnyUser: true, Concurrency: 4, MaxConcurrency: 256},
		{Name: "twin", Kind: KindProfile, URL: "https://GRAPH.microsoft.com:443/v1.0", Token: callerToken, Timeout: 10 * time.Second, Writable: true, Concurrency: 2, MaxConcurrency: 2, Batch: true},
		{Name: "merged", Kind: KindProfile, URL: "http://merged.example.com/beta", Token: callerToken, Timeout: 10 * time.Second, Writable: true, ShareCallerToken: true, Plaintext: true, Concurrency: 4, MaxConcurrency: 256, Batch: true},
		{
			Name: "lab", Kind: KindSandbox, Token: Token{From: FromEnv, Name: "PROFILEQL_TEST_TOKEN", Value: "s3cret"}, Timeout: 10 * time.Second, Writable: true,
			Seed: "lab", Data: filepath.Join(dir, "lab.db"), Faults: name, RequireToken: true, MaxConcurrency: 256, Batch: true,
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	checkRoundTrip(t, got, callers)
}

// checkRoundTrip holds that the printed YAML parses to the same sources, and contains no token.
func checkRoundTrip(t *testing.T, sources []Source, callers *Callers) {
	t.Helper()
	var printed bytes.Buffer
	if err := (&Config{Sources: sources, Callers: callers}).WriteSources(&printed); err != nil {
		t.Fatal(err)
	}
	again, callersAgain, err := parseFile("printed.yaml", printed.Bytes(), true)
	if err != nil {
		t.Fatalf("%v in\n%s", err, &printed)
	}
	if diff := cmp.Diff(sources, again) + cmp.Diff(callers, callersAgain); diff != "" || strings.Contains(printed.String(), "s3cret") {
		t.Errorf("%s\n%s", diff, &printed)
	}
}

func TestSourcesOfTheCommandLine(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		args, want string // what is different of the sources
	}{
		{"", "sandbox[] lab[]"},
		{"--data /box.db", "sandbox[/box.db] lab[/box-lab.db]"},
		{"--upstream https://a.example/beta", "upstream[]"},
		{"--upstream http://a.example/beta --plaintext-upstream", "upstream[]"},
		{"check --upstream https://a.example/beta", "upstream[]"},
	} {
		c, err := Parse(strings.Fields(test.args), "v", os.Stdout, os.Stderr)
		if err != nil {
			t.Errorf("%s: %v", test.args, err)
			continue
		}
		var got []string
		for _, s := range c.Sources {
			got = append(got, fmt.Sprintf("%s[%s]", s.Name, s.Data))
			if s.Token != callerToken || !s.Writable || !s.AnyUser || s.Timeout != defaultTimeout || s.Concurrency != 4 || s.MaxConcurrency != 256 {
				t.Errorf("%s: %+v", test.args, s)
			}
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s: %s", test.args, got)
		}
		if !strings.Contains(test.args, "plaintext") {
			checkRoundTrip(t, c.Sources, c.Callers)
		}
	}
}

// FuzzFile holds that a file is rejected with a position, or its sources survive a round trip.
func FuzzFile(f *testing.F) {
	f.Add(profile("timeout: 5s", "users: me"))
	f.Add(and(profile(), "name: b", "kind: sandbox", "token: {from: header, name: X-B}", "data: b.db"))
	f.Add(profile("aliases: []"))
	f.Add("a: &a [*a]\nsources: *a\n")
	f.Add("sources:\n  - <<: {name: a}\n    kind: sandbox\n")
	f.Fuzz(func(t *testing.T, text string) {
		sources, callers, err := parseFile("f.yaml", []byte(text), true)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "f.yaml:") {
				t.Errorf("%v in %q", err, text)
			}
			return
		}
		checkRoundTrip(t, sources, callers)
	})
}
