package model

// Item is what the mechanisms that serve every facet need of a facet's type T. The generated models implement it.
type Item[T any] interface {
	*T
	ItemFacet

	// Key returns the id and, as the source sent it, the value of the instant that the item is ordered by. The
	// value is empty where the source sent none, and where it is no instant, which readable tells apart. Property is
	// createdDateTime or lastModifiedDateTime.
	//
	// Before Bind, id is the source's own.
	Key(property string) (id, instant string, readable bool)

	// Bind gives an item that came from a source its place in ProfileQL: the source's own id becomes the ItemID,
	// the ID becomes what globalID makes of it. It is called once for each item, in package graph.
	Bind(globalID func(own string) string, source *ProfileSource)
}

func instantOf(property string, created, lastModified *DateTime) (instant string, readable bool) {
	value := created
	if property == "lastModifiedDateTime" {
		value = lastModified
	}
	if value == nil {
		return "", true
	}
	return string(*value), *value != ""
}

// Profile is one person's profile. Its facets are resolved when they are selected.
type Profile struct {
	ID   string
	User string // id or user principal name; empty for the signed-in person
}

// IsNode marks Profile as having a global id.
func (Profile) IsNode() {}
