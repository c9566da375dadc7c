package profileapi

import (
	"context"
	"errors"
	"strings"

	"profileql/internal/profile"
)

// maxFilterBytes is the maximum length of a filter's ids: servers limit the length of URLs.
const maxFilterBytes = 2000

// Items with equal instants are ordered by their ids, and each source has its own collation: by bytes, case-insensitive, or
// as a database orders GUIDs. It need not be known here, as long as the source's $filter agrees with its $orderby, and as
// long as a list does not switch between the source's order and that of bytes, which is used for lists that are sorted here:
// an item after the position in one order, and before it in the other, would be lost.

// errOrderChanged means that the previous pages were in the source's order of ids, and that this one cannot be.
var errOrderChanged = errors.New("the list was started in another order of ids")

// resumesLocalOrder reports whether the position is in a list of this source that was sorted here.
func (l *listing) resumesLocalOrder() bool {
	after := l.query.After
	return after != nil && after.Source == l.client.name && after.OrderedLocally
}

// resumesSourceOrder reports whether the position is in a list of this source that was in its own order.
func (l *listing) resumesSourceOrder() bool {
	after := l.query.After
	return after != nil && after.Source == l.client.name && !after.OrderedLocally
}

// verifyOrder checks, if ids came in another order than that of their bytes, that the source's filter agrees: of two
// neighbors, the first must not come after the second. If it does, the source's order of items with equal instants is
// arbitrary, and continuing after one of them would lose others.
func (l *listing) verifyOrder(ctx context.Context, options []string) error {
	if !l.unlikeByteOrder {
		return nil
	}
	var reversed []string
	for i, length := len(l.ties)-1, 0; i >= 0 && length < maxFilterBytes; i-- {
		first, second := textLiteral(l.ties[i][0]), textLiteral(l.ties[i][1])
		reversed = append(reversed, "(id gt "+second+" and id eq "+first+")")
		length += len(first) + len(second)
	}
	ctx = profile.WithReason(ctx, profile.OrderCheck)
	part, err := l.readNonEmpty(ctx, query(append(options, option("$top", "1"), option("$filter", strings.Join(reversed, " or ")))...))
	if isBadRequest(err) || errors.Is(err, errLinkLoop) || err == nil && part.length > 0 {
		return errUnordered
	}
	return err
}

// isOrderChanged reports, after the whole list was read in the source's order, whether the items at the position's instant
// are in another order than that of the bytes of their ids.
func (l *listing) isOrderChanged() bool {
	order := l.query.Order
	for i := 1; i < len(l.entries); i++ {
		a, b := l.entries[i-1].Position, l.entries[i].Position
		if order.CompareInstants(a, b) == 0 && order.CompareInstants(a, *l.query.After) == 0 && order.Compare(a, b) > 0 {
			return true
		}
	}
	return false
}
