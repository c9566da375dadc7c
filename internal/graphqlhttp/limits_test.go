package graphqlhttp

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/lexer"
	"github.com/vektah/gqlparser/v2/parser"
)

// TestLimits checks for each limit of a document that a document at the limit is accepted, and one over it is rejected.
func TestLimits(t *testing.T) {
	t.Parallel()
	h := testEndpoint(t)
	repeat := strings.Repeat
	for _, test := range []struct {
		limit
		document func(n int) string
	}{
		{maxTokens, func(n int) string { return "{ node(id: [" + repeat("1,", n-12) + "]) { id } }" }},
		{maxNameBytes, func(n int) string { return "query " + repeat("x", n) + " { __typename }" }},
		{maxNameBytes, func(n int) string { return "{ " + repeat("x", n) + ": __typename }" }},
		{maxNameBytes, func(n int) string { return "query($" + repeat("x", n) + ": Int) { __typename }" }},
		{maxNameBytes, func(n int) string { return "{ ..." + repeat("x", n) + " }" }},
		{maxDirectives, func(n int) string { return "{ __typename " + repeat("@x ", n) + "}" }},
		{maxDirectives, func(n int) string { return "query " + repeat("@x ", n) + "{ __typename }" }},
		{maxDirectives, func(n int) string { return "{ ...f } fragment f on Query " + repeat("@x ", n) + "{ __typename }" }},
		{maxAliases, func(n int) string {
			text := ""
			for i, name := range strings.Fields(names(n)) {
				text += fmt.Sprintf(" a%d: %s", i, name)
			}
			return "{ me { interests { nodes {" + text + " } } } }"
		}},
		{maxSelections, func(n int) string {
			const each, around = 42, 4
			text := ""
			for i := range (n - around) / each {
				text += []string{"user", "device", "application"}[i%3] + " { ...f } "
			}
			return "{ me { interests { nodes { " + names((n-around)%each) + "createdBy { " + text + "} } } } } fragment f on Identity { " +
				repeat("id displayName ", 20) + "}"
		}},
		{maxDepth, func(n int) string { return repeat("{ me ", n-1) + "{ id }" + repeat("}", n-1) }},
		{maxDepth, func(n int) string {
			return "{ ...f } fragment f on Query " + repeat("{ ... { me ", n-1) + "{ id }" + repeat("} }", n-1)
		}},
		{maxRootFields, func(n int) string { return "{ ...f } fragment f on Query { " + repeat("__typename ", n) + "}" }},
		{maxMutations, func(n int) string { return "mutation { " + repeat("__typename ", n) + "}" }},
		{maxSameField, func(n int) string {
			return "{ me { ...f ... { id } " + repeat("id ", n-2) + "} } fragment f on Profile { id }"
		}},
	} {
		for n, allowed := range map[int]bool{test.value: true, test.value + 1: false} {
			w, _ := exchange(t.Context(), h, query(test.document(n)))
			if refused := strings.Contains(w.Body.String(), `"limit":"`+test.name+`"`); refused == allowed {
				t.Errorf("%s %d: %.300s of %.200s", test.name, n, w.Body, test.document(n))
			}
			others := strings.ReplaceAll(w.Body.String(), `"limit":"errors"`, "")
			if strings.Contains(others, `"limit"`) && allowed {
				t.Errorf("%s %d meets another limit: %s", test.name, n, w.Body)
			}
		}
	}
}

// names returns n fields, each within the limit for one field.
func names(n int) (text string) {
	for i := range n {
		text += []string{"id", "itemId", "displayName", "description", "webUrl", "categories"}[i%6] + " "
	}
	return text
}

// TestLargestSensibleOperation checks that one operation can select all facets of the profile API with all properties,
// also with the __typename that clients add to each selection set, and all facets with ten fields of 100 items each.
func TestLargestSensibleOperation(t *testing.T) {
	t.Parallel()
	all, long, facets := "query All { me { id", "query Long { me { id", 0
	for _, f := range testSchema.Types["Profile"].Fields {
		item, isFacet := strings.CutSuffix(f.Type.Name(), "Connection")
		if !isFacet {
			continue
		}
		facets++
		all += fmt.Sprintf(` %s(first: 20, orderBy: {field: LAST_MODIFIED_DATE_TIME}, sources: ["one", "two"]) { edges { cursor node { %s } } %s }`,
			f.Name, everything(testSchema, testSchema.Types[item], ""), everything(testSchema, testSchema.Types[item+"Connection"], item))
		long += fmt.Sprintf(` %s(first: 100) { nodes { %s createdBy { user { displayName } } } pageInfo { hasNextPage endCursor } totalCount failedSources { source { name } code } }`,
			f.Name, strings.Join(leaves(testSchema, item)[:7], " "))
	}
	all, long = all+" } }", long+" } }"
	if facets < 19 {
		t.Errorf("there are only %d facets", facets)
	}
	h := testEndpoint(t)
	for _, text := range []string{all, long, strings.ReplaceAll(all, "{ ", "{ __typename ")} {
		text = strings.ReplaceAll(text, "{ __typename me", "{ me") // the root has none
		document, err := parser.ParseQuery(&ast.Source{Input: text})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%.11s: %d bytes, %d tokens, %d fields", text, len(text), tokens(t, text), countFields(document.Operations[0].SelectionSet))
		w, _ := exchange(t.Context(), h, query(text))
		if strings.Contains(w.Body.String(), "LIMIT_EXCEEDED") || !strings.Contains(w.Body.String(), `"data":{`) {
			t.Errorf("%d bytes: %.500s", len(text), w.Body)
		}
	}
}

func tokens(t *testing.T, text string) (n int) {
	t.Helper()
	l := lexer.New(&ast.Source{Input: text})
	for {
		token, err := l.ReadToken()
		if err != nil {
			t.Fatal(err)
		}
		if token.Kind == lexer.EOF {
			return n
		}
		n++
	}
}

// leaves returns the fields of a type that have no selection set.
func leaves(schema *ast.Schema, typeName string) (names []string) {
	for _, f := range schema.Types[typeName].Fields {
		if kind := schema.Types[f.Type.Name()].Kind; kind == ast.Scalar || kind == ast.Enum {
			names = append(names, f.Name)
		}
	}
	return names
}

// everything returns a selection set with all fields of a type, at all depths, except those of the type without and of
// its edge.
func everything(schema *ast.Schema, def *ast.Definition, without string) string {
	var names []string
	for _, f := range def.Fields {
		inner := schema.Types[f.Type.Name()]
		switch {
		case strings.HasPrefix(f.Name, "__") || without != "" && (inner.Name == without || inner.Name == without+"Edge"):
		case inner.Kind == ast.Object:
			names = append(names, f.Name+" { "+everything(schema, inner, "")+" }")
		default:
			names = append(names, f.Name)
		}
	}
	return strings.Join(names, " ")
}

func countFields(set ast.SelectionSet) (n int) {
	for _, s := range set {
		if f, ok := s.(*ast.Field); ok {
			n += 1 + countFields(f.SelectionSet)
		}
	}
	return n
}

// TestJSONLimits checks the limits of a body's JSON.
func TestJSONLimits(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"a": 1, "b": {"a": 2}, "c": [{"a": 1}, {"a": 1}]}`:                                  "",
		`{"a": "b", "b": "a"}`:                                                                "",
		`{"a": ["x", "x"], "x": "x:"}`:                                                        "",
		`{"a": 1, "a": 1}`:                                                                    "twice",
		`{"x": {"a" : 1, "b": [], "a"` + "\n" + `: 1}}`:                                       "twice",
		`{"a": 1, "\u0061": 1}`:                                                               "twice",
		`{"\"": 1, "\u0022": 1}`:                                                              "twice",
		`{"1":1,"2":1,"3":1,"4":1,"5":1,"6":1,"7":1,"8":1,"9":1,"10":1}`:                      "",
		`{"1":1,"2":1,"3":1,"4":1,"5":1,"6":1,"7":1,"8":1,"9":1,"9":1}`:                       "twice",
		`{"1":1,"2":1,"3":1,"4":1,"5":1,"6":1,"7":1,"8":1,"9":1,"2":1}`:                       "twice",
		`[` + entries(maxJSONValues.value-1, "1") + `]`:                                       "",
		`[` + entries(maxJSONValues.value, "1") + `]`:                                         "values",
		strings.Repeat("[", maxJSONDepth.value) + strings.Repeat("]", maxJSONDepth.value):     "",
		strings.Repeat("[", maxJSONDepth.value+1) + strings.Repeat("]", maxJSONDepth.value+1): "levels",
	} {
		_, f := parseJSON([]byte(body), "the body")
		if (f == nil) != (want == "") || f != nil && !strings.Contains(f.err.Message, want) {
			t.Errorf("%.100s: %+v, want %q", body, f, want)
		}
	}
}

// FuzzJSONNames checks that objects with duplicate names are rejected, and others are not.
func FuzzJSONNames(f *testing.F) {
	for _, seed := range []string{`{"a": 1, "a": 2}`, `{"a\\": {"b": "\"", "b\u0000": []}}`, `[{"a": "a:"}, "a", {"a": 1}]`, `{"":0,"":1}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		_, refused := parseJSON(body, "the body")
		if !json.Valid(body) || refused != nil && !strings.Contains(refused.err.Message, "twice") {
			return
		}
		if twice := hasNameTwice(json.NewDecoder(strings.NewReader(string(body)))); twice != (refused != nil) {
			t.Errorf("%q: %t", body, refused != nil)
		}
	})
}

// hasNameTwice reports whether an object has duplicate names, with the tokens of encoding/json.
func hasNameTwice(d *json.Decoder) bool {
	var names [][]string // of each enclosing object; nil for an array
	isName := func() bool { return len(names) > 0 && names[len(names)-1] != nil }
	expectName := []bool{}
	for {
		token, err := d.Token()
		if err == io.EOF || err != nil {
			return false
		}
		top := len(expectName) - 1
		if text, ok := token.(string); ok && top >= 0 && isName() && expectName[top] {
			if slices.Contains(names[top], text) {
				return true
			}
			names[top] = append(names[top], text)
			expectName[top] = false
			continue
		}
		switch token {
		case json.Delim('}'), json.Delim(']'):
			names, expectName = names[:top], expectName[:top]
			continue
		}
		if top >= 0 {
			expectName[top] = true // a name follows the value
		}
		switch token {
		case json.Delim('{'):
			names, expectName = append(names, []string{}), append(expectName, true)
		case json.Delim('['):
			names, expectName = append(names, nil), append(expectName, false)
		}
	}
}

// FuzzQueryLimits checks that the query limits do not panic, and that accepted documents are small.
func FuzzQueryLimits(f *testing.F) {
	for _, seed := range []string{
		"{ me { id } }", "{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }", "query($a: [Int!] = [1]) @x { a @include(if: $a) }",
		"subscription { a }", "{ a { ... @defer { b } } }", "fragment a on A { b }", "{ ...a ...a } fragment a on A { b } fragment a on B { c }",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		document, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: text}, maxTokens.value)
		if err != nil || checkDocument(document) != nil {
			return
		}
		w := documentWalk{fragments: make(map[string]*fragment)}
		for _, f := range document.Fragments {
			w.fragments[f.Name] = &fragment{set: f.SelectionSet}
		}
		for _, op := range document.Operations {
			if n := expanded(&w, op.SelectionSet); n > maxSelections.value {
				t.Errorf("%q has %d selections", text, n)
			}
		}
	})
}

// expanded returns the number of fields with fragments expanded, by counting each.
func expanded(w *documentWalk, set ast.SelectionSet) (n int) {
	for _, f := range w.fields(set, nil) {
		n += 1 + expanded(w, f.SelectionSet)
	}
	return n
}
