package auth

import (
	"context"
	"errors"
	"testing"

	"profileql/internal/profile"
)

func TestPerson(t *testing.T) {
	t.Parallel()
	const ada, other = "ada@example.com", "yuki@example.com"
	for name, test := range map[string]struct {
		claim         string
		roles, scopes []string
		person        Person
		user, want    string
		code          profile.Code
	}{
		"the caller":                         {claim: ada, want: ada},
		"the caller by name":                 {claim: ada, user: ada, want: ada},
		"no claim":                           {code: profile.UnsupportedBySource},
		"no segment":                         {claim: "..", code: profile.UnsupportedBySource},
		"another user":                       {claim: ada, user: other, code: profile.Forbidden},
		"another user, no claim":             {user: other, code: profile.Forbidden},
		"another user, another role":         {claim: ada, roles: []string{"x"}, person: Person{Role: "hr"}, user: other, code: profile.Forbidden},
		"another user with the role":         {claim: ada, roles: []string{"x", "hr"}, person: Person{Role: "hr"}, user: other, want: other},
		"another user with the scope":        {claim: ada, scopes: []string{"all"}, person: Person{Scope: "all"}, user: other, want: other},
		"a scope in place of a role":         {claim: ada, scopes: []string{"hr"}, person: Person{Role: "hr"}, user: other, code: profile.Forbidden},
		"an empty role is nobody's":          {claim: ada, roles: []string{""}, user: other, code: profile.Forbidden},
		"the role does not replace the name": {roles: []string{"hr"}, person: Person{Role: "hr"}, code: profile.UnsupportedBySource},
	} {
		i := &identity{claims: map[string]string{"name": test.claim}, roles: test.roles, scopes: test.scopes}
		ctx := context.WithValue(context.Background(), verifiedKey{}, &verified{identity: i})
		test.person.Source, test.person.Claim = "hr", "name"
		got, err := test.person.Of(ctx, test.user)
		var code profile.Code
		if e, ok := errors.AsType[*profile.Error](err); ok {
			code = e.Code
		}
		if got != test.want || code != test.code {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if got, err := (Person{Claim: "name"}).Of(context.Background(), ""); got != "" || err == nil {
		t.Errorf("without a verified caller: %q, %v", got, err)
	}
}
