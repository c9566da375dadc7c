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

// listResponse is a collection (OData JSON Format 4.01, section 12). What is not an item in it is control information, whose
// names begin with @odata. in version 4.0, with @ in 4.01, and with odata. in 3.0.
type listResponse struct {
	items             jsontape.Value
	link              string // to the part behind; empty where there is none
	hasUnreadableLink bool   // whether the answer says by other means that there is a part behind, and where that is cannot be told
	totals            []int  // what it says of the length of the whole list; -1 for what is no length
}

var (
	errNoList    = errors.New("the answer is not a list")
	errNoLink    = errors.New("the link to the next part is not a text")
	errTwoLinks  = errors.New("the answer has two links to the next part")
	errTwoValues = errors.New("the answer has two lists")
)

// total is the length of the whole list; nil where the source does not tell, or tells two.
func (l *listResponse) total() *int {
	if all := slices.Compact(l.totals); len(all) == 1 && all[0] >= 0 {
		return &all[0]
	}
	return nil
}

func parseList(resp *response) (*listResponse, error) {
	tape, err := jsontape.Parse(resp.body)
	if err != nil {
		return nil, err
	}
	list := &listResponse{hasUnreadableLink: hasNextRelation(resp.header)}
	// Every member, because the last one of a name would win, and hide a link.
	for c, ok := tape.Root().First(); ok; c, ok = c.Next() {
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
	default:
		l.hasUnreadableLink = l.hasUnreadableLink || hasMoreHint(v, nextNamePattern.MatchString(name))
	}
	return nil
}

// controlName is the name of control information without what tells that it is, in small letters.
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

// addTotal notes a length, which is a text where 64 bits are written so (OData JSON Format 4.01, section 3.2).
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

// nextNamePattern is what other APIs call what leads to the next part of a list, or says that there is one.
var nextNamePattern = regexp.MustCompile(`(?i)next$|next[-_]?(link|page|part|url|uri|href|token|cursor|marker|offset|skip)|continuation|skip[-_]?token|has[-_]?more`)

// hasMoreHint tells whether in a value there is anything that says that the list goes on. IsNamed is whether the value, or
// what it is in, has such a name.
func hasMoreHint(v jsontape.Value, isNamed bool) bool {
	switch v.Kind() {
	case jsontape.Object, jsontape.Array:
		for c, ok := v.First(); ok; c, ok = c.Next() {
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

// nextRelationPattern is the relation of a link in a header to the next part (RFC 8288, section 3.3).
var nextRelationPattern = regexp.MustCompile(`(?i);\s*rel\s*=\s*("[^"]*\bnext\b[^"]*"|next\b)`)

func hasNextRelation(header http.Header) bool {
	return slices.ContainsFunc(header.Values("Link"), nextRelationPattern.MatchString)
}
