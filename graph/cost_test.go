package graph

import (
	"cmp"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
)

// TestCosts checks the cost of operations, and which are over the limits.
func TestCosts(t *testing.T) {
	t.Parallel()
	options := testOptions()
	options.Schema = testSubgraph
	r, err := newResolver(options)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		text, variables string
		want            cost
	}{
		{"{ __typename }", "", cost{1, 0, 0}},
		{"{ me { id } }", "", cost{2, 0, 0}},
		{"{ me { interests { nodes { id } } } }", "", cost{1 + 1 + 20*2, 1, 0}},
		{"{ me { interests(first: 5) { nodes { id } totalCount } } }", "", cost{1 + 1 + 5*3, 2, 0}},
		{"{ me { interests(first: 5) { ...f ...f } } } fragment f on PersonInterestConnection { totalCount }", "", cost{1 + 1 + 5*2, 2, 0}},
		{"query($n: Int!) { me { interests(first: $n) { nodes { id } } } }", `{"n": 100}`, cost{1 + 1 + 100*2, 1, 0}},
		{"query($n: Int!) { me { interests(first: $n) { nodes { id } } } }", `{"n": 2000000000}`, cost{1 + 1 + 1000*2, 1, 0}},
		{"query($n: Int!) { me { interests(first: $n) { nodes { id } } } }", `{"n": -1}`, cost{1 + 1 + 2, 1, 0}},
		{`{ node(id: "x") { id } }`, "", cost{2, 1, 0}},
		{`{ nodes(ids: ["x", "y"]) { id ... on Profile { interests { nodes { id } } } } }`, "", cost{1 + 2*(1+1+20*2), 2 + 2, 0}},
		{"query($ids: [ID!]!) { nodes(ids: $ids) { id } }", `{"ids": ["a", "b", "c"]}`, cost{1 + 3, 3, 0}},
		{`{ nodes(ids: "x") { id } }`, "", cost{2, 1, 0}},
		{`mutation { a: deleteProfileItem(input: {id: "x"}) { deletedId } b: deleteProfileItem(input: {id: "y"}) { deletedId } }`, "", cost{4, 2, 0}},
		{"query($r: [_Any!]!) { _entities(representations: $r) { __typename } }", `{"r": [{"id": "a"}, 3, "c"]}`, cost{1 + 3, 3, 3}},
		{`{ _entities(representations: {id: "x"}) { ... on Profile { interests { nodes { id } } } } _service { sdl } }`, "", cost{1 + 1 + 20*2 + 2, 1 + 1, 1}},
		{"query($r: [_Any!]!) { a: _entities(representations: $r) { __typename } b: _entities(representations: [1]) { __typename } }", `{"r": [1, 2]}`, cost{2 + 3, 3, 3}},
		{`{ me { a: interests(first: 100) { ...n } b: interests(first: 100) { ...n } } }` + wide("n", 260), "", cost{maxCost + 1, 2, 0}},
	} {
		document, list := validatorLoad(options.Schema.Parsed, test.text)
		if list != nil {
			t.Fatalf("%s: %v", test.text, list)
		}
		variables := coerced(t, r, document.Operations[0], cmp.Or(test.variables, "{}"))
		if got := (costLimits{r.facets}).set(document.Operations[0].SelectionSet).with(variables); got != test.want {
			t.Errorf("%.100s: %+v, want %+v", test.text, got, test.want)
		}
	}
	ask := endpointOf(t, options)
	for name, test := range map[string]struct{ document, variables string }{
		"cost": {`{ me { a: interests(first: 100) { ...n } b: interests(first: 100) { ...n } } }` + wide("n", 260), "{}"},
		"representations": {
			"query($r: [_Any!]!) { a: _entities(representations: $r) { __typename } b: _entities(representations: $r) { __typename } }",
			`{"r": [` + strings.Repeat("{}, ", 50) + "{}]}",
		},
		"upstreamCalls": {`query($ids: [ID!]!) { nodes(ids: $ids) { id } }`, `{"ids": [` + strings.Repeat(`"x", `, 120) + `"x"]}`},
	} {
		if answer := ask(test.document, test.variables); !strings.Contains(answer, `"limit":"`+name+`"`) {
			t.Errorf("%s: %.300s", name, answer)
		}
	}
}

func validatorLoad(schema *ast.Schema, text string) (*ast.QueryDocument, error) {
	document, err := parser.ParseQuery(&ast.Source{Input: text})
	if err != nil {
		return nil, err
	}
	if list := validator.ValidateWithRules(schema, document, nil); len(list) > 0 {
		return nil, list
	}
	return document, nil
}

// wide returns a fragment on a connection that selects n fields of an item.
func wide(name string, n int) string {
	text := " fragment " + name + " on PersonInterestConnection {"
	for n > 0 {
		k := min(n, 90)
		text += " nodes { " + strings.TrimSpace(names(k)) + " }"
		n -= k
	}
	return text + " }"
}

// names returns n fields, each within the limit for one field.
func names(n int) (text string) {
	for i := range n {
		text += []string{"id", "itemId", "displayName", "description", "webUrl", "categories"}[i%6] + " "
	}
	return text
}
