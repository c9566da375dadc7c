package graph

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"testing"

	"profileql/graph/model"
	"profileql/internal/profile"
)

// noInterests is a collection for what never gets that far.
type noInterests struct {
	Collection[model.PersonInterest, model.PersonInterestInput]
}

func (noInterests) List(context.Context, profile.Query) (profile.Page[model.PersonInterest], error) {
	return profile.Page[model.PersonInterest]{}, nil
}

func testOptions() Options {
	return Options{
		Sources: Sources{{Name: "one", Kind: model.SourceKindProfile}, {Name: "two", Kind: model.SourceKindSandbox}},
		Facets:  Facets{Interests: NewFacet[model.PersonInterest, model.PersonInterestInput](noInterests{})},
		Log:     slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
}

func testResolver(t testing.TB) *Resolver {
	t.Helper()
	o := testOptions()
	r, err := newResolver(NewExecutableSchema(Config{}).Schema(), o.Sources, o.Facets)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// FuzzGlobalID holds that what is taken for an id can be asked for, and has one text only.
func FuzzGlobalID(f *testing.F) {
	r := testResolver(f)
	for _, id := range []globalID{{}, {user: "ada@example.com"}, {"one", "", "interests", "abc"}, {"two", "$x", "interests", "a/b"}, {"one", "..", "interests", "."}} {
		f.Add(id.String())
	}
	f.Add("pq1.")
	f.Add("pq1.AAA\nA")
	f.Add("abc")
	f.Fuzz(func(t *testing.T, text string) {
		if id, err := r.parseGlobalID(text); err == nil {
			if id.String() != text {
				t.Errorf("%q is written %q", text, id)
			}
			if id.user != "" && !profile.IsSegment(id.user) || !id.isProfile() && !profile.IsSegment(id.item) {
				t.Errorf("%q: %+v", text, id)
			}
		}
		if id, err := r.parseItemID(text, "interests"); err == nil && (!profile.IsSegment(id.item) || id.facet != "interests") {
			t.Errorf("%q: %+v", text, id)
		}
	})
}

// FuzzCursor holds that what is taken for a cursor is a position that a source can be asked for.
func FuzzCursor(f *testing.F) {
	sources := testOptions().Sources
	l := list{facet: "interests", user: "ada", order: profile.Order{Property: "createdDateTime", Descending: true}}
	for _, p := range []profile.Position{{Source: "one", ID: "a"}, {Instant: "2017-01-01T00:00:46.1697867+03:00", Source: "two", ID: "'"}, {Instant: "x' or true", Source: "one", ID: "a"}} {
		f.Add(l.cursor(p))
	}
	f.Add(l.cursor(profile.Position{Source: "one", ID: "a"}) + "\n")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := l.parseCursor(text, sources)
		if err != nil {
			return
		}
		if l.cursor(*p) != text || !profile.IsSegment(p.ID) || strings.ContainsAny(p.Instant, "' ") {
			t.Errorf("%q: %+v", text, p)
		}
	})
}

// TestCursorsOfOtherLists are refused.
func TestCursorsOfOtherLists(t *testing.T) {
	t.Parallel()
	sources := testOptions().Sources
	own := list{facet: "interests", order: profile.Order{Property: "createdDateTime"}}
	position := profile.Position{Instant: "2020-01-01T00:00:00Z", Source: "one", ID: "a"}
	if p, err := own.parseCursor(own.cursor(position), sources); err != nil || *p != position {
		t.Errorf("its own: %v, %v", p, err)
	}
	for name, other := range map[string]list{
		"facet": {facet: "skills", order: own.order}, "user": {facet: "interests", user: "ada", order: own.order},
		"property": {facet: "interests", order: profile.Order{Property: "lastModifiedDateTime"}}, "direction": {facet: "interests", order: profile.Order{Property: "createdDateTime", Descending: true}},
	} {
		if p, err := own.parseCursor(other.cursor(position), sources); err == nil {
			t.Errorf("another %s: %v", name, p)
		}
	}
	position.Source = "three"
	if p, err := own.parseCursor(own.cursor(position), sources); err == nil {
		t.Errorf("an unknown source: %v", p)
	}
}

// TestProfileSources lists the sources with what they have.
func TestProfileSources(t *testing.T) {
	t.Parallel()
	r := testResolver(t)
	for _, source := range r.Sources {
		if len(source.Facets) != 1 || source.Facets[0] != "interests" {
			t.Errorf("%s has %v", source.Name, source.Facets)
		}
	}
}
