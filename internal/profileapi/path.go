package profileapi

import (
	"net/url"
	"slices"
	"strings"

	"profileql/internal/profile"
)

// listURL is the address of one person's items of a facet.
func (c *Client) listURL(user, facet string) (string, error) {
	person := "/me"
	if user != "" {
		if !profile.IsSegment(user) {
			return "", profile.BadInput("The user is not one that can be asked for.")
		}
		person = userPath(user)
	}
	return c.base.String() + person + "/profile/" + facet, nil
}

// itemURL is the address of one item.
func (c *Client) itemURL(ref profile.Ref, facet string) (string, error) {
	list, err := c.listURL(ref.User, facet)
	if err != nil {
		return "", err
	}
	if !profile.IsSegment(ref.ID) {
		return "", profile.BadInput("The id is not one that an item can have.")
	}
	return list + "/" + url.PathEscape(ref.ID), nil
}

// userPath names a person. A user principal name that begins with $ would be taken for a system segment, and has to
// be written as an OData key (learn.microsoft.com/graph/api/user-get, "Request").
func userPath(user string) string {
	if strings.HasPrefix(user, "$") {
		return "/users('" + url.PathEscape(strings.ReplaceAll(user, "'", "''")) + "')"
	}
	return "/users/" + url.PathEscape(user)
}

// sameList tells whether link is the very list at address, perhaps with another query: the only address that a link
// found in an answer may lead to, since the caller's token goes along.
func sameList(address, link *url.URL) bool {
	return strings.EqualFold(address.Scheme, link.Scheme) && link.User == nil &&
		strings.EqualFold(address.Hostname(), link.Hostname()) && port(address) == port(link) &&
		slices.Equal(segments(address), segments(link))
}

func port(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case strings.EqualFold(u.Scheme, "https"):
		return "443"
	}
	return "80"
}

// segments splits a path before it is unescaped, so that an escaped slash stays inside its segment.
func segments(u *url.URL) []string {
	parts := strings.Split(u.EscapedPath(), "/")
	for i, part := range parts {
		if plain, err := url.PathUnescape(part); err == nil {
			parts[i] = plain
		}
	}
	return parts
}

// option is one query option, escaped for a URL: blanks as %20, because not every server takes + for one.
func option(name, value string) string {
	return name + "=" + strings.ReplaceAll(url.QueryEscape(value), "+", "%20")
}
