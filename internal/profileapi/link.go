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

// Responses contain URLs: next links, and the Location of a created item. Sources and gateways spell them differently. So no
// request is sent to such a URL: if it is about the requested list, its query or the item's key is applied to our own URL,
// and a token cannot be sent anywhere else. This file decides whether a URL is about a list.

var (
	errOtherHost = errors.New("the URL has another host")
	errOtherList = errors.New("the URL is of another list")
)

// linkTarget is the part of a list that a URL refers to.
type linkTarget struct {
	key   string // of an item; empty for the list itself
	query string
}

// resolveLink resolves a URL from a response within one user's list. It may be relative to the URL of the request, or to the
// service root (OData JSON Format 4.01, section 4.3).
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

// nextQuery returns the query of a next link; the link is empty if the response indicates a next part in another way.
func (c *Client) nextQuery(resp *response, user, facet, link string) (query string, err error) {
	e := c.newError(resp.request, profile.SourceInvalidResponse)
	e.Status, e.RequestID = resp.status, requestID(resp, nil)
	if link == "" {
		e.Message = "The source's list has more items, but no next link that can be read."
		return "", e
	}
	at, err := c.resolveLink(user, facet, link)
	switch {
	case errors.Is(err, errOtherHost):
		e.Message = "The source's next link points to another host. If the host belongs to the source, add it to aliases."
	case err != nil || at.key != "":
		e.Message = "The source's next link points to another list."
	default:
		return at.query, nil
	}
	return "", e
}

// sameHost reports whether two URLs have the same host and port. The scheme is ignored: behind a gateway that terminates
// TLS, a source's links have http.
func sameHost(a, b *url.URL) bool {
	portA, isDefaultA := portOf(a)
	portB, isDefaultB := portOf(b)
	return portA != "" && portB != "" && strings.EqualFold(a.Hostname(), b.Hostname()) && (portA == portB || isDefaultA && isDefaultB)
}

// portOf returns the port of a URL, and whether it is the scheme's default; empty if the scheme is not HTTP.
func portOf(u *url.URL) (port string, isDefault bool) {
	ofScheme := map[string]string{"https": "443", "http": "80"}[u.Scheme]
	if ofScheme == "" || u.Port() == "" {
		return ofScheme, true
	}
	return u.Port(), u.Port() == ofScheme
}

// segments returns the segments of a path, unescaped one by one, so that an escaped slash stays inside its segment. Empty
// ones, such as after a trailing slash, are left out.
func segments(u *url.URL) []string {
	var all []string
	for segment := range strings.SplitSeq(u.EscapedPath(), "/") {
		if plain, err := url.PathUnescape(segment); err == nil && plain != "" {
			all = append(all, plain)
		}
	}
	return all
}

// keyIn returns the key of the item that a path refers to, empty for the list itself. An item is a segment after the list, or
// a key in parentheses: interests/abc or interests('abc').
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

// isList reports whether a path is that of one user's list: names in any case, any name that may be the user's, and before it
// the path of the base URL, or of the source behind a gateway, where one is a suffix of the other.
func (c *Client) isList(path []string, user, facet string) bool {
	n := len(path) - 2
	if n < 1 || !strings.EqualFold(path[n], "profile") || !strings.EqualFold(path[n+1], facet) {
		return false
	}
	before, name, ok := cutUser(path[:n])
	own := segments(c.base)
	return ok && mayBeSameUser(user, name) && (hasSuffixFold(own, before) || hasSuffixFold(before, own))
}

// cutUser removes the user from the end of a path; the name is empty for the signed-in user.
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

// mayBeSameUser reports whether two names may be of the same user. Only the source knows who is signed in, and which object id
// belongs to which user principal name; but two different names of one kind are two users.
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

// keyPattern matches a name with a key (OData URL Conventions 4.01, section 4.3.1).
var keyPattern = regexp.MustCompile(`^(\w+)\((?:\w+=)?(?:'((?:[^']|'')*)'|([^'(),=]+))\)$`)

// cutKey splits a segment with a key in parentheses.
func cutKey(segment string) (name, key string, ok bool) {
	m := keyPattern.FindStringSubmatch(segment)
	if m == nil {
		return "", "", false
	}
	return m[1], strings.ReplaceAll(m[2], "''", "'") + m[3], true
}

// escapeQuery escapes the characters that are not allowed in a query (RFC 3986, section 3.4), because not every source does.
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
