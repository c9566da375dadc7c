// Package sources makes one facet of several sources'. A read of one item and a write go to the source that the
// caller names; a list asks all sources at once and merges what they answer (merge.go). Whoever holds the items only
// has to satisfy the small interface [Collection]; so this package knows neither REST nor GraphQL.
//
// A [Guard] is what a source's requests pass through on their way out: it keeps a slow or broken source from costing
// more than itself.
package sources

import (
	"context"
	"fmt"
	"slices"

	"profileql/internal/profile"
)

// Collection is where one source holds the items of one facet: T is the type of an item, I that of a change. Its
// methods return a *[profile.Error] for whatever the caller should know.
type Collection[T, I any] interface {
	List(ctx context.Context, q profile.Query) (profile.Page[T], error)
	Get(ctx context.Context, ref profile.Ref, properties []string) (*T, error)
	Create(ctx context.Context, source, user string, item *I) (*T, error)
	Update(ctx context.Context, ref profile.Ref, patch *I) (*T, error)
	Delete(ctx context.Context, ref profile.Ref) error
}

// Source says what may be asked of a source.
type Source struct {
	Name     string
	Writable bool
	AnyUser  bool // otherwise it is asked for the signed-in person alone, and told no other's name
}

// Member is a facet as one source has it.
type Member[T, I any] struct {
	Source
	Collection[T, I]
}

// Facet is a facet as all sources together have it.
type Facet[T, I any] struct {
	members []Member[T, I]
	anyUser bool // whether there is a member that can be asked for any user
}

// NewFacet returns the facet of these members, whose sources have different names.
func NewFacet[T, I any](members []Member[T, I]) *Facet[T, I] {
	anyUser := slices.ContainsFunc(members, func(m Member[T, I]) bool { return m.AnyUser })
	return &Facet[T, I]{members, anyUser}
}

// Get reads one item of the source that holds it.
func (f *Facet[T, I]) Get(ctx context.Context, ref profile.Ref, properties []string) (*T, error) {
	m, err := f.member(ref.Source, ref.User)
	if err != nil {
		return nil, err
	}
	return m.Get(ctx, ref, properties)
}

// Create adds an item at a source.
func (f *Facet[T, I]) Create(ctx context.Context, source, user string, item *I) (*T, error) {
	m, err := f.writable(source, user)
	if err != nil {
		return nil, err
	}
	return m.Create(ctx, source, user, item)
}

// Update changes an item at the source that holds it.
func (f *Facet[T, I]) Update(ctx context.Context, ref profile.Ref, patch *I) (*T, error) {
	m, err := f.writable(ref.Source, ref.User)
	if err != nil {
		return nil, err
	}
	return m.Update(ctx, ref, patch)
}

// Delete removes an item from the source that holds it.
func (f *Facet[T, I]) Delete(ctx context.Context, ref profile.Ref) error {
	m, err := f.writable(ref.Source, ref.User)
	if err != nil {
		return err
	}
	return m.Delete(ctx, ref)
}

// member is the one of a source, if it may be asked for the user.
func (f *Facet[T, I]) member(source, user string) (*Member[T, I], error) {
	i := slices.IndexFunc(f.members, func(m Member[T, I]) bool { return m.Name == source })
	if i < 0 { // package graph lets no unknown name through
		return nil, fmt.Errorf("there is no source %q", source)
	}
	m := &f.members[i]
	if user != "" && !m.AnyUser {
		return nil, m.onlyMe()
	}
	return m, nil
}

func (f *Facet[T, I]) writable(source, user string) (*Member[T, I], error) {
	m, err := f.member(source, user)
	if err == nil && !m.Writable {
		return nil, &profile.Error{
			Code: profile.ReadOnlySource, Source: source, Message: "Nothing can be changed at this source.",
		}
	}
	return m, err
}

func (s Source) onlyMe() *profile.Error {
	return &profile.Error{
		Code: profile.UnsupportedBySource, Source: s.Name,
		Message: "The source can be asked for the signed-in person only.",
	}
}
