package graph

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"profileql/graph/model"
	"profileql/internal/jsontape"
	"profileql/internal/profile"
	"profileql/internal/projection"
)

// Resolver is the root of the resolvers, with the sources and facets that they use.
type Resolver struct {
	Sources Sources

	sdl    string // of the schema
	schema *projection.Schema
	plans  *plans
	facets map[string]*Facet // by name
}

// newResolver returns a resolver, and sets the facets of the sources. It returns an error if the schema has unknown types.
func newResolver(o Options) (*Resolver, error) {
	schema := o.Schema.Parsed
	projected, err := projection.New(schema, ofItem)
	if err != nil {
		return nil, err
	}
	r := &Resolver{
		Sources: o.Sources, sdl: o.Schema.SDL, schema: projected, plans: newPlans(projected), facets: make(map[string]*Facet),
	}
	for name, typeName := range facetsOf(schema) {
		r.facets[name] = &Facet{
			name: name, typeName: typeName, resolver: r, collection: o.Collection(name, properties(schema.Types[typeName])),
		}
		for _, source := range o.Sources {
			source.facets = append(source.facets, name)
		}
	}
	return r, nil
}

// facetsOf returns the facets of a schema, in its order, each with the type of its items: the fields of Profile that return
// a connection.
func facetsOf(schema *ast.Schema) iter.Seq2[string, string] {
	return func(yield func(name, itemType string) bool) {
		for _, field := range schema.Types["Profile"].Fields {
			if itemType, isFacet := strings.CutSuffix(field.Type.Name(), "Connection"); isFacet && !yield(field.Name, itemType) {
				return
			}
		}
	}
}

// ofItem reports whether ProfileQL adds this field to an item, because the source does not send it.
func ofItem(def *ast.Definition, field string) bool {
	return slices.Contains(def.Interfaces, "ItemFacet") && slices.Contains([]string{"id", "itemId", "profileSource"}, field)
}

// properties returns the REST properties of the type of an item.
func properties(item *ast.Definition) (all []string) {
	for _, f := range item.Fields {
		if !ofItem(item, f.Name) {
			all = append(all, f.Name)
		}
	}
	return all
}

// showSources resolves the field profileSources.
func (r *Resolver) showSources(ctx context.Context) []model.JSON {
	defer profile.DispatcherOf(ctx).End()
	plan, shown := r.plans.of(ctx), make([]model.JSON, len(r.Sources))
	for i, source := range r.Sources {
		shown[i] = source.append(ctx, nil, plan)
	}
	return shown
}

// sourceNamed returns the name of a source in an input, or the default source if it is nil.
func (r *Resolver) sourceNamed(name *string) (string, error) {
	if name == nil {
		return r.Sources[0].Name, nil
	}
	if _, known := r.Sources.find(*name); !known {
		return "", profile.BadInput("Unknown source; the query profileSources lists the sources.")
	}
	return *name, nil
}

// sourcesNamed returns the sources in the argument of a list, sorted and without duplicates. Nil means all sources.
func (r *Resolver) sourcesNamed(names []string) ([]string, error) {
	if names == nil {
		return nil, nil
	}
	if len(names) == 0 {
		return nil, profile.BadInput("sources is empty: name at least one, or leave it out for all.")
	}
	for _, name := range names {
		if _, err := r.sourceNamed(&name); err != nil {
			return nil, err
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(names))), nil
}

// userNamed returns the user in an input, or an empty string for the signed-in person if it is nil.
func userNamed(user *string) (string, error) {
	if user == nil {
		return "", nil
	}
	if !profile.IsSegment(*user) {
		return "", profile.BadInput("The user is not a valid id or user principal name.")
	}
	return *user, nil
}

// profileOf returns the profile of a user, of which the current field selects lists.
func (r *Resolver) profileOf(ctx context.Context, user string) *model.Profile {
	r.beginLists(ctx)
	return &model.Profile{ID: globalID{user: user}.String(), User: user}
}

// me resolves the field me.
func (r *Resolver) me(ctx context.Context) *model.Profile {
	defer profile.DispatcherOf(ctx).End()
	return r.profileOf(ctx, "")
}

// profile resolves the field profile.
func (r *Resolver) profile(ctx context.Context, user string) (*model.Profile, error) {
	defer profile.DispatcherOf(ctx).End()
	owner, err := userNamed(&user)
	if err != nil {
		return nil, err
	}
	return r.profileOf(ctx, owner), nil
}

// node returns the object with a global id.
func (r *Resolver) node(ctx context.Context, text string) (model.Node, error) {
	defer profile.DispatcherOf(ctx).End()
	id, err := r.parseGlobalID(text)
	if err != nil {
		return nil, err
	}
	return r.object(ctx, id)
}

// object returns the profile or the item with an id.
func (r *Resolver) object(ctx context.Context, id globalID) (model.Node, error) {
	if id.isProfile() {
		return r.profileOf(ctx, id.user), nil
	}
	return r.facets[id.facet].getNode(ctx, id)
}

// maxNodes is the maximum number of ids in the field nodes.
const maxNodes = 100

// nodes returns the objects with these global ids.
func (r *Resolver) nodes(ctx context.Context, ids []string) ([]model.Node, error) {
	if len(ids) > maxNodes {
		profile.DispatcherOf(ctx).End()
		return nil, &profile.Error{
			Code: profile.LimitExceeded, Limit: "nodes", LimitValue: maxNodes,
			Message: fmt.Sprintf("nodes takes at most %d ids.", maxNodes),
		}
	}
	return resolveAll(ctx, ids, r.node), nil
}

// resolveAll returns the objects that the entries of an argument name. They are fetched concurrently, so that with a slow
// source they take one timeout in total; the source's limiter bounds the concurrent requests of a caller. An object that
// cannot be fetched is nil, with an error at its index.
func resolveAll[T any](ctx context.Context, entries []T, resolve func(context.Context, T) (model.Node, error)) []model.Node {
	dispatcher := profile.DispatcherOf(ctx)
	defer dispatcher.End()
	found := make([]model.Node, len(entries))
	var all sync.WaitGroup
	dispatcher.Begin(len(entries))
	for i, entry := range entries {
		all.Go(func() {
			found[i] = resolveAt(graphql.WithPathContext(ctx, graphql.NewPathWithIndex(i)), entry, resolve)
		})
	}
	dispatcher.Wait(all.Wait)
	return found
}

// resolveAt returns the object that one entry names. It adds errors to the response at the path of the context, and also
// panics, because gqlgen does not recover those of other goroutines.
func resolveAt[T any](ctx context.Context, entry T, resolve func(context.Context, T) (model.Node, error)) (found model.Node) {
	defer func() {
		if p := recover(); p != nil {
			graphql.AddError(ctx, graphql.GetOperationContext(ctx).Recover(ctx, p))
		}
	}()
	found, err := resolve(ctx, entry)
	if err != nil {
		graphql.AddError(ctx, err)
		return nil
	}
	return found
}

// delete deletes the item with a global id, and returns the payload with the id.
func (r *Resolver) delete(ctx context.Context, text string) (model.JSON, error) {
	id, err := r.parseDeletable(text)
	if err != nil {
		return nil, err
	}
	if err := r.facets[id.facet].collection.Delete(ctx, id.ref()); err != nil {
		return nil, err
	}
	return r.plans.of(ctx).AppendFields(nil, func(dst []byte, _ *projection.Field) []byte {
		return jsontape.AppendString(dst, text)
	}), nil
}

func (r *Resolver) parseDeletable(text string) (globalID, error) {
	id, err := r.parseGlobalID(text)
	if err == nil && id.isProfile() {
		return globalID{}, profile.BadInput("The id is that of a profile; only items can be deleted.")
	}
	return id, err
}
