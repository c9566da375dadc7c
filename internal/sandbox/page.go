package sandbox

import (
	"database/sql"

	"profileql/internal/sandbox/edm"
	"profileql/internal/sandbox/odata"
	"profileql/internal/sandbox/store"
)

// sortKeys returns what the lists of a document are ordered by.
func sortKeys(doc []byte) store.SortKeys {
	members, _ := edm.SplitObject(doc)
	key := func(property store.Property) sql.NullString {
		v := edm.ValueOf(&edm.Property{Type: &edm.Type{Name: edm.TypeDateTimeOffset}}, members[string(property)])
		if v.Kind == edm.KindNull {
			return sql.NullString{}
		}
		return sql.NullString{String: edm.SortKey(v.Time), Valid: true}
	}
	return store.SortKeys{
		CreatedDateTime: key(store.CreatedDateTime), LastModifiedDateTime: key(store.LastModifiedDateTime),
	}
}

// page returns a page of a list: from an index if the query allows it, and otherwise from all items.
func (s *Sandbox) page(x *request, f *edm.NavigationProperty, q odata.Query) (odata.Page, error) {
	if scan, ok := q.Scan(string(store.CreatedDateTime), string(store.LastModifiedDateTime)); ok {
		p, err := s.scannedPage(x, f, q, scan)
		// The writes that reads do not see yet are looked up after the read: what is in neither has not happened.
		if err != nil || s.lag.documents(x.owner.ID, f.Name, x.at) == nil {
			return p, err
		}
	}
	items, err := s.items(x, f, q.Filter)
	if err != nil {
		return odata.Page{}, err
	}
	return q.Page(items), nil
}

func (s *Sandbox) scannedPage(x *request, f *edm.NavigationProperty, q odata.Query, scan odata.Scan) (odata.Page, error) {
	l := store.List{
		Person: x.owner.ID, Facet: f.Name,
		Order: store.Order{Property: store.Property(scan.Property), Descending: scan.Descending, IDDescending: scan.IDDescending},
		Page:  ranges(scan.Page), Skip: scan.Skip,
	}
	if scan.Size > 0 {
		l.Limit = scan.Size + 1 // one more, to know whether there is another page
	}
	if q.Count {
		l.Count = ranges(scan.All)
	}
	docs, total, err := s.store.Page(x.Context(), l)
	if err != nil {
		return odata.Page{}, err
	}
	p := odata.Page{Total: total, More: len(docs) > scan.Size && scan.Size > 0}
	for _, doc := range docs[:min(len(docs), scan.Size)] {
		i, err := edm.NewEntity(doc.Text)
		if err != nil {
			return odata.Page{}, err
		}
		p.Entities = append(p.Entities, i)
	}
	return p, nil
}

func ranges(of []odata.Range) []store.Range {
	all := make([]store.Range, len(of))
	for n, r := range of {
		all[n] = store.Range{Null: r.Instants.Null, FromID: r.From, BeforeID: r.Before}
		switch {
		case r.Instants.Single:
			all[n].At = r.Instants.From
		case !r.Instants.All && !r.Instants.Null:
			all[n].From, all[n].Before = r.Instants.From, r.Instants.Before
			all[n].NotNull = r.Instants == odata.Instants{}
		}
	}
	return all
}
