package sandbox

import (
	"bytes"
	"net/http"
	"slices"
	"strconv"
)

// read answers a GET.
func (s *Sandbox) read(x *request) (answer, error) {
	o, err := parseOptions(x.URL.RawQuery)
	if err != nil {
		return answer{}, err
	}
	switch {
	case x.metadata:
		return answer{status: http.StatusOK, contentType: "application/xml", body: []byte(document)}, o.only()
	case x.facet == nil:
		return s.readProfile(x, o)
	case x.single:
		return s.readItem(x, o)
	case x.count:
		return s.readCount(x, o)
	}
	return s.readList(x, o)
}

// items are all of the owner's items of a facet that the filter keeps.
func (s *Sandbox) items(x *request, f *facet, filter expression) ([]*item, error) {
	docs, err := s.store.documents(x.Context(), x.owner.ID, f.name)
	if err != nil {
		return nil, err
	}
	kept := make([]*item, 0, len(docs))
	for _, doc := range docs {
		i, err := newItem(doc)
		if err != nil {
			return nil, err
		}
		if filter.eval(i).isTrue() {
			kept = append(kept, i)
		}
	}
	return kept, nil
}

func (s *Sandbox) readList(x *request, o options) (answer, error) {
	q, err := parseQuery(x.facet.item, o)
	if err != nil {
		return answer{}, err
	}
	items, err := s.items(x, x.facet, q.filter)
	if err != nil {
		return answer{}, err
	}
	sorted := q.order.sort(items)
	if q.behind != nil {
		sorted = slices.DeleteFunc(sorted, func(k keyed) bool { return q.order.compare(k.key, q.behind) <= 0 })
	}
	sorted = sorted[min(q.skip, len(sorted)):]
	page := sorted[:min(q.page(), len(sorted))]

	b := x.open(x.context("/" + x.facet.name + chosenContext(x.facet.item, q.chosen)))
	if q.count {
		b.WriteString(`"@odata.count":` + strconv.Itoa(len(items)) + ",")
	}
	if len(page) < len(sorted) && len(page) != q.top {
		b.WriteString(`"@odata.nextLink":`)
		encodeJSON(b, x.nextLink(o, q, page))
		b.WriteByte(',')
	}
	encodeName(b, "value")
	encodeItems(b, page, q.chosen)
	b.WriteByte('}')
	return x.json(http.StatusOK, b.Bytes()), nil
}

// nextLink is the address that was asked, from behind the last item of the page on.
func (x *request) nextLink(o options, q query, page []keyed) string {
	delete(o, "$skip")
	if q.top >= 0 {
		o["$top"] = strconv.Itoa(q.top - len(page))
	}
	o["$skiptoken"] = q.order.token(page[len(page)-1].item)
	return x.address() + "?" + o.encode()
}

func (s *Sandbox) readItem(x *request, o options) (answer, error) {
	if err := o.only("$select"); err != nil {
		return answer{}, err
	}
	chosen, err := o.selection(x.facet.item)
	if err != nil {
		return answer{}, err
	}
	doc, err := s.store.document(x.Context(), key{x.owner.ID, x.facet.name, x.id})
	if err != nil {
		return answer{}, err
	}
	return x.entity(http.StatusOK, doc, chosen)
}

// entity answers one item.
func (x *request) entity(status int, doc []byte, chosen []*property) (answer, error) {
	i, err := newItem(doc)
	if err != nil {
		return answer{}, err
	}
	b := x.open(x.context("/" + x.facet.name + chosenContext(x.facet.item, chosen) + "/$entity"))
	i.encodeTo(b, chosen)
	b.WriteByte('}')
	return x.json(status, b.Bytes()), nil
}

func (s *Sandbox) readCount(x *request, o options) (answer, error) {
	if err := o.only("$filter"); err != nil {
		return answer{}, err
	}
	filter, err := parseFilterOption(x.facet.item, o)
	if err != nil {
		return answer{}, err
	}
	items, err := s.items(x, x.facet, filter)
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusOK, contentType: "text/plain", body: strconv.AppendInt(nil, int64(len(items)), 10)}, nil
}

// readProfile answers the profile with its facets inside, which the API does without $expand. Its id is the same for
// everybody (microsoft-graph-docs#8937).
func (s *Sandbox) readProfile(x *request, o options) (answer, error) {
	if err := o.only("$select"); err != nil {
		return answer{}, err
	}
	names := o.names()
	for _, name := range names {
		if name != "id" && !slices.ContainsFunc(s.facets, func(f *facet) bool { return f.name == name }) {
			return answer{}, because("Parsing OData Select and Expand failed", noProperty(name, &structuredType{name: "microsoft.graph.profile"}))
		}
	}
	wanted := func(name string) bool { return names == nil || slices.Contains(names, name) }
	b := x.open(x.context("/$entity"))
	if wanted("id") {
		b.WriteString(`"id":"profileId",`)
	}
	for _, f := range s.facets {
		if !wanted(f.name) {
			continue
		}
		if err := s.encodeFacet(b, x, f); err != nil {
			return answer{}, err
		}
	}
	return x.json(http.StatusOK, append(bytes.TrimSuffix(b.Bytes(), []byte(",")), '}')), nil
}

// encodeFacet writes a facet inside of the profile.
func (s *Sandbox) encodeFacet(b *bytes.Buffer, x *request, f *facet) error {
	items, err := s.items(x, f, literal(booleanValue(true)))
	if err != nil {
		return err
	}
	byDefault, err := parseOrder(f.item, "")
	if err != nil {
		return err
	}
	if !x.bare {
		encodeName(b, f.name+"@odata.context")
		encodeJSON(b, x.context("/"+f.name))
		b.WriteByte(',')
	}
	encodeName(b, f.name)
	encodeItems(b, byDefault.sort(items), f.item.properties)
	b.WriteByte(',')
	return nil
}

// open begins a JSON object with its context.
func (x *request) open(context string) *bytes.Buffer {
	b := bytes.NewBufferString("{")
	if !x.bare {
		b.WriteString(`"@odata.context":`)
		encodeJSON(b, context)
		b.WriteByte(',')
	}
	return b
}

// chosenContext is how a context URL says what was selected.
func chosenContext(t *structuredType, chosen []*property) string {
	if len(chosen) == len(t.properties) {
		return ""
	}
	names := make([]byte, 0, 64)
	for _, p := range chosen {
		names = append(append(names, ','), p.name...)
	}
	return "(" + string(names[1:]) + ")"
}

func encodeItems(b *bytes.Buffer, items []keyed, chosen []*property) {
	b.WriteByte('[')
	for n, i := range items {
		if n > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('{')
		i.encodeTo(b, chosen)
		b.WriteByte('}')
	}
	b.WriteByte(']')
}

// encodeTo writes the chosen properties, without the braces around them.
func (i *item) encodeTo(b *bytes.Buffer, chosen []*property) {
	for n, p := range chosen {
		if n > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('"')
		b.WriteString(p.name)
		b.WriteString(`":`)
		b.Write(i.raw(p))
	}
}
