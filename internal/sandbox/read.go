package sandbox

import (
	"net/http"
	"slices"
	"strconv"

	"profileql/internal/sandbox/edm"
	"profileql/internal/sandbox/odata"
	"profileql/internal/sandbox/store"
)

// read handles a GET.
func (s *Sandbox) read(x *request) (answer, error) {
	o, err := odata.ParseOptions(x.URL.RawQuery)
	if err != nil {
		return answer{}, err
	}
	switch x.kind {
	case metadataResource:
		return readMetadata(o)
	case itemResource:
		return s.readItem(x, o)
	case countResource:
		return s.readCount(x, o)
	case listResource:
		return s.readList(x, o)
	}
	return s.readProfile(x, o)
}

func readMetadata(o odata.Options) (answer, error) {
	return answer{
		status: http.StatusOK, header: http.Header{"Content-Type": {"application/xml"}}, body: []byte(description),
	}, o.Only()
}

// items returns the owner's items of a facet that the filter selects.
func (s *Sandbox) items(x *request, f *edm.NavigationProperty, filter odata.Expression) ([]*edm.Entity, error) {
	docs, err := s.documents(x, f)
	if err != nil {
		return nil, err
	}
	kept := make([]*edm.Entity, 0, len(docs))
	for _, doc := range docs {
		i, err := edm.NewEntity(doc.Text)
		if err != nil {
			return nil, err
		}
		if filter.Keeps(i) {
			kept = append(kept, i)
		}
	}
	return kept, nil
}

// documents returns the documents of the owner's facet, as visible to reads.
func (s *Sandbox) documents(x *request, f *edm.NavigationProperty) ([]store.Document, error) {
	docs, err := s.store.Documents(x.Context(), x.owner.ID, f.Name)
	lagging := s.lag.documents(x.owner.ID, f.Name, x.at)
	if err != nil || lagging == nil {
		return docs, err
	}
	docs = slices.DeleteFunc(docs, func(d store.Document) bool { _, ok := lagging[d.ID]; return ok })
	for id, text := range lagging {
		if text != nil {
			docs = append(docs, store.Document{ID: id, Text: text})
		}
	}
	return docs, nil
}

func (s *Sandbox) readList(x *request, o odata.Options) (answer, error) {
	q, err := odata.ParseQuery(x.facet.EntityType, o)
	if err != nil {
		return answer{}, err
	}
	p, err := s.page(x, x.facet, q)
	if err != nil {
		return answer{}, err
	}
	b := x.open(x.context("/" + x.facet.Name + q.Selection.Context(x.facet.EntityType)))
	if q.Count {
		b.WriteString(`"@odata.count":` + strconv.Itoa(p.Total) + ",")
	}
	if p.More {
		writeMember(b, "@odata.nextLink", x.address()+"?"+q.Next(p))
	}
	edm.WriteName(b, "value")
	x.writeItems(b, x.facet, p.Entities, q.Selection)
	b.WriteByte('}')
	return x.json(http.StatusOK, b.Bytes()), nil
}

func (s *Sandbox) readItem(x *request, o odata.Options) (answer, error) {
	if err := o.Only("$select"); err != nil {
		return answer{}, err
	}
	chosen, err := o.Select(x.facet.EntityType)
	if err != nil {
		return answer{}, err
	}
	doc, lags := s.lag.document(x.key(), x.at)
	if !lags {
		doc, err = s.store.Document(x.Context(), x.key())
	} else if doc == nil {
		err = noItem()
	}
	if err != nil {
		return answer{}, err
	}
	return x.entity(http.StatusOK, doc, chosen)
}

// key returns the key of the item in the path.
func (x *request) key() store.Key {
	return store.Key{Person: x.owner.ID, Facet: x.facet.Name, ID: x.id}
}

// entity returns the response for one item.
func (x *request) entity(status int, doc []byte, chosen odata.Selection) (answer, error) {
	i, err := edm.NewEntity(doc)
	if err != nil {
		return answer{}, err
	}
	b := x.open(x.context("/" + x.facet.Name + chosen.Context(x.facet.EntityType) + "/$entity"))
	x.writeItem(b, x.facet, i, chosen)
	b.WriteByte('}')
	return x.json(status, b.Bytes()), nil
}

func (s *Sandbox) readCount(x *request, o odata.Options) (answer, error) {
	if err := o.Only("$filter"); err != nil {
		return answer{}, err
	}
	filter, err := o.Filter(x.facet.EntityType)
	if err != nil {
		return answer{}, err
	}
	items, err := s.items(x, x.facet, filter)
	if err != nil {
		return answer{}, err
	}
	return answer{
		status: http.StatusOK, header: http.Header{"Content-Type": {"text/plain"}},
		body: strconv.AppendInt(nil, int64(len(items)), 10),
	}, nil
}
