package profileapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strconv"
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
		return l.page(ctx)
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
	flaw    error

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
	return page, err
}

// isEvident tells whether it was the source that could not do what it was asked, after the whole list was read. Cursors
// come from callers, who can make up what a source has to refuse, such as the year 10000; then it would be taken for one
// that cannot order, for everybody. So a position counts only if there is such an item.
func (l *listing) isEvident() bool { return l.query.After == nil || l.atPosition }

func (l *listing) ask(ctx context.Context, w way) (profile.Page, error) {
	l.entries, l.flaw, l.neighbors, l.odd = nil, nil, nil, false
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
	if l.flaw != nil {
		page.Flaws = []error{l.flaw}
	}
	return page, nil
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
		address, err := withOptions(l.address, slices.Concat(options, k.options()))
		if err != nil {
			return err
		}
		part, err := l.readNonEmpty(ctx, address)
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
	address, err := withOptions(l.address, slices.Concat(options, k.options()))
	if err != nil {
		return err
	}
	part, err := l.readNonEmpty(ctx, address)
	hasValue := func(e profile.Entry) bool { return e.Position.Instant != "" }
	if isBadRequest(err) || slices.ContainsFunc(part.entries, hasValue) {
		return errUnordered
	}
	return err
}

// readNonEmpty reads a part of the list, and those behind it as long as they are empty.
func (l *listing) readNonEmpty(ctx context.Context, address *url.URL) (part, error) {
	for range maxEmptyPages {
		p, err := l.read(ctx, address)
		if err != nil || p.length > 0 || !p.more() {
			return p, err
		}
		if address, err = l.next(p); err != nil {
			return part{}, err
		}
	}
	return part{}, l.client.endless()
}

// readWhole reads the whole list, in whatever order and parts it comes, and orders it here.
func (l *listing) readWhole(ctx context.Context, options []string) error {
	if l.begunThere() {
		options = append(options, keyset{order: l.query.Order}.orderBy())
	}
	address, err := withOptions(l.address, options)
	seen := make(map[string]bool)
	for idle := 0; err == nil && address != nil; idle++ {
		var p part
		if p, err = l.read(ctx, address); err != nil {
			return err
		}
		for _, entry := range p.entries {
			if !seen[entry.Position.ID] {
				seen[entry.Position.ID] = true
				l.entries = append(l.entries, entry)
				idle = 0
			}
		}
		switch {
		case len(seen) > maxScan:
			return l.client.listTooLong()
		case idle == maxEmptyPages:
			return l.client.endless()
		}
		address, err = l.next(p)
	}
	if err != nil {
		return err
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

	answer  *answer
	address *url.URL
	link    jsontape.Value // to the next part
}

func (p part) more() bool { return !isNull(p.link) }

// isNull tells whether a member is null or not there.
func isNull(v jsontape.Value) bool { return v.Kind() == jsontape.Absent || v.Kind() == jsontape.Null }

// request reads one answer for the list, which is a collection (OData JSON Format 4.01, section 12).
func (c *Collection) request(ctx context.Context, address string) (*answer, jsontape.Value, error) {
	a, no := c.client.read(ctx, address)
	if no != nil || a.status != http.StatusOK {
		return nil, jsontape.Value{}, c.client.failed(a, no)
	}
	if err := checkJSON(a); err != nil {
		return nil, jsontape.Value{}, c.client.misunderstood(a, err)
	}
	tape, err := jsontape.Parse(a.body)
	if err != nil {
		return nil, jsontape.Value{}, c.client.misunderstood(a, err)
	}
	list := tape.Root()
	if list.Member("value").Kind() != jsontape.Array || !isNull(list.Member("error")) {
		return nil, jsontape.Value{}, c.client.misunderstood(a, errors.New("the answer is not a list"))
	}
	return a, list, nil
}

func (l *listing) read(ctx context.Context, address *url.URL) (part, error) {
	a, list, err := l.request(ctx, address.String())
	if err != nil {
		return part{}, err
	}
	p := part{answer: a, address: address, link: list.Member("@odata.nextLink")}
	for c, ok := list.Member("value").First(); ok; c, ok = c.Next() {
		if p.length++; c.Kind() == jsontape.Null {
			continue
		}
		id, _ := c.Member("id").Text()
		at, readable := instantOf(c.Member(l.query.Order.Property))
		if !profile.IsSegment(id) {
			l.flaw = l.client.nameless(a)
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

// next is the address of the part behind p; nil where there is none.
func (l *listing) next(p part) (*url.URL, error) {
	if !p.more() {
		return nil, nil
	}
	link, isText := p.link.Text()
	if !isText {
		return nil, l.client.misunderstood(p.answer, errors.New("the link to the next part is not a text"))
	}
	next, err := p.address.Parse(link)
	if err != nil || !sameList(p.address, next) {
		return nil, l.client.misunderstood(p.answer, errors.New("the link to the next part leads away from the list"))
	}
	return next, nil
}

// count asks how long the whole list is; nil where the source cannot tell.
func (l *listing) count(ctx context.Context) (*int, error) {
	address, err := withOptions(l.address, []string{option("$count", "true"), option("$top", "1")})
	if err != nil {
		return nil, err
	}
	_, list, err := l.request(ctx, address.String())
	if isBadRequest(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	count := list.Member("@odata.count")
	if count.Kind() != jsontape.Number {
		return nil, nil
	}
	total, err := strconv.Atoi(string(count.Raw()))
	if err != nil || total < 0 {
		return nil, nil
	}
	return &total, nil
}
