package graph

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"profileql/internal/profile"
)

// noInterests is a collection without methods, for operations that do not reach a source.
type noInterests struct {
	Collection
}

func (noInterests) List(context.Context, profile.Query) (profile.Page, error) {
	return profile.Page{}, nil
}

// testSchema is the schema of schema.graphqls.
var testSchema = func() *ast.Schema {
	const file = "../schema.graphqls"
	text, err := os.ReadFile(file)
	if err != nil {
		panic(err)
	}
	return gqlparser.MustLoadSchema(&ast.Source{Name: file, Input: string(text)})
}()

// testSubgraph is the same schema as a subgraph.
var testSubgraph = func() Schema {
	texts := make([]string, 2)
	for i, file := range []string{"../schema.graphqls", "../federation.graphqls"} {
		text, err := os.ReadFile(file)
		if err != nil {
			panic(err)
		}
		texts[i] = string(text)
	}
	schema, err := LoadSubgraph(texts[0], texts[1])
	if err != nil {
		panic(err)
	}
	return schema
}()

func testOptions() Options {
	return Options{
		Schema:     Schema{Parsed: testSchema},
		Sources:    Sources{{Name: "one", Kind: "PROFILE"}, {Name: "two", Kind: "SANDBOX"}},
		Collection: func(string, []string) Collection { return noInterests{} },
	}
}

func testResolver(t testing.TB) *Resolver {
	t.Helper()
	r, err := newResolver(testOptions())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// FuzzGlobalID checks that each accepted id is valid in a path, and has only one text.
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

func cursorOf(l list, p profile.Position, failed []*profile.Error) string {
	return string(l.appendCursor(nil, p, failed))
}

// FuzzCursor checks that the position of each accepted cursor is valid in a request to a source.
func FuzzCursor(f *testing.F) {
	sources := testOptions().Sources
	l := list{facet: "interests", user: "ada", order: profile.Order{Property: "createdDateTime", Descending: true}}
	for _, p := range []profile.Position{{Source: "one", ID: "a"}, {Instant: "2017-01-01T00:00:46.1697867+03:00", Source: "two", ID: "'"}, {Instant: "x' or true", Source: "one", ID: "a"}} {
		f.Add(cursorOf(l, p, nil))
	}
	missing := []*profile.Error{{Source: "two", Code: profile.SourceTimeout}, {Source: "one", Code: profile.Throttled}}
	f.Add(cursorOf(l, profile.Position{Source: "one", ID: "a"}, missing))
	f.Add(cursorOf(l, profile.Position{Source: "one", ID: "a"}, missing[:1]) + "\n")
	f.Fuzz(func(t *testing.T, text string) {
		p, failed, err := l.parseCursor(text, sources)
		if err != nil {
			return
		}
		if cursorOf(l, *p, failed) != text || !profile.IsSegment(p.ID) || strings.ContainsAny(p.Instant, "' ") || len(failed) > 2 {
			t.Errorf("%q: %+v, %v", text, p, failed)
		}
	})
}

// TestCursorsOfOtherLists checks that a list rejects the cursors of other lists.
func TestCursorsOfOtherLists(t *testing.T) {
	t.Parallel()
	sources := testOptions().Sources
	own := list{facet: "interests", order: profile.Order{Property: "createdDateTime"}}
	position := profile.Position{Instant: "2020-01-01T00:00:00Z", Source: "one", ID: "a"}
	failed := []*profile.Error{{Source: "two", Code: profile.SourceTimeout}}
	if p, f, err := own.parseCursor(cursorOf(own, position, failed), sources); err != nil || *p != position ||
		len(f) != 1 || f[0].Source != "two" || f[0].Code != profile.SourceTimeout {
		t.Errorf("its own: %v, %v, %v", p, f, err)
	}
	others := map[string]list{
		"facet":     {facet: "skills", order: own.order},
		"user":      {facet: "interests", user: "ada", order: own.order},
		"property":  {facet: "interests", order: profile.Order{Property: "lastModifiedDateTime"}},
		"direction": {facet: "interests", order: profile.Order{Property: "createdDateTime", Descending: true}},
		"sources":   {facet: "interests", order: own.order, sources: []string{"one"}},
	}
	for name, other := range others {
		if p, _, err := own.parseCursor(cursorOf(other, position, nil), sources); err == nil {
			t.Errorf("another %s: %v", name, p)
		}
	}
	elsewhere := position
	elsewhere.Source = "three"
	for name, cursor := range map[string]string{
		"an unknown source":        cursorOf(own, elsewhere, nil),
		"an unknown failed source": cursorOf(own, position, []*profile.Error{{Source: "three", Code: profile.Throttled}}),
		"a source failed twice":    cursorOf(own, position, slices.Repeat(failed, 2)),
		"a code of the caller's":   cursorOf(own, position, []*profile.Error{{Source: "two", Code: "HACKED"}}),
	} {
		if p, _, err := own.parseCursor(cursor, sources); err == nil {
			t.Errorf("%s: %v", name, p)
		}
	}
}

// TestProfileSources checks the fields of profileSources.
func TestProfileSources(t *testing.T) {
	t.Parallel()
	r := testResolver(t)
	var facets []string
	for _, field := range testSchema.Types["Profile"].Fields {
		if field.Name != "id" && !strings.HasPrefix(field.Name, "__") {
			facets = append(facets, field.Name)
		}
	}
	for _, source := range r.Sources {
		if !slices.Equal(source.facets, facets) {
			t.Errorf("%s has %v", source.Name, source.facets)
		}
	}
}
