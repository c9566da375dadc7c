package graph

import (
	"slices"
	"strconv"

	"profileql/internal/jsontape"
	"profileql/internal/profile"
	"profileql/internal/projection"
)

// selectItems sets the properties and the count of a query to those that a connection's selection needs.
func selectItems(plan *projection.Plan, q *profile.Query) {
	q.Properties = []string{"id", q.Order.Property}
	for i := range plan.Fields {
		switch f := &plan.Fields[i]; f.Name {
		case "nodes":
			q.Properties = withProperties(q.Properties, f.Plan.Properties())
		case "edges":
			for j := range f.Plan.Fields {
				if node := &f.Plan.Fields[j]; node.Name == "node" {
					q.Properties = withProperties(q.Properties, node.Plan.Properties())
				}
			}
		case "totalCount":
			q.Count = true
		}
	}
}

func withProperties(all, more []string) []string {
	for _, property := range more {
		if !slices.Contains(all, property) {
			all = append(all, property)
		}
	}
	return all
}

// connection writes one page of a list as a connection (GraphQL Cursor Connections Specification).
type connection struct {
	*itemWriter
	list        list
	page        profile.Page
	hasPrevious bool
}

// sizeOfIDs is the approximate size in bytes of what ProfileQL adds to an item.
const sizeOfIDs = 150

func (c *connection) append(plan *projection.Plan) []byte {
	size := 200
	for _, entry := range c.page.Entries { // the source has sent only what is selected, unless it ignores $select
		size += sizeOfIDs + min(len(entry.JSON.Raw()), 1000)
	}
	dst := profile.NewBuffer(c.ctx, size)
	return plan.AppendFields(dst, func(dst []byte, f *projection.Field) []byte {
		switch f.Name {
		case "edges":
			return c.appendEdges(dst, f.Plan)
		case "nodes":
			return appendList(dst, c.page.Entries, func(dst []byte, entry profile.Entry) []byte {
				return c.appendNode(dst, f.Plan, entry)
			})
		case "pageInfo":
			return f.Plan.AppendFields(dst, c.appendPageInfo)
		case "totalCount":
			if c.page.Total == nil {
				return append(dst, "null"...)
			}
			return strconv.AppendInt(dst, int64(*c.page.Total), 10)
		default: // failedSources; TestOwnFields checks that there are no others
			return appendList(dst, c.page.Failed, func(dst []byte, e *profile.Error) []byte {
				return c.appendFailed(dst, f.Plan, e)
			})
		}
	})
}

func appendList[T any](dst []byte, list []T, one func(dst []byte, entry T) []byte) []byte {
	dst = append(dst, '[')
	for i, entry := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = one(dst, entry)
	}
	return append(dst, ']')
}

func (c *connection) appendNode(dst []byte, plan *projection.Plan, entry profile.Entry) []byte {
	return c.itemWriter.append(dst, plan, entry.Position.Source, profile.Item{ID: entry.Position.ID, JSON: entry.JSON})
}

func (c *connection) appendEdges(dst []byte, plan *projection.Plan) []byte {
	var entry profile.Entry
	value := func(dst []byte, f *projection.Field) []byte {
		if f.Name == "cursor" {
			return c.appendCursor(dst, entry.Position)
		}
		return c.appendNode(dst, f.Plan, entry)
	}
	return appendList(dst, c.page.Entries, func(dst []byte, e profile.Entry) []byte {
		entry = e
		return plan.AppendFields(dst, value)
	})
}

func (c *connection) appendCursor(dst []byte, p profile.Position) []byte {
	return append(c.list.appendCursor(append(dst, '"'), p, c.page.Failed), '"')
}

func (c *connection) appendPageInfo(dst []byte, f *projection.Field) []byte {
	entries := c.page.Entries
	switch {
	case f.Name == "hasNextPage":
		return strconv.AppendBool(dst, c.page.More)
	case f.Name == "hasPreviousPage":
		return strconv.AppendBool(dst, c.hasPrevious)
	case len(entries) == 0:
		return append(dst, "null"...)
	case f.Name == "startCursor":
		return c.appendCursor(dst, entries[0].Position)
	default: // endCursor; TestOwnFields checks that there are no others
		return c.appendCursor(dst, entries[len(entries)-1].Position)
	}
}

func (c *connection) appendFailed(dst []byte, plan *projection.Plan, e *profile.Error) []byte {
	return plan.AppendFields(dst, func(dst []byte, f *projection.Field) []byte {
		switch f.Name {
		case "source":
			source, _ := c.facet.resolver.Sources.find(e.Source) // always found: only configured sources fail
			return source.append(c.ctx, dst, f.Plan)
		case "code":
			return jsontape.AppendString(dst, string(e.Code))
		default: // message; TestOwnFields checks that there are no others
			return jsontape.AppendString(dst, e.Message)
		}
	})
}
