// Package sources merges the facets of several sources into one. Reads of one item and writes are routed to the source in
// the request; lists query all sources concurrently and merge the pages (merge.go). A source implements the interface
// [Collection], so this package depends on neither REST nor GraphQL.
//
// A [Limiter] isolates sources from each other: it limits concurrent requests to a source, and has a circuit breaker.
package sources

import (
	"context"
	"fmt"
	"slices"

	"profileql/internal/profile"
)

// Collection is one facet at one source. Its methods return a *[profile.Error] for errors that the caller should see.
type Collection interface {
	List(ctx context.Context, q profile.Query) (profile.Page, error)
	Get(ctx context.Context, ref profile.Ref, properties []string) (profile.Item, error)
	Create(ctx context.Context, source, user string, body []byte) (profile.Item, error)
	Update(ctx context.Context, ref profile.Ref, body []byte) (profile.Item, error)
	Delete(ctx context.Context, ref profile.Ref) error
}

// Source is the name of a source and what it allows.
type Source struct {
	Name     string
	Writable bool
	AnyUser  bool // otherwise it serves only the signed-in user, and never receives another user's name

	// Person returns the user that the source is asked for, where its token does not say who the caller is. The user is the
	// one of the request; empty for the signed-in user. It fails with a *[profile.Error] if the source must not be asked. Nil
	// asks for the user of the request.
	Person func(ctx context.Context, user string) (string, error)
}

// person returns the user that the source is asked for.
func (s *Source) person(ctx context.Context, user string) (string, error) {
	if s.Person == nil {
		return user, nil
	}
	return s.Person(ctx, user)
}

// Member is a facet at one source.
type Member struct {
	Source
	Collection
}

// Facet is a facet merged from all sources.
type Facet struct {
	members []Member
	anyUser bool // whether any member serves all users
}

// NewFacet returns a facet with these members. The names of their sources must be unique.
func NewFacet(members []Member) *Facet {
	anyUser := slices.ContainsFunc(members, func(m Member) bool { return m.AnyUser })
	return &Facet{members, anyUser}
}

// Get reads one item from its source.
func (f *Facet) Get(ctx context.Context, ref profile.Ref, properties []string) (profile.Item, error) {
	m, ref, err := f.itemMember(ctx, ref)
	if err != nil {
		return profile.Item{}, err
	}
	return m.Get(ctx, ref, properties)
}

// Create creates an item at a source.
func (f *Facet) Create(ctx context.Context, source, user string, body []byte) (profile.Item, error) {
	m, ref, err := f.writable(ctx, profile.Ref{Source: source, User: user})
	if err != nil {
		return profile.Item{}, err
	}
	return m.Create(ctx, source, ref.User, body)
}

// Update updates an item at its source.
func (f *Facet) Update(ctx context.Context, ref profile.Ref, body []byte) (profile.Item, error) {
	m, ref, err := f.writable(ctx, ref)
	if err != nil {
		return profile.Item{}, err
	}
	return m.Update(ctx, ref, body)
}

// Delete deletes an item at its source.
func (f *Facet) Delete(ctx context.Context, ref profile.Ref) error {
	m, ref, err := f.writable(ctx, ref)
	if err != nil {
		return err
	}
	return m.Delete(ctx, ref)
}

// itemMember returns the member of the source that a key names, if it serves the user, and the key with the user that the
// source is asked for.
func (f *Facet) itemMember(ctx context.Context, ref profile.Ref) (*Member, profile.Ref, error) {
	i := slices.IndexFunc(f.members, func(m Member) bool { return m.Name == ref.Source })
	if i < 0 { // package graph rejects unknown names
		return nil, ref, fmt.Errorf("there is no source %q", ref.Source)
	}
	m := &f.members[i]
	if ref.User != "" && !m.AnyUser {
		return nil, ref, m.unsupportedUser()
	}
	user, err := m.person(ctx, ref.User)
	ref.User = user
	return m, ref, err
}

// writable is itemMember for a write.
func (f *Facet) writable(ctx context.Context, ref profile.Ref) (*Member, profile.Ref, error) {
	m, ref, err := f.itemMember(ctx, ref)
	if err == nil && !m.Writable {
		err = &profile.Error{Code: profile.ReadOnlySource, Source: ref.Source, Message: "The source is read-only."}
	}
	return m, ref, err
}

func (s Source) unsupportedUser() *profile.Error {
	return &profile.Error{
		Code: profile.UnsupportedBySource, Source: s.Name,
		Message: "The source serves only the signed-in user.",
	}
}
