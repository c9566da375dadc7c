package graph

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"profileql/graph/model"
	"profileql/internal/profile"
)

// Resolver is what the resolvers stand on.
type Resolver struct {
	Sources Sources
	Facets  Facets

	facets map[string]facet // Facets by name
}

// Sources are the configured sources. The first is the default one.
type Sources []*model.ProfileSource

func (s Sources) find(name string) (*model.ProfileSource, bool) {
	for _, source := range s {
		if source.Name == name {
			return source, true
		}
	}
	return nil, false
}

// Facets is the table of facets, a row each. The name of a row is that of the facet's field on Profile.
type Facets struct {
	Interests Facet[model.PersonInterest, model.PersonInterestInput, *model.PersonInterest]
}

// facet is a [Facet] whatever its types.
type facet interface {
	info() *facetInfo
	getNode(ctx context.Context, id globalID) (model.Node, error)
	remove(ctx context.Context, id globalID) error
}

// newResolver ties the facets to the schema, and tells each source which there are. It fails where a row of the table
// has no field on Profile.
func newResolver(schema *ast.Schema, sources Sources, facets Facets) (*Resolver, error) {
	r := &Resolver{Sources: sources, Facets: facets, facets: make(map[string]facet)}
	table := reflect.ValueOf(facets)
	for i := range table.NumField() {
		row := table.Type().Field(i).Name
		name := strings.ToLower(row[:1]) + row[1:]
		field := schema.Types["Profile"].Fields.ForName(name)
		if field == nil {
			return nil, fmt.Errorf("facet %s has no field on Profile", name)
		}
		f := table.Field(i).Interface().(facet)
		*f.info() = facetInfo{name: name, typeName: strings.TrimSuffix(field.Type.Name(), "Connection"), resolver: r}
		r.facets[name] = f
		for _, source := range sources {
			source.Facets = append(source.Facets, name)
		}
	}
	return r, nil
}

// sourceNamed is the name of the source that an input names; the default source's where it names none.
func (r *Resolver) sourceNamed(name *string) (string, error) {
	if name == nil {
		return r.Sources[0].Name, nil
	}
	if _, known := r.Sources.find(*name); !known {
		return "", profile.BadInput("There is no such source; the query profileSources tells which there are.")
	}
	return *name, nil
}

// sourcesNamed are the sources that a list names, sorted and each once; none where it names none, which means all.
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

// userNamed is the user that an input names; empty for the signed-in person where it names none.
func userNamed(user *string) (string, error) {
	if user == nil {
		return "", nil
	}
	if !profile.IsSegment(*user) {
		return "", profile.BadInput("The user is not one that can be asked for.")
	}
	return *user, nil
}

func profileOf(user string) *model.Profile {
	return &model.Profile{ID: globalID{user: user}.String(), User: user}
}

// node finds any object by its global id.
func (r *Resolver) node(ctx context.Context, text string) (model.Node, error) {
	id, err := r.parseGlobalID(text)
	if err != nil {
		return nil, err
	}
	if id.isProfile() {
		return profileOf(id.user), nil
	}
	return r.facets[id.facet].getNode(ctx, id)
}

// maxNodes is how many objects nodes fetches at most.
const maxNodes = 100

// nodes finds several objects at once, so that together they cost no more than one deadline of a source that is slow;
// how many requests of a caller run at a time is bounded where a source is asked. One that cannot be had is nil, with an error at its place.
func (r *Resolver) nodes(ctx context.Context, ids []string) ([]model.Node, error) {
	if len(ids) > maxNodes {
		return nil, &profile.Error{
			Code: profile.LimitExceeded, Limit: "nodes", LimitValue: maxNodes,
			Message: fmt.Sprintf("nodes takes at most %d ids.", maxNodes),
		}
	}
	found := make([]model.Node, len(ids))
	var all sync.WaitGroup
	for i, id := range ids {
		all.Go(func() { found[i] = r.nodeAt(graphql.WithPathContext(ctx, graphql.NewPathWithIndex(i)), id) })
	}
	all.Wait()
	return found, nil
}

// nodeAt is node for one of several: it tells the error at its own place, and a panic too, since it runs on a
// goroutine that gqlgen does not know of.
func (r *Resolver) nodeAt(ctx context.Context, id string) (found model.Node) {
	defer func() {
		if p := recover(); p != nil {
			graphql.AddError(ctx, graphql.GetOperationContext(ctx).Recover(ctx, p))
		}
	}()
	found, err := r.node(ctx, id)
	if err != nil {
		graphql.AddError(ctx, err)
		return nil
	}
	return found
}

// delete removes the item that a global id names.
func (r *Resolver) delete(ctx context.Context, text string) error {
	id, err := r.parseDeletable(text)
	if err != nil {
		return err
	}
	return r.facets[id.facet].remove(ctx, id)
}

func (r *Resolver) parseDeletable(text string) (globalID, error) {
	id, err := r.parseGlobalID(text)
	if err == nil && id.isProfile() {
		return globalID{}, profile.BadInput("The id is that of a profile; only items can be deleted.")
	}
	return id, err
}
