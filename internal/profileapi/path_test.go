package profileapi

import (
	"net/url"
	"strings"
	"testing"

	"profileql/internal/profile"
)

// TestItemURL holds that a user and an id are one path segment each, or there is an error.
func TestItemURL(t *testing.T) {
	t.Parallel()
	base, err := ParseBaseURL("https://source.example/a%2Fb/beta/")
	if err != nil {
		t.Fatal(err)
	}
	c := &Client{base: base}
	const before = "https://source.example/a%2Fb/beta"
	long := strings.Repeat("x", 512)
	for _, test := range []struct{ user, id, want string }{ // want is empty for an error
		{"", "x", "/me/profile/things/x"},
		{"", "db489940-9940-db48-4099-48db409948db", "/me/profile/things/db489940-9940-db48-4099-48db409948db"},
		{"ada@example.com", "x", "/users/ada@example.com/profile/things/x"},
		{"ada_example.com#EXT#@x.example", "x", "/users/ada_example.com%23EXT%23@x.example/profile/things/x"},
		{"$ada@example.com", "x", "/users('$ada@example.com')/profile/things/x"},
		{"$o'ada", "x", "/users('$o%27%27ada')/profile/things/x"},
		{"$a/b?c#d'", "x", "/users('$a%2Fb%3Fc%23d%27%27')/profile/things/x"},
		{"o'ada", "x", "/users/o%27ada/profile/things/x"},
		{"me", "x", "/users/me/profile/things/x"},
		{"", "a/b", "/me/profile/things/a%2Fb"}, {"", "../x", "/me/profile/things/..%2Fx"}, {"", "%2e%2e", "/me/profile/things/%252e%252e"},
		{"", "?a#b", "/me/profile/things/%3Fa%23b"}, {"", "a b+c", "/me/profile/things/a%20b+c"}, {"", "$value", "/me/profile/things/$value"},
		{"", "...", "/me/profile/things/..."}, {"", "é", "/me/profile/things/%C3%A9"}, {"", `a\b`, "/me/profile/things/a%5Cb"}, {"", ";x", "/me/profile/things/%3Bx"},
		{"", long, "/me/profile/things/" + long}, {long, "x", "/users/" + long + "/profile/things/x"},
		{"", "", ""}, {"", ".", ""}, {"", "..", ""}, {"", "a\x00b", ""}, {"", "a\nb", ""}, {"", "a\u0085", ""}, {"", "\xff", ""}, {"", long + "x", ""},
		{".", "x", ""}, {"..", "x", ""}, {"a\tb", "x", ""}, {"\x7f", "x", ""}, {"\xc3", "x", ""}, {long + "x", "x", ""}, {"$\x00", "x", ""},
	} {
		got, err := c.itemURL(profile.Ref{User: test.user, ID: test.id}, "things")
		if test.want == "" {
			if codeOf(err) != profile.BadUserInput || got != "" {
				t.Errorf("%q of %q: %s, %v", test.id, test.user, got, err)
			}
			continue
		}
		if err != nil || got != before+test.want {
			t.Errorf("%q of %q: %s, %v; want %s", test.id, test.user, got, err, test.want)
		}
		// Resolving the URL does not change it.
		u, err := url.Parse(got)
		if err != nil || u.JoinPath().EscapedPath() != u.EscapedPath() || u.RawQuery != "" || u.Fragment != "" {
			t.Errorf("%q of %q: %v, %v", test.id, test.user, u, err)
		}
	}
	for path, want := range map[string]string{
		"/me/profile/things": "/me/profile/things", "/me/profile/things/x": "/me/profile/things/{item}", "/$batch": "/$batch",
		"/users/ada@example.com/profile/things": "/users/{user}/profile/things", "/users/profile/profile/things/x%2Fy": "/users/{user}/profile/things/{item}",
		"/users/me/profile/things": "/users/{user}/profile/things", "/users('$o%27%27ada')/profile/things/x": "/users('{user}')/profile/things/{item}",
		"": "", "/": "", "/me": "", "/me/profile": "", "/users/ada": "", "/users": "", "/me/other/things": "", "/me/profile/things/x/y": "", "/other/profile/things": "",
	} {
		if want != "" {
			want = "/a%2Fb/beta" + want
		}
		if got := c.pathTemplate("/a%2Fb/beta" + path); got != want {
			t.Errorf("the template of %s: %s", path, got)
		}
	}
	if got := c.pathTemplate("/beta/me/profile/things"); got != "" {
		t.Errorf("the template of a path elsewhere: %s", got)
	}
	for user, want := range map[string]string{"": "/me/profile/things", "a b": "/users/a%20b/profile/things", "..": ""} {
		got, err := c.listURL(user, "things")
		if (err != nil) != (want == "") || err == nil && got != before+want {
			t.Errorf("the list of %q: %s, %v", user, got, err)
		}
	}
}

func TestOption(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{"a,b": "$x=a%2Cb", "a b": "$x=a%20b", "a+b": "$x=a%2Bb", "a&b=c#": "$x=a%26b%3Dc%23", "'é'": "$x=%27%C3%A9%27"} {
		if got := option("$x", value); got != want {
			t.Errorf("%q: %s, want %s", value, got, want)
		}
	}
}
