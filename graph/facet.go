package graph

import (
	"context"
	"errors"

	"github.com/99designs/gqlgen/graphql"

	"profileql/graph/model"
	"profileql/internal/profile"
	"profileql/internal/projection"
)

// Collection reads and writes the items of one facet. Items are the JSON that the source sent, and bodies are the JSON
// that the source accepts. The methods return a *[profile.Error] for errors that the caller may see.
type Collection interface {
	// List returns one page of a person's items.
	List(ctx context.Context, q profile.Query) (profile.Page, error)
	// Get returns one item with these REST properties.
	Get(ctx context.Context, ref profile.Ref, properties []string) (profile.Item, error)
	// Create adds an item to a person's profile at a source, and returns the stored item.
	Create(ctx context.Context, source, user string, body []byte) (profile.Item, error)
	// Update changes only the properties in the body, and returns the updated item.
	Update(ctx context.Context, ref profile.Ref, body []byte) (profile.Item, error)
	// Delete removes an item.
	Delete(ctx context.Context, ref profile.Ref) error
}

// Facet implements the resolvers of one facet. The code is the same for all facets.
type Facet struct {
	name       string // field on Profile, and path segment of the REST API
	typeName   string // GraphQL type of an item
	collection Collection
	resolver   *Resolver
}

// listOptions are the arguments of a list.
type listOptions struct {
	first   int
	after   *string
	orderBy model.ItemOrder
	sources []string // nil for all
}

func (f *Facet) list(ctx context.Context, owner *model.Profile, o listOptions) (model.JSON, error) {
	defer profile.DispatcherOf(ctx).End()
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
	plan := f.resolver.plans.of(ctx)
	selectItems(plan, &q)
	page, err := f.collection.List(ctx, q)
	if err != nil {
		return nil, listError(ctx, err)
	}
	return f.connection(ctx, plan, l, page, o.after != nil), nil
}

// connection returns a page as a connection, and adds the errors of what is missing in it.
func (f *Facet) connection(ctx context.Context, plan *projection.Plan, l list, page profile.Page, hasPrevious bool) model.JSON {
	for _, flaw := range page.Warnings {
		graphql.AddError(ctx, flaw)
	}
	addErrors(ctx, page.Failed)
	c := connection{itemWriter: f.writer(ctx, l.user), list: l, page: page, hasPrevious: hasPrevious}
	return c.append(plan)
}

// listError returns the error of a list. Those of several sources are added to the response one by one.
func listError(ctx context.Context, err error) error {
	if all, ok := errors.AsType[profile.Errors](err); ok {
		addErrors(ctx, all)
		return nil
	}
	return err
}

func addErrors(ctx context.Context, all []*profile.Error) {
	for _, e := range all {
		graphql.AddError(ctx, e)
	}
}

func (f *Facet) create(ctx context.Context, source, user graphql.Omittable[*string], item model.Patch) (model.JSON, error) {
	at, err := f.resolver.sourceNamed(source.Value())
	if err != nil {
		return nil, err
	}
	owner, err := userNamed(user.Value())
	if err != nil {
		return nil, err
	}
	created, err := f.collection.Create(ctx, at, owner, f.body(item))
	if err != nil {
		return nil, err
	}
	return f.payload(ctx, created, profile.Ref{Source: at, User: owner}), nil
}

func (f *Facet) update(ctx context.Context, id string, patch model.Patch) (model.JSON, error) {
	at, err := f.resolver.parseItemID(id, f.name)
	if err != nil {
		return nil, err
	}
	updated, err := f.collection.Update(ctx, at.ref(), f.body(patch))
	if err != nil {
		return nil, err
	}
	return f.payload(ctx, updated, at.ref()), nil
}

// body returns the request body for an input.
func (f *Facet) body(input model.Patch) []byte {
	return f.resolver.schema.AppendInput(nil, f.typeName+"Input", input)
}

// payload returns the payload of a mutation, an object with the item.
func (f *Facet) payload(ctx context.Context, item profile.Item, at profile.Ref) model.JSON {
	w := f.writer(ctx, at.User)
	dst := profile.NewBuffer(ctx, sizeOfIDs+len(item.JSON.Raw()))
	return f.resolver.plans.of(ctx).AppendFields(dst, func(dst []byte, field *projection.Field) []byte {
		return w.append(dst, field.Plan, at.Source, item)
	})
}

func (f *Facet) getNode(ctx context.Context, id globalID) (model.Node, error) {
	plan := f.resolver.plans.forType(ctx, f.typeName)
	item, err := f.collection.Get(ctx, id.ref(), withProperties([]string{"id"}, plan.Properties()))
	if err != nil {
		return nil, err
	}
	return model.JSON(f.writer(ctx, id.user).append(nil, plan, id.source, item)), nil
}

func orderOf(o model.ItemOrder) profile.Order {
	property := "createdDateTime"
	if o.Field == model.ItemOrderFieldLastModifiedDateTime {
		property = "lastModifiedDateTime"
	}
	return profile.Order{Property: property, Descending: o.Direction == model.OrderDirectionDesc}
}
