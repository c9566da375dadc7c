package model

// Profile is one person's profile. Its facets are fields with resolvers.
type Profile struct {
	ID   string
	User string // id or user principal name; empty for the signed-in person
}

// IsNode implements [Node].
func (Profile) IsNode() {}
