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

// The limits of an operation's cost. docs/limits.md describes each. The largest useful operation is within them.
const (
	maxCost            = 50_000
	maxCalls           = 120
	maxRepresentations = 100
)

// overLimit returns the error for an operation over a limit.
func overLimit(name string, most int, what string) *gqlerror.Error {
	return Present(&profile.Error{
		Code: profile.LimitExceeded, Limit: name, LimitValue: most, Message: fmt.Sprintf("There are more than %d %s.", most, what),
	})
}

// costLimits rejects operations with too many requests to sources or too large a response, before the first request.
type costLimits struct{ facets map[string]*Facet }

// of returns the check of an operation.
func (l costLimits) of(op *ast.OperationDefinition) check {
	formula := l.set(op.SelectionSet)
	return func(_ context.Context, op *graphql.OperationContext) *gqlerror.Error {
		total := formula.with(op.Variables)
		switch {
		case total.representations > maxRepresentations:
			return overLimit("representations", maxRepresentations, "representations in the operation")
		case total.calls > maxCalls:
			return overLimit("upstreamCalls", maxCalls, "requests to one source")
		case total.fields > maxCost:
			return overLimit("cost", maxCost, "fields in the answer, as far as the document tells")
		}
		return nil
	}
}

// cost is the cost of a selection: fields in the response, requests to sources, and representations of a gateway. It is an
// upper bound, because it ignores @skip and @include.
type cost struct{ fields, calls, representations int }

func (c cost) plus(other cost) cost {
	return cost{
		fields: min(c.fields+other.fields, maxCost+1), calls: min(c.calls+other.calls, maxCalls+1),
		representations: min(c.representations+other.representations, maxRepresentations+1),
	}
}

// costFormula is the cost of a selection as a function of the variables.
type costFormula struct {
	fixed   cost
	counted []countedField
}

// representations is the argument of the field _entities.
const representations = "representations"

// countedField is a field that returns a list. An argument gives the length of the list, by which the cost of the
// field's selection is multiplied.
type countedField struct {
	*ast.Field
	argument string // name of the argument
	perItem  bool   // whether each entry takes a request to a source; if not, the list takes one, plus totals
	totals   int    // requests for totalCount
	inner    costFormula
}

// with returns the cost with these variables.
func (f costFormula) with(variables map[string]any) cost {
	sum := f.fixed
	for _, field := range f.counted {
		sum = sum.plus(field.with(variables))
	}
	return sum
}

func (f countedField) with(variables map[string]any) cost {
	inner, times := f.inner.with(variables), f.count(variables)
	calls := times
	if !f.perItem {
		times, calls = max(times, 1), 1+f.totals
	}
	sum := cost{fields: 1 + times*inner.fields, calls: calls + times*inner.calls}
	if f.argument == representations {
		sum.representations = times
	}
	return sum
}

// set returns the cost of a selection set. The query limits bound the number of its selections, including those in
// fragments.
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
	case parent == "Query" && f.Name == "_entities":
		counted.argument, counted.perItem = representations, true
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

// hasVariable reports whether a value contains variables.
func hasVariable(v *ast.Value) bool {
	return v.Kind == ast.Variable || slices.ContainsFunc(v.Children, func(child *ast.ChildValue) bool { return hasVariable(child.Value) })
}

// count returns the length of the list, from its argument: a number, or a list with an entry for each object.
func (f countedField) count(variables map[string]any) int {
	if given := f.Arguments.ForName(f.argument); given != nil && f.perItem && given.Value.Kind != ast.Variable {
		// The literal is not evaluated: gqlparser panics if it contains a number that is out of range.
		if given.Value.Kind == ast.ListValue {
			return len(given.Value.Children)
		}
		return 1 // a single value where a list is expected
	}
	switch v := f.ArgumentMap(variables)[f.argument].(type) {
	case []any:
		return len(v)
	case int64:
		return clampCount(v)
	case int:
		return clampCount(int64(v))
	case json.Number:
		n, _ := strconv.ParseInt(v.String(), 10, 64)
		return clampCount(n)
	}
	return 0
}

// clampCount limits a count, so that products do not overflow. The resolver rejects values over 100.
func clampCount(n int64) int { return int(min(max(n, 0), 1000)) }

// countTotals returns the number of requests for a list's totalCount: 1 if it is selected, even several times,
// otherwise 0.
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
