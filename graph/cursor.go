package graph

import (
	"slices"
	"strings"

	"profileql/internal/instant"
	"profileql/internal/profile"
)

// list identifies the list that a cursor belongs to. A cursor is valid only for the same list in the same order.
type list struct {
	facet   string
	user    string
	order   profile.Order
	sources []string // sorted, each once; empty for all
}

func (l list) key() string {
	direction := "asc"
	if l.order.Descending {
		direction = "desc"
	}
	return strings.Join([]string{l.facet, l.user, l.order.Property, direction, strings.Join(l.sources, ",")}, idSeparator)
}

// appendCursor appends the cursor of an item: its position, whether that is in the order of ProfileQL or of the source,
// and the sources that have failed so far, as name=code. A cursor contains no URL and no token, does not expire, and is
// valid on every replica. JSON needs no escapes for its characters.
func (l list) appendCursor(dst []byte, p profile.Position, failed []*profile.Error) []byte {
	var few [512]byte
	orderedHere := ""
	if p.OrderedLocally {
		orderedHere = "here"
	}
	parts := appendParts(few[:0], l.key(), p.Instant, p.Source, p.ID, orderedHere, "")
	for i, e := range failed {
		if i > 0 {
			parts = append(parts, ',')
		}
		parts = append(append(append(parts, e.Source...), '='), e.Code...)
	}
	return idEncoding.AppendEncode(dst, parts)
}

var errNoCursor = profile.BadInput("The cursor is invalid.")

// parseCursor returns the position of a cursor and the sources that had failed. It returns an error if the cursor is of
// another list.
func (l list) parseCursor(text string, sources Sources) (*profile.Position, []*profile.Error, error) {
	raw, err := idEncoding.DecodeString(text)
	own, ofThisList := strings.CutPrefix(string(raw), l.key()+idSeparator)
	parts := strings.Split(own, idSeparator)
	if err != nil || strings.Count(string(raw), idSeparator) != 9 {
		return nil, nil, errNoCursor
	}
	if !ofThisList {
		return nil, nil, profile.BadInput(
			"The cursor belongs to another list: use it with the arguments of the page that returned it.")
	}
	p := profile.Position{Instant: parts[0], Source: parts[1], ID: parts[2], OrderedLocally: parts[3] != ""}
	_, known := sources.find(p.Source)
	// The instant becomes part of a $filter, so it must be valid.
	noInstant := p.Instant != "" && !instant.Valid(p.Instant)
	failed, ok := parseFailed(parts[4], sources)
	if !known || !ok || !profile.IsSegment(p.ID) || noInstant || string(l.appendCursor(nil, p, failed)) != text {
		return nil, nil, errNoCursor
	}
	return &p, failed, nil
}

// parseFailed returns the sources that had failed. ok is false if a name is unknown or repeated, or a code is invalid.
func parseFailed(text string, sources Sources) (failed []*profile.Error, ok bool) {
	if text == "" {
		return nil, true
	}
	for _, part := range strings.Split(text, ",") {
		name, code, _ := strings.Cut(part, "=")
		_, known := sources.find(name)
		twice := slices.ContainsFunc(failed, func(e *profile.Error) bool { return e.Source == name })
		if !known || twice || !profile.Code(code).OfSource() {
			return nil, false
		}
		failed = append(failed, &profile.Error{
			Code: profile.Code(code), Source: name,
			Message: "The source failed on an earlier page and is omitted from the following pages. Start the list again to include it.",
		})
	}
	return failed, true
}
