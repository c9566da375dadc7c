package profile

import (
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// FuzzIsSegment holds that a valid segment, once escaped, is exactly one segment of a URL path.
func FuzzIsSegment(f *testing.F) {
	for _, seed := range []string{"a", "..", "%2e%2e", "a/b", "\x7f", "é", "?x#y", "a;b", strings.Repeat("x", 513), "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !IsSegment(text) {
			return
		}
		u, err := url.Parse("https://a.example/before/" + url.PathEscape(text) + "/after")
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		parts := strings.Split(u.JoinPath().EscapedPath(), "/")
		if len(parts) != 4 {
			t.Fatalf("%q: %q", text, parts)
		}
		if got, err := url.PathUnescape(parts[2]); err != nil || got != text {
			t.Errorf("%q came back as %q, %v", text, got, err)
		}
	})
}

// TestOrder holds that Compare is a total order: antisymmetric and transitive.
func TestOrder(t *testing.T) {
	t.Parallel()
	instants := rapid.SampledFrom([]string{"", "0001-01-01T00:00:00Z", "2020-01-01T00:00:00Z", "2020-01-01T01:00:00+01:00", "2020-01-01T00:00:00.1Z", "2020-01-01T00:00:00.10Z"})
	positions := rapid.Custom(func(t *rapid.T) Position {
		return Position{
			Instant: instants.Draw(t, "instant"), Source: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "source"),
			ID: rapid.SampledFrom([]string{"1", "2"}).Draw(t, "id"), OrderedLocally: rapid.Bool().Draw(t, "ordered here"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		o := Order{Descending: rapid.Bool().Draw(t, "descending")}
		ties := func(a, b Position) bool { return o.CompareInstants(a, b) == 0 }
		a, b, c := positions.Draw(t, "a"), positions.Draw(t, "b"), positions.Draw(t, "c")
		if o.Compare(a, b) != -o.Compare(b, a) {
			t.Fatalf("%v and %v", a, b)
		}
		if o.Compare(a, b) <= 0 && o.Compare(b, c) <= 0 && o.Compare(a, c) > 0 {
			t.Fatalf("%v, %v, %v", a, b, c)
		}
		if ties(a, b) != ties(b, a) || ties(a, b) && ties(b, c) != ties(a, c) {
			t.Fatalf("ties of %v, %v, %v", a, b, c)
		}
		if a.Instant == "" && b.Instant != "" && o.Compare(a, b) <= 0 {
			t.Fatalf("no instant comes before %v", b)
		}
	})
	first, last := Position{Instant: "0001-01-01T00:00:00Z", ID: "z"}, Position{Instant: "2020-01-01T00:00:00Z", ID: "a"}
	if (Order{}).Compare(first, last) >= 0 || (Order{Descending: true}).Compare(first, last) <= 0 {
		t.Error("the first year is an instant like others")
	}
	if (Order{}).Compare(Position{Instant: "2020-01-01T01:00:00+01:00", ID: "a"}, Position{Instant: "2020-01-01T00:00:00Z", ID: "b"}) >= 0 {
		t.Error("an instant is the same in any offset")
	}
}
