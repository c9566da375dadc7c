package graphqlhttp

import (
	"context"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// TestObservers checks what an observer is told about each kind of request.
func TestObservers(t *testing.T) {
	t.Parallel()
	const who, fatal = "query Who { __typename }", "query Fatal { __typename }"
	relay := `{"1": "` + who + `"}`
	byHash := func(text string) string { return persistedQuery(text, false) }
	for name, test := range map[string]struct {
		manifest string
		requests []string
		want     Operation // of the last request
	}{
		"a query":        {"", []string{query(who)}, Operation{Type: "query", Name: "Who", Document: sha256Of(who), Cached: Miss, Status: 200}},
		"the same again": {"", []string{query(who), query(who)}, Operation{Type: "query", Name: "Who", Document: sha256Of(who), Cached: Hit, Status: 200}},
		"an error of a resolver": {"", []string{query(`{ node(id: "x") { id } }`)}, Operation{
			Type: "query", Document: sha256Of(`{ node(id: "x") { id } }`), Cached: Miss, Status: 200, Codes: []string{"BAD_USER_INPUT"},
		}},
		"an invalid document": {"", []string{query("{ nothing }")}, Operation{
			Document: sha256Of("{ nothing }"), Cached: Miss, Status: 200, Codes: []string{"GRAPHQL_VALIDATION_FAILED"},
		}},
		"no GraphQL":        {"", []string{"["}, Operation{Status: 400, Codes: []string{"BAD_REQUEST"}}},
		"an unknown hash":   {"", []string{byHash(who)}, Operation{Persisted: Miss, Status: 200, Codes: []string{"PERSISTED_QUERY_NOT_FOUND"}}},
		"a known hash":      {"", []string{query(who), byHash(who)}, Operation{Type: "query", Name: "Who", Document: sha256Of(who), Cached: Hit, Persisted: Hit, Status: 200}},
		"a listed one":      {relay, []string{query(who)}, Operation{Type: "query", Name: "Who", Listed: true, Document: sha256Of(who), Cached: Miss, Persisted: Hit, Status: 200}},
		"one that is not":   {relay, []string{query("{ __typename }")}, Operation{Persisted: Miss, Status: 400, Codes: []string{"OPERATION_NOT_LISTED"}}},
		"a panic elsewhere": {"", []string{query(fatal)}, Operation{Status: 500, Codes: []string{"INTERNAL_SERVER_ERROR"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := testOptions(t)
			if test.manifest != "" {
				o.Manifest = []byte(test.manifest)
			}
			o.Checkers = append(o.Checkers, func(op *ast.OperationDefinition) Check {
				if op.Name == "Fatal" {
					panic("a checker has a fault")
				}
				return nil
			})
			var seen []Operation
			o.Observers = []Observer{func(ctx context.Context, header http.Header) (context.Context, func(Operation)) {
				if header.Get("Content-Type") == "" {
					t.Error("the header of the request is missing")
				}
				return ctx, func(op Operation) { seen = append(seen, op) }
			}}
			h, err := New(o)
			if err != nil {
				t.Fatal(err)
			}
			for _, body := range test.requests {
				exchange(t.Context(), recovering(h), body)
			}
			if len(seen) != len(test.requests) {
				t.Fatalf("%d of %d requests were observed", len(seen), len(test.requests))
			}
			got := seen[len(seen)-1]
			if got.Duration <= 0 || got.Duration > time.Minute {
				t.Errorf("it took %v", got.Duration)
			}
			got.Duration = 0
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// recovering stands for the part of the server that recovers from panics.
func recovering(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { _ = recover() }()
		next.ServeHTTP(w, r)
	})
}

// TestObserversNest checks that observers end in the opposite order, and that what one puts into the context reaches the
// next one, the checks and the log.
func TestObserversNest(t *testing.T) {
	t.Parallel()
	type key struct{}
	var order []string
	observer := func(name string) Observer {
		return func(ctx context.Context, _ http.Header) (context.Context, func(Operation)) {
			before, _ := ctx.Value(key{}).(string)
			order = append(order, "begin "+before+name)
			return context.WithValue(ctx, key{}, before+name), func(Operation) { order = append(order, "end "+name) }
		}
	}
	o := testOptions(t)
	o.Observers = []Observer{observer("a"), observer("b")}
	o.Checkers = append(o.Checkers, func(*ast.OperationDefinition) Check {
		return func(ctx context.Context, _ *graphql.OperationContext) *gqlerror.Error {
			order = append(order, "check "+ctx.Value(key{}).(string))
			return nil
		}
	})
	o.Log = slog.New(handlerFunc(func(ctx context.Context) { order = append(order, "log "+ctx.Value(key{}).(string)) }))
	h, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	exchange(t.Context(), h, query("{ __typename }"))
	want := []string{"begin a", "begin ab", "check ab", "log ab", "end b", "end a"}
	if diff := cmp.Diff(want, order); diff != "" {
		t.Error(diff)
	}
}

// handlerFunc is a log that is only told contexts.
type handlerFunc func(context.Context)

func (f handlerFunc) Enabled(context.Context, slog.Level) bool        { return true }
func (f handlerFunc) Handle(ctx context.Context, _ slog.Record) error { f(ctx); return nil }
func (f handlerFunc) WithAttrs([]slog.Attr) slog.Handler              { return f }
func (f handlerFunc) WithGroup(string) slog.Handler                   { return f }
