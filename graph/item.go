package graph

import (
	"context"

	"profileql/internal/jsontape"
	"profileql/internal/profile"
	"profileql/internal/projection"
)

// itemWriter writes the items of one person's facet in one response: the selected properties that the source sent, and
// the fields that ProfileQL adds, such as the global id.
type itemWriter struct {
	ctx   context.Context
	facet *Facet
	user  string

	source  string // of the current item
	item    profile.Item
	sources []shownSource
}

// shownSource is the JSON of one source for one field's selection.
type shownSource struct {
	field *projection.Field
	name  string
	text  []byte
}

func (f *Facet) writer(ctx context.Context, user string) *itemWriter {
	return &itemWriter{ctx: ctx, facet: f, user: user}
}

func (w *itemWriter) append(dst []byte, plan *projection.Plan, source string, item profile.Item) []byte {
	w.source, w.item = source, item
	return plan.Append(dst, item.JSON, w.own)
}

// own writes the fields that ProfileQL adds.
func (w *itemWriter) own(dst []byte, f *projection.Field) []byte {
	switch f.Name {
	case "id":
		id := globalID{source: w.source, user: w.user, facet: w.facet.name, item: w.item.ID}
		return append(id.append(append(dst, '"')), '"')
	case "itemId":
		return jsontape.AppendString(dst, w.item.ID)
	default: // profileSource; TestOwnFields checks that there are no others
		return append(dst, w.profileSource(f)...)
	}
}

// profileSource returns the item's source with the field's selection. It is written once, for all items of the source.
func (w *itemWriter) profileSource(f *projection.Field) []byte {
	for _, shown := range w.sources {
		if shown.field == f && shown.name == w.source {
			return shown.text
		}
	}
	source, _ := w.facet.resolver.Sources.find(w.source) // always found: only configured sources have items
	text := source.append(w.ctx, nil, f.Plan)
	w.sources = append(w.sources, shownSource{f, w.source, text})
	return text
}
