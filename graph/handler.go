package graph

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/vektah/gqlparser/v2/ast"
)

const (
	// maxBody is the largest request in bytes.
	maxBody = 1 << 20
	// maxTokens bounds what a document costs before anything else is known of it: validation is quadratic in it.
	maxTokens = 2000
	// maxCachedDocument is the largest document, in bytes, that is kept parsed.
	maxCachedDocument = 16 << 10
)

// Options says what the endpoint serves.
type Options struct {
	Sources       Sources // at least one
	Facets        Facets
	Introspection bool
	Log           *slog.Logger
}

// NewHandler returns the GraphQL endpoint. It fails where the facets do not fit the schema.
//
// It is built by hand from gqlgen's parts: one transport, our own POST. GET, multipart, forms, server-sent events and
// WebSocket each open another door for other web pages, and nothing here needs them.
func NewHandler(o Options) (http.Handler, error) {
	resolver, err := newResolver(NewExecutableSchema(Config{}).Schema(), o.Sources, o.Facets)
	if err != nil {
		return nil, err
	}
	executable := NewExecutableSchema(Config{Resolvers: resolver})
	checks := newInputs(executable.Schema(), resolver)
	if err := checks.Validate(executable); err != nil { // Use would panic
		return nil, fmt.Errorf("schema: %w", err)
	}
	s := handler.New(executable)
	s.AddTransport(post{})
	s.SetParserTokenLimit(maxTokens)
	s.SetQueryCache(smallDocuments{lru.New[*ast.QueryDocument](1000)})
	s.SetDisableSuggestion(!o.Introspection)
	s.SetErrorPresenter(presenter{o.Log}.present)
	s.SetRecoverFunc(recovered)
	s.Use(checks)
	if o.Introspection {
		s.Use(extension.Introspection{})
	}
	return s, nil
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
