package sandbox

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"time"

	"profileql/internal/sandbox/edm"
	"profileql/internal/sandbox/store"
)

// seeds are the seed files, one for each person, in the order of their names. Items have only what differs from the
// defaults of the type and of stamp.
//
//go:embed seed
var seeds embed.FS

// seedFiles are the sets of seed data. "lab" has the same people as "", with other items, as a second source would:
// some at equal or adjacent instants.
var seedFiles = map[string]string{"": "seed/*.json", "lab": "seed/lab/*.json"}

// SampleInterest is the id of an interest of the first person that can be changed.
const SampleInterest = "5f1d8c8e-6a0b-4c57-9d2f-1b7c3a90e4d1"

// LockedInterest is the id of an interest of the first person that belongs to another system: it is listed, but
// cannot be changed.
const LockedInterest = "c07b3e52-94d1-4f6a-8e3b-2d5a7f10b8c6"

// seedPerson is the content of a seed file.
type seedPerson struct {
	ID                string
	UserPrincipalName string
	DisplayName       string
	Since             time.Time // time of items that have none
	Facets            map[string][]map[string]any
}

func readSeeds(set string) ([]seedPerson, error) {
	pattern, known := seedFiles[set]
	if !known {
		return nil, fmt.Errorf("there is no seed %q, only %q", set, slices.Sorted(maps.Keys(seedFiles)))
	}
	files, err := fs.Glob(seeds, pattern)
	if err != nil {
		return nil, err
	}
	var people []seedPerson
	for _, file := range files {
		text, err := seeds.ReadFile(file)
		if err != nil {
			return nil, err
		}
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		d.DisallowUnknownFields()
		var p seedPerson
		if err := d.Decode(&p); err != nil {
			return nil, fmt.Errorf("read %s: %w", file, err)
		}
		people = append(people, p)
	}
	return people, nil
}

// residents returns people with their items in stored form.
func residents(facets []*edm.NavigationProperty, people []seedPerson) ([]store.Resident, error) {
	all := make([]store.Resident, 0, len(people))
	for _, p := range people {
		r, err := p.resident(facets)
		if err != nil {
			return nil, fmt.Errorf("seed %s: %w", p.UserPrincipalName, err)
		}
		all = append(all, r)
	}
	return all, nil
}

func (p seedPerson) resident(facets []*edm.NavigationProperty) (store.Resident, error) {
	r := store.Resident{
		Person: Person{ID: p.ID, UserPrincipalName: p.UserPrincipalName, DisplayName: p.DisplayName},
		Facets: make(map[string][]store.Document),
	}
	for _, f := range facets {
		for _, doc := range p.Facets[f.Name] {
			id, _ := doc["id"].(string)
			if err := f.EntityType.Complete(doc); err != nil {
				return r, fmt.Errorf("item %s: %w", id, err)
			}
			stamp(doc, id, r.Person, p.Since)
			r.Facets[f.Name] = append(r.Facets[f.Name], store.Document{ID: id, Text: f.EntityType.Encode(doc)})
		}
	}
	return r, nil
}
