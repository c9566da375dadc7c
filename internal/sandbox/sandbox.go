// Package sandbox is a small but real profile API: the REST interface of Microsoft Graph's /profile over SQLite, with
// made-up people in it. ProfileQL starts with it when no source is configured; tests and frontend work use it offline.
//
// It behaves like the real API, oddities included, so that what works against it works against Microsoft Graph. All
// it knows of facets and their properties is in profile.csdl: another facet is a type there, and seed data.
//
// A request goes through these files: handler.go (the caller, and the faults of the request), resource.go (the resource
// that the path names), then read.go and profile.go (lists, items and the profile), write.go with body.go and
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

// description is of the profile API's types (OData CSDL XML 4.01); it is also what $metadata answers.
//
//go:embed profile.csdl
var description string

// Options say how a sandbox is opened. The zero value is good: everything in memory, on the present time.
type Options struct {
	Data         string           // path of the SQLite file; everything is kept in memory when it is empty
	Seed         string           // who is put in when there is nobody: "", or "lab" for the same people's other items
	RequireToken bool             // answer 401 to requests without a bearer token
	Faults       faults.Config    // what requests meet from the start on
	Now          func() time.Time // time.Now when nil
	NewID        func() string    // makes ids of items; random GUIDs when nil
	Log          *slog.Logger     // of failures that are the sandbox's own; discarded when nil
}

// Person is somebody whose profile the sandbox has.
type Person = store.Person

// Sandbox is an open profile API. It can be used from several goroutines at a time.
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

// Open opens the data, or creates it, and puts people in when there are none. It fails when the file's directory does
// not exist, when the file is not a sandbox's, when a newer ProfileQL has written it, and when there is no such seed.
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
	if s.store, err = store.Open(ctx, o.Data); err != nil {
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

// Handler serves the API below /beta/ and the admin resource at [FaultsPath], and answers everything else as the API
// does.
func (s *Sandbox) Handler() http.Handler { return http.HandlerFunc(s.serve) }

// People are those who are in the sandbox. The first one is signed in when a request does not say who is.
func (s *Sandbox) People() []Person { return slices.Clone(s.people) }

// Close closes the data. No request may be under way.
func (s *Sandbox) Close() error { return s.store.Close() }
