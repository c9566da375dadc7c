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
	// cachedPlans is how many plans are cached: two for each cached document.
	cachedPlans = 2_000
	// maxPlanned is the maximum length in bytes of a document whose plans are cached. Longer documents are not cached,
	// and plans are found only by the fields of a cached document.
	maxPlanned = 16 << 10
)

// plans is a cache of the compiled selections of cached documents, by field.
type plans struct {
	schema *projection.Schema
	cache  *lru.Cache[planKey, compiled]
}

type planKey struct {
	field    *ast.Field
	typeName string
}

// compiled is a plan and the selection set that it was compiled from. The same field can have different selection sets,
// because gqlgen merges fields, and @skip and @include omit some of them.
type compiled struct {
	set  ast.SelectionSet
	plan *projection.Plan
}

func newPlans(schema *projection.Schema) *plans {
	cache, _ := lru.New[planKey, compiled](cachedPlans) // returns an error only for a size of 0
	return &plans{schema, cache}
}

// of returns the plan of the current field's selection. The type of the field is an object type.
func (p *plans) of(ctx context.Context) *projection.Plan {
	return p.forType(ctx, graphql.GetFieldContext(ctx).Field.Definition.Type.Name())
}

// forType returns the plan of the current field's selection on an object type.
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
