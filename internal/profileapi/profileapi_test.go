package profileapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"profileql/internal/profile"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// thing is an item of a facet that no one has heard of: the package must not care.
type thing struct {
	ID    string   `json:"id"`
	When  string   `json:"createdDateTime"`
	Name  *string  `json:"name"`
	Tags  []string `json:"tags"`
	Size  int      `json:"size"`
	Sure  *bool    `json:"sure"`
	Part  *piece   `json:"part"`
	Parts []*piece `json:"parts"`
	Whole piece    `json:"whole"`
}

type piece struct {
	Score *float64 `json:"score"`
	Names []string `json:"names"`
	Part  *piece   `json:"part"`
}

func (t *thing) Key(string) (id, instant string, readable bool) { return t.ID, t.When, true }

type change struct {
	Name *string `json:"name,omitempty"`
}

// answering is a source in memory: it answers with the next of its answers, again and again with the last, and notes
// when it was asked.
type answering struct {
	answers []*http.Response
	err     error
	asked   []time.Duration
	began   time.Time
}

func (a *answering) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
	}
	a.asked = append(a.asked, time.Since(a.began))
	if a.err != nil {
		return nil, a.err
	}
	answer := a.answers[0]
	if len(a.answers) > 1 {
		a.answers = a.answers[1:]
	}
	return answer, nil
}

func response(status int, body string, header ...string) *http.Response {
	h := http.Header{"Content-Type": {"application/json"}}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body)), ContentLength: -1}
}

func things(t *testing.T, source http.RoundTripper) *Collection[thing, change, *thing] {
	t.Helper()
	client, err := New(Options{Name: "test", BaseURL: "https://source.example/beta/", Transport: source, UserAgent: "test/1", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return NewCollection[thing, change](client, "things")
}

// TestWaits holds how long a source is left alone before a second try, and when there is none.
func TestWaits(t *testing.T) {
	t.Parallel()
	good := func() *http.Response { return response(200, `{"id": "a"}`) }
	date := func(d time.Duration) string { // on the bubble's clock, which begins at midnight of 2000-01-01
		return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Add(d).Format(http.TimeFormat)
	}
	for name, test := range map[string]struct {
		first *http.Response
		asked []time.Duration // of a read
		write []time.Duration // of a PATCH, where it differs
	}{
		"seconds":               {first: response(429, "", "Retry-After", "3"), asked: []time.Duration{0, 3 * time.Second}},
		"a fraction":            {first: response(429, "", "Retry-After", "2.125"), asked: []time.Duration{0, 2125 * time.Millisecond}},
		"blanks":                {first: response(429, "", "Retry-After", " 1 "), asked: []time.Duration{0, time.Second}},
		"a date":                {first: response(429, "", "Retry-After", date(4*time.Second)), asked: []time.Duration{0, 4 * time.Second}},
		"a date long ago":       {first: response(429, "", "Retry-After", date(-time.Hour)), asked: []time.Duration{0, 0}},
		"nothing":               {first: response(429, ""), asked: []time.Duration{0, pause}},
		"nonsense":              {first: response(429, "", "Retry-After", "soon"), asked: []time.Duration{0, pause}},
		"negative":              {first: response(429, "", "Retry-After", "-5"), asked: []time.Duration{0, pause}},
		"no number":             {first: response(429, "", "Retry-After", "NaN"), asked: []time.Duration{0, pause}},
		"longer than there is":  {first: response(429, "", "Retry-After", "11"), asked: []time.Duration{0}},
		"exactly what there is": {first: response(429, "", "Retry-After", "10"), asked: []time.Duration{0}},
		"for ever":              {first: response(429, "", "Retry-After", "1e300"), asked: []time.Duration{0}},
		"503":                   {first: response(503, "", "Retry-After", "2"), asked: []time.Duration{0, 2 * time.Second}},
		"503 without":           {first: response(503, ""), asked: []time.Duration{0, pause}, write: []time.Duration{0}},
		"502":                   {first: response(502, "", "Retry-After", "1"), asked: []time.Duration{0, time.Second}, write: []time.Duration{0}},
		"500":                   {first: response(500, "", "Retry-After", "1"), asked: []time.Duration{0}},
	} {
		t.Run(name, func(t *testing.T) {
			for name, write := range map[string]bool{"read": false, "write": true} {
				want := test.asked
				if write && test.write != nil {
					want = test.write
				}
				first := *test.first
				first.Body = io.NopCloser(strings.NewReader(""))
				inBubble(t, name, func(t *testing.T) {
					source := &answering{answers: []*http.Response{&first, good()}, began: time.Now()}
					c := things(t, source)
					var err error
					if write {
						name := "x"
						_, err = c.Update(t.Context(), profile.Ref{ID: "a"}, &change{Name: &name})
					} else {
						_, err = c.Get(t.Context(), profile.Ref{ID: "a"}, nil)
					}
					if !slices.Equal(source.asked, want) || (err == nil) != (len(want) == 2) {
						t.Errorf("write is %v: asked at %v, want %v; %v", write, source.asked, want, err)
					}
				})
			}
		})
	}
}

// TestForgetting has a source learn: what it could not do is tried again after an hour.
func TestForgetting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source := &answering{answers: []*http.Response{response(400, `{}`), response(200, `{"id": "a"}`)}, began: time.Now()}
		c := things(t, source)
		get := func() int {
			source.asked = nil
			if last := source.answers[len(source.answers)-1]; last != nil {
				source.answers[len(source.answers)-1] = response(200, `{"id": "a"}`)
			}
			if _, err := c.Get(t.Context(), profile.Ref{ID: "a"}, []string{"id", "name"}); err != nil {
				t.Fatal(err)
			}
			return len(source.asked)
		}
		first := get()
		second := get()
		time.Sleep(time.Hour + time.Second)
		source.answers = []*http.Response{response(400, `{}`), response(200, `{"id": "a"}`)}
		if third := get(); first != 2 || second != 1 || third != 2 {
			t.Errorf("asked %d, %d and %d times", first, second, third)
		}
	})
}

func TestParseBaseURL(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"https://graph.microsoft.com/beta": "https://graph.microsoft.com/beta", "https://a.example/x/": "https://a.example/x",
		"http://127.0.0.1:8081/beta": "http://127.0.0.1:8081/beta", "https://a.example": "https://a.example",
		"graph.microsoft.com": "", "ftp://a.example": "", "https://": "", "https://u:p@a.example": "", "https://a.example?x": "",
		"https://a.example?": "", "https://a.example#x": "", "": "", "::": "",
		"HTTPS://A.example/beta": "https://A.example/beta", "https://a.example/x//": "https://a.example/x", "http://[::1]:8081/beta": "http://[::1]:8081/beta",
		"https://a.example:8443": "https://a.example:8443", "http://:8080/beta": "", "https:///beta": "", "https:a.example": "", "//a.example/beta": "",
		"https://u@a.example": "", "https://:p@a.example": "", "https://a.example/x?token=1#y": "", "file:///etc": "", "/beta": "", "https://a b": "",
		" https://a.example": "", "https://a.example\n": "", "https://a.example/%zz": "", "https://a.example:x": "",
	} {
		got, err := ParseBaseURL(text)
		if (err != nil) != (want == "") || err == nil && got.String() != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
		if err != nil && strings.Contains(err.Error(), ":p@") {
			t.Errorf("%q: the error tells a password: %v", text, err)
		}
	}
}

// TestProxy holds that what may be plain HTTP because it stays on this machine does stay there.
func TestProxy(t *testing.T) {
	t.Parallel()
	proxy := proxyUnlessHere(func(*http.Request) (*url.URL, error) { return url.Parse("http://proxy.example:3128") })
	for host, proxied := range map[string]bool{
		"localhost": false, "LOCALHOST:8080": false, "Localhost": false, "127.0.0.1:8081": false, "127.9.9.9": false, "[::1]:80": false,
		"[::1%25lo]": false, "[::ffff:127.0.0.1]": false,
		"a.example": true, "localhost.example": true, "localhost.": true, "10.0.0.1": true, "[fe80::1]": true,
	} {
		got, err := proxy(httptest.NewRequest(http.MethodGet, "http://"+host+"/beta", nil))
		if err != nil || (got != nil) != proxied {
			t.Errorf("%s: %v, %v", host, got, err)
		}
	}
}

func TestDecode(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]thing{
		`{"id": "a", "tags": ["x", null, 5, "y"], "size": 3}`: {ID: "a", Tags: []string{"x", "y"}, Size: 3},
		`{"ID": "a", "Size": 3.0, "tags": null}`:              {ID: "a"},
		`{"id": "a", "size": "3", "tags": "x"}`:               {ID: "a", Tags: []string{"x"}},
		`{"id": 5, "createdDateTime": ["x"], "tags": [null]}`: {Tags: []string{}},
		`{"id": "a", "size": 99999999999999999999}`:           {ID: "a"},
		`[]`:   {},
		`null`: {},
		`"id"`: {}, `5`: {}, `true`: {}, `{}`: {}, "\n{ }\t": {},
		`{"id": null, "name": null, "tags": null, "size": null, "part": null, "parts": null, "whole": null}`: {},
		`{"id": {}, "name": [], "tags": {}, "size": "", "sure": 1, "part": [], "parts": "x", "whole": 7}`:    {},
		`{"id": "a", "sure": true, "name": ""}`:                                              {ID: "a", Sure: new(true), Name: new("")},
		`{"id": "a", "sure": "true", "name": true}`:                                          {ID: "a"},
		`{"tags": [], "parts": []}`:                                                          {Tags: []string{}, Parts: []*piece{}},
		`{"tags": [null, null], "parts": [null]}`:                                            {Tags: []string{}, Parts: []*piece{}},
		`{"tags": [["x"], {"y": 1}, "z"]}`:                                                   {Tags: []string{"z"}},
		`{"tags": ["null", ",null", "[null"]}`:                                               {Tags: []string{"null", ",null", "[null"}},
		`{"tags": "x", "parts": {"score": 1}}`:                                               {Tags: []string{"x"}, Parts: []*piece{{Score: new(1.0)}}},
		`{"parts": [null, {"names": [null, "n"]}, 7, {}]}`:                                   {Parts: []*piece{{Names: []string{"n"}}, {}}},
		`{"parts": [{"score": "INF"}, {"score": 1e999}, {"score": -0.5}]}`:                   {Parts: []*piece{{}, {}, {Score: new(-0.5)}}},
		`{"part": {"part": {"part": {"names": "n", "score": [1]}}, "score": 2}, "id": "a"}`:  {ID: "a", Part: &piece{Score: new(2.0), Part: &piece{Part: &piece{Names: []string{"n"}}}}},
		`{"whole": {"names": [5]}, "size": 4}`:                                               {Size: 4, Whole: piece{Names: []string{}}},
		`{"unheardOf": [null, {"id": 7}], "id": "a"}`:                                        {ID: "a"},
		`{"size": 3.5, "id": "a"}`:                                                           {ID: "a"},
		`{"id": "a", "id": "b"}`:                                                             {ID: "b"},
		`{"id": "a", "tags": ["x", "y"], "tags": ["z"]}`:                                     {ID: "a", Tags: []string{"z"}},
		`{"id": "a", "parts": [{"score": 1}, {"score": 2}], "parts": [{"names": ["n"]}]}`:    {ID: "a", Parts: []*piece{{Names: []string{"n"}}}},
		"{\"id\": \"\xff\", \"tags\": [null, \"\xc3\"]}":                                     {ID: "\ufffd", Tags: []string{"\ufffd"}},
		`{"part": ` + strings.Repeat("[", 9990) + strings.Repeat("]", 9990) + `, "id": "a"}`: {ID: "a"},
	} {
		got, err := decode[thing]([]byte(raw))
		if err != nil {
			t.Errorf("%.200s: %v", raw, err)
		} else if diff := cmp.Diff(want, *got); diff != "" {
			t.Errorf("%.200s:\n%s", raw, diff)
		}
	}
	for _, raw := range []string{
		``, `{`, `{"id": "a"}}`, `{"id": "a"} {}`, `{"tags": [null}`, "\ufeff{}", ` `, `{"id": "a",}`, `{id: "a"}`, `{"size": NaN}`, `{"size": 01}`, "{\"id\": \"\x01\"}",
		`{"tags": [null]} x`, strings.Repeat("[", 10001) + strings.Repeat("]", 10001),
	} {
		if got, err := decode[thing]([]byte(raw)); err == nil {
			t.Errorf("%.100q: %+v", raw, got)
		}
	}
}

// FuzzDecode holds that any JSON is understood somehow, and nothing else is; that no list has an entry that is none;
// and that what was understood once is understood the same again.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"id": 7}`, `{"tags": [null, [null]]}`, `[1, 2`, `{"size": 1e99, "tags": {"a": null}}`, `"null"`, "{}\xff",
		`{"parts": [null, {"names": "x", "part": {"score": "y"}}], "whole": [], "part": {"names": [null]}}`, `{"ID": "a", "id": 5, "Parts": {"SCORE": 1}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		isJSON := json.Valid(raw)
		got, err := decode[thing](raw)
		if (err == nil) != isJSON {
			t.Fatalf("%q: JSON is %v, but %v", raw, isJSON, err)
		}
		if err != nil {
			return
		}
		if slices.Contains(got.Parts, nil) {
			t.Errorf("%q: an entry of nothing in %v", raw, got.Parts)
		}
		text, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		again, err := decode[thing](text)
		if err != nil || !cmp.Equal(got, again) {
			t.Errorf("%q: %s, %v", raw, cmp.Diff(got, again), err)
		}
		if _, err := (&Collection[thing, change, *thing]{client: new(Client)}).item(&answer{
			request: request{method: "PATCH"}, header: http.Header{"Content-Type": {"application/json"}}, body: raw,
		}, "a"); err != nil && codeOf(err) != profile.OutcomeUnknown {
			t.Errorf("%q: %v", raw, err)
		}
	})
}

func TestReadAll(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		size, announced int
		err             error
	}{
		{0, -1, nil}, {0, 0, nil}, {5, 5, nil}, {5000, -1, nil}, {5000, 3, nil}, {3, 5000, nil},
		{maxAnswer, -1, nil}, {maxAnswer, maxAnswer, nil}, {maxAnswer + 1, -1, errTooLarge}, {maxAnswer + 1, maxAnswer + 1, errTooLarge},
	} {
		got, err := readAll(strings.NewReader(strings.Repeat("x", test.size)), int64(test.announced))
		if !errors.Is(err, test.err) || err == nil && len(got) != test.size {
			t.Errorf("%+v: %d bytes, %v", test, len(got), err)
		}
	}
	lost := errors.New("lost")
	for name, body := range map[string]io.Reader{
		"byte by byte":         iotest.OneByteReader(strings.NewReader("12345")),
		"the end with data":    iotest.DataErrReader(strings.NewReader("12345")),
		"now and then no data": io.MultiReader(strings.NewReader("12"), strings.NewReader(""), strings.NewReader("345")),
	} {
		if got, err := readAll(body, 5); err != nil || string(got) != "12345" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if _, err := readAll(io.MultiReader(strings.NewReader("12345"), iotest.ErrReader(lost)), 5); !errors.Is(err, lost) {
		t.Errorf("lost at the end: %v", err)
	}
}

// TestManyNames holds that an answer of very many names costs no more than its size: comparing them all with each other
// takes half a minute.
func TestManyNames(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString(`{"id": "first"`)
	for i := range 200_000 {
		fmt.Fprintf(&b, `, "n%d": 1`, i)
	}
	b.WriteString(`, "id": "last"}`)
	began := time.Now()
	got, err := decode[thing]([]byte(b.String()))
	if took := time.Since(began); err != nil || got.ID != "last" || took > 10*time.Second {
		t.Errorf("%+v, %v after %v", got, err, took)
	}
}
