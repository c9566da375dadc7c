package graph

import (
	"context"
	"slices"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// ours are fields of items that no source has.
var ours = []string{"__typename", "id", "itemId", "profileSource"}

// selection is what an operation selects below one field.
type selection struct {
	operation *graphql.OperationContext
	set       ast.SelectionSet
}

// selectionOf is the selection of the field that is being resolved.
func selectionOf(ctx context.Context) selection {
	return selection{
		operation: graphql.GetOperationContext(ctx),
		set:       graphql.GetFieldContext(ctx).Field.Selections,
	}
}

// fields are the fields selected on an object of one of the types, through fragments and directives.
func (s selection) fields(types ...string) []graphql.CollectedField {
	return graphql.CollectFields(s.operation, s.set, types)
}

// below are the selections of all fields called name, whatever their aliases.
func (s selection) below(name string, types ...string) []selection {
	var found []selection
	for _, field := range s.fields(types...) {
		if field.Name == name {
			found = append(found, selection{operation: s.operation, set: field.Selections})
		}
	}
	return found
}

// properties are the REST properties that the selections of items need, with the id and those given.
func properties(items []selection, typeName string, always ...string) []string {
	all := append([]string{"id"}, always...)
	for _, item := range items {
		for _, field := range item.fields(typeName, "ItemFacet", "Node") {
			if !slices.Contains(ours, field.Name) && !slices.Contains(all, field.Name) {
				all = append(all, field.Name)
			}
		}
	}
	return all
}
