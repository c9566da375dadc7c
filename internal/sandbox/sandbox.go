// Package sandbox implements the profile API, the REST interface of Microsoft Graph's /profile, over SQLite, with
// sample data. ProfileQL starts it when no source is configured; tests and frontend development use it offline.
//
// It behaves like the real API, including its oddities, so that what works against it works against Microsoft Graph.
// Facets and their properties are defined in profile.csdl only: a new facet is a type there, and seed data.
//
// A request goes through these files: handler.go (the caller, and the faults of the request), resource.go (the resource
// that the path names), then read.go, page.go and profile.go (lists, items and the profile), write.go with body.go and
// provenance.go (the request's body, and the audit properties that the server sets), or batch.go (several requests);
// jsonformat.go and answer.go (the response), errors.go (error responses). lag.go delays the visibility of writes, and
// seed.go has the people.
//
// OData without HTTP is in two other packages: edm has the types, applies a body to an item and stores an item as JSON;
// odata reads query options and keys, and evaluates them. Package store stores items in SQLite. Package faults decides
// which faults a request gets; they are applied here, in handler.go, answer.go, jsonformat.go and lag.go.
//
// docs/sandbox.md says what is known of the real API.
package sandbox

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"

	"profileql/internal/sandbox/edm"
	"profileql/internal/sandbox/faults"
	"profileql/internal/sandbox/store"
)

// description is the CSDL document of the profile API's types (OData CSDL XML 4.01). It is also the response of
// $metadata.
//
//go:embed profile.csdl
var description string

// Options are the options of [Open]. The zero value keeps everything in memory, and uses the current time.
type Options struct {
	Data         string           // path of the SQLite file; empty for memory
	Seed         string           // of an empty database: "", or "lab" for other items of the same people
	RequireToken bool             // answer 401 to requests without a bearer token
	Faults       faults.Config    // initial rules
	Now          func() time.Time // time.Now when nil
	NewID        func() string    // generates ids of items; random GUIDs when nil
	Log          *slog.Logger     // for internal errors; discarded when nil
}

// Person is a user of the sandbox.
type Person = store.Person

// Sandbox is an open profile API. It is safe for concurrent use.
type Sandbox struct {
	store        *store.Store
	lag          lag
	profile      *edm.StructuredType // its navigation properties are the facets
	people       []Person
	faults       *faults.Set
	requireToken bool
	now          func() time.Time
	newID        func() string
	log          *slog.Logger
}

// Open opens the database, or creates it, and adds seed data if there are no people. It returns an error if the
// directory of the file does not exist, if the file is not a sandbox's or was written by a newer ProfileQL, or if the
// seed is unknown.
func Open(ctx context.Context, o Options) (*Sandbox, error) {
	profile, err := edm.ParseCSDL(description, "profile")
	if err != nil {
		return nil, err
	}
	people, err := readSeeds(o.Seed)
	if err != nil {
		return nil, err
	}
	s := &Sandbox{
		profile: profile, faults: faults.NewSet(o.Faults), requireToken: o.RequireToken,
		now: o.Now, newID: o.NewID, log: o.Log,
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.newID == nil {
		s.newID = uuid.NewString
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.store, err = store.Open(ctx, o.Data, sortKeys); err != nil {
		return nil, fmt.Errorf("open the sandbox's data %q: %w", o.Data, err)
	}
	fill := func() ([]store.Resident, error) { return residents(profile.Navigation, people) }
	if err := s.store.Fill(ctx, fill); err != nil {
		return nil, errors.Join(fmt.Errorf("put people into the sandbox: %w", err), s.Close())
	}
	if s.people, err = s.store.People(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("read the sandbox's people: %w", err), s.Close())
	}
	return s, nil
}

// Handler returns a handler for the API below /beta/ and the admin resource at [FaultsPath]. Other paths get the
// API's errors.
func (s *Sandbox) Handler() http.Handler { return http.HandlerFunc(s.serve) }

// People returns the users of the sandbox. The first one is the signed-in user of requests that do not name one.
func (s *Sandbox) People() []Person { return slices.Clone(s.people) }

// Close closes the database. No request may be in progress.
func (s *Sandbox) Close() error { return s.store.Close() }
