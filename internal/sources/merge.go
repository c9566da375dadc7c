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

// List queries all sources concurrently for the items after the position, and merges their pages. The position is the same
// for all of them, a value in the total order of the whole list: with one per source, an item that is added to or removed
// from one source would shift it against the others.
//
// A source that fails is listed in Page.Failed. It stays excluded from the following pages, because its items that belong on
// the earlier pages are not known. An unknown user has no items at a source, which is not a failure. If no source succeeds,
// the error is a [profile.Errors].
func (f *Facet) List(ctx context.Context, q profile.Query) (profile.Page, error) {
	members, failed := f.membersFor(q)
	if len(members) == 1 && len(failed) == 0 {
		return members[0].list(ctx, q)
	}
	return listMerged(ctx, members, failed, q)
}

// listMerged queries the members, and merges their pages.
func listMerged(ctx context.Context, members []*Member, failed []*profile.Error, q profile.Query) (profile.Page, error) {
	results := listAll(ctx, members, q)
	if ctx.Err() != nil {
		return profile.Page{}, ctx.Err()
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

// membersFor returns the members to query, and the errors of those that are skipped: they failed on an earlier page, or do
// not serve the requested user although they were named or there is no other source.
func (f *Facet) membersFor(q profile.Query) (members []*Member, failed []*profile.Error) {
	for i := range f.members {
		m := &f.members[i]
		earlier := slices.IndexFunc(q.Failed, func(e *profile.Error) bool { return e.Source == m.Name })
		named := slices.Contains(q.Sources, m.Name)
		switch {
		case len(q.Sources) > 0 && !named:
		case earlier >= 0:
			failed = append(failed, q.Failed[earlier])
		case q.User == "" || m.AnyUser:
			members = append(members, m)
		case named || !f.anyUser:
			failed = append(failed, m.unsupportedUser())
		}
	}
	return members, failed
}

// list lists the items of the user that the source is asked for.
func (m *Member) list(ctx context.Context, q profile.Query) (page profile.Page, err error) {
	if q.User, err = m.person(ctx, q.User); err != nil {
		return page, err
	}
	return m.List(ctx, q)
}

// result is the result of one source.
type result struct {
	page profile.Page
	err  error
}

// listAll queries the members concurrently and waits for all: each has a deadline of its own.
func listAll(ctx context.Context, members []*Member, q profile.Query) []result {
	results := make([]result, len(members))
	var wg sync.WaitGroup
	dispatcher := profile.DispatcherOf(ctx)
	dispatcher.Begin(len(members))
	for i, m := range members {
		wg.Go(func() {
			defer dispatcher.End()
			// An unrecovered panic in this goroutine would end the process.
			defer func() {
				if p := recover(); p != nil {
					results[i].err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
				}
			}()
			results[i].page, results[i].err = m.list(ctx, q)
		})
	}
	dispatcher.Wait(wg.Wait)
	return results
}

// unknownUserCodes are the lower-case error codes with which sources report an unknown user. The first is Microsoft Graph's.
var unknownUserCodes = []string{"request_resourcenotfound", "resourcenotfound", "itemnotfound", "usernotfound"}

// isUnknownUser reports whether a source's error means that it does not know the user. Any other 404 may be a wrong base URL,
// which must not be taken for an empty list.
func isUnknownUser(e *profile.Error) bool {
	return e.Code == profile.NotFound && slices.Contains(unknownUserCodes, strings.ToLower(e.SourceCode))
}

// merge merges the sources' pages, each of which is sorted and has up to q.Limit items.
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

// firstOf returns the index of the list whose first entry comes first; -1 if all are empty.
func firstOf(lists [][]profile.Entry, order profile.Order) int {
	first := -1
	for i, entries := range lists {
		if len(entries) > 0 && (first < 0 || order.Compare(entries[0].Position, lists[first][0].Position) < 0) {
			first = i
		}
	}
	return first
}
