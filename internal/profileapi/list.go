package profileapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"slices"
	"sync"

	"profileql/internal/instant"
	"profileql/internal/jsontape"
	"profileql/internal/profile"
)

const (
	// maxScan is the longest list that is read whole because its source cannot order or filter it.
	maxScan = 1000
	// minEvidence is how many items are asked for at least: a source that ignores the order that it is asked for is
	// known by items that are out of order, and two or three may be in it by chance.
	minEvidence = 8
	// maxEmptyPages is how many empty pages in a row are believed to lead somewhere.
	maxEmptyPages = 20
)

// errUnordered says that a source's list is not in the order, or not the part of it, that was asked for.
var errUnordered = errors.New("the list is not in the order that was asked for")

// errStuck says that a part of a list holds nothing that one could go on behind, and that there may be more.
var errStuck = errors.New("the list cannot be read on")

// errEndless says that the links of a list lead nowhere: what was read is not known to be all.
var errEndless = errors.New("the list does not come to an end")

// way is how a source is asked for a page of a list.
type way struct {
	selecting bool // with $select
	ordering  bool // with $filter, $orderby and $top; otherwise the list is read whole and ordered here
}

// List reads one page. A source that answers 400 to an option, or does not do what it says, is asked without it, and
// for the next hour at once so.
func (c *Collection) List(ctx context.Context, q profile.Query) (profile.Page, error) {
	ctx, cancel := context.WithTimeout(ctx, c.client.timeout)
	defer cancel()
	address, err := c.client.listURL(q.User, c.facet)
	if err != nil {
		return profile.Page{}, err
	}
	l := &listing{Collection: c, query: q, address: address}
	if !q.Count || c.client.learnt.has(c.ability("$count")) {
		page, err := l.page(ctx)
		page.Flaws = l.flaws(nil)
		return page, err
	}
	var total *int
	var flaw error
	var counting sync.WaitGroup
	counting.Go(func() {
		// A panic on a goroutine that nobody else watches would end the whole process.
		defer func() {
			if p := recover(); p != nil {
				flaw = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
			}
		}()
		total, flaw = l.count(ctx)
	})
	page, err := func() (profile.Page, error) {
		defer counting.Wait() // after a panic too, so that nothing of a call outlives it
		return l.page(ctx)
	}()
	page.Flaws = l.flaws(total)
	switch {
	case err != nil:
		return page, err
	case flaw != nil:
		page.Flaws = append(page.Flaws, flaw)
	case total == nil:
		c.client.learnt.add(c.ability("$count"))
	}
	page.Total = total
	return page, nil
}

// listing is one call of List.
type listing struct {
	*Collection
	query   profile.Query
	address string // of the list, without options
	entries []profile.Entry

	nameless error // that items were left out; nil for none
	endless  error // that the list did not come to an end, so that items may be missing; nil where it did
	length   int   // items of the whole list that were read, where it is endless; -1 where it was read from a position on

	neighbors  [][2]string // ids of items at one instant of which one came right behind the other
	odd        bool        // whether some of them came in another order than that of their bytes
	atPosition bool        // whether the whole list was read, and there is an item at the very position of the query
}

func (l *listing) page(ctx context.Context) (profile.Page, error) {
	denied, ordering := &l.client.learnt, l.ability("ordering "+l.query.Order.Property)
	w := way{
		selecting: len(l.query.Properties) > 0 && !denied.has(l.ability("$select")),
		ordering:  !denied.has(ordering) && !l.begunHere(),
	}
	page, err := l.ask(ctx, w)
	if w.selecting && isBadRequest(err) {
		w.selecting = false
		if page, err = l.ask(ctx, w); err == nil || errors.Is(err, errUnordered) || errors.Is(err, errStuck) {
			denied.add(l.ability("$select"))
		}
	}
	if w.ordering && (isBadRequest(err) || errors.Is(err, errUnordered) || errors.Is(err, errStuck)) {
		w.ordering = false
		stuck := errors.Is(err, errStuck) // that says nothing about other lists
		page, err = l.ask(ctx, w)
		if isRead := err == nil || errors.Is(err, errReordered); isRead && !stuck && l.isEvident() {
			denied.add(ordering)
		}
	}
	if errors.Is(err, errReordered) || l.begunThere() && !w.ordering && isBadRequest(err) {
		err = l.client.reordered()
	}
	if isBadRequest(err) && l.query.User == "" {
		err = l.refused(ctx, err)
	}
	return page, err
}

// refused makes the error for a list that is answered with 400 although the last request for it, without a position and
// for the signed-in person, holds nothing of the caller's. The log gets a hint, once an hour.
func (l *listing) refused(ctx context.Context, badRequest error) error {
	e, _ := errors.AsType[*profile.Error](badRequest)
	refused := *e
	refused.Code, refused.Message = profile.SourceRefused, messages[profile.SourceRefused]
	if known := l.ability("list"); !l.client.learnt.has(known) {
		l.client.learnt.add(known)
		l.client.log.WarnContext(ctx, "the source refuses a request that holds no input: its base URL may be wrong", "source", l.client.name,
			"status", e.Status, "source_code", e.SourceCode, "request_id", e.RequestID)
	}
	return &refused
}

// isEvident tells whether it was the source that could not do what it was asked, after the whole list was read. Cursors
// come from callers, who can make up what a source has to refuse, such as the year 10000; then it would be taken for one
// that cannot order, for everybody. So a position counts only if there is such an item.
func (l *listing) isEvident() bool { return l.query.After == nil || l.atPosition }

func (l *listing) ask(ctx context.Context, w way) (profile.Page, error) {
	l.entries, l.nameless, l.endless, l.neighbors, l.odd = nil, nil, nil, nil, false
	read := l.readWhole
	if w.ordering {
		read = l.readBehind
	}
	var options []string
	if w.selecting {
		options = []string{selectOption(l.query.Properties)}
	}
	if err := read(ctx, options); err != nil {
		return profile.Page{}, err
	}
	page := profile.Page{Entries: l.entries}
	if len(l.entries) > l.query.Limit {
		page.Entries, page.More = l.entries[:l.query.Limit], true
	}
	return page, nil
}

// flaws are what cannot be shown of the list. Total is the length of the whole list; nil where it is not known.
func (l *listing) flaws(total *int) (all []error) {
	if l.nameless != nil {
		all = append(all, l.nameless)
	}
	if l.endless != nil && (total == nil || *total != l.length) {
		all = append(all, l.endless)
	}
	return all
}

// readBehind asks for the items behind the position, one more than are wanted so as to know whether there are more.
// Where the source answers fewer at a time, it is asked again behind the last one: a value stands still while items
// come and go, a link that skips a number of them does not.
func (l *listing) readBehind(ctx context.Context, options []string) error {
	want, after := l.query.Limit+1, l.query.After
	k := keyset{source: l.client.name, order: l.query.Order, after: after}
	if k.nothing() {
		return nil
	}
	k.nulls = !k.order.Descending && after != nil && after.Instant == ""
	for len(l.entries) < want {
		k.after, k.atLeast = after, max(want-len(l.entries), minEvidence)
		part, err := l.readNonEmpty(ctx, query(slices.Concat(options, k.options())...))
		if errors.Is(err, errEndless) {
			l.length = -1
			if l.query.After == nil {
				l.length = len(l.entries)
			}
			l.endless = l.client.endless()
			return l.confirmOrder(ctx, options)
		}
		if err != nil {
			return err
		}
		if part.unreadable {
			return errUnordered
		}
		before := len(l.entries)
		for _, entry := range part.entries {
			if !k.admits(entry.Position) {
				return errUnordered
			}
			if after, err = l.appendBehind(after, entry); err != nil {
				return err
			}
		}
		ended := !part.more() && part.length < k.atLeast
		if !ended && len(part.entries) > 0 && k.shouldBeLast(part.entries[0].Position) {
			if err := l.confirmNulls(ctx, options, k); err != nil {
				return err
			}
		}
		switch {
		case ended && !k.nulls && !k.order.Descending:
			k.nulls = true
		case ended:
			return l.confirmOrder(ctx, options)
		case len(l.entries) == before:
			return errStuck
		}
	}
	return l.confirmOrder(ctx, options)
}

// appendBehind appends an entry if it lies behind the position after, and returns the new position. Which of two ids
// comes first is for the source to say.
func (l *listing) appendBehind(after *profile.Position, entry profile.Entry) (*profile.Position, error) {
	if after != nil {
		switch c := l.query.Order.Compare(*after, entry.Position); {
		case c == 0: // the same item twice
			return after, nil
		case after.Source == entry.Position.Source && l.query.Order.Ties(*after, entry.Position):
			l.neighbors = append(l.neighbors, [2]string{after.ID, entry.Position.ID})
			l.odd = l.odd || c > 0
		case c > 0:
			return nil, errUnordered
		}
	}
	l.entries = append(l.entries, entry)
	return &entry.Position, nil
}

// confirmNulls asks whether a descending list goes on without items that have a value.
func (l *listing) confirmNulls(ctx context.Context, options []string, k keyset) error {
	k.dated, k.atLeast = true, 1
	part, err := l.readNonEmpty(ctx, query(slices.Concat(options, k.options())...))
	hasValue := func(e profile.Entry) bool { return e.Position.Instant != "" }
	if isBadRequest(err) || errors.Is(err, errEndless) || slices.ContainsFunc(part.entries, hasValue) {
		return errUnordered
	}
	return err
}

// readNonEmpty reads a part of the list, and those behind it as long as they are empty.
func (l *listing) readNonEmpty(ctx context.Context, first string) (part, error) {
	for t := (trail{query: first}); ; {
		p, err := l.read(ctx, t.query)
		if err != nil || p.length > 0 || !p.more() {
			return p, err
		}
		if err := l.follow(&t, p, false); err != nil {
			return part{}, err
		}
	}
}

// readWhole reads the whole list, in whatever order and parts it comes, and orders it here.
func (l *listing) readWhole(ctx context.Context, options []string) error {
	if l.begunThere() {
		options = append(options, keyset{order: l.query.Order}.orderBy())
	}
	seen := make(map[string]bool)
	for t, more := (trail{query: query(options...)}), true; more; {
		p, err := l.read(ctx, t.query)
		if err != nil {
			return err
		}
		isNew := false
		for _, entry := range p.entries {
			if !seen[entry.Position.ID] {
				seen[entry.Position.ID], isNew = true, true
				l.entries = append(l.entries, entry)
			}
		}
		if len(seen) > maxScan {
			return l.client.listTooLong()
		}
		if more = p.more(); more {
			err = l.follow(&t, p, isNew)
		}
		if errors.Is(err, errEndless) {
			l.endless, l.length = l.client.endless(), len(seen)
			break
		}
		if err != nil {
			return err
		}
	}
	reordered := l.begunThere() && l.isReordered()
	order, after := l.query.Order, l.query.After
	for i := range l.entries {
		l.entries[i].Position.OrderedHere = true
	}
	slices.SortFunc(l.entries, func(a, b profile.Entry) int { return order.Compare(a.Position, b.Position) })
	if after != nil {
		l.entries = slices.DeleteFunc(l.entries, func(e profile.Entry) bool {
			c := order.Compare(*after, e.Position)
			l.atPosition = l.atPosition || c == 0
			return c >= 0
		})
	}
	if reordered {
		return errReordered
	}
	return nil
}

// part is what one request for a list was answered with.
type part struct {
	entries []profile.Entry
	length  int // entries that the source sent, with those that are of no use

	unreadable bool // whether one is ordered by what is no instant: only the source knows its place

	answer *answer
	link   string // to the next part; empty for none
	unread bool   // whether there is a next part, but no link that can be read
}

func (p part) more() bool { return p.link != "" || p.unread }

// request reads one answer for the list.
func (l *listing) request(ctx context.Context, query string) (*answer, *listAnswer, error) {
	address := l.address
	if query != "" {
		address += "?" + query
	}
	a, no := l.client.read(ctx, address, maxScan)
	if no != nil || a.status != http.StatusOK {
		return nil, nil, l.failed(a, no)
	}
	if errors.Is(a.bodyErr, errManyItems) {
		return nil, nil, l.client.listTooLong()
	}
	if err := checkJSON(a); err != nil {
		return nil, nil, l.client.misunderstood(a, err)
	}
	list, err := parseList(a)
	if err != nil {
		return nil, nil, l.client.misunderstood(a, err)
	}
	return a, list, nil
}

func (l *listing) read(ctx context.Context, query string) (part, error) {
	a, list, err := l.request(ctx, query)
	if err != nil {
		return part{}, err
	}
	p := part{answer: a, link: list.link, unread: list.unread}
	for c, ok := list.items.First(); ok; c, ok = c.Next() {
		if p.length++; c.Kind() == jsontape.Null {
			continue
		}
		id, _ := c.Member("id").Text()
		at, readable := instantOf(c.Member(l.query.Order.Property))
		if !profile.IsSegment(id) {
			l.nameless = l.client.nameless(a)
			continue
		}
		p.unreadable = p.unreadable || !readable
		p.entries = append(p.entries, profile.Entry{
			Position: profile.Position{Instant: at, Source: l.client.name, ID: id},
			JSON:     c.Value,
		})
	}
	return p, nil
}

// instantOf is the moment that a property is, as the source sent it; empty where there is none, and where the value is no
// moment, which readable tells apart.
func instantOf(v jsontape.Value) (text string, readable bool) {
	if isNull(v) {
		return "", true
	}
	if text, _ = v.Text(); instant.Valid(text) {
		return text, true
	}
	return "", false
}

// isNull tells whether a member is null or not there.
func isNull(v jsontape.Value) bool { return v.Kind() == jsontape.Absent || v.Kind() == jsontape.Null }

// trail is the way through a list by its links.
type trail struct {
	query    string          // of the part to read
	followed map[string]bool // queries of the parts before
	idle     int             // parts in a row without anything new
}

// follow goes on along a trail by the link of its last part. IsNew is whether there was an item in it that no part before
// had. The error is errEndless where the link was followed before, or where it is known already what links bring.
func (l *listing) follow(t *trail, p part, isNew bool) error {
	link, err := l.client.nextPart(p.answer, l.query.User, l.facet, p.link)
	if err != nil {
		return err
	}
	if t.followed == nil {
		t.followed = make(map[string]bool)
	}
	t.followed[t.query] = true
	t.idle++
	if isNew {
		t.idle = 0
	}
	if repeats := len(p.entries) > 0 && !isNew; repeats || t.followed[link] || t.idle == maxEmptyPages {
		return errEndless
	}
	t.query = link
	return nil
}

// count asks how long the whole list is; nil where the source cannot tell.
func (l *listing) count(ctx context.Context) (*int, error) {
	_, list, err := l.request(ctx, query(option("$count", "true"), option("$top", "1")))
	if isBadRequest(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return list.total(), nil
}
