package sandbox

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"profileql/internal/sandbox/edm"
	"profileql/internal/sandbox/odata"
)

func profileType(t testing.TB, csdl string) *edm.StructuredType {
	t.Helper()
	profile, err := edm.ParseCSDL(csdl, "profile")
	if err != nil {
		t.Fatal(err)
	}
	return profile
}

// TestPaths tests the resource of a path, or the segment for which it is refused.
func TestPaths(t *testing.T) {
	t.Parallel()
	profile := profileType(t, description)
	facets, interests := profile.Navigation, profile.NavigationProperty("interests")
	for path, want := range map[string]resource{
		"/beta/$metadata":                                  {kind: metadataResource},
		"/beta/$batch":                                     {kind: batchResource},
		"/beta/me/profile":                                 {},
		"/beta/me/profile/interests":                       {kind: listResource, facet: interests},
		"/beta/me/profile/interests/$count":                {kind: countResource, facet: interests},
		"/beta/me/profile/interests/a%2Fb":                 {kind: itemResource, facet: interests, id: "a/b"},
		"/beta/me/profile/interests/..":                    {kind: itemResource, facet: interests, id: ".."},
		"/beta/me/profile/interests('it''s')":              {kind: itemResource, facet: interests, id: "it's"},
		"/beta/me/profile/interests('a%2Fb')":              {kind: itemResource, facet: interests, id: "a/b"},
		"/beta/users/ada@example.com/profile":              {user: "ada@example.com"},
		"/beta/users/a%27%28b%29/profile":                  {user: "a'(b)"},
		"/beta/users('%24ada@example.com')/profile":        {user: "$ada@example.com"},
		"/beta/users(%27o%27%27neil%27)/profile/interests": {kind: listResource, user: "o'neil", facet: interests},
		"/beta/users/..%2Fme/profile":                      {user: "../me"},
		"/beta/$metadata/":                                 {kind: metadataResource},
		"/beta/$batch/":                                    {kind: batchResource},
		"/beta/me/profile/":                                {},
		"/beta/users('ada@example.com')/profile/":          {user: "ada@example.com"},
		"/beta/me/profile/interests/":                      {kind: listResource, facet: interests},
		"/beta/me/profile/interests/$count/":               {kind: countResource, facet: interests},
		"/beta/me/profile/interests/a/":                    {kind: itemResource, facet: interests, id: "a"},
		"/beta/me/profile/interests/a%2F":                  {kind: itemResource, facet: interests, id: "a/"},
		"/beta/me/profile/interests('a')/":                 {kind: itemResource, facet: interests, id: "a"},
	} {
		if got, err := parsePath(facets, path); err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", path, got, err, want)
		}
	}
	for path, segment := range map[string]string{
		"/beta":                                   "",
		"/beta/":                                  "",
		"/beta/me":                                "me",
		"/beta/me/":                               "me",
		"/beta/me/interests":                      "interests",
		"/beta/me/profile//":                      "",
		"/beta//me/profile":                       "",
		"/beta/me//profile":                       "",
		"/beta/me/profile//interests":             "",
		"/beta/me/profile/accounts":               "accounts",
		"/beta/me/profile/Interests":              "Interests",
		"/beta/me/profile/interests//":            "",
		"/beta/me/profile/interests//a":           "",
		"/beta/me/profile/interests/a//":          "",
		"/beta/me/profile/interests/$value":       "$value",
		"/beta/me/profile/interests/$count/x":     "x",
		"/beta/me/profile/interests/1/x":          "x",
		"/beta/me/profile/interests('it's')":      "interests('it's')",
		"/beta/me/profile/interests('')":          "interests('')",
		"/beta/users":                             "users",
		"/beta/users//profile":                    "users",
		"/beta/users/$ada@example.com/profile":    "users",
		"/beta/users('a'/profile":                 "users('a'",
		"/beta/me/profile/interests/%zz":          "%zz",
		"/beta/$metadata/x":                       "$metadata",
		"/beta/users/ada@example.com/x/interests": "x",
	} {
		_, err := parsePath(facets, path)
		var e *apiError
		if !errors.As(err, &e) || e.status != 400 || e.message != "Resource not found for the segment '"+segment+"'." {
			t.Errorf("%s: %v", path, err)
		}
	}
	for _, path := range []string{"", "/", "//beta/me/profile", "*", "/v1.0/me/profile", "/Beta/me/profile"} {
		_, err := parsePath(facets, path)
		var e *apiError
		if !errors.As(err, &e) || e.status != 404 {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// FuzzPath tests that any user or id in a path is returned unchanged.
func FuzzPath(f *testing.F) {
	for _, seed := range []string{"ada@example.com", "a/b", "..", "o'neil", "%2F", "x')/profile", "日本", "\x00"} {
		f.Add(seed, seed)
	}
	facets := profileType(f, description).Navigation
	f.Fuzz(func(t *testing.T, user, id string) {
		if user == "" || id == "" {
			return
		}
		got, err := parsePath(facets, "/beta/"+odata.FormatKey("users", user)+"/profile/"+odata.FormatKey("interests", id))
		if err != nil || got.user != user || got.id != id || got.kind != itemResource {
			t.Errorf("keys %q, %q: %+v, %v", user, id, got, err)
		}
		if strings.HasPrefix(user, "$") || strings.HasPrefix(id, "$") {
			return
		}
		got, err = parsePath(facets, "/beta/users/"+url.PathEscape(user)+"/profile/interests/"+url.PathEscape(id))
		if err != nil || got.user != user || got.id != id || got.kind != itemResource {
			t.Errorf("segments %q, %q: %+v, %v", user, id, got, err)
		}
	})
}
