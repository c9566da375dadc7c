package graph

import (
	"context"
	"testing"

	"profileql/internal/jsontape"
	"profileql/internal/profile"
)

// oneInterest is a collection with one interest.
type oneInterest struct{ Collection }

func (oneInterest) List(context.Context, profile.Query) (profile.Page, error) {
	tape, err := jsontape.Parse([]byte(`{"displayName":"Chess","description":"d"}`))
	if err != nil {
		return profile.Page{}, err
	}
	return profile.Page{Entries: []profile.Entry{{Position: profile.Position{Source: "one", ID: "a"}, JSON: tape.Root()}}}, nil
}

// TestPlansAreOfTheirSelections runs one cached document several times, with variables that change its selections.
func TestPlansAreOfTheirSelections(t *testing.T) {
	t.Parallel()
	o := testOptions()
	o.Collection = func(string, []string) Collection { return oneInterest{} }
	ask := endpointOf(t, o)
	const document = `query ($a: Boolean!, $b: Boolean!) {
		me @include(if: $a) { interests { nodes { displayName } } }
		me { interests { nodes { itemId ...F } } }
		me @include(if: $b) { interests { nodes { webUrl } } }
	} fragment F on PersonInterest { description }`
	for range 2 {
		for variables, item := range map[string]string{
			`{"a":true,"b":true}`:   `{"displayName":"Chess","itemId":"a","description":"d","webUrl":null}`,
			`{"a":true,"b":false}`:  `{"displayName":"Chess","itemId":"a","description":"d"}`,
			`{"a":false,"b":true}`:  `{"itemId":"a","description":"d","webUrl":null}`,
			`{"a":false,"b":false}`: `{"itemId":"a","description":"d"}`,
		} {
			if got, want := ask(document, variables), `{"data":{"me":{"interests":{"nodes":[`+item+`]}}}}`; got != want {
				t.Errorf("%s: %s, want %s", variables, got, want)
			}
		}
	}
}
