package graph

import (
	"context"
	"encoding/json"
	"strconv"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// price refuses operations that would ask too much of the sources, or answer too much, before anything is asked.
type price struct{ facets map[string]*Facet }

func (p price) check(_ context.Context, op *graphql.OperationContext) *gqlerror.Error {
	bill := p.set(op.Operation.SelectionSet, op.Variables)
	switch {
	case bill.calls > maxCalls.value:
		return maxCalls.exceeded()
	case bill.cost > maxCost.value:
		return maxCost.exceeded()
	}
	return nil
}

// bill is what a selection costs: fields in the answer, and requests to sources. It is never too low, but may be too
// high where @skip and @include leave something out.
type bill struct{ cost, calls int }

// set adds up a selection set, which the guard has found to have no more than maxSelections with its fragments.
func (p price) set(set ast.SelectionSet, variables map[string]any) (sum bill) {
	for _, s := range set {
		var b bill
		switch s := s.(type) {
		case *ast.Field:
			b = p.field(s, variables)
		case *ast.InlineFragment:
			b = p.set(s.SelectionSet, variables)
		case *ast.FragmentSpread:
			b = p.set(s.Definition.SelectionSet, variables)
		}
		sum = bill{min(sum.cost+b.cost, maxCost.value+1), min(sum.calls+b.calls, maxCalls.value+1)}
	}
	return sum
}

func (p price) field(f *ast.Field, variables map[string]any) bill {
	inner := p.set(f.SelectionSet, variables)
	times, calls := 1, 0
	switch parent := f.ObjectDefinition.Name; {
	case parent == "Mutation":
		calls = 1
	case parent == "Query" && f.Name == "node":
		calls = 1
	case parent == "Query" && f.Name == "nodes":
		times = countOf(f, "ids", variables)
		calls = times
	case parent == "Profile" && p.facets[f.Name] != nil:
		times = max(countOf(f, "first", variables), 1)
		calls = 1 + countTotals(f.SelectionSet)
	}
	return bill{cost: 1 + times*inner.cost, calls: calls + times*inner.calls}
}

// countOf is the number that an argument has, or that of its entries.
func countOf(f *ast.Field, argument string, variables map[string]any) int {
	switch v := f.ArgumentMap(variables)[argument].(type) {
	case []any:
		return len(v)
	case int64:
		return clampCount(v)
	case int:
		return clampCount(int64(v))
	case json.Number:
		n, _ := strconv.ParseInt(v.String(), 10, 64)
		return clampCount(n)
	case nil:
		return 0
	}
	return 1 // a single value where a list is expected
}

// clampCount keeps products small. That more than 100 are refused is for the field to say.
func clampCount(n int64) int { return int(min(max(n, 0), 1000)) }

// countTotals is how often a list is asked for its length: at most once, for fields of one name are one field.
func countTotals(set ast.SelectionSet) int {
	for _, s := range set {
		switch s := s.(type) {
		case *ast.Field:
			if s.Name == "totalCount" {
				return 1
			}
		case *ast.InlineFragment:
			if countTotals(s.SelectionSet) > 0 {
				return 1
			}
		case *ast.FragmentSpread:
			if countTotals(s.Definition.SelectionSet) > 0 {
				return 1
			}
		}
	}
	return 0
}
