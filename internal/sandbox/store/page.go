package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// Order is the order of a list: by an instant, if there is one, and then by id.
type Order struct {
	Property     Property
	Descending   bool // the order of instants, of which null is the first in ascending order
	IDDescending bool
}

// Property is an instant that lists can be ordered by.
type Property string

// The properties for which there are indexes.
const (
	CreatedDateTime      Property = "createdDateTime"
	LastModifiedDateTime Property = "lastModifiedDateTime"
)

// index returns the name of the index for an order. It is named in queries, since SQLite might also read all items of
// a facet and sort them.
func (o Order) index() string {
	if o.Descending == o.IDDescending {
		return "item_" + string(o.Property) + "_asc"
	}
	return "item_" + string(o.Property) + "_desc"
}

// Range is a contiguous part of a list.
type Range struct {
	Null             bool   // only items without the instant
	NotNull          bool   // only items with it; implied by At, From and Before
	At               string // only items at this instant
	From, Before     string // the first instant, and the first one after the range; empty for no limit
	FromID, BeforeID string // the same for ids
}

// List is a list of a person's facet.
type List struct {
	Person, Facet string
	Order         Order
	Page          []Range // in the order of the list
	Skip, Limit   int     // items of the page's ranges to omit, and to return after them
	Count         []Range // to be counted; nil for none
}

// Page returns items of a list in its order, and the number of items in the ranges to be counted. All are of the same
// moment. Its time does not depend on the number of items that it neither returns nor counts nor omits.
func (s *Store) Page(ctx context.Context, l List) (docs []Document, count int, err error) {
	tx, err := s.reads.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = tx.Rollback() }()
	for _, r := range l.Page {
		if len(docs) >= l.Limit {
			break
		}
		found, err := l.read(ctx, tx, r, l.Limit-len(docs), l.Skip)
		if err != nil {
			return nil, 0, err
		}
		docs = append(docs, found...)
		if len(found) > 0 {
			l.Skip = 0
		}
		if l.Skip == 0 {
			continue
		}
		n, err := l.count(ctx, tx, r) // not more than are to be omitted
		if err != nil {
			return nil, 0, err
		}
		l.Skip -= n
	}
	for _, r := range l.Count {
		n, err := l.count(ctx, tx, r)
		if err != nil {
			return nil, 0, err
		}
		count += n
	}
	return docs, count, nil
}

func (l List) read(ctx context.Context, tx *sql.Tx, r Range, limit, skip int) ([]Document, error) {
	from, args := l.from(r)
	var by strings.Builder
	if l.Order.Property != "" {
		by.WriteString(string(l.Order.Property) + direction(l.Order.Descending) + ", ")
	}
	by.WriteString("id" + direction(l.Order.IDDescending))
	rows, err := tx.QueryContext(ctx, fmt.Sprintf("SELECT id, doc %s ORDER BY %s LIMIT ? OFFSET ?", from, &by), append(args, limit, skip)...)
	if err != nil {
		return nil, err
	}
	return scanDocuments(rows)
}

func direction(descending bool) string {
	if descending {
		return " DESC"
	}
	return ""
}

func (l List) count(ctx context.Context, tx *sql.Tx, r Range) (n int, err error) {
	from, args := l.from(r)
	err = tx.QueryRowContext(ctx, "SELECT count(*) "+from, args...).Scan(&n)
	return n, err
}

// from returns the clauses that select the items of a range, and their parameters.
func (l List) from(r Range) (clauses string, args []any) {
	var b strings.Builder
	b.WriteString("FROM item ")
	property := string(l.Order.Property)
	if property != "" {
		b.WriteString("INDEXED BY " + l.Order.index() + " ")
	}
	b.WriteString("WHERE person = ? AND facet = ?")
	args = []any{l.Person, l.Facet}
	switch {
	case r.Null:
		b.WriteString(" AND " + property + " IS NULL")
	case r.NotNull:
		b.WriteString(" AND " + property + " IS NOT NULL")
	}
	for _, condition := range []struct{ text, operand string }{
		{property + " = ?", r.At}, {property + " >= ?", r.From}, {property + " < ?", r.Before},
		{"id >= ?", r.FromID}, {"id < ?", r.BeforeID},
	} {
		if condition.operand != "" {
			b.WriteString(" AND " + condition.text)
			args = append(args, condition.operand)
		}
	}
	return b.String(), args
}
