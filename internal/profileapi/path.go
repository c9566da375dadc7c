package profileapi

import (
	"net/url"
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

// option is one query option, escaped for a URL: blanks as %20, because not every server takes + for one.
func option(name, value string) string {
	return name + "=" + strings.ReplaceAll(url.QueryEscape(value), "+", "%20")
}

// query is the part of an address behind the question mark.
func query(options ...string) string { return strings.Join(options, "&") }
