package model

// Node is an object with a global id: a [Profile], or an item as [JSON].
type Node interface{ IsNode() }

// Profile is one person's profile. Its facets are fields with resolvers.
type Profile struct {
	ID   string
	User string // id or user principal name; empty for the signed-in person
}

// IsNode implements [Node].
func (Profile) IsNode() {}
