package sources

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"sync"

	"profileql/internal/profile"
)

// List asks all sources at once for what lies behind the position, and merges their answers. The position is one and
// the same for all of them, a value in the total order of the whole list: were there one for each source, an item
// that comes or goes at one of them would shift it against the others.
//
// A source that fails is missing from the page, which says so; it stays out for as long as the caller goes on behind
// this page, because nobody knows what of it would have been on the pages before. A person whom a source does not
// know has no items there, which is no failure. Where no source is left, the error is a [profile.Errors].
func (f *Facet) List(ctx context.Context, q profile.Query) (profile.Page, error) {
	asked, failed := f.membersFor(q)
	if len(asked) == 1 && len(failed) == 0 {
		return asked[0].List(ctx, q)
	}
	results := listAll(ctx, asked, q)
	if ctx.Err() != nil {
		return profile.Page{}, ctx.Err() // nobody is there to be told
	}
	var pages []profile.Page
	var unknownUser []*profile.Error
	for _, r := range results {
		var e *profile.Error
		switch isProfileError := errors.As(r.err, &e); {
		case r.err == nil:
			pages = append(pages, r.page)
		case !isProfileError:
			return profile.Page{}, r.err
		case isUnknownUser(e):
			unknownUser = append(unknownUser, e)
		default:
			failed = append(failed, e)
		}
	}
	switch {
	case len(pages) > 0 || len(unknownUser) > 0 && len(failed) > 0:
		page := merge(q, pages)
		page.Failed = failed
		if len(failed) > 0 {
			page.Total = nil
		}
		return page, nil
	case len(unknownUser) > 0:
		return profile.Page{}, unknownUser[0]
	}
	return profile.Page{}, profile.Errors(failed)
}

// membersFor are the members to ask, and the errors of those that are not: they failed on an earlier page, or cannot be
// membersFor although they were named, or there is no other.
func (f *Facet) membersFor(q profile.Query) (asked []*Member, failed []*profile.Error) {
	for i := range f.members {
		m := &f.members[i]
		earlier := slices.IndexFunc(q.Failed, func(e *profile.Error) bool { return e.Source == m.Name })
		named := slices.Contains(q.Sources, m.Name)
		switch {
		case len(q.Sources) > 0 && !named:
		case earlier >= 0:
			failed = append(failed, q.Failed[earlier])
		case q.User == "" || m.AnyUser:
			asked = append(asked, m)
		case named || !f.anyUser:
			failed = append(failed, m.onlyMeError())
		}
	}
	return asked, failed
}

// result is what one source answered.
type result struct {
	page profile.Page
	err  error
}

// listAll asks each member, and waits for all: each has a deadline of its own.
func listAll(ctx context.Context, members []*Member, q profile.Query) []result {
	results := make([]result, len(members))
	var wg sync.WaitGroup
	for i, m := range members {
		wg.Go(func() {
			// A panic on a goroutine that nobody else watches would end the whole process.
			defer func() {
				if p := recover(); p != nil {
					results[i].err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
				}
			}()
			results[i].page, results[i].err = m.List(ctx, q)
		})
	}
	wg.Wait()
	return results
}

// unknownUserCodes are the codes, in small letters, by which sources say of a list that they do not know the person.
// Graph's own is the first.
var unknownUserCodes = []string{"request_resourcenotfound", "resourcenotfound", "itemnotfound", "usernotfound"}

// isUnknownUser tells whether a source says that it does not know the person. Any other 404 may as well be a wrong
// address or version, and then items would be missing without a word.
func isUnknownUser(e *profile.Error) bool {
	return e.Code == profile.NotFound && slices.Contains(unknownUserCodes, strings.ToLower(e.SourceCode))
}

// merge makes one page of the sources' pages, each of which is in order and holds as many items as are wanted.
func merge(q profile.Query, pages []profile.Page) profile.Page {
	var merged profile.Page
	total := 0
	merged.Total = &total
	heads := make([][]profile.Entry, len(pages))
	for i, p := range pages {
		heads[i] = p.Entries
		merged.More = merged.More || p.More
		merged.Warnings = append(merged.Warnings, p.Warnings...)
		if p.Total == nil {
			merged.Total = nil
			continue
		}
		total += *p.Total
	}
	for len(merged.Entries) < q.Limit {
		first := firstOf(heads, q.Order)
		if first < 0 {
			return merged
		}
		merged.Entries = append(merged.Entries, heads[first][0])
		heads[first] = heads[first][1:]
	}
	merged.More = merged.More || firstOf(heads, q.Order) >= 0
	return merged
}

// firstOf is the index of the list whose first entry comes first; -1 where all are empty.
func firstOf(lists [][]profile.Entry, order profile.Order) int {
	first := -1
	for i, entries := range lists {
		if len(entries) > 0 && (first < 0 || order.Compare(entries[0].Position, lists[first][0].Position) < 0) {
			first = i
		}
	}
	return first
}
