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

// pathTemplate returns a path of the client with names in place of the ids of people and items; empty if it has another form.
func (c *Client) pathTemplate(path string) string {
	base := c.base.EscapedPath()
	relative, ok := strings.CutPrefix(path, base+"/")
	if relative == "$batch" {
		return path
	}
	user, segments := "", strings.Split(relative, "/")
	switch {
	case segments[0] == "me":
		user, segments = "/me", segments[1:]
	case segments[0] == "users" && len(segments) > 1:
		user, segments = "/users/{user}", segments[2:]
	case strings.HasPrefix(segments[0], "users('"):
		user, segments = "/users('{user}')", segments[1:]
	}
	if !ok || user == "" || len(segments) < 2 || len(segments) > 3 || segments[0] != "profile" {
		return ""
	}
	template := base + user + "/profile/" + segments[1]
	if len(segments) == 3 {
		template += "/{item}"
	}
	return template
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
