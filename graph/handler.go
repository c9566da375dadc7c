package graph

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"sync/atomic"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// maxCachedDocument is the largest document, in bytes, that is kept parsed, and cachedDocuments how many are.
const (
	maxCachedDocument = 16 << 10
	cachedDocuments   = 1000
)

// Options says what the endpoint serves.
type Options struct {
	Sources  Sources // at least one
	Facets   Facets
	Manifest []byte                 // of trusted documents, the only ones that are run; nil for any document
	Shown    func(http.Header) bool // whether a request with these headers may learn the schema; nil for none
	Log      *slog.Logger
}

// NewHandler returns the GraphQL endpoint. It fails where the facets do not fit the schema, or where a trusted
// document does not.
//
// It is built by hand from gqlgen's parts: one transport, our own POST. GET, multipart, forms, server-sent events and
// WebSocket each open another door for other web pages, and nothing here needs them.
func NewHandler(o Options) (http.Handler, error) {
	resolver, err := newResolver(NewExecutableSchema(Config{}).Schema(), o.Sources, o.Facets)
	if err != nil {
		return nil, err
	}
	executable := NewExecutableSchema(Config{Schema: shownSchema(), Resolvers: resolver})
	checks := newInputs(executable.Schema(), resolver)
	if err := checks.Validate(executable); err != nil { // Use would panic
		return nil, fmt.Errorf("schema: %w", err)
	}
	var trusted *documents
	if o.Manifest != nil {
		if trusted, err = newDocuments(o.Manifest, executable.Schema()); err != nil {
			return nil, err
		}
	}
	if o.Shown == nil || trusted != nil {
		o.Shown = func(http.Header) bool { return false }
	}
	cache := smallDocuments{lru.New[*ast.QueryDocument](cachedDocuments)}
	s := handler.New(executable)
	s.AddTransport(post{documents: trusted, log: o.Log})
	s.SetParserTokenLimit(maxTokens.value)
	s.SetQueryCache(cache)
	s.SetErrorPresenter(presenter{o.Log, o.Shown, new(atomic.Int64)}.present)
	s.SetRecoverFunc(recovered)
	s.Use(guard{cache})
	s.Use(price{resolver.facets})
	s.Use(checks)
	s.Use(disclosure{o.Shown})
	return s, nil
}

// shownSchema is the schema without @defer, which gqlparser declares for every one: answers come in one piece here, so
// introspection must not offer it.
func shownSchema() *ast.Schema {
	s := *parsedSchema
	s.Directives = maps.Clone(s.Directives)
	delete(s.Directives, "defer")
	return &s
}

// smallDocuments caches no document over maxCachedDocument, so that the cache's size is bounded in bytes too.
type smallDocuments struct {
	graphql.Cache[*ast.QueryDocument]
}

func (c smallDocuments) Add(ctx context.Context, query string, document *ast.QueryDocument) {
	if len(query) <= maxCachedDocument {
		c.Cache.Add(ctx, query, document)
	}
}

// disclosure lets those learn the schema by introspection who may.
type disclosure struct{ shown func(http.Header) bool }

// ExtensionName implements [graphql.HandlerExtension].
func (disclosure) ExtensionName() string { return "Disclosure" }

// Validate implements [graphql.HandlerExtension].
func (disclosure) Validate(graphql.ExecutableSchema) error { return nil }

// MutateOperationContext implements [graphql.OperationContextMutator].
func (d disclosure) MutateOperationContext(_ context.Context, op *graphql.OperationContext) *gqlerror.Error {
	op.DisableIntrospection = !d.shown(op.Headers)
	if !op.DisableIntrospection {
		return nil
	}
	for _, f := range graphql.CollectFields(op, op.Operation.SelectionSet, []string{"Query"}) {
		if f.Name == "__schema" || f.Name == "__type" { // gqlgen would take it for a fault of ours
			return &gqlerror.Error{
				Message:    "The schema is not shown here. The command `profileql schema` prints it.",
				Locations:  []gqlerror.Location{{Line: f.Position.Line, Column: f.Position.Column}},
				Extensions: map[string]any{"code": codeBadRequest},
			}
		}
	}
	return nil
}
