package graph

import (
	"context"
	"errors"

	"github.com/99designs/gqlgen/graphql"

	"profileql/graph/model"
	"profileql/internal/profile"
)

// Collection is where the items of one facet live: T is the type of an item, I that of a change. Its methods return
// a *[profile.Error] for whatever the caller should know.
type Collection[T, I any] interface {
	// List returns one page of a person's items.
	List(ctx context.Context, q profile.Query) (profile.Page[T], error)
	// Get returns one item, with the REST properties named.
	Get(ctx context.Context, ref profile.Ref, properties []string) (*T, error)
	// Create adds an item to a person's profile at a source, and returns it as it was stored.
	Create(ctx context.Context, source, user string, item *I) (*T, error)
	// Update changes what patch names and nothing else, and returns the item as it is afterwards.
	Update(ctx context.Context, ref profile.Ref, patch *I) (*T, error)
	// Delete removes an item.
	Delete(ctx context.Context, ref profile.Ref) error
}

// Facet serves one facet to its resolvers: ids, cursors, selections and pages, the same for all facets.
type Facet[T, I any, PT model.Item[T]] struct {
	*facetInfo
	collection Collection[T, I]
}

// facetInfo is what is known of a facet whatever its types. The resolver fills it in.
type facetInfo struct {
	name     string // field on Profile, and path segment of the REST API
	typeName string // GraphQL type of an item
	resolver *Resolver
}

// NewFacet makes the row of a facet in [Facets] from where its items live.
func NewFacet[T, I any, PT model.Item[T]](collection Collection[T, I]) Facet[T, I, PT] {
	return Facet[T, I, PT]{facetInfo: new(facetInfo), collection: collection}
}

// listOptions are the arguments of a list.
type listOptions struct {
	first   int
	after   *string
	orderBy model.ItemOrder
	sources []string // nil for all
}

func (f Facet[T, I, PT]) list(ctx context.Context, owner *model.Profile, o listOptions) (*model.Connection[T], error) {
	if o.first < 1 || o.first > 100 {
		return nil, profile.BadInput("first must be from 1 to 100.")
	}
	names, err := f.resolver.sourcesNamed(o.sources)
	if err != nil {
		return nil, err
	}
	l := list{facet: f.name, user: owner.User, order: orderOf(o.orderBy), sources: names}
	q := profile.Query{User: owner.User, Order: l.order, Limit: o.first, Sources: names}
	if o.after != nil {
		if q.After, q.Failed, err = l.parseCursor(*o.after, f.resolver.Sources); err != nil {
			return nil, err
		}
	}
	selected, connection := selectionOf(ctx), f.typeName+"Connection"
	items := selected.below("nodes", connection)
	for _, edges := range selected.below("edges", connection) {
		items = append(items, edges.below("node", f.typeName+"Edge")...)
	}
	q.Properties = properties(items, f.typeName, l.order.Property)
	q.Count = len(selected.below("totalCount", connection)) > 0

	page, err := f.collection.List(ctx, q)
	var all profile.Errors
	if errors.As(err, &all) {
		addErrors(ctx, all)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, flaw := range page.Flaws {
		graphql.AddError(ctx, flaw)
	}
	addErrors(ctx, page.Failed)
	return f.connection(l, page, o.after != nil), nil
}

func addErrors(ctx context.Context, all []*profile.Error) {
	for _, e := range all {
		graphql.AddError(ctx, e)
	}
}

func (f Facet[T, I, PT]) connection(l list, page profile.Page[T], hasPrevious bool) *model.Connection[T] {
	c := &model.Connection[T]{
		Edges:         make([]*model.Edge[T], len(page.Entries)),
		Nodes:         make([]*T, len(page.Entries)),
		PageInfo:      &model.PageInfo{HasNextPage: page.More, HasPreviousPage: hasPrevious},
		TotalCount:    page.Total,
		FailedSources: make([]*model.FailedSource, len(page.Failed)),
	}
	for i, entry := range page.Entries {
		c.Nodes[i] = f.bind(entry.Item, profile.Ref{Source: entry.Position.Source, User: l.user})
		c.Edges[i] = &model.Edge[T]{Cursor: l.cursor(entry.Position, page.Failed), Node: entry.Item}
	}
	if n := len(c.Edges); n > 0 {
		c.PageInfo.StartCursor, c.PageInfo.EndCursor = &c.Edges[0].Cursor, &c.Edges[n-1].Cursor
	}
	for i, e := range page.Failed {
		source, _ := f.resolver.Sources.find(e.Source) // only known ones are asked
		c.FailedSources[i] = &model.FailedSource{Source: source, Code: string(e.Code), Message: e.Message}
	}
	return c
}

func (f Facet[T, I, PT]) create(ctx context.Context, source, user graphql.Omittable[*string], item *I) (*T, error) {
	at, err := f.resolver.sourceNamed(source.Value())
	if err != nil {
		return nil, err
	}
	owner, err := userNamed(user.Value())
	if err != nil {
		return nil, err
	}
	created, err := f.collection.Create(ctx, at, owner, item)
	return f.bindResult(created, err, profile.Ref{Source: at, User: owner})
}

func (f Facet[T, I, PT]) update(ctx context.Context, id string, patch *I) (*T, error) {
	at, err := f.resolver.parseItemID(id, f.name)
	if err != nil {
		return nil, err
	}
	updated, err := f.collection.Update(ctx, at.ref(), patch)
	return f.bindResult(updated, err, at.ref())
}

func (f Facet[T, I, PT]) getNode(ctx context.Context, id globalID) (model.Node, error) {
	wanted := properties([]selection{selectionOf(ctx)}, f.typeName)
	item, err := f.collection.Get(ctx, id.ref(), wanted)
	if err != nil {
		return nil, err
	}
	return PT(f.bind(item, id.ref())), nil
}

func (f Facet[T, I, PT]) remove(ctx context.Context, id globalID) error {
	return f.collection.Delete(ctx, id.ref())
}

func (f Facet[T, I, PT]) info() *facetInfo { return f.facetInfo }

func (f Facet[T, I, PT]) bindResult(item *T, err error, at profile.Ref) (*T, error) {
	if err != nil {
		return nil, err
	}
	return f.bind(item, at), nil
}

// bind gives an item its global id. Nothing else does.
func (f Facet[T, I, PT]) bind(item *T, at profile.Ref) *T {
	source, _ := f.resolver.Sources.find(at.Source) // every Ref names a known source
	PT(item).Bind(func(own string) string {
		return globalID{source: at.Source, user: at.User, facet: f.name, item: own}.String()
	}, source)
	return item
}

func orderOf(o model.ItemOrder) profile.Order {
	property := "createdDateTime"
	if o.Field == model.ItemOrderFieldLastModifiedDateTime {
		property = "lastModifiedDateTime"
	}
	return profile.Order{Property: property, Descending: o.Direction == model.OrderDirectionDesc}
}
