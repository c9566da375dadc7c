package profileapi

import (
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"profileql/internal/jsontape"
)

// listResponse is a collection (OData JSON Format 4.01, section 12). The names of control information begin with @odata. in
// version 4.0, with @ in 4.01, and with odata. in 3.0.
type listResponse struct {
	items             jsontape.Value
	link              string // next link; empty for none
	hasUnreadableLink bool   // whether something else than a next link indicates a next part
	totals            []int  // counts of the whole list; -1 for an invalid one
}

var (
	errNoList    = errors.New("the response is not a list")
	errNoLink    = errors.New("the next link is not a string")
	errTwoLinks  = errors.New("the response has two next links")
	errTwoValues = errors.New("the response has two lists")
)

// total returns the length of the whole list; nil if the source sends none, or contradictory ones.
func (l *listResponse) total() *int {
	if all := slices.Compact(l.totals); len(all) == 1 && all[0] >= 0 {
		return &all[0]
	}
	return nil
}

func parseList(resp *response) (*listResponse, error) {
	root, err := resp.json()
	if err != nil {
		return nil, err
	}
	list := &listResponse{hasUnreadableLink: hasNextRelation(resp.header)}
	// Iterate, because Member returns only the last of duplicate names, which could hide a link.
	for c, ok := root.First(); ok; ok = c.Next() {
		if err := list.readMember(string(c.Name()), c.Value); err != nil {
			return nil, err
		}
	}
	if list.items.Kind() != jsontape.Array {
		return nil, errNoList
	}
	return list, nil
}

func (l *listResponse) readMember(name string, v jsontape.Value) error {
	if strings.EqualFold(name, "value") {
		if l.items.Kind() != jsontape.Absent {
			return errTwoValues
		}
		l.items = v
		return nil
	}
	if v.Kind() == jsontape.Null {
		return nil
	}
	plain, isControl := controlName(name)
	switch {
	case plain == "error":
		return errNoList
	case plain == "nextlink":
		return l.addLink(v)
	case plain == "count" && isControl:
		l.addTotal(v)
	case plain == "context" && isControl: // in every response, and not worth the pattern
	default:
		l.hasUnreadableLink = l.hasUnreadableLink || hasMoreHint(v, nextNamePattern.MatchString(name))
	}
	return nil
}

// controlName returns the lower-case name of a member without the prefix of control information.
func controlName(name string) (plain string, isControl bool) {
	plain = strings.ToLower(name)
	plain, at := strings.CutPrefix(plain, "@")
	plain, odata := strings.CutPrefix(plain, "odata.")
	return plain, at || odata
}

func (l *listResponse) addLink(v jsontape.Value) error {
	link, isText := v.Text()
	switch {
	case !isText:
		return errNoLink
	case link == "":
		return nil
	case l.link != "" && l.link != link:
		return errTwoLinks
	}
	l.link = link
	return nil
}

// addTotal adds a count, which may be a string (IEEE754Compatible, OData JSON Format 4.01, section 3.2).
func (l *listResponse) addTotal(v jsontape.Value) {
	text, isText := v.Text()
	if !isText {
		text = string(v.Raw())
	}
	total, err := strconv.Atoi(text)
	if err != nil {
		total = -1
	}
	l.totals = append(l.totals, total)
}

// nextNamePattern matches names that other APIs use for a next link, or to say that there are more items.
var nextNamePattern = regexp.MustCompile(`(?i)next$|next[-_]?(link|page|part|url|uri|href|token|cursor|marker|offset|skip)|continuation|skip[-_]?token|has[-_]?more`)

// hasMoreHint reports whether a value contains anything that indicates a next part. IsNamed is whether the value or a parent
// has such a name.
func hasMoreHint(v jsontape.Value, isNamed bool) bool {
	switch v.Kind() {
	case jsontape.Object, jsontape.Array:
		for c, ok := v.First(); ok; ok = c.Next() {
			if hasMoreHint(c.Value, isNamed || v.Kind() == jsontape.Object && nextNamePattern.Match(c.Name())) {
				return true
			}
		}
	case jsontape.String:
		text, _ := v.Text()
		return isNamed && text != ""
	case jsontape.Number:
		return isNamed && string(v.Raw()) != "0"
	case jsontape.True:
		return isNamed
	}
	return false
}

// nextRelationPattern matches rel="next" in a Link header (RFC 8288, section 3.3).
var nextRelationPattern = regexp.MustCompile(`(?i);\s*rel\s*=\s*("[^"]*\bnext\b[^"]*"|next\b)`)

func hasNextRelation(header http.Header) bool {
	return slices.ContainsFunc(header.Values("Link"), nextRelationPattern.MatchString)
}
