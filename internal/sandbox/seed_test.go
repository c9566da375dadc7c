package sandbox

import (
	"slices"
	"testing"
)

// TestSeedsMatchTheDescription looks at every value of every item, read-only ones too. What has been seen in the wild
// and matches no description is named here.
func TestSeedsMatchTheDescription(t *testing.T) {
	t.Parallel()
	people, err := readSeeds()
	if err != nil {
		t.Fatal(err)
	}
	odd := []any{"8", "neighbors", unknownFutureValue}
	ids, locks := make(map[any]bool), make(map[any]bool)
	for _, person := range people {
		for name := range person.Facets {
			if !slices.ContainsFunc(facetsOf(t, description), func(f *facet) bool { return f.name == name }) {
				t.Errorf("%s: no facet %s is described", person.UserPrincipalName, name)
			}
		}
		for _, f := range facetsOf(t, description) {
			for _, doc := range person.Facets[f.name] {
				id := doc["id"]
				if id == nil || ids[id] {
					t.Errorf("%s: the id %v is missing, or there twice", person.UserPrincipalName, id)
				}
				ids[id], locks[id] = true, locked(doc)
				for property, v := range doc {
					if p := f.item.property(property); p == nil {
						t.Errorf("%v: no property %s is described", id, property)
					} else if _, err := p.accept(nil, v); err != nil && (property != "allowedAudiences" || !slices.Contains(odd, v)) {
						t.Errorf("%v: %v", id, err)
					}
				}
			}
		}
	}
	if !locks[LockedInterest] || locks[SampleInterest] || !ids[SampleInterest] {
		t.Errorf("the two items that others point at: locked %t and %t", locks[LockedInterest], locks[SampleInterest])
	}
}
