package graph

import (
	"context"
	"slices"

	"github.com/99designs/gqlgen/graphql"
	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"profileql/internal/projection"
)

const (
	// cachedPlans is how many plans are kept: two for each document that is.
	cachedPlans = 2_000
	// maxPlanned is the length in bytes of the longest document that has its plans kept. Longer ones are not kept, so that
	// nobody would find their plans.
	maxPlanned = 16 << 10
)

// plans are the compiled selections of documents that are kept themselves, by the field that they are below.
type plans struct {
	schema *projection.Schema
	cache  *lru.Cache[planKey, compiled]
}

type planKey struct {
	field    *ast.Field
	typeName string
}

// compiled is a plan and what it was compiled of: a field in several places of a document has other selections where
// @skip and @include leave out some of them.
type compiled struct {
	set  ast.SelectionSet
	plan *projection.Plan
}

func newPlans(schema *projection.Schema) *plans {
	cache, _ := lru.New[planKey, compiled](cachedPlans) // fails for a size of 0 alone
	return &plans{schema, cache}
}

// of is what is selected below the field that is being resolved, whose type is an object type.
func (p *plans) of(ctx context.Context) *projection.Plan {
	return p.forType(ctx, graphql.GetFieldContext(ctx).Field.Definition.Type.Name())
}

// forType is what is selected below the field that is being resolved, of an object of one type.
func (p *plans) forType(ctx context.Context, typeName string) *projection.Plan {
	field, op := graphql.GetFieldContext(ctx).Field, graphql.GetOperationContext(ctx)
	key := planKey{field.Field, typeName}
	if known, ok := p.cache.Get(key); ok && slices.Equal(known.set, field.Selections) {
		return known.plan
	}
	plan := p.schema.Compile(typeName, []ast.SelectionSet{field.Selections}, op.Variables)
	if !plan.Conditional && len(op.RawQuery) <= maxPlanned {
		p.cache.Add(key, compiled{field.Selections, plan})
	}
	return plan
}
