package profileapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync"

	"profileql/internal/instant"
	"profileql/internal/jsontape"
	"profileql/internal/profile"
)

const (
	// maxUnorderedItems is the maximum length of a list that is read whole because its source cannot order or filter it.
	maxUnorderedItems = 1000
	// minTop is the minimum $top: a source that ignores $orderby is detected by items that are out of order, and two or
	// three may be in order by chance.
	minTop = 8
	// maxEmptyPages is how many consecutive pages without new items are followed.
	maxEmptyPages = 20
)

// errUnordered means that a source has ignored $orderby or $filter.
var errUnordered = errors.New("the list is not in the requested order")

// errNoProgress means that a part of a list has no item to continue after, although there may be more.
var errNoProgress = errors.New("the list cannot be continued")

// errLinkLoop means that the next links repeat or bring nothing new, so that the list may be incomplete.
var errLinkLoop = errors.New("the next links do not reach an end")

// queryMode is which query options are used for a page of a list.
type queryMode struct {
	useSelect  bool // with $select
	useOrderBy bool // with $filter and $top too; otherwise the list is read whole and sorted here
}

// List reads one page. If a source responds 400 to a query option, or ignores it, the request is repeated without it, and the
// option is not used for the next hour.
func (c *Collection) List(ctx context.Context, q profile.Query) (profile.Page, error) {
	ctx, cancel := context.WithTimeout(ctx, c.client.timeout)
	defer cancel()
	address, err := c.client.listURL(q.User, c.facet)
	if err != nil {
		return profile.Page{}, err
	}
	l := &listing{Collection: c, query: q, address: address}
	if !q.Count || c.client.capabilities.isUnsupported(c.capability("$count")) {
		page, err := l.page(ctx)
		page.Warnings = l.warnings(nil)
		return page, err
	}
	return l.pageAndCount(ctx)
}

// pageAndCount reads one page, and concurrently the length of the whole list.
func (l *listing) pageAndCount(ctx context.Context) (profile.Page, error) {
	var total *int
	var warning error
	var counting sync.WaitGroup
	dispatcher := profile.DispatcherOf(ctx)
	dispatcher.Begin(1)
	countCtx := profile.WithReason(ctx, profile.Counting)
	counting.Go(func() {
		defer dispatcher.End()
		// An unrecovered panic in this goroutine would end the process.
		defer func() {
			if p := recover(); p != nil {
				warning = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
			}
		}()
		total, warning = l.count(countCtx)
	})
	page, err := func() (profile.Page, error) {
		defer dispatcher.Wait(counting.Wait) // after a panic too, so that no goroutine outlives the call
		return l.page(ctx)
	}()
	page.Warnings = l.warnings(total)
	switch {
	case err != nil:
		return page, err
	case warning != nil:
		page.Warnings = append(page.Warnings, warning)
	case total == nil:
		l.client.learn(countCtx, l.capability("$count"))
	}
	page.Total = total
	return page, nil
}

// listing is one call of List.
type listing struct {
	*Collection
	query   profile.Query
	address string // of the list, without query options
	entries []profile.Entry
	texts   texts // ids and ordering values

	missingIDs error // warning that items were left out; nil for none
	incomplete error // warning that items may be missing; nil for none
	readLength int   // items of an incomplete list that were read; -1 if it was read from a position

	ties            [][2]string // ids of consecutive items with equal instants
	unlikeByteOrder bool        // whether any of them are in another order than that of their bytes
	hasAfterItem    bool        // whether the whole list was read and the item at the query's position exists
}

func (l *listing) page(ctx context.Context) (profile.Page, error) {
	caps, orderBy := &l.client.capabilities, l.capability("ordering "+l.query.Order.Property)
	mode := queryMode{
		useSelect:  len(l.query.Properties) > 0 && !caps.isUnsupported(l.capability("$select")),
		useOrderBy: !caps.isUnsupported(orderBy) && !l.resumesLocalOrder(),
	}
	page, err := l.readPage(ctx, mode)
	if mode.useSelect && isBadRequest(err) {
		mode.useSelect = false
		ctx = profile.WithReason(ctx, profile.Fallback)
		if page, err = l.readPage(ctx, mode); err == nil || errors.Is(err, errUnordered) || errors.Is(err, errNoProgress) {
			l.client.learn(ctx, l.capability("$select"))
		}
	}
	if mode.useOrderBy && (isBadRequest(err) || errors.Is(err, errUnordered) || errors.Is(err, errNoProgress)) {
		mode.useOrderBy = false
		noProgress := errors.Is(err, errNoProgress) // says nothing about other lists
		ctx = profile.WithReason(ctx, profile.Fallback)
		page, err = l.readPage(ctx, mode)
		if read := err == nil || errors.Is(err, errOrderChanged); read && !noProgress && l.isConclusive() {
			l.client.learn(ctx, orderBy)
		}
	}
	if errors.Is(err, errOrderChanged) || l.resumesSourceOrder() && !mode.useOrderBy && isBadRequest(err) {
		err = l.client.orderChanged()
	}
	if isBadRequest(err) && l.query.User == "" {
		err = l.listRefused(ctx, err)
	}
	return page, err
}

// listRefused returns the error for a 400 to a request without a position for the signed-in user, which contains no input of
// the caller. A hint is logged once an hour.
func (l *listing) listRefused(ctx context.Context, badRequest error) error {
	e, _ := errors.AsType[*profile.Error](badRequest)
	refused := *e
	refused.Code, refused.Message = profile.SourceRefused, messages[profile.SourceRefused]
	if hint := l.capability("list"); !l.client.capabilities.isUnsupported(hint) {
		l.client.capabilities.markUnsupported(hint)
		l.client.log.WarnContext(ctx, "the source rejects a request without input: its base URL may be wrong", "source", l.client.name,
			"status", e.Status, "source_code", e.SourceCode, "request_id", e.RequestID)
	}
	return &refused
}

// isConclusive reports, after the whole list was read, whether the failure shows that the source does not support ordering.
// Callers can forge cursors that a source must reject, such as the year 10000, which must not disable ordering for everybody.
// So a position counts only if its item exists.
func (l *listing) isConclusive() bool { return l.query.After == nil || l.hasAfterItem }

func (l *listing) readPage(ctx context.Context, mode queryMode) (profile.Page, error) {
	l.entries = nil
	l.missingIDs, l.incomplete, l.ties, l.unlikeByteOrder = nil, nil, nil, false
	read := l.readWhole
	if mode.useOrderBy {
		read = l.readAfter
	}
	var options []string
	if mode.useSelect {
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

// warnings returns the warnings for the list. Total is the length of the whole list; nil if it is not known.
func (l *listing) warnings(total *int) (all []error) {
	if l.missingIDs != nil {
		all = append(all, l.missingIDs)
	}
	if l.incomplete != nil && (total == nil || *total != l.readLength) {
		all = append(all, l.incomplete)
	}
	return all
}

// readAfter reads the items after the position, one more than the limit to know whether there are more. If the source
// returns fewer, it continues after the last one: a value stays valid while items are added and removed, a link with $skip
// does not.
func (l *listing) readAfter(ctx context.Context, options []string) error {
	want, after := l.query.Limit+1, l.query.After
	k := keyset{source: l.client.name, order: l.query.Order, after: after}
	if k.isEmpty() {
		return nil
	}
	k.nullsOnly = !k.order.Descending && after != nil && after.Instant == ""
	for len(l.entries) < want {
		k.after, k.top = after, max(want-len(l.entries), minTop)
		part, err := l.readNonEmpty(ctx, query(slices.Concat(options, k.options())...))
		if errors.Is(err, errLinkLoop) {
			l.readLength = -1
			if l.query.After == nil {
				l.readLength = len(l.entries)
			}
			l.incomplete = l.client.incompleteList()
			return l.verifyOrder(ctx, options)
		}
		if err != nil {
			return err
		}
		if part.hasBadInstant {
			return errUnordered
		}
		before := len(l.entries)
		if before == 0 {
			l.entries = part.entries[:0] // an entry is read before another one is appended in its place
		}
		for _, entry := range part.entries {
			if !k.contains(entry.Position) {
				return errUnordered
			}
			if after, err = l.appendAfter(after, entry); err != nil {
				return err
			}
		}
		ended := !part.more() && part.length < k.top
		if !ended && len(part.entries) > 0 && k.isNullBeforeEnd(part.entries[0].Position) {
			if err := l.verifyNullsLast(ctx, options, k); err != nil {
				return err
			}
		}
		switch {
		case ended && !k.nullsOnly && !k.order.Descending:
			k.nullsOnly = true
		case ended:
			return l.verifyOrder(ctx, options)
		case len(l.entries) == before:
			return errNoProgress
		}
	}
	return l.verifyOrder(ctx, options)
}

// appendAfter appends an entry if it comes after a position, and returns the new position. The order of ids is the source's.
func (l *listing) appendAfter(after *profile.Position, entry profile.Entry) (*profile.Position, error) {
	if after != nil {
		instants := l.query.Order.CompareInstants(*after, entry.Position)
		ids := cmp.Or(strings.Compare(after.Source, entry.Position.Source), strings.Compare(after.ID, entry.Position.ID))
		switch {
		case instants == 0 && ids == 0: // the same item twice
			return after, nil
		case instants == 0 && after.Source == entry.Position.Source:
			l.ties = append(l.ties, [2]string{after.ID, entry.Position.ID})
			l.unlikeByteOrder = l.unlikeByteOrder || ids > 0
		case cmp.Or(instants, ids) > 0:
			return nil, errUnordered
		}
	}
	l.entries = append(l.entries, entry)
	return &l.entries[len(l.entries)-1].Position, nil
}

// verifyNullsLast checks that the rest of a descending list has no items with a value.
func (l *listing) verifyNullsLast(ctx context.Context, options []string, k keyset) error {
	k.nonNullOnly, k.top = true, 1
	ctx = profile.WithReason(ctx, profile.OrderCheck)
	part, err := l.readNonEmpty(ctx, query(slices.Concat(options, k.options())...))
	hasValue := func(e profile.Entry) bool { return e.Position.Instant != "" }
	if isBadRequest(err) || errors.Is(err, errLinkLoop) || slices.ContainsFunc(part.entries, hasValue) {
		return errUnordered
	}
	return err
}

// readNonEmpty reads a part of the list, and follows next links while the parts are empty.
func (l *listing) readNonEmpty(ctx context.Context, first string) (part, error) {
	for chain := (linkChain{query: first}); ; {
		p, err := l.read(ctx, chain.query)
		if err != nil || p.length > 0 || !p.more() {
			return p, err
		}
		if err := l.follow(&chain, p, false); err != nil {
			return part{}, err
		}
	}
}

// readWhole reads the whole list, in any order and number of parts, and sorts it.
func (l *listing) readWhole(ctx context.Context, options []string) error {
	if l.resumesSourceOrder() {
		options = append(options, keyset{order: l.query.Order}.orderBy())
	}
	seen := make(map[string]bool)
	for chain, more := (linkChain{query: query(options...)}), true; more; {
		p, err := l.read(ctx, chain.query)
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
		if len(seen) > maxUnorderedItems {
			return l.client.listTooLong()
		}
		if more = p.more(); more {
			err = l.follow(&chain, p, isNew)
		}
		if errors.Is(err, errLinkLoop) {
			l.incomplete, l.readLength = l.client.incompleteList(), len(seen)
			break
		}
		if err != nil {
			return err
		}
	}
	reordered := l.resumesSourceOrder() && l.isOrderChanged()
	order, after := l.query.Order, l.query.After
	for i := range l.entries {
		l.entries[i].Position.OrderedLocally = true
	}
	slices.SortFunc(l.entries, func(a, b profile.Entry) int { return order.Compare(a.Position, b.Position) })
	if after != nil {
		l.entries = slices.DeleteFunc(l.entries, func(e profile.Entry) bool {
			c := order.Compare(*after, e.Position)
			l.hasAfterItem = l.hasAfterItem || c == 0
			return c >= 0
		})
	}
	if reordered {
		return errOrderChanged
	}
	return nil
}

// part is one response of a list.
type part struct {
	entries []profile.Entry
	length  int // entries that the source sent, unusable ones included

	hasBadInstant bool // whether an entry's ordering value is no instant, so that only the source knows its place

	response          *response
	link              string // next link; empty for none
	hasUnreadableLink bool   // whether there is a next part, but no next link
}

func (p part) more() bool { return p.link != "" || p.hasUnreadableLink }

// request sends one request for the list.
func (l *listing) request(ctx context.Context, query string) (*response, *listResponse, error) {
	address := l.address
	if query != "" {
		address += "?" + query
	}
	resp, terr := l.client.read(ctx, address, maxUnorderedItems)
	if terr != nil || resp.status != http.StatusOK {
		return nil, nil, l.requestError(resp, terr)
	}
	if errors.Is(resp.bodyErr, errTooManyItems) {
		return nil, nil, l.client.listTooLong()
	}
	if err := checkJSON(resp); err != nil {
		return nil, nil, l.client.invalidResponse(resp, err)
	}
	list, err := parseList(resp)
	if err != nil {
		return nil, nil, l.client.invalidResponse(resp, err)
	}
	return resp, list, nil
}

func (l *listing) read(ctx context.Context, query string) (part, error) {
	resp, list, err := l.request(ctx, query)
	if err != nil {
		return part{}, err
	}
	p := part{response: resp, link: list.link, hasUnreadableLink: list.hasUnreadableLink}
	p.entries = make([]profile.Entry, 0, min(l.query.Limit, 100)+1)
	for c, ok := list.items.First(); ok; ok = c.Next() {
		if p.length++; c.Kind() == jsontape.Null {
			continue
		}
		idValue, instantValue := c.Members("id", l.query.Order.Property)
		id := l.texts.of(idValue)
		at, readable := l.instantOf(instantValue)
		if !profile.IsSegment(id) {
			l.missingIDs = l.client.missingIDs(resp)
			continue
		}
		p.hasBadInstant = p.hasBadInstant || !readable
		p.entries = append(p.entries, profile.Entry{
			Position: profile.Position{Instant: at, Source: l.client.name, ID: id},
			JSON:     c.Value,
		})
	}
	return p, nil
}

// instantOf returns an ordering value as the source sent it; empty if it is null or no instant, which readable tells apart.
func (l *listing) instantOf(v jsontape.Value) (text string, readable bool) {
	if isNull(v) {
		return "", true
	}
	if text = l.texts.of(v); instant.Valid(text) {
		return text, true
	}
	return "", false
}

// isNull reports whether a member is null or absent.
func isNull(v jsontape.Value) bool { return v.Kind() == jsontape.Absent || v.Kind() == jsontape.Null }

// linkChain is the state of following next links.
type linkChain struct {
	query      string          // of the next part to read
	followed   map[string]bool // queries of the parts already read
	withoutNew int             // consecutive parts without new items
}

// follow advances the chain by the next link of its last part. IsNew is whether that part had a new item. The error is
// errLinkLoop if the link was followed before, or if parts only repeat items or stay empty.
func (l *listing) follow(chain *linkChain, p part, isNew bool) error {
	link, err := l.client.nextQuery(p.response, l.query.User, l.facet, p.link)
	if err != nil {
		return err
	}
	if chain.followed == nil {
		chain.followed = make(map[string]bool)
	}
	chain.followed[chain.query] = true
	chain.withoutNew++
	if isNew {
		chain.withoutNew = 0
	}
	if repeats := len(p.entries) > 0 && !isNew; repeats || chain.followed[link] || chain.withoutNew == maxEmptyPages {
		return errLinkLoop
	}
	chain.query = link
	return nil
}

// count requests the length of the whole list; nil if the source does not support $count.
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
