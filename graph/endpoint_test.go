package graph

import (
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"

	"profileql/internal/graphqlhttp"
	"profileql/internal/jsontape"
)

// endpointOf serves an API as server.go does. It returns a function that sends a document with variables in JSON.
func endpointOf(t testing.TB, o Options) (ask func(document, variables string) (answer string)) {
	t.Helper()
	api, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	h, err := graphqlhttp.New(graphqlhttp.Options{
		Executable: api.Executable, Inputs: api.Inputs, Checkers: api.Checkers, Present: Present, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return func(document, variables string) string {
		body, err := json.Marshal(map[string]any{"query": document, "variables": json.RawMessage(variables)})
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest("POST", "/graphql", strings.NewReader(string(body)))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Body.String()
	}
}

// coerced returns the coerced variables of an operation, from JSON.
func coerced(t testing.TB, r *Resolver, op *ast.OperationDefinition, variables string) map[string]any {
	t.Helper()
	tape, err := jsontape.Parse([]byte(variables))
	if err != nil {
		t.Fatal(err)
	}
	values, err := r.schema.CoerceVariables(op, tape.Root())
	if err != nil {
		t.Fatal(err)
	}
	return values
}
