package profileapi

import (
	"net/url"
	"strings"

	"profileql/internal/profile"
)

// listURL returns the URL of one user's items of a facet.
func (c *Client) listURL(user, facet string) (string, error) {
	userSegment := "/me"
	if user != "" {
		if !profile.IsSegment(user) {
			return "", profile.BadInput("The user is not a valid id or user principal name.")
		}
		userSegment = userPath(user)
	}
	return c.base.String() + userSegment + "/profile/" + facet, nil
}

// itemURL returns the URL of one item.
func (c *Client) itemURL(ref profile.Ref, facet string) (string, error) {
	list, err := c.listURL(ref.User, facet)
	if err != nil {
		return "", err
	}
	if !profile.IsSegment(ref.ID) {
		return "", profile.BadInput("The id is not valid.")
	}
	return list + "/" + url.PathEscape(ref.ID), nil
}

// userPath returns the path of a user. A user principal name that begins with $ must be written as an OData key, since it
// would be taken for a system segment (learn.microsoft.com/graph/api/user-get, "Request").
func userPath(user string) string {
	if strings.HasPrefix(user, "$") {
		return "/users('" + url.PathEscape(strings.ReplaceAll(user, "'", "''")) + "')"
	}
	return "/users/" + url.PathEscape(user)
}

// option returns a query option, escaped for a URL: spaces as %20, because not every server decodes +.
func option(name, value string) string {
	return name + "=" + strings.ReplaceAll(url.QueryEscape(value), "+", "%20")
}

// query joins query options.
func query(options ...string) string { return strings.Join(options, "&") }
