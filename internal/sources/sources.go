// Package sources makes one facet of several sources'. A read of one item and a write go to the source that the
// caller names; a list asks all sources at once and merges what they answer (merge.go). Whoever holds the items only
// has to satisfy the small interface [Collection]; so this package knows neither REST nor GraphQL.
//
// A [Limiter] is what a source's requests pass through on their way out: it keeps a slow or broken source from costing
// more than itself.
package sources

import (
	"context"
	"fmt"
	"slices"

	"profileql/internal/profile"
)

// Collection is where one source holds the items of one facet. Its methods return a *[profile.Error] for whatever the caller should know.
type Collection interface {
	List(ctx context.Context, q profile.Query) (profile.Page, error)
	Get(ctx context.Context, ref profile.Ref, properties []string) (profile.Item, error)
	Create(ctx context.Context, source, user string, body []byte) (profile.Item, error)
	Update(ctx context.Context, ref profile.Ref, body []byte) (profile.Item, error)
	Delete(ctx context.Context, ref profile.Ref) error
}

// Source says what may be asked of a source.
type Source struct {
	Name     string
	Writable bool
	AnyUser  bool // otherwise it is asked for the signed-in person alone, and told no other's name
}

// Member is a facet as one source has it.
type Member struct {
	Source
	Collection
}

// Facet is a facet as all sources together have it.
type Facet struct {
	members []Member
	anyUser bool // whether there is a member that can be asked for any user
}

// NewFacet returns the facet of these members, whose sources have different names.
func NewFacet(members []Member) *Facet {
	anyUser := slices.ContainsFunc(members, func(m Member) bool { return m.AnyUser })
	return &Facet{members, anyUser}
}

// Get reads one item of the source that holds it.
func (f *Facet) Get(ctx context.Context, ref profile.Ref, properties []string) (profile.Item, error) {
	m, err := f.member(ref.Source, ref.User)
	if err != nil {
		return profile.Item{}, err
	}
	return m.Get(ctx, ref, properties)
}

// Create adds an item at a source.
func (f *Facet) Create(ctx context.Context, source, user string, body []byte) (profile.Item, error) {
	m, err := f.writable(source, user)
	if err != nil {
		return profile.Item{}, err
	}
	return m.Create(ctx, source, user, body)
}

// Update changes an item at the source that holds it.
func (f *Facet) Update(ctx context.Context, ref profile.Ref, body []byte) (profile.Item, error) {
	m, err := f.writable(ref.Source, ref.User)
	if err != nil {
		return profile.Item{}, err
	}
	return m.Update(ctx, ref, body)
}

// Delete removes an item from the source that holds it.
func (f *Facet) Delete(ctx context.Context, ref profile.Ref) error {
	m, err := f.writable(ref.Source, ref.User)
	if err != nil {
		return err
	}
	return m.Delete(ctx, ref)
}

// member is the one of a source, if it may be asked for the user.
func (f *Facet) member(source, user string) (*Member, error) {
	i := slices.IndexFunc(f.members, func(m Member) bool { return m.Name == source })
	if i < 0 { // package graph lets no unknown name through
		return nil, fmt.Errorf("there is no source %q", source)
	}
	m := &f.members[i]
	if user != "" && !m.AnyUser {
		return nil, m.onlyMeError()
	}
	return m, nil
}

func (f *Facet) writable(source, user string) (*Member, error) {
	m, err := f.member(source, user)
	if err == nil && !m.Writable {
		return nil, &profile.Error{
			Code: profile.ReadOnlySource, Source: source, Message: "Nothing can be changed at this source.",
		}
	}
	return m, err
}

func (s Source) onlyMeError() *profile.Error {
	return &profile.Error{
		Code: profile.UnsupportedBySource, Source: s.Name,
		Message: "The source can be asked for the signed-in person only.",
	}
}
