package profileapi

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"profileql/internal/profile"
)

// clientAt returns a client of a source that does not exist.
func clientAt(t testing.TB, base string, aliases ...string) *Client {
	t.Helper()
	c, err := New(Options{Name: "test", BaseURL: base, Aliases: aliases})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const guid = "48d31887-5fad-4d73-a9f5-3c356e68a038"

// TestResolveLink holds which URLs are about a list.
func TestResolveLink(t *testing.T) {
	t.Parallel()
	const ada = "ada@example.com"
	for _, test := range []struct {
		base, user string
		same       []string // URLs of the list, all with a query
		other      []string // of other lists, or invalid
		elsewhere  []string // of other hosts
	}{
		{
			base: "https://a.example/b",
			same: []string{
				"https://a.example/b/me/profile/things?q", "HTTPS://A.EXAMPLE:443/b/me/profile/things?q#x", "https://a.example/b/me/profile/%74hings?q",
				"https://a.example/B/Me/Profile/THINGS?q", "https://a.example/b/me/profile/things/?q", "https://a.example//b/me//profile/things//?q",
				"https://a.example/b/x/../me/profile/things?q", "https://a.example/b/./me/profile/things?q",
				"http://a.example/b/me/profile/things?q", "http://a.example:80/b/me/profile/things?q", "http://a.example:443/b/me/profile/things?q", "//a.example/b/me/profile/things?q",
				"https://a.example/b/users/ada/profile/things?q", "https://a.example/b/users('" + guid + "')/profile/things?q", "https://a.example/b/users/" + ada + "/profile/things?q",
				"https://a.example/b/Users(%27o%27%27ada%27)/profile/things?q", "https://a.example/b/users(id='x')/profile/things?q", "https://a.example/b/users(" + guid + ")/profile/things?q",
				"https://a.example/b/users/me/profile/things?q", "https://a.example/b/users('me')/profile/things?q", "https://a.example/b/users/a%2Fb/profile/things?q",
				// behind a gateway that adds a path prefix, or removes it
				"https://a.example/me/profile/things?q", "https://a.example/api/v2/b/me/profile/things?q", "/me/profile/things?q",
				// relative to the request
				"?q", "things?q", "./things?q", "/b/me/profile/things?q", "../profile/things?q", "../../../../../b/me/profile/things?q", "?q#x",
				// relative to the service
				"me/profile/things?q", "users('" + guid + "')/profile/things?q", "Users/ada/Profile/Things/?q",
			},
			other: []string{
				"https://a.example/b/me/profile/other?q", "https://a.example/b/me/things?q", "https://a.example/b/profile/things?q", "https://a.example/c/me/profile/things?q",
				"https://a.example/b/me/profile%2Fthings?q", "https://a.example/b/me/profile/things%2F?q", "https://a.example/b/me/profile/things%00?q",
				"https://a.example/b/me/profile/things;x?q", `https://a.example/b/me/profile\things?q`, "https://a.example/b/me/profile/%2e%2e/profile/things?q",
				"https://a.example/b/users/profile/things?q", "https://a.example/b/groups('x')/profile/things?q", "https://a.example/b/users()/profile/things?q",
				"https://a.example/b/users('x')/me/profile/things?q", "https://a.example/b/users('a','b')/profile/things?q", "https://a.example/b/users('x'/profile/things?q",
				"https://a.example?q", "https://a.example/?q", "/?q", "other?q", "../x?q", "/things?q", "https://u@a.example/b/me/profile/things?q", "https://@a.example/b/me/profile/things?q",
				"https://u:p@a.example/b/me/profile/things?q", "https://a.example@b.example/b/me/profile/things?q", "https:b/me/profile/things?q",
				"::", "%zz", "javascript:alert(1)", "https://a.example/b/me/profile/things\n?q", "https://a.example:x/b/me/profile/things?q",
			},
			elsewhere: []string{
				"https://b.example/b/me/profile/things?q", "//b.example/b/me/profile/things?q", "https://a.example.evil.example/b/me/profile/things?q", "https://a.example./b/me/profile/things?q",
				"https://a.example:8443/b/me/profile/things?q", "https://a.example:80/b/me/profile/things?q", "https://a.example:0443/b/me/profile/things?q", "ftp://a.example/b/me/profile/things?q", "//b/me/profile/things?q", "https:?q", "http://inner:8080/b/me/profile/things?q",
			},
		},
		{
			base: "https://a.example/b", user: ada,
			same: []string{
				"https://a.example/b/users/ada@example.com/profile/things?q", "https://a.example/b/users/ada%40EXAMPLE.com/profile/things?q", "https://a.example/b/users('ada@example.com')/profile/things?q",
				"https://a.example/b/users(userPrincipalName='ada@example.com')/profile/things?q", "https://a.example/b/users('" + guid + "')/profile/things?q",
				"https://a.example/b/users/4711/profile/things?q", "https://a.example/b/me/profile/things?q", "users('x')/profile/things?q", "?q",
			},
			other: []string{"https://a.example/b/users/eve@example.com/profile/things?q", "https://a.example/b/users('eve@example.com')/profile/things?q"},
		},
		{
			base: "https://a.example/b", user: guid,
			same:  []string{"https://a.example/b/users/" + strings.ToUpper(guid) + "/profile/things?q", "users('ada@example.com')/profile/things?q", "me/profile/things?q"},
			other: []string{"users('58d31887-5fad-4d73-a9f5-3c356e68a038')/profile/things?q"},
		},
		{
			base: "https://a.example/b", user: "$o'ada",
			same:  []string{"users('$o''ada')/profile/things?q", "users/$o'ada/profile/things?q", "?q"},
			other: []string{"users('$o''eve')/profile/things?q"},
		},
		{
			base: "http://[::1]:8081", user: "me",
			same:      []string{"http://[::1]:8081/users/me/profile/things?q", "http://[::1]:8081/api/me/profile/things?q"},
			elsewhere: []string{"http://[::2]:8081/users/me/profile/things?q", "http://[::1]/users/me/profile/things?q", "http://localhost:8081/users/me/profile/things?q"},
		},
		{
			base: "https://a.example/graph/a%2Fb",
			same: []string{"https://a.example/graph/a%2fb/me/profile/things?q", "/a%2Fb/me/profile/things?q"}, other: []string{"/graph/a/b/me/profile/things?q"},
		},
		{
			base: "https://gateway.example/graph/beta",
			same: []string{
				"http://inner:8080/beta/me/profile/things?q", "https://INNER:8080/beta/users('x')/profile/things?q", "http://other.example:80/graph/beta/me/profile/things?q",
				"https://other.example/me/profile/things?q",
			},
			other:     []string{"http://inner:8080/v1.0/me/profile/things?q", "http://inner:8080/beta/me/profile/other?q", "http://inner:8080?q"},
			elsewhere: []string{"http://inner/beta/me/profile/things?q", "http://inner:8081/beta/me/profile/things?q"},
		},
	} {
		c := clientAt(t, test.base, "http://inner:8080", "https://other.example")
		if !strings.Contains(test.base, "gateway") {
			c = clientAt(t, test.base)
		}
		check := func(links []string, want error) {
			t.Helper()
			for _, link := range links {
				at, err := c.resolveLink(test.user, "things", link)
				if !errors.Is(err, want) || err == nil && at != (linkTarget{query: "q"}) {
					t.Errorf("%s, person %q: %s is %+v, %v; want %v", test.base, test.user, link, at, err, want)
				}
			}
		}
		check(test.same, nil)
		check(test.other, errOtherList)
		check(test.elsewhere, errOtherHost)
	}
}

// TestResolveItemLink holds the keys in URLs of items.
func TestResolveItemLink(t *testing.T) {
	t.Parallel()
	c := clientAt(t, "https://a.example/b", "http://inner:8080")
	for address, want := range map[string]string{
		"https://a.example/b/me/profile/things/x": "x", "/b/me/profile/things/x/": "x", "things/x": "x", "me/profile/things/x?$select=id": "x", "http://inner:8080/me/profile/things('x')": "x",
		"https://a.example/b/users('ada')/profile/things('x')": "x", "things('x')": "x", "things(id='x')": "x", "Things(X)": "X", "things/%2525": "%25", "things('o%27%27x')": "o'x", "things/o'x": "o'x",
		"things/a%2Fb": "a/b", "things('a/b')": "", "things('a%2Fb')": "a/b", "things('(x)')": "(x)", "things/things": "things", "things/things('x')": "things('x')", "things/%2e%2e": "..",
		"things/" + guid: guid, "things(" + guid + ")": guid, "things/%20x%20": " x ", "things/..%2Fx": "../x", "things('')": "",
		"things": "", "things/": "", "things/x/y": "", "x": "", "other/x": "", "https://b.example/b/me/profile/things/x": "", "things/..": "", "things('x','y')": "", "things(a='x',b='y')": "", "": "", "::": "",
	} {
		if at, err := c.resolveLink("", "things", address); at.key != want || err != nil && want != "" {
			t.Errorf("%s: %+v, %v; want %q", address, at, err, want)
		}
	}
}

// TestLinkQueries holds that the query of a link is not changed, except for characters that must be escaped.
func TestLinkQueries(t *testing.T) {
	t.Parallel()
	c := clientAt(t, "https://a.example/b")
	for query, want := range map[string]string{
		"$skip=1&$top=5": "$skip=1&$top=5", "$skiptoken=a%2Fb+c%zz;x": "$skiptoken=a%2Fb+c%zz;x", "%24skip=1": "%24skip=1", "a=?/:@!$'()*,~[]": "a=?/:@!$'()*,~[]",
		"$filter=a eq 'é'": "$filter=a%20eq%20'%C3%A9'", `a="<>\^|{}` + "`": "a=%22%3C%3E%5C%5E%7C%7B%7D%60", "a=\xff": "a=%FF", "": "", "a#b": "a",
	} {
		if at, err := c.resolveLink("", "things", "https://a.example/b/me/profile/things?"+query); err != nil || at.query != want {
			t.Errorf("%s: %+v, %v; want %s", query, at, err, want)
		}
	}
}

// FuzzResolveLink holds that, whatever the link, a request goes to the requested list at the source's own URL.
func FuzzResolveLink(f *testing.F) {
	for _, seed := range []string{
		"https://a.example/b/me/profile/things?$skip=1", "http://inner:8080/users('x')/profile/things('y')", "things?a b", "//", "?\x00", "https://a.example/b/me/profile/things?%", "things/%2e%2e?#", "me/profile/things?é",
	} {
		f.Add("", seed)
		f.Add("ada@example.com", seed)
	}
	c := clientAt(f, "https://a.example/b", "http://inner:8080")
	f.Fuzz(func(t *testing.T, user, link string) {
		at, err := c.resolveLink(user, "things", link)
		if err != nil {
			return
		}
		list, err := c.listURL(user, "things")
		if err != nil {
			t.Fatal(err)
		}
		r, err := http.NewRequest(http.MethodGet, list+"?"+at.query, nil)
		if err != nil {
			t.Fatalf("%q: %v", link, err)
		}
		own, _ := url.Parse(list)
		if r.URL.Scheme != "https" || r.URL.Host != "a.example" || r.URL.User != nil || r.URL.EscapedPath() != own.EscapedPath() || r.URL.Fragment != "" {
			t.Errorf("%q leads to %s", link, r.URL)
		}
		if strings.ContainsFunc(r.URL.RequestURI(), func(c rune) bool { return c <= ' ' || c >= 0x7f }) {
			t.Errorf("%q makes a request of %q", link, r.URL.RequestURI())
		}
		if item, err := c.itemURL(profile.Ref{User: user, ID: at.key}, "things"); err == nil && !strings.HasPrefix(item, list+"/") {
			t.Errorf("%q makes an item of %s", link, item)
		}
	})
}
