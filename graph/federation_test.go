package graph

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"profileql/internal/jsontape"
	"profileql/internal/profile"
)

// noItems is a collection without items.
type noItems struct{ noInterests }

func (noItems) Get(context.Context, profile.Ref, []string) (profile.Item, error) {
	return profile.Item{}, &profile.Error{Code: profile.NotFound}
}

// FuzzRepresentation checks that each value is an entity with its own id, or has an error that is not internal.
func FuzzRepresentation(f *testing.F) {
	options := testOptions()
	options.Schema = testSubgraph
	options.Collection = func(string, []string) Collection { return noItems{} }
	ask := endpointOf(f, options)
	for _, id := range []globalID{{}, {user: "ada@example.com"}, {"one", "", "interests", "abc"}} {
		for _, typeName := range []string{"Profile", "PersonInterest", "SkillProficiency", "Query"} {
			f.Add(`{"__typename": "` + typeName + `", "id": "` + id.String() + `", "x": [1, {"y": null}]}`)
		}
	}
	for _, text := range []string{"{}", "[]", "null", "1e999", `"\ud800"`, `{"id": 7}`, `{"__typename": "Profile", "id": "\ud800"}`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := jsontape.Parse([]byte(text)); err != nil {
			return
		}
		answer := ask("query($r: [_Any!]!) { _entities(representations: $r) { __typename ... on Node { id } } }", `{"r": [`+text+`]}`)
		var decoded struct {
			Data struct {
				Entities []*struct {
					TypeName string `json:"__typename"`
					ID       string
				} `json:"_entities"`
			}
			Errors []struct{ Extensions struct{ Code string } }
		}
		if err := json.Unmarshal([]byte(answer), &decoded); err != nil {
			t.Fatalf("%s: %v", answer, err)
		}
		var given struct {
			TypeName string `json:"__typename"`
			ID       string
		}
		if entities := decoded.Data.Entities; len(entities) == 1 && entities[0] != nil {
			if err := json.Unmarshal([]byte(text), &given); err != nil || given != *entities[0] || len(decoded.Errors) > 0 {
				t.Errorf("%s: %s", text, answer)
			}
		} else if len(decoded.Errors) != 1 || strings.Contains(answer, "INTERNAL_SERVER_ERROR") {
			t.Errorf("%s: %s", text, answer)
		}
	})
}
