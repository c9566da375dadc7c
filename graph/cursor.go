package graph

import (
	"strings"

	"profileql/graph/model"
	"profileql/internal/profile"
)

// list is what a cursor belongs to: it is good only for the same list in the same order.
type list struct {
	facet string
	user  string
	order profile.Order
}

func (l list) key() string {
	direction := "asc"
	if l.order.Descending {
		direction = "desc"
	}
	return strings.Join([]string{l.facet, l.user, l.order.Property, direction}, idSeparator)
}

// cursor writes the position of one item of the list. It holds no address and no token; what it stands for is good
// for any replica, at any time.
func (l list) cursor(p profile.Position) string {
	parts := strings.Join([]string{l.key(), p.Instant, p.Source, p.ID}, idSeparator)
	return idEncoding.EncodeToString([]byte(parts))
}

// parseCursor reads a cursor of the list.
func (l list) parseCursor(text string, sources Sources) (*profile.Position, error) {
	raw, err := idEncoding.DecodeString(text)
	own, ofThisList := strings.CutPrefix(string(raw), l.key()+idSeparator)
	parts := strings.Split(own, idSeparator)
	if err != nil || strings.Count(string(raw), idSeparator) != 6 {
		return nil, profile.BadInput("The cursor is not one that ProfileQL has given out.")
	}
	if !ofThisList {
		return nil, profile.BadInput("The cursor belongs to another list: go on with the arguments it was given out for.")
	}
	p := profile.Position{Instant: parts[0], Source: parts[1], ID: parts[2]}
	_, known := sources.find(p.Source)
	// The instant goes into a filter, so it has to be one.
	noInstant := p.Instant != "" && model.InputCheck("DateTime")(p.Instant) != nil
	if !known || !profile.IsSegment(p.ID) || noInstant || l.cursor(p) != text {
		return nil, profile.BadInput("The cursor is not one that ProfileQL has given out.")
	}
	return &p, nil
}
