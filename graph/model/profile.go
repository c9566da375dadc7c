package model

// Profile is one person's profile. Its facets are resolved when they are selected.
type Profile struct {
	ID   string
	User string // id or user principal name; empty for the signed-in person
}

// IsNode marks Profile as having a global id.
func (Profile) IsNode() {}
