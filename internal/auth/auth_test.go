package auth

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const hr = "X-Hr-Authorization"

// sendThrough sends a request with this header through the middleware, and from there to a source for each token. It returns
// the Authorization that the sources received, the caller's id, or the message of the rejection.
func sendThrough(t *testing.T, header http.Header, tokens ...Token) (seen []string, id uint64, refused string) {
	t.Helper()
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, strings.Join(r.Header["Authorization"], "|"))
		for name, values := range r.Header {
			if strings.HasPrefix(name, "X-") || name == "Cookie" {
				t.Errorf("the source saw %s: %s", name, values)
			}
		}
	}))
	defer source.Close()
	refuse := func(w http.ResponseWriter, message string) { refused = message; w.WriteHeader(400) }
	facade := Middleware([]string{"Authorization", hr}, refuse, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		id = Caller(r.Context())
		for _, token := range tokens {
			req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, source.URL, nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := Transport{Base: http.DefaultTransport, Token: token}.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if req.Header.Get("Authorization") != "" {
				t.Error("the request that was given is changed")
			}
		}
	}))
	r := httptest.NewRequest(http.MethodPost, "/graphql", io.NopCloser(strings.NewReader("{}")))
	r.Header = header
	facade.ServeHTTP(httptest.NewRecorder(), r)
	return seen, id, refused
}

var everyToken = []Token{{Header: "Authorization"}, {Header: hr}, {}, Static("s3cret"), Static("Basic abc="), {Header: "X-Other"}}

func TestTokens(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		header http.Header
		want   string
	}{
		"both":                        {http.Header{"Authorization": {"Bearer a"}, hr: {"Bearer b"}, "Cookie": {"c"}}, "Bearer a,Bearer b,,Bearer s3cret,Basic abc=,"},
		"one":                         {http.Header{hr: {"b"}}, ",Bearer b,,Bearer s3cret,Basic abc=,"},
		"a scheme of its own":         {http.Header{hr: {"Basic b="}}, ",Basic b=,,Bearer s3cret,Basic abc=,"},
		"a bare one in Authorization": {http.Header{"Authorization": {"a"}}, "a,,,Bearer s3cret,Basic abc=,"},
		"none":                        {http.Header{"X-Other": {"o"}}, ",,,Bearer s3cret,Basic abc=,"},
		"longest":                     {http.Header{"Authorization": {strings.Repeat("x", maxValue)}}, strings.Repeat("x", maxValue) + ",,,Bearer s3cret,Basic abc=,"},
	} {
		if seen, _, refused := sendThrough(t, test.header, everyToken...); strings.Join(seen, ",") != test.want || refused != "" {
			t.Errorf("%s: the sources saw %.100q, %s", name, seen, refused)
		}
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for want, header := range map[string]http.Header{
		"The header Authorization is sent more than once.":           {"Authorization": {"Bearer s3cret", "Bearer s3cret"}},
		"The header X-Hr-Authorization is longer than 16384 bytes.":  {hr: {strings.Repeat("s3cret", maxValue)}},
		"The header X-Hr-Authorization contains control characters.": {"Authorization": {"fine"}, hr: {"s3cret\r\nX-Other: y"}},
	} {
		if seen, _, refused := sendThrough(t, header, everyToken...); refused != want || len(seen) > 0 {
			t.Errorf("got %q, and the sources saw %q; want %q", refused, seen, want)
		}
	}
}

func TestCaller(t *testing.T) {
	t.Parallel()
	ids := map[uint64]string{Caller(context.Background()): "nobody"}
	for _, header := range []http.Header{
		{"Authorization": {"a"}}, {"Authorization": {"b"}}, {hr: {"a"}}, {"Authorization": {"a"}, hr: {"a"}}, {"Authorization": {"aa"}},
	} {
		_, id, _ := sendThrough(t, header)
		_, again, _ := sendThrough(t, header)
		if other, taken := ids[id]; taken || id != again {
			t.Errorf("%v is %d and then %d, as is %s", header, id, again, other)
		}
		ids[id] = header.Get("Authorization")
	}
	if _, id, _ := sendThrough(t, http.Header{"X-Other": {"x"}}); id != 0 {
		t.Errorf("without a token: %d", id)
	}
}
