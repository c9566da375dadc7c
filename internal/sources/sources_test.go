package sources

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"profileql/internal/profile"
)

// member responds to lists with page and err, and records all calls.
type member struct {
	page  profile.Page
	err   error
	panic any
	asked []string
}

func (m *member) List(_ context.Context, q profile.Query) (profile.Page, error) {
	m.asked = append(m.asked, "list of "+q.User)
	if m.panic != nil {
		panic(m.panic)
	}
	return m.page, m.err
}

func (m *member) Get(_ context.Context, ref profile.Ref, _ []string) (profile.Item, error) {
	return m.note("get " + ref.ID)
}

func (m *member) Create(_ context.Context, _, user string, body []byte) (profile.Item, error) {
	return m.note("create " + string(body) + user)
}

func (m *member) Update(_ context.Context, ref profile.Ref, _ []byte) (profile.Item, error) {
	return m.note("update " + ref.ID)
}

func (m *member) Delete(_ context.Context, ref profile.Ref) error {
	_, err := m.note("delete " + ref.ID)
	return err
}

func (m *member) note(what string) (profile.Item, error) {
	m.asked = append(m.asked, what)
	return profile.Item{ID: what}, m.err
}

// facetOf returns a facet of three sources: a and c accept everything, b is read-only and serves only the signed-in user.
func facetOf(a, b, c *member) *Facet {
	return NewFacet([]Member{
		{Source{Name: "a", Writable: true, AnyUser: true}, a},
		{Source{Name: "b"}, b},
		{Source{Name: "c", Writable: true, AnyUser: true}, c},
	})
}

// pageOf returns a page of a source's items, each an instant and an id: "2020 x", or " x" without an instant.
func pageOf(source string, more bool, items ...string) profile.Page {
	p := profile.Page{More: more}
	for _, text := range items {
		year, id, _ := strings.Cut(text, " ")
		if year != "" {
			year += "-01-01T00:00:00Z"
		}
		p.Entries = append(p.Entries, profile.Entry{
			Position: profile.Position{Instant: year, Source: source, ID: id},
		})
	}
	return p
}

func counted(p profile.Page, total int) profile.Page {
	p.Total = &total
	return p
}

func failing(code profile.Code, source, sourceCode string) member {
	return member{err: &profile.Error{Code: code, Source: source, SourceCode: sourceCode}}
}

func TestMerge(t *testing.T) {
	t.Parallel()
	down, unknown := failing(profile.SourceUnavailable, "b", ""), failing(profile.NotFound, "b", "")
	unknownUser := failing(profile.NotFound, "b", "Request_ResourceNotFound")
	a, c := pageOf("a", false, "2020 a1", "2022 a2", " a3"), pageOf("c", false, "2020 c1", "2021 c2")
	tests := map[string]struct {
		query   profile.Query
		a, b, c member
		want    string
		more    bool
		total   int // -1 for none
		failed  string
	}{
		"in one order": {
			query: profile.Query{Limit: 9}, a: member{page: a}, b: member{page: pageOf("b", false, "2020 b1", " b2")}, c: member{page: c},
			want: "a1 b1 c1 c2 a2 a3 b2", total: -1,
		},
		"as many as wanted": {query: profile.Query{Limit: 3}, a: member{page: a}, c: member{page: c}, want: "a1 c1 c2", more: true, total: -1},
		"exactly all":       {query: profile.Query{Limit: 5}, a: member{page: a}, c: member{page: c}, want: "a1 c1 c2 a2 a3", total: -1},
		"more at a source": {
			query: profile.Query{Limit: 3}, a: member{page: pageOf("a", true, "2020 a1", "2020 a2", "2020 a3")}, want: "a1 a2 a3", more: true, total: -1,
		},
		"counted": {
			query: profile.Query{Limit: 9}, a: member{page: counted(a, 3)}, b: member{page: counted(profile.Page{}, 0)}, c: member{page: counted(c, 2)},
			want: "a1 c1 c2 a2 a3", total: 5,
		},
		"counted, but for one": {
			query: profile.Query{Limit: 9}, a: member{page: counted(a, 3)}, b: member{page: profile.Page{}}, c: member{page: counted(c, 2)},
			want: "a1 c1 c2 a2 a3", total: -1,
		},
		"one fails": {
			query: profile.Query{Limit: 9}, a: member{page: counted(a, 3)}, b: down, c: member{page: counted(c, 2)},
			want: "a1 c1 c2 a2 a3", total: -1, failed: "b",
		},
		"one does not know the user": {
			query: profile.Query{Limit: 9}, a: member{page: counted(a, 3)}, b: unknownUser, c: member{page: counted(c, 2)},
			want: "a1 c1 c2 a2 a3", total: 5,
		},
		"one does not know the user, by another code": {
			query: profile.Query{Limit: 9}, a: member{page: a}, b: failing(profile.NotFound, "b", "itemNotFound"), want: "a1 a2 a3", total: -1,
		},
		"one knows no such version": {
			query: profile.Query{Limit: 9}, a: member{page: a}, b: failing(profile.NotFound, "b", "BadRequest"), want: "a1 a2 a3", total: -1, failed: "b",
		},
		"one says nothing": {
			query: profile.Query{Limit: 9}, a: member{page: a}, b: failing(profile.NotFound, "b", "UnknownError"), want: "a1 a2 a3", total: -1, failed: "b",
		},
		"one knows no such address": {
			query: profile.Query{Limit: 9}, a: member{page: a}, b: unknown, want: "a1 a2 a3", total: -1, failed: "b",
		},
		"one failed before": {
			query: profile.Query{Limit: 9, Failed: []*profile.Error{{Code: profile.SourceUnavailable, Source: "b"}}}, a: member{page: a}, b: member{panic: "asked"}, c: member{page: c},
			want: "a1 c1 c2 a2 a3", total: -1, failed: "b",
		},
		"some are named": {
			query: profile.Query{Limit: 9, Sources: []string{"a", "b"}}, a: member{page: a}, c: member{panic: "asked"}, want: "a1 a2 a3", total: -1,
		},
		"another user": {
			query: profile.Query{Limit: 9, User: "ada"}, a: member{page: a}, b: member{panic: "asked"}, c: member{page: c},
			want: "a1 c1 c2 a2 a3", total: -1,
		},
		"another user, at a source that does not serve them": {
			query: profile.Query{Limit: 9, User: "ada", Sources: []string{"a", "b"}}, a: member{page: a}, b: member{panic: "asked"},
			want: "a1 a2 a3", total: -1, failed: "b",
		},
		"unknown users and failures": {
			query: profile.Query{Limit: 9, Sources: []string{"b", "c"}}, b: unknownUser,
			c: member{err: &profile.Error{Code: profile.SourceTimeout, Source: "c"}}, want: "", total: -1, failed: "c",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			page, err := facetOf(&test.a, &test.b, &test.c).List(t.Context(), test.query)
			if err != nil {
				t.Fatal(err)
			}
			var got, failed []string
			for _, e := range page.Entries {
				got = append(got, e.Position.ID)
			}
			for _, e := range page.Failed {
				failed = append(failed, e.Source)
			}
			total := -1
			if page.Total != nil {
				total = *page.Total
			}
			if strings.Join(got, " ") != test.want || page.More != test.more || total != test.total || strings.Join(failed, " ") != test.failed {
				t.Errorf("got %v, more %t, total %d, failed %v", got, page.More, total, failed)
			}
		})
	}
}

// TestAllSourcesFail holds the errors of lists for which no source succeeds.
func TestAllSourcesFail(t *testing.T) {
	t.Parallel()
	a, b, c := failing(profile.Throttled, "a", ""), failing(profile.SourceTimeout, "b", ""), failing(profile.Forbidden, "c", "")
	_, err := facetOf(&a, &b, &c).List(t.Context(), profile.Query{Limit: 1})
	var all profile.Errors
	if !errors.As(err, &all) || len(all) != 3 {
		t.Errorf("all fail: %v", err)
	}
	_, err = facetOf(new(member), &b, new(member)).List(t.Context(), profile.Query{Limit: 1, Sources: []string{"b"}, Failed: []*profile.Error{{Source: "b"}}})
	if !errors.As(err, &all) || len(all) != 1 {
		t.Errorf("the last one has failed before: %v", err)
	}
	_, err = facetOf(&a, &b, &c).List(t.Context(), profile.Query{Limit: 1, User: "ada", Sources: []string{"b"}})
	if !errors.As(err, &all) || len(all) != 1 || all[0].Code != profile.UnsupportedBySource {
		t.Errorf("the only one does not serve other users: %v", err)
	}
	for _, m := range []*member{&a, &b, &c} {
		*m = failing(profile.NotFound, "a", "Request_ResourceNotFound")
	}
	_, err = facetOf(&a, &b, &c).List(t.Context(), profile.Query{Limit: 1})
	var e *profile.Error
	if !errors.As(err, &e) || e.Code != profile.NotFound {
		t.Errorf("no source knows the user: %v", err)
	}
	_, err = facetOf(new(member), &member{panic: "ouch"}, new(member)).List(t.Context(), profile.Query{Limit: 1})
	if err == nil || errors.As(err, &e) || !strings.Contains(err.Error(), "ouch") {
		t.Errorf("a panic: %v", err)
	}
	left, leave := context.WithCancel(t.Context())
	leave()
	if _, err = facetOf(&a, &b, &c).List(left, profile.Query{Limit: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("the caller has left: %v", err)
	}
}

// TestRouting holds that operations on one item are sent to its source, or rejected before anything is sent.
func TestRouting(t *testing.T) {
	t.Parallel()
	calls := map[string]func(f *Facet, source, user string) error{
		"get i": func(f *Facet, source, user string) error {
			_, err := f.Get(t.Context(), profile.Ref{Source: source, User: user, ID: "i"}, nil)
			return err
		},
		"create i": func(f *Facet, source, user string) error {
			_, err := f.Create(t.Context(), source, user, []byte("i"))
			return err
		},
		"update i": func(f *Facet, source, user string) error {
			_, err := f.Update(t.Context(), profile.Ref{Source: source, User: user, ID: "i"}, nil)
			return err
		},
		"delete i": func(f *Facet, source, user string) error {
			return f.Delete(t.Context(), profile.Ref{Source: source, User: user, ID: "i"})
		},
	}
	for name, call := range calls {
		var a, b, c member
		f := facetOf(&a, &b, &c)
		if err := call(f, "c", ""); err != nil || !slices.Equal(c.asked, []string{name}) || len(a.asked)+len(b.asked) > 0 {
			t.Errorf("%s: %v; asked %v, %v, %v", name, err, a.asked, b.asked, c.asked)
		}
		var e *profile.Error
		if err := call(f, "b", "ada"); !errors.As(err, &e) || e.Code != profile.UnsupportedBySource || e.Source != "b" {
			t.Errorf("%s of somebody else: %v", name, err)
		}
		err := call(f, "b", "")
		if isWrite := name != "get i"; isWrite != (errors.As(err, &e) && e.Code == profile.ReadOnlySource) {
			t.Errorf("%s: %v", name, err)
		}
		if name != "get i" && len(b.asked) > 0 {
			t.Errorf("%s: the read-only source was asked %v", name, b.asked)
		}
	}
}
