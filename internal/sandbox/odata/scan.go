package odata

import (
	"slices"
	"time"

	"profileql/internal/sandbox/edm"
)

// Scan is a query as ranges of an index by an instant and the id, so that a page can be read without the rest of the
// list.
type Scan struct {
	Property     string // the instant; empty for the index by id
	Descending   bool   // the order of instants
	IDDescending bool   // the order of ids at the same instant
	Page         []Range
	All          []Range // of the pages before, too
	Skip, Size   int     // items to omit, and the size of the page
}

// Range is a contiguous part of an index. The ranges of a [Scan] are in the order of the list.
type Range struct {
	Instants Instants
	From     string // the first id
	Before   string // the first id after the range; empty for no limit
}

// Instants is a set of values of a property: null, or an interval. Limits are in the form of [edm.SortKey].
type Instants struct {
	All    bool   // null, and every instant
	Null   bool   // only null
	Single bool   // only From
	From   string // the first instant; empty for no limit
	Before string // the first instant after the interval; empty for no limit
}

// maxConstants and maxRanges limit the work of a scan. Longer filters are evaluated on the items.
const (
	maxConstants = 16
	maxRanges    = 8
)

// Scan returns the query as ranges of an index. ok is false if there is no such form: the index must be by one of the
// given properties, whose type is Edm.DateTimeOffset, and by the id, and the filter must only compare them with
// constants.
//
// Comparisons with the same constants have the same result for all values between two adjacent constants. So it
// evaluates the filter, and the position of $skiptoken, for one value between each two of them, and for the constants.
func (q Query) Scan(properties ...string) (s Scan, ok bool) {
	s = Scan{Skip: q.skip, Size: q.size}
	if s.Property, ok = q.indexedBy(properties); !ok {
		return s, false
	}
	byInstant := q.order[0].path.Text != "id"
	s.Descending, s.IDDescending = q.order[0].descending, q.order[0].descending
	if byInstant {
		s.IDDescending = q.order[1].descending
	}
	constants := q.constants()
	if len(constants) > maxConstants {
		return s, false
	}
	var times []time.Time
	var ids []string
	for _, v := range constants {
		switch v.Kind {
		case edm.KindDateTimeOffset:
			times = append(times, v.Time)
		case edm.KindString:
			ids = append(ids, v.Text)
		}
	}
	c := cells{property: s.Property, instants: instantCells(s.Property, times), ids: idCells(ids)}
	if s.All, ok = s.ranges(c, byInstant, q.Filter.Keeps); !ok || q.after == nil {
		s.Page = s.All
		return s, ok
	}
	s.Page, ok = s.ranges(c, byInstant, func(i *edm.Entity) bool {
		return q.Filter.Keeps(i) && q.order.compare(q.order.key(i), q.after) > 0
	})
	return s, ok
}

// indexedBy returns the property of the index.
func (q Query) indexedBy(properties []string) (property string, ok bool) {
	if !q.Filter.onlyCompares {
		return "", false
	}
	names := make([]string, 0, len(q.order)+len(q.Filter.comparisons))
	for n, by := range q.order {
		if n > 0 && by.path.Text != "id" {
			return "", false // an order of more than the instant
		}
		names = append(names, by.path.Text)
	}
	for _, c := range q.Filter.comparisons {
		names = append(names, c.property)
	}
	names = slices.DeleteFunc(names, func(name string) bool { return name == "id" })
	names = slices.Compact(names)
	switch {
	case len(names) == 0:
		return "", true
	case len(names) == 1 && slices.Contains(properties, names[0]):
		return names[0], true
	}
	return "", false
}

// constants returns the constants of the filter and of the position.
func (q Query) constants() []edm.Value {
	all := slices.Clone(q.after)
	for _, c := range q.Filter.comparisons {
		all = append(all, c.constant)
	}
	return all
}

// cells are the values that the constants distinguish.
type cells struct {
	property string
	instants []instantCell // in ascending order
	ids      []Range       // only ids, in ascending order
}

// instantCell is a set of instants, and one of them.
type instantCell struct {
	Instants
	example edm.Value
}

// instantCells returns null, the given instants, and the intervals between them.
func instantCells(property string, constants []time.Time) []instantCell {
	if property == "" {
		return []instantCell{{Instants: Instants{All: true}}}
	}
	var limits []time.Time
	for _, t := range constants {
		limits = append(limits, t, t.Add(1))
	}
	slices.SortFunc(limits, time.Time.Compare)
	limits = slices.CompactFunc(limits, time.Time.Equal)
	var first time.Time
	if len(limits) > 0 {
		first = limits[0].Add(-1)
	}
	all := []instantCell{{Instants: Instants{Null: true}}, {example: edm.Value{Kind: edm.KindDateTimeOffset, Time: first}}}
	for _, limit := range limits {
		before := &all[len(all)-1]
		before.Before = edm.SortKey(limit)
		before.Single = before.From != "" && before.example.Time.Add(1).Equal(limit)
		all = append(all, instantCell{
			Instants{From: edm.SortKey(limit)}, edm.Value{Kind: edm.KindDateTimeOffset, Time: limit},
		})
	}
	return all
}

// idCells returns the given ids, and the intervals between them. The next text in the order of bytes is the same with
// a zero byte at the end.
func idCells(constants []string) []Range {
	var limits []string
	for _, id := range constants {
		limits = append(limits, id, id+"\x00")
	}
	slices.Sort(limits)
	all := []Range{{}}
	for _, limit := range slices.Compact(limits) {
		if limit != "" {
			all[len(all)-1].Before = limit
			all = append(all, Range{From: limit})
		}
	}
	return all
}

// group is the ranges of the same instants.
type group []Range

// whole reports whether the group has all ids.
func (g group) whole() bool { return len(g) == 1 && g[0].From == "" && g[0].Before == "" }

// groups returns the cells that keep selects, in ascending order.
func (c cells) groups(keep func(*edm.Entity) bool) []group {
	var groups []group
	for _, instants := range c.instants {
		var g group
		for _, ids := range c.ids {
			i := edm.EntityOf(map[string]edm.Value{
				c.property: instants.example, "id": {Kind: edm.KindString, Text: ids.From},
			})
			last := len(g) - 1
			switch {
			case !keep(i):
			case last >= 0 && g[last].Before == ids.From:
				g[last].Before = ids.Before
			default:
				g = append(g, Range{instants.Instants, ids.From, ids.Before})
			}
		}
		if g != nil {
			groups = append(groups, g)
		}
	}
	return groups
}

// joined joins adjacent groups that have all ids.
func joined(groups []group) []group {
	var all []group
	for _, g := range groups {
		if len(all) > 0 && g.whole() && all[len(all)-1].whole() {
			last, next := &all[len(all)-1][0].Instants, g[0].Instants
			if last.Before != "" && last.Before == next.From {
				last.Before, last.Single = next.Before, false
				continue
			}
		}
		all = append(all, g)
	}
	if len(all) == 2 && all[0].whole() && all[0][0].Instants.Null && all[1].whole() && all[1][0].Instants == (Instants{}) {
		return []group{{{Instants: Instants{All: true}}}}
	}
	return all
}

// ranges returns the cells that keep selects, in the order of the list. ok is false if they are not contiguous in the
// index.
func (s Scan) ranges(c cells, byInstant bool, keep func(*edm.Entity) bool) (ranges []Range, ok bool) {
	groups := joined(c.groups(keep))
	if !byInstant && len(groups) > 1 {
		return nil, false
	}
	for _, g := range groups {
		instants := g[0].Instants
		one := instants.Null || instants.Single || s.Property == ""
		if !one && (!g.whole() || !byInstant) {
			return nil, false // ids of several instants
		}
		if s.IDDescending {
			slices.Reverse(g)
		}
		if s.Descending {
			ranges = append(slices.Clone(g), ranges...)
		} else {
			ranges = append(ranges, g...)
		}
	}
	return ranges, len(ranges) <= maxRanges
}
