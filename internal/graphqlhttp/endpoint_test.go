package graphqlhttp

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"profileql/graph"
	"profileql/internal/profile"
)

// testSchema is the schema of schema.graphqls.
var testSchema = func() *ast.Schema {
	const file = "../../schema.graphqls"
	text, err := os.ReadFile(file)
	if err != nil {
		panic(err)
	}
	return gqlparser.MustLoadSchema(&ast.Source{Name: file, Input: string(text)})
}()

// noInterests is a collection whose lists are empty.
type noInterests struct{ graph.Collection }

func (noInterests) List(context.Context, profile.Query) (profile.Page, error) {
	return profile.Page{}, nil
}

func testOptions(t testing.TB) Options {
	t.Helper()
	return optionsOf(t, always(noInterests{}), &graph.Source{Name: "one", Kind: "PROFILE"}, &graph.Source{Name: "two", Kind: "SANDBOX"})
}

// always returns a function that returns the same collection for all facets.
func always(c graph.Collection) func(string, []string) graph.Collection {
	return func(string, []string) graph.Collection { return c }
}

// optionsOf returns the options of an endpoint with these sources and collections.
func optionsOf(t testing.TB, collection func(string, []string) graph.Collection, sources ...*graph.Source) Options {
	t.Helper()
	api, err := graph.New(graph.Options{
		Schema: graph.Schema{Parsed: testSchema}, Sources: sources,
		Collection: collection,
	})
	if err != nil {
		t.Fatal(err)
	}
	return Options{
		Executable: api.Executable, Inputs: api.Inputs, Checkers: api.Checkers, Present: graph.Present,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
}

// testEndpoint returns an endpoint with an empty collection, for requests that do not need items.
func testEndpoint(t testing.TB) http.Handler {
	t.Helper()
	h, err := New(testOptions(t))
	if err != nil {
		t.Fatal(err)
	}
	return h
}
