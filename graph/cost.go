package graph

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"profileql/internal/profile"
)

// The limits of what an operation may cost; docs/limits.md says what each is for. The largest sensible operation passes.
const (
	maxCost  = 50_000
	maxCalls = 120
)

// overLimit is the error for an operation that asks for too much.
func overLimit(name string, most int, what string) *gqlerror.Error {
	return Present(&profile.Error{
		Code: profile.LimitExceeded, Limit: name, LimitValue: most, Message: fmt.Sprintf("There are more than %d %s.", most, what),
	})
}

// costLimits refuses operations that would ask too much of the sources, or answer too much, before anything is asked.
type costLimits struct{ facets map[string]*Facet }

// of makes the check of an operation.
func (l costLimits) of(op *ast.OperationDefinition) check {
	formula := l.set(op.SelectionSet)
	return func(_ context.Context, op *graphql.OperationContext) *gqlerror.Error {
		total := formula.with(op.Variables)
		switch {
		case total.calls > maxCalls:
			return overLimit("upstreamCalls", maxCalls, "requests to one source")
		case total.fields > maxCost:
			return overLimit("cost", maxCost, "fields in the answer, as far as the document tells")
		}
		return nil
	}
}

// cost is what a selection costs: fields in the answer, and requests to sources. It is never too low, but may be too
// high where @skip and @include leave something out.
type cost struct{ fields, calls int }

func (c cost) plus(other cost) cost {
	return cost{min(c.fields+other.fields, maxCost+1), min(c.calls+other.calls, maxCalls+1)}
}

// costFormula is what a selection costs, as long as its variables are not known.
type costFormula struct {
	fixed   cost
	counted []countedField
}

// countedField is a field whose answer is as long as an argument says: what is below it counts as often.
type countedField struct {
	*ast.Field
	argument string // that it is
	perItem  bool   // whether each entry is a request to a source; otherwise there is one, and one for totals
	totals   int
	inner    costFormula
}

// with is the cost with these variables.
func (f costFormula) with(variables map[string]any) cost {
	sum := f.fixed
	for _, field := range f.counted {
		sum = sum.plus(field.with(variables))
	}
	return sum
}

func (f countedField) with(variables map[string]any) cost {
	inner, times := f.inner.with(variables), countOf(f.Field, f.argument, variables)
	calls := times
	if !f.perItem {
		times, calls = max(times, 1), 1+f.totals
	}
	return cost{fields: 1 + times*inner.fields, calls: calls + times*inner.calls}
}

// set adds up a selection set. The query limits have bounded how many selections it has with its fragments.
func (l costLimits) set(set ast.SelectionSet) (sum costFormula) {
	for _, s := range set {
		var f costFormula
		switch s := s.(type) {
		case *ast.Field:
			f = l.field(s)
		case *ast.InlineFragment:
			f = l.set(s.SelectionSet)
		case *ast.FragmentSpread:
			f = l.set(s.Definition.SelectionSet)
		}
		sum = costFormula{sum.fixed.plus(f.fixed), append(sum.counted, f.counted...)}
	}
	return sum
}

func (l costLimits) field(f *ast.Field) costFormula {
	inner := l.set(f.SelectionSet)
	counted := countedField{Field: f, inner: inner}
	switch parent := f.ObjectDefinition.Name; {
	case parent == "Query" && f.Name == "nodes":
		counted.argument, counted.perItem = "ids", true
	case parent == "Profile" && l.facets[f.Name] != nil:
		counted.argument, counted.totals = "first", countTotals(f.SelectionSet)
	default:
		own := cost{fields: 1}
		if parent == "Mutation" || parent == "Query" && f.Name == "node" {
			own.calls = 1
		}
		return costFormula{inner.fixed.plus(own), inner.counted}
	}
	if argument := f.Arguments.ForName(counted.argument); argument != nil && hasVariable(argument.Value) || len(inner.counted) > 0 {
		return costFormula{counted: []countedField{counted}}
	}
	return costFormula{fixed: counted.with(nil)}
}

// hasVariable tells whether a value depends on variables.
func hasVariable(v *ast.Value) bool {
	return v.Kind == ast.Variable || slices.ContainsFunc(v.Children, func(child *ast.ChildValue) bool { return hasVariable(child.Value) })
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
