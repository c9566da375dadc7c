package auth

import (
	"context"

	"profileql/internal/profile"
)

// Person tells which user a source is asked for whose token does not say who the caller is.
type Person struct {
	Source string // configured name, for errors
	Claim  string // of a caller's verified token: the caller's name at the source

	// Callers with this role or scope may reach other users; empty for none.
	Role, Scope string
}

// Of returns the user that the source is asked for in place of the user of a request, which is empty for the signed-in user.
// Without the claim, nobody is asked for: the error is UnsupportedBySource. Other users are Forbidden to callers without the
// role or scope.
func (p Person) Of(ctx context.Context, user string) (string, error) {
	me, ok := Claim(ctx, p.Claim)
	ok = ok && profile.IsSegment(me)
	switch {
	case user == "" && !ok:
		return "", &profile.Error{
			Code: profile.UnsupportedBySource, Source: p.Source, Message: "The token in Authorization does not name the user at this source.",
		}
	case user == "" || user == me:
		return me, nil
	case p.Role != "" && HasRole(ctx, p.Role), p.Scope != "" && HasScope(ctx, p.Scope):
		return user, nil
	}
	return "", &profile.Error{
		Code: profile.Forbidden, Source: p.Source, Message: "At this source, the caller may not reach other users.",
	}
}
