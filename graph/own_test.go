package graph

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// TestOwnFields checks the fields of the types that this package writes itself, instead of projecting the source's
// JSON. The code writes the last field of each type in a default case, so a new field would be written as that one.
func TestOwnFields(t *testing.T) {
	t.Parallel()
	schema := testSchema
	written := map[string]string{ // by suffix of the type's name
		"Connection":    "edges nodes pageInfo totalCount failedSources",
		"Edge":          "cursor node",
		"PageInfo":      "hasNextPage hasPreviousPage startCursor endCursor",
		"FailedSource":  "source code message",
		"ProfileSource": "name kind writable facets state throttledUntil",
	}
	seen := make(map[string]bool)
	for _, def := range schema.Types {
		var own []string
		for _, field := range def.Fields {
			if ofItem(def, field.Name) {
				own = append(own, field.Name)
			}
		}
		if slices.Sort(own); len(own) > 0 && !slices.Equal(own, []string{"id", "itemId", "profileSource"}) {
			t.Errorf("%s has the fields of its own %q", def.Name, own)
		}
		seen["item"] = seen["item"] || len(own) > 0
		for end, names := range written {
			if !strings.HasSuffix(def.Name, end) {
				continue
			}
			seen[end] = true
			var fields []string
			for _, field := range def.Fields {
				fields = append(fields, field.Name)
			}
			want := strings.Fields(names)
			slices.Sort(want)
			if slices.Sort(fields); !slices.Equal(fields, want) {
				t.Errorf("%s has the fields %q; %q are written", def.Name, fields, want)
			}
		}
	}
	if len(seen) != len(written)+1 {
		t.Errorf("only types of %q were looked at", slices.Sorted(maps.Keys(seen)))
	}
}
