package graphqlhttp

import (
	"fmt"

	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// checkDocument returns an error if a document is too expensive to validate. Its time is linear in the document's
// length, and in the number of selections with fragments expanded, which maxSelections bounds.
func checkDocument(document *ast.QueryDocument) *gqlerror.Error {
	w := &documentWalk{fragments: make(map[string]*fragment, len(document.Fragments))}
	for _, f := range document.Fragments {
		w.fragments[f.Name] = &fragment{set: f.SelectionSet}
		w.directives += len(f.Directives)
	}
	selections := 0
	for _, op := range document.Operations {
		size, err := w.operation(op)
		if err != nil {
			return err
		}
		selections += size.selections
	}
	for _, f := range document.Fragments { // those that are not spread anywhere
		if w.fragments[f.Name].state == measured {
			continue
		}
		size, err := w.fragment(f.Name)
		if err != nil {
			return err
		}
		selections += size.selections
	}
	for _, over := range []struct {
		limit
		is int
	}{{maxDirectives, w.directives}, {maxAliases, w.aliases}, {maxSelections, selections}, {maxNameBytes, w.longestName}} {
		if over.is > over.value {
			return over.exceeded()
		}
	}
	return w.checkRepetitions(document)
}

// documentWalk measures a document.
type documentWalk struct {
	fragments                        map[string]*fragment
	directives, aliases, longestName int
}

// fragment is a fragment and its size, once measured.
type fragment struct {
	set   ast.SelectionSet
	state fragmentState
	size  size
}

type fragmentState int

const (
	unmeasured fragmentState = iota
	measuring
	measured
)

// size is the size of a selection set with its fragments expanded.
type size struct{ selections, depth int }

func (w *documentWalk) operation(op *ast.OperationDefinition) (size, *gqlerror.Error) {
	if op.Operation == ast.Subscription {
		return size{}, refused(op.Position, "Subscriptions are not supported.")
	}
	w.directives += len(op.Directives)
	for _, v := range op.VariableDefinitions {
		w.directives += len(v.Directives)
		w.name(v.Variable)
	}
	w.name(op.Name)
	return w.set(op.SelectionSet)
}

func (w *documentWalk) set(set ast.SelectionSet) (sum size, err *gqlerror.Error) {
	for _, s := range set {
		inner, err := w.selection(s)
		if err != nil {
			return size{}, err
		}
		sum.selections = min(sum.selections+1+inner.selections, maxSelections.value+1)
		sum.depth = max(sum.depth, inner.depth)
	}
	if sum.depth > maxDepth.value {
		return size{}, maxDepth.exceeded()
	}
	return sum, nil
}

// selection returns the size of a selection's selection set, with a level of depth for a field. Fragments do not add to
// the depth.
func (w *documentWalk) selection(s ast.Selection) (size, *gqlerror.Error) {
	switch s := s.(type) {
	case *ast.Field:
		if s.Alias != s.Name {
			w.aliases++
		}
		w.name(s.Name)
		w.name(s.Alias)
		for _, a := range s.Arguments {
			w.name(a.Name)
		}
		if err := w.count(s.Directives); err != nil {
			return size{}, err
		}
		inner, err := w.set(s.SelectionSet)
		inner.depth++
		return inner, err
	case *ast.InlineFragment:
		w.name(s.TypeCondition)
		if err := w.count(s.Directives); err != nil {
			return size{}, err
		}
		return w.set(s.SelectionSet)
	case *ast.FragmentSpread:
		if err := w.count(s.Directives); err != nil {
			return size{}, err
		}
		return w.fragment(s.Name)
	}
	return size{}, nil
}

func (w *documentWalk) name(name string) { w.longestName = max(w.longestName, len(name)) }

// count counts directives. It returns an error for @defer and @stream.
func (w *documentWalk) count(directives ast.DirectiveList) *gqlerror.Error {
	w.directives += len(directives)
	for _, d := range directives {
		w.name(d.Name)
		if d.Name == "defer" || d.Name == "stream" {
			return refused(d.Position, "@"+d.Name+" is not supported: responses are not incremental.")
		}
	}
	return nil
}

func (w *documentWalk) fragment(name string) (size, *gqlerror.Error) {
	w.name(name)
	f := w.fragments[name]
	switch {
	case f == nil: // reported by validation
		return size{}, nil
	case f.state == measured:
		return f.size, nil
	case f.state == measuring:
		return size{}, refused(nil, fmt.Sprintf("Cannot spread fragment %q within itself.", clip(name)))
	}
	f.state = measuring
	var err *gqlerror.Error
	f.size, err = w.set(f.set)
	f.state = measured
	return f.size, err
}

// refused returns an error with the code of validation errors.
func refused(at *ast.Position, message string) *gqlerror.Error {
	err := &gqlerror.Error{Message: message, Locations: locations(at)}
	errcode.Set(err, errcode.ValidationFailed)
	return err
}

// checkRepetitions checks the number of fields in each selection set with its fragments expanded. Before it is called,
// the document must have been checked for cycles and for maxSelections.
func (w *documentWalk) checkRepetitions(document *ast.QueryDocument) *gqlerror.Error {
	for _, op := range document.Operations {
		root := maxRootFields
		if op.Operation == ast.Mutation {
			root = maxMutations
		}
		fields := w.fields(op.SelectionSet, nil)
		if len(fields) > root.value {
			return root.exceeded()
		}
		if err := w.checkFields(fields); err != nil {
			return err
		}
	}
	return nil
}

// fields appends the fields of a selection set and of its fragments to found.
func (w *documentWalk) fields(set ast.SelectionSet, found []*ast.Field) []*ast.Field {
	for _, s := range set {
		switch s := s.(type) {
		case *ast.Field:
			found = append(found, s)
		case *ast.InlineFragment:
			found = w.fields(s.SelectionSet, found)
		case *ast.FragmentSpread:
			if f := w.fragments[s.Name]; f != nil {
				found = w.fields(f.set, found)
			}
		}
	}
	return found
}

func (w *documentWalk) checkFields(fields []*ast.Field) *gqlerror.Error {
	counts := make(map[string]int, len(fields))
	for _, f := range fields {
		if counts[f.Name]++; counts[f.Name] > maxSameField.value {
			return maxSameField.exceeded()
		}
	}
	for _, f := range fields {
		if len(f.SelectionSet) == 0 {
			continue
		}
		if err := w.checkFields(w.fields(f.SelectionSet, nil)); err != nil {
			return err
		}
	}
	return nil
}
