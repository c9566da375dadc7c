package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"profileql/internal/sandbox/edm"
)

func seeded(t *testing.T, set string) []seedPerson {
	t.Helper()
	people, err := readSeeds(set)
	if err != nil {
		t.Fatal(err)
	}
	return people
}

// TestSeedsMatchTheDescription checks every value of every item, including read-only ones, against the description of
// the types. Values that were seen in real data and do not match it are listed here. Ids are unique, so that the sets
// can be merged.
func TestSeedsMatchTheDescription(t *testing.T) {
	t.Parallel()
	people := slices.Concat(seeded(t, ""), seeded(t, "lab"))
	odd := []any{"8", "neighbors", edm.UnknownFutureValue}
	ids, locks := make(map[any]bool), make(map[any]bool)
	for _, person := range people {
		for name := range person.Facets {
			if !slices.ContainsFunc(profileType(t, description).Navigation, func(f *edm.NavigationProperty) bool { return f.Name == name }) {
				t.Errorf("%s: no facet %s is described", person.UserPrincipalName, name)
			}
		}
		for _, f := range profileType(t, description).Navigation {
			for _, doc := range person.Facets[f.Name] {
				id := doc["id"]
				if id == nil || ids[id] {
					t.Errorf("%s: the id %v is missing, or there twice", person.UserPrincipalName, id)
				}
				ids[id], locks[id] = true, locked(doc)
				for property, v := range doc {
					if p := f.EntityType.Property(property); p == nil {
						t.Errorf("%v: no property %s is described", id, property)
					} else if _, err := p.Accept(nil, v); err != nil && (property != "allowedAudiences" || !slices.Contains(odd, v)) {
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

// TestSeedsHaveEverything tests that both people have items in every facet, some of which belong to another system, and
// that every property has a value somewhere, also those of nested values.
func TestSeedsHaveEverything(t *testing.T) {
	t.Parallel()
	types, used := describedTypes(t), make(map[string]bool)
	var use func(d csdlType, v any)
	use = func(d csdlType, v any) {
		entries, isCollection := v.([]any)
		if !isCollection {
			entries = []any{v}
		}
		for _, entry := range entries {
			object, _ := entry.(map[string]any)
			for _, p := range d.Properties {
				if v := object[p.Name]; v != nil && v != "" && !reflect.DeepEqual(v, []any{}) {
					used[d.Name+"."+p.Name] = true
					use(types.of(p.Type), v)
				}
			}
		}
	}
	locks := make(map[string]int)
	for _, set := range []string{"", "lab"} {
		for _, person := range seeded(t, set) {
			for name, d := range types.facets() {
				items := person.Facets[name]
				if set == "" && len(items) < 2 {
					t.Errorf("%s: %d %s", person.UserPrincipalName, len(items), name)
				}
				for _, doc := range items {
					use(d, doc)
					if locked(doc) {
						locks[person.UserPrincipalName+set]++
					}
				}
			}
		}
	}
	if len(locks) != 4 {
		t.Errorf("items of other systems: %v", locks)
	}
	for _, d := range types.facets() {
		types.paths(d, nil, func(path []csdlProperty) {
			p, in := path[len(path)-1], d
			if len(path) > 1 {
				in = types.of(path[len(path)-2].Type)
			}
			unused := !used[in.Name+"."+p.Name]
			inherited := slices.ContainsFunc(types["itemFacet"].Properties, func(q csdlProperty) bool { return q.Name == path[0].Name })
			if unused && !inherited {
				t.Errorf("no item has %s.%s", in.Name, p.Name)
			}
			if p.collection() {
				for _, member := range types.of(p.Type).Properties {
					if inner := types.of(p.Type).Name + "." + member.Name; !used[inner] {
						t.Errorf("no item has %s", inner)
					}
				}
			}
		})
	}
}

// TestLabSeed tests that the second set has the same people, and items at instants equal and adjacent to those of the
// first set.
func TestLabSeed(t *testing.T) {
	t.Parallel()
	first, lab := seeded(t, ""), seeded(t, "lab")
	if len(first) != len(lab) {
		t.Fatalf("%d people, want %d", len(lab), len(first))
	}
	for i, person := range lab {
		identity := func(p seedPerson) Person {
			return Person{ID: p.ID, UserPrincipalName: p.UserPrincipalName, DisplayName: p.DisplayName}
		}
		if got, want := identity(person), identity(first[i]); got != want {
			t.Errorf("%v, want %v", got, want)
		}
		var nulls, spelledAlike, otherwise, next int
		for _, doc := range person.Facets["interests"] {
			text, dated := doc["createdDateTime"].(string)
			if v, there := doc["createdDateTime"]; there && v == nil {
				nulls++
			}
			for _, other := range first[i].Facets["interests"] {
				otherText, otherDated := other["createdDateTime"].(string)
				if !dated || !otherDated {
					continue
				}
				switch d := instant(t, text).Sub(instant(t, otherText)).Abs(); {
				case d == 0 && text == otherText:
					spelledAlike++
				case d == 0:
					otherwise++
				case d <= time.Microsecond:
					next++
				}
			}
		}
		if nulls == 0 || otherwise == 0 || next == 0 || i == 0 && spelledAlike == 0 {
			t.Errorf("%s: %d without an instant, %d ties spelled alike, %d spelled otherwise, %d near ties",
				person.UserPrincipalName, nulls, spelledAlike, otherwise, next)
		}
	}
}

func instant(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// TestSeedOfAFile tests that only a new file gets seed data, whatever the option says later.
func TestSeedOfAFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "data")
	for _, set := range []string{"lab", "", "lab"} {
		box, err := Open(t.Context(), Options{Data: file, Seed: set})
		if err != nil {
			t.Fatal(err)
		}
		ada := box.People()[0]
		docs, err := box.store.Documents(t.Context(), ada.ID, "interests")
		if err != nil {
			t.Fatal(err)
		}
		if want := len(seeded(t, "lab")[0].Facets["interests"]); len(docs) != want {
			t.Errorf("opened with %q: %s has %d interests, want %d", set, ada.UserPrincipalName, len(docs), want)
		}
		if err := box.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestUnknownSeed tests that an unknown seed is refused with the names of the known ones, and that no file is
// created.
func TestUnknownSeed(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "data")
	for _, set := range []string{"Lab", "lab/", "*", "..", "1-ada.json"} {
		_, err := Open(t.Context(), Options{Data: file, Seed: set})
		if want := fmt.Sprintf(`there is no seed %q, only ["" "lab"]`, set); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file: %v", err)
	}
}
