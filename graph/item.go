package graph

import (
	"context"

	"profileql/internal/jsontape"
	"profileql/internal/profile"
	"profileql/internal/projection"
)

// itemWriter writes the items of one person's facet for one answer: what their sources sent, as a selection has it, and
// what is ProfileQL's own of them. Nothing else gives an item its global id.
type itemWriter struct {
	ctx   context.Context
	facet *Facet
	user  string

	source  string // of the item that is being written
	item    profile.Item
	sources []shownSource
}

// shownSource is what one field selects of one source.
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

// own writes the fields that no source sends.
func (w *itemWriter) own(dst []byte, f *projection.Field) []byte {
	switch f.Name {
	case "id":
		id := globalID{source: w.source, user: w.user, facet: w.facet.name, item: w.item.ID}
		return append(id.append(append(dst, '"')), '"')
	case "itemId":
		return jsontape.AppendString(dst, w.item.ID)
	default: // profileSource; TestOwnFields holds that there is no other
		return append(dst, w.profileSource(f)...)
	}
}

// profileSource is what a field selects of the item's source: the same for all of its items.
func (w *itemWriter) profileSource(f *projection.Field) []byte {
	for _, shown := range w.sources {
		if shown.field == f && shown.name == w.source {
			return shown.text
		}
	}
	source, _ := w.facet.resolver.Sources.find(w.source) // only known ones are asked
	text := source.append(w.ctx, nil, f.Plan)
	w.sources = append(w.sources, shownSource{f, w.source, text})
	return text
}
