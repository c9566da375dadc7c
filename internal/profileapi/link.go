package profileapi

import (
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/google/uuid"

	"profileql/internal/profile"
)

// Sources write addresses into their answers: links to the next part of a list, and where an item is that was created.
// They spell them as they like, and a gateway in front of them as it must. So no request is sent to such an address: if
// it is about the list that was asked, the query of a link, or the key of an item, is put on our own address, and a token
// cannot get anywhere else. This file decides what is about a list.

var (
	errOtherHost = errors.New("the address is of another host")
	errOtherList = errors.New("the address is about another list")
)

// linkTarget is what an address names of a list.
type linkTarget struct {
	key   string // of an item; empty for the list itself
	query string
}

// resolveLink finds the place that an address from an answer names in one person's list. The address may be relative to that
// of the request, or to the root of the service (OData JSON Format 4.01, section 4.3).
func (c *Client) resolveLink(user, facet, address string) (linkTarget, error) {
	list, err := c.listURL(user, facet)
	if err != nil {
		return linkTarget{}, err
	}
	link, err := url.Parse(address)
	if err != nil || link.Opaque != "" || link.User != nil {
		return linkTarget{}, errOtherList
	}
	for _, from := range []string{list, c.base.String() + "/"} {
		root, err := url.Parse(from)
		if err != nil {
			return linkTarget{}, err
		}
		u := root.ResolveReference(link)
		if !slices.ContainsFunc(c.hosts, func(own *url.URL) bool { return sameHost(own, u) }) {
			return linkTarget{}, errOtherHost
		}
		if key, ok := c.keyIn(segments(u), user, facet); ok {
			return linkTarget{key: key, query: escapeQuery(u.RawQuery)}, nil
		}
	}
	return linkTarget{}, errOtherList
}

// nextQuery is the query of the part behind one that was answered with a link; the link is empty where the answer says in
// a way that cannot be read that there is one.
func (c *Client) nextQuery(resp *response, user, facet, link string) (query string, err error) {
	e := c.newError(resp.request, profile.SourceInvalidResponse)
	e.Status, e.RequestID = resp.status, requestID(resp, nil)
	if link == "" {
		e.Message = "The source's list goes on, but not by a link that can be read."
		return "", e
	}
	at, err := c.resolveLink(user, facet, link)
	switch {
	case errors.Is(err, errOtherHost):
		e.Message = "The source's list goes on at another host. If that is the source's too, name it in its aliases."
	case err != nil || at.key != "":
		e.Message = "The source's list goes on by a link that is about another list."
	default:
		return at.query, nil
	}
	return "", e
}

// sameHost tells whether two addresses are of one host. The scheme does not count: behind a gateway that ends TLS, a
// source takes itself for one without.
func sameHost(a, b *url.URL) bool {
	portA, isDefaultA := portOf(a)
	portB, isDefaultB := portOf(b)
	return portA != "" && portB != "" && strings.EqualFold(a.Hostname(), b.Hostname()) && (portA == portB || isDefaultA && isDefaultB)
}

// portOf is the port of an address, and whether it is that of its scheme; empty where the scheme is not HTTP.
func portOf(u *url.URL) (port string, isDefault bool) {
	ofScheme := map[string]string{"https": "443", "http": "80"}[u.Scheme]
	if ofScheme == "" || u.Port() == "" {
		return ofScheme, true
	}
	return u.Port(), u.Port() == ofScheme
}

// segments are those of a path, unescaped one by one, so that an escaped slash stays inside its segment. Empty ones, such
// as behind a slash at the end, are left out.
func segments(u *url.URL) []string {
	var all []string
	for segment := range strings.SplitSeq(u.EscapedPath(), "/") {
		if plain, err := url.PathUnescape(segment); err == nil && plain != "" {
			all = append(all, plain)
		}
	}
	return all
}

// keyIn finds the key of the item that a path is about, empty for the list itself. An item is a segment behind the list,
// or a key in parentheses: interests/abc or interests('abc').
func (c *Client) keyIn(path []string, user, facet string) (key string, ok bool) {
	if c.isList(path, user, facet) {
		return "", true
	}
	if len(path) == 0 {
		return "", false
	}
	list, last := path[:len(path)-1], path[len(path)-1]
	if c.isList(list, user, facet) {
		return last, true
	}
	name, key, ok := cutKey(last)
	return key, ok && c.isList(append(slices.Clone(list), name), user, facet)
}

// isList tells whether a path is that of one person's list: names in any case, the person by any name that can be
// theirs, and before it the path of the base URL or that of the source behind a gateway, one of which ends with the other.
func (c *Client) isList(path []string, user, facet string) bool {
	n := len(path) - 2
	if n < 1 || !strings.EqualFold(path[n], "profile") || !strings.EqualFold(path[n+1], facet) {
		return false
	}
	before, name, ok := cutUser(path[:n])
	own := segments(c.base)
	return ok && mayBeSameUser(user, name) && (hasSuffixFold(own, before) || hasSuffixFold(before, own))
}

// cutUser takes the person off the end of a path; the name is empty for the signed-in one.
func cutUser(path []string) (before []string, name string, ok bool) {
	n := len(path) - 1
	if n > 0 && strings.EqualFold(path[n-1], "users") {
		return path[:n-1], path[n], true
	}
	if strings.EqualFold(path[n], "me") {
		return path[:n], "", true
	}
	set, name, ok := cutKey(path[n])
	return path[:n], name, ok && strings.EqualFold(set, "users")
}

// mayBeSameUser tells whether two names can be one person's. Who is signed in is known to the source alone, and so is whose
// object id belongs to which user principal name; but two of a kind are of two people.
func mayBeSameUser(a, b string) bool {
	kind := func(name string) int {
		switch {
		case uuid.Validate(name) == nil:
			return 1
		case strings.Contains(name, "@"):
			return 2
		}
		return 0
	}
	return a == "" || b == "" || strings.EqualFold(a, b) || kind(a) != kind(b)
}

func hasSuffixFold(path, end []string) bool {
	return len(path) >= len(end) && slices.EqualFunc(path[len(path)-len(end):], end, strings.EqualFold)
}

// keyPattern is a name with a key (OData URL Conventions 4.01, section 4.3.1).
var keyPattern = regexp.MustCompile(`^(\w+)\((?:\w+=)?(?:'((?:[^']|'')*)'|([^'(),=]+))\)$`)

// cutKey takes a key in parentheses off a segment.
func cutKey(segment string) (name, key string, ok bool) {
	m := keyPattern.FindStringSubmatch(segment)
	if m == nil {
		return "", "", false
	}
	return m[1], strings.ReplaceAll(m[2], "''", "'") + m[3], true
}

// escapeQuery escapes what cannot stand in a query (RFC 3986, section 3.4), for not every source does, and leaves the
// rest as it is.
func escapeQuery(query string) string {
	var b strings.Builder
	for i := range len(query) {
		if c := query[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>\\^`{|}", c) >= 0 {
			b.WriteString(url.PathEscape(query[i : i+1]))
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
