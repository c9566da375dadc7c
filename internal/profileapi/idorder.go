package profileapi

import (
	"context"
	"errors"
	"strings"
)

// maxFilterBytes is how many bytes of ids one request can hold without being too long for servers.
const maxFilterBytes = 2000

// Items at one instant are ordered by their ids, and how a source orders ids is its own matter: by bytes, without regard
// to case, as a database orders GUIDs. Nothing here needs to know it, as long as the source's filter agrees with its
// order, and as long as a list does not change from its order to that of bytes, which is the one for a list that is read
// whole: an item that is behind the position in one of them, and before it in the other, would be lost.

// errOrderChanged says that the pages before were in the source's order of ids, and that this one cannot be.
var errOrderChanged = errors.New("the list was begun in another order of ids")

// resumesLocalOrder tells whether the position is one in a list of this source that was read whole and ordered here.
func (l *listing) resumesLocalOrder() bool {
	after := l.query.After
	return after != nil && after.Source == l.client.name && after.OrderedLocally
}

// resumesSourceOrder tells whether the position is one in a list of this source that was in its own order.
func (l *listing) resumesSourceOrder() bool {
	after := l.query.After
	return after != nil && after.Source == l.client.name && !after.OrderedLocally
}

// verifyOrder asks, where ids came in another order than that of their bytes, whether the source's filter agrees: of
// two neighbors, the first is not to be found behind the second. If it is, the source orders items at one instant by
// chance, and going on behind one of them would lose others.
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
	part, err := l.readNonEmpty(ctx, query(append(options, option("$top", "1"), option("$filter", strings.Join(reversed, " or ")))...))
	if isBadRequest(err) || errors.Is(err, errLinkLoop) || err == nil && part.length > 0 {
		return errUnordered
	}
	return err
}

// isOrderChanged tells whether the source's order of the items at the position's instant is another one than that of the
// bytes of their ids, after the whole list was read in the source's order.
func (l *listing) isOrderChanged() bool {
	order := l.query.Order
	for i := 1; i < len(l.entries); i++ {
		a, b := l.entries[i-1].Position, l.entries[i].Position
		if order.Ties(a, b) && order.Ties(a, *l.query.After) && order.Compare(a, b) > 0 {
			return true
		}
	}
	return false
}
