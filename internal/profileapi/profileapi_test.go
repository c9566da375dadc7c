package profileapi

import (
	"errors"
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

	"go.uber.org/goleak"

	"profileql/internal/profile"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recordedSource is a source in memory: it sends its responses in turn, repeating the last, and records when it received
// requests.
type recordedSource struct {
	answers []*http.Response
	err     error
	asked   []time.Duration
	began   time.Time
}

func (a *recordedSource) RoundTrip(r *http.Request) (*http.Response, error) {
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

func newResponse(status int, body string, header ...string) *http.Response {
	h := http.Header{"Content-Type": {"application/json"}}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body)), ContentLength: -1}
}

func things(t *testing.T, source http.RoundTripper) *Collection {
	t.Helper()
	client, err := New(Options{Name: "test", BaseURL: "https://source.example/beta/", Transport: source, UserAgent: "test/1", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return NewCollection(client, "things", []string{"name"})
}

// TestRetryDelays holds the delay before a retry, and when there is none.
func TestRetryDelays(t *testing.T) {
	t.Parallel()
	good := func() *http.Response { return newResponse(200, `{"id": "a"}`) }
	date := func(d time.Duration) string { // on the bubble's clock, which begins at midnight of 2000-01-01
		return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Add(d).Format(http.TimeFormat)
	}
	for name, test := range map[string]struct {
		first *http.Response
		asked []time.Duration // of a read
		write []time.Duration // of a PATCH, where it differs
	}{
		"seconds":               {first: newResponse(429, "", "Retry-After", "3"), asked: []time.Duration{0, 3 * time.Second}},
		"a fraction":            {first: newResponse(429, "", "Retry-After", "2.125"), asked: []time.Duration{0, 2125 * time.Millisecond}},
		"blanks":                {first: newResponse(429, "", "Retry-After", " 1 "), asked: []time.Duration{0, time.Second}},
		"a date":                {first: newResponse(429, "", "Retry-After", date(4*time.Second)), asked: []time.Duration{0, 4 * time.Second}},
		"a date long ago":       {first: newResponse(429, "", "Retry-After", date(-time.Hour)), asked: []time.Duration{0, 0}},
		"nothing":               {first: newResponse(429, ""), asked: []time.Duration{0, defaultRetryDelay}},
		"nonsense":              {first: newResponse(429, "", "Retry-After", "soon"), asked: []time.Duration{0, defaultRetryDelay}},
		"negative":              {first: newResponse(429, "", "Retry-After", "-5"), asked: []time.Duration{0, defaultRetryDelay}},
		"no number":             {first: newResponse(429, "", "Retry-After", "NaN"), asked: []time.Duration{0, defaultRetryDelay}},
		"longer than there is":  {first: newResponse(429, "", "Retry-After", "11"), asked: []time.Duration{0}},
		"exactly what there is": {first: newResponse(429, "", "Retry-After", "10"), asked: []time.Duration{0}},
		"for ever":              {first: newResponse(429, "", "Retry-After", "1e300"), asked: []time.Duration{0}},
		"503":                   {first: newResponse(503, "", "Retry-After", "2"), asked: []time.Duration{0, 2 * time.Second}},
		"503 without":           {first: newResponse(503, ""), asked: []time.Duration{0, defaultRetryDelay}, write: []time.Duration{0}},
		"502":                   {first: newResponse(502, "", "Retry-After", "1"), asked: []time.Duration{0, time.Second}, write: []time.Duration{0}},
		"500":                   {first: newResponse(500, "", "Retry-After", "1"), asked: []time.Duration{0}},
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
					source := &recordedSource{answers: []*http.Response{&first, good()}, began: time.Now()}
					c := things(t, source)
					var err error
					if write {
						_, err = c.Update(t.Context(), profile.Ref{ID: "a"}, []byte(`{"name":"x"}`))
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

// TestCapabilityExpires holds that an unsupported option is tried again after an hour.
func TestCapabilityExpires(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source := &recordedSource{answers: []*http.Response{newResponse(400, `{}`), newResponse(200, `{"id": "a"}`)}, began: time.Now()}
		c := things(t, source)
		get := func() int {
			source.asked = nil
			if last := source.answers[len(source.answers)-1]; last != nil {
				source.answers[len(source.answers)-1] = newResponse(200, `{"id": "a"}`)
			}
			if _, err := c.Get(t.Context(), profile.Ref{ID: "a"}, []string{"id", "name"}); err != nil {
				t.Fatal(err)
			}
			return len(source.asked)
		}
		first := get()
		second := get()
		time.Sleep(time.Hour + time.Second)
		source.answers = []*http.Response{newResponse(400, `{}`), newResponse(200, `{"id": "a"}`)}
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

// TestProxy holds that requests to loopback addresses, which may be plain HTTP, bypass the proxy.
func TestProxy(t *testing.T) {
	t.Parallel()
	proxy := proxyUnlessLoopback(func(*http.Request) (*url.URL, error) { return url.Parse("http://proxy.example:3128") })
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

func TestReadAll(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		size, announced int
		err             error
	}{
		{0, -1, nil}, {0, 0, nil}, {5, 5, nil}, {5000, -1, nil}, {5000, 3, nil}, {3, 5000, nil},
		{maxResponseBytes, -1, nil}, {maxResponseBytes, maxResponseBytes, nil}, {maxResponseBytes + 1, -1, errTooLarge}, {maxResponseBytes + 1, maxResponseBytes + 1, errTooLarge},
	} {
		got, err := readAll(strings.NewReader(strings.Repeat("x", test.size)), int64(test.announced), &largeBody{ctx: t.Context(), reservation: new(reservation)})
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
		if got, err := readAll(body, 5, &largeBody{ctx: t.Context(), reservation: new(reservation)}); err != nil || string(got) != "12345" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if _, err := readAll(io.MultiReader(strings.NewReader("12345"), iotest.ErrReader(lost)), 5, &largeBody{ctx: t.Context(), reservation: new(reservation)}); !errors.Is(err, lost) {
		t.Errorf("lost at the end: %v", err)
	}
}
