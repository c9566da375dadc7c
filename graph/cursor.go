package graph

import (
	"slices"
	"strings"

	"profileql/internal/instant"
	"profileql/internal/profile"
)

// list is what a cursor belongs to: it is good only for the same list in the same order.
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

// appendCursor writes the position of one item of the list, by whose order of ids it is one, and which sources are missing
// from the list so far, as name=code. It holds no address and no token; what it stands for is good for any replica, at
// any time. It holds no character that JSON would escape.
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

// parseCursor reads a cursor of the list.
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
	// The instant goes into a filter, so it has to be one.
	noInstant := p.Instant != "" && !instant.Valid(p.Instant)
	failed, ok := parseFailed(parts[4], sources)
	if !known || !ok || !profile.IsSegment(p.ID) || noInstant || string(l.appendCursor(nil, p, failed)) != text {
		return nil, nil, errNoCursor
	}
	return &p, failed, nil
}

// parseFailed reads which sources were missing, each once.
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
