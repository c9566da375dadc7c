package projection

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"profileql/internal/jsontape"
)

// isComputed reports which fields of the schema no source sends.
func isComputed(def *ast.Definition, field string) bool {
	return slices.Contains(def.Interfaces, "ItemFacet") && (field == "id" || field == "itemId" || field == "profileSource")
}

func newSchema(t testing.TB) (*ast.Schema, *Schema) {
	t.Helper()
	text, err := os.ReadFile("../../schema.graphqls")
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := gqlparser.LoadSchema(&ast.Source{Name: "schema.graphqls", Input: string(text)})
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(parsed, isComputed)
	if err != nil {
		t.Fatal(err)
	}
	return parsed, s
}

// compile compiles the selection set of a query's first field for an interest.
func compile(t testing.TB, parsed *ast.Schema, s *Schema, selection string, variables map[string]any) *Plan {
	t.Helper()
	return compileFor(t, parsed, s, "PersonInterest", selection, variables)
}

// compileFor compiles the selection set of a query's first field for a type.
func compileFor(t testing.TB, parsed *ast.Schema, s *Schema, typeName, selection string, variables map[string]any) *Plan {
	t.Helper()
	document, errs := gqlparser.LoadQueryWithRules(parsed, selection, nil)
	if errs != nil {
		t.Fatal(errs)
	}
	operation := document.Operations[0]
	node := operation.SelectionSet[0].(*ast.Field).SelectionSet
	return s.Compile(typeName, []ast.SelectionSet{node}, variables)
}

func appendOwn(dst []byte, f *Field) []byte { return fmt.Appendf(dst, `"own %s"`, f.Name) }

func parse(t testing.TB, text string) jsontape.Value {
	t.Helper()
	tape, err := jsontape.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return tape.Root()
}

const goodItem = `{"id":"i","displayName":"Chess","description":"d","categories":["a","b"],"allowedAudiences":"organization","isSearchable":true,
	"inference":{"confidenceScore":0.50,"userHasVerifiedAccuracy":false},"createdDateTime":"2020-01-01T00:00:00.1234567+03:00",
	"createdBy":{"user":{"id":"u","displayName":"U"},"application":null},"sources":[{"sourceId":"s","properties":["p"]}]}`

// TestAppend holds that items are written as the GraphQL specification requires.
func TestAppend(t *testing.T) {
	t.Parallel()
	parsed, s := newSchema(t)
	for _, test := range []struct{ selection, want, properties string }{
		{`{ node(id: "x") { id } }`, `{"id":"own id"}`, ""},
		{`{ node(id: "x") { ... on PersonInterest { displayName a: displayName id __typename b: __typename } } }`, `{"displayName":"Chess","a":"Chess","id":"own id","__typename":"PersonInterest","b":"PersonInterest"}`, "displayName"},
		{`{ node(id: "x") { ... on ItemFacet { itemId inference { a: confidenceScore } } ...F ... on Profile { user: id } } } fragment F on PersonInterest { description inference { userHasVerifiedAccuracy __typename a: confidenceScore } ...G } fragment G on Node { id __typename }`,
			`{"itemId":"own itemId","inference":{"a":0.50,"userHasVerifiedAccuracy":false,"__typename":"InferenceData"},"description":"d","id":"own id","__typename":"PersonInterest"}`, "inference,description"},
		{`query ($yes: Boolean! = true, $no: Boolean! = false) { node(id: "x") { ... on PersonInterest @include(if: $yes) { displayName @skip(if: $yes) description @skip(if: $no) categories @include(if: $no) webUrl } ... @include(if: false) { id } } }`,
			`{"description":"d","webUrl":null}`, "description,webUrl"},
		{`query ($yes: Boolean! = true, $no: Boolean! = false) { node(id: "x") { ... on PersonInterest { displayName @include(if: $no) description displayName @include(if: $yes) ...F @skip(if: $yes) ...F } } } fragment F on PersonInterest { categories }`,
			`{"description":"d","displayName":"Chess","categories":["a","b"]}`, "description,displayName,categories"},
		{`{ node(id: "x") { ... on PersonInterest { createdBy { user { id } application { id } device { id } } createdBy { user { displayName } } createdDateTime sources { properties sourceId } source { type } } } }`,
			`{"createdBy":{"user":{"id":"u","displayName":"U"},"application":null,"device":null},"createdDateTime":"2020-01-01T00:00:00.1234567+03:00","sources":[{"properties":["p"],"sourceId":"s"}],"source":null}`, "createdBy,createdDateTime,sources,source"},
		{`{ node(id: "x") { ... on PersonInterest { profileSource { name } audiences: allowedAudiences } } }`, `{"profileSource":"own profileSource","audiences":["ORGANIZATION"]}`, "allowedAudiences"},
	} {
		plan := compile(t, parsed, s, test.selection, map[string]any{"yes": true, "no": false})
		if got := string(plan.Append(nil, parse(t, goodItem), appendOwn)); got != test.want {
			t.Errorf("%s\n is %s\nwant %s", test.selection, got, test.want)
		}
		if got := strings.Join(plan.Properties(), ","); got != test.properties {
			t.Errorf("%s needs %s", test.selection, got)
		}
	}
}

// TestAppendMistyped holds what is written for values of the wrong type, for every kind.
func TestAppendMistyped(t *testing.T) {
	t.Parallel()
	parsed, s := newSchema(t)
	plan := compile(t, parsed, s, `{ node(id: "x") { ... on PersonInterest { description isSearchable categories allowedAudiences createdDateTime inference { confidenceScore } sources { sourceId } } } }`, nil)
	for _, test := range []struct{ property, wire, want string }{
		{"description", `7`, `null`}, {"description", `""`, `""`}, {"description", `"\ud83d"`, "\"\ufffd\""}, {"description", `"\u00e9\n"`, `"\u00e9\n"`}, {"description", "\"\xff\"", "\"\ufffd\""},
		{"description", `["a"]`, `null`}, {"isSearchable", `"true"`, `null`}, {"isSearchable", `false`, `false`},
		{"categories", `["a",null,5,{},[],"b"]`, `["a","b"]`}, {"categories", `[null]`, `[]`}, {"categories", `[]`, `[]`}, {"categories", `"a"`, `["a"]`}, {"categories", `7`, `null`}, {"categories", `[5,"a",6]`, `["a"]`},
		{"allowedAudiences", `"me,family"`, `["ME","FAMILY"]`}, {"allowedAudiences", `["me"]`, `null`}, {"allowedAudiences", `136`, `["ORGANIZATION","UNKNOWN_FUTURE_VALUE"]`}, {"allowedAudiences", `"\u006de"`, `["ME"]`}, {"allowedAudiences", `1.5`, `null`},
		{"createdDateTime", `"Date"`, `null`}, {"createdDateTime", `5`, `null`}, {"createdDateTime", `"2020-01-01T00:00:00\u005a"`, `"2020-01-01T00:00:00\u005a"`},
		{"inference", `{"confidenceScore":"INF"}`, `{"confidenceScore":null}`}, {"inference", `{"confidenceScore":1e999}`, `{"confidenceScore":null}`}, {"inference", `{"confidenceScore":1e-7,"confidenceScore":2}`, `{"confidenceScore":2}`}, {"inference", `[]`, `null`}, {"inference", `{}`, `{"confidenceScore":null}`},
		{"sources", `{"sourceId":"s"}`, `[{"sourceId":"s"}]`}, {"sources", `[null,{"sourceId":5},7]`, `[{"sourceId":null}]`}, {"sources", `7`, `null`},
	} {
		item := parse(t, `{"`+test.property+`":`+test.wire+`}`)
		got := string(plan.Append(nil, item, appendOwn))
		want := strings.Replace(`{"description":null,"isSearchable":null,"categories":null,"allowedAudiences":null,"createdDateTime":null,"inference":null,"sources":null}`, `"`+test.property+`":null`, `"`+test.property+`":`+test.want, 1)
		if got != want {
			t.Errorf("%s is %s: %s", test.property, test.wire, got)
		}
	}
	if got := string(plan.Append(nil, parse(t, `[]`), appendOwn)); strings.Count(got, "null") != 7 {
		t.Errorf("no object: %s", got)
	}
}

// TestAppendNested holds what is written for dates, integers, enums, nested objects and lists of objects.
func TestAppendNested(t *testing.T) {
	t.Parallel()
	parsed, s := newSchema(t)
	plan := compileFor(t, parsed, s, "ProjectParticipation", `{ node(id: "x") { ... on ProjectParticipation {
		client { displayName address { city type } } detail { layer endMonthYear company { address { type } } } colleagues { displayName relationship }
	} } }`, nil)
	for _, test := range []struct{ property, wire, want string }{
		{"client", `{"displayName":"Contoso","address":{"type":"business","city":"Lund"}}`, `{"displayName":"Contoso","address":{"city":"Lund","type":"BUSINESS"}}`},
		{"client", `{"displayName":{"x":1},"address":[{"city":"Lund"}]}`, `{"displayName":null,"address":null}`},
		{"client", `{"address":{"type":"castle"}}`, `{"displayName":null,"address":{"city":null,"type":null}}`}, {"client", `"Contoso"`, `null`},
		{"detail", `{"layer":7,"endMonthYear":"2016-02-29","company":{"address":{"type":2}}}`, `{"layer":7,"endMonthYear":"2016-02-29","company":{"address":{"type":"BUSINESS"}}}`},
		{"detail", `{"layer":-2147483648,"endMonthYear":"2017-02-29","company":null}`, `{"layer":-2147483648,"endMonthYear":null,"company":null}`},
		{"detail", `{"layer":2147483648,"endMonthYear":"2017-01-01T00:00:00Z","company":{}}`, `{"layer":null,"endMonthYear":null,"company":{"address":null}}`},
		{"detail", `{"layer":1.5,"endMonthYear":20170101,"company":[]}`, `{"layer":null,"endMonthYear":null,"company":null}`},
		{"detail", `{"layer":"7","endMonthYear":"","company":{"address":{"type":"other"}}}`, `{"layer":null,"endMonthYear":null,"company":{"address":{"type":"OTHER"}}}`},
		{"colleagues", `[{"displayName":"A","relationship":"dotLineReport"},{"relationship":"15"}]`, `[{"displayName":"A","relationship":"DOT_LINE_REPORT"},{"displayName":null,"relationship":"UNKNOWN_FUTURE_VALUE"}]`},
		{"colleagues", `[null,7,"A",{"relationship":"rival"},[]]`, `[{"displayName":null,"relationship":"UNKNOWN_FUTURE_VALUE"}]`},
		{"colleagues", `{"displayName":"A"}`, `[{"displayName":"A","relationship":null}]`}, {"colleagues", `[]`, `[]`}, {"colleagues", `"A"`, `null`},
	} {
		got := string(plan.Append(nil, parse(t, `{"`+test.property+`":`+test.wire+`}`), appendOwn))
		want := strings.Replace(`{"client":null,"detail":null,"colleagues":null}`, `"`+test.property+`":null`, `"`+test.property+`":`+test.want, 1)
		if got != want {
			t.Errorf("%s is %s: %s, want %s", test.property, test.wire, got, want)
		}
	}
}

// TestAppendWhole holds that a whole number is one however it is written, and that days and members of enums are checked.
func TestAppendWhole(t *testing.T) {
	t.Parallel()
	parsed, s := newSchema(t)
	document, errs := gqlparser.LoadQueryWithRules(parsed, `{ node(id: "x") { ... on WorkPosition { detail { layer startMonthYear } manager { relationship } } } }`, nil)
	if errs != nil {
		t.Fatal(errs)
	}
	node := document.Operations[0].SelectionSet[0].(*ast.Field).SelectionSet
	plan := s.Compile("WorkPosition", []ast.SelectionSet{node}, nil)
	for _, test := range []struct{ wire, layer, day, relationship string }{
		{`3`, `3`, `null`, `"DOT_LINE_REPORT"`}, {`3.0`, `3`, `null`, `"DOT_LINE_REPORT"`}, {`1e1`, `10`, `null`, `"CHILD"`}, {`-0`, `0`, `null`, `"MANAGER"`},
		{`2.5`, `null`, `null`, `null`}, {`2147483648`, `null`, `null`, `"UNKNOWN_FUTURE_VALUE"`}, {`-2147483648`, `-2147483648`, `null`, `"UNKNOWN_FUTURE_VALUE"`},
		{`1e300`, `null`, `null`, `null`}, {`1e999`, `null`, `null`, `null`}, {`12345678901234567890`, `null`, `null`, `null`},
		{`"3"`, `null`, `null`, `"DOT_LINE_REPORT"`}, {`"spouse"`, `null`, `null`, `"SPOUSE"`}, {`"SPOUSE"`, `null`, `null`, `"UNKNOWN_FUTURE_VALUE"`}, {`""`, `null`, `null`, `null`},
		{`"2000-02-29"`, `null`, `"2000-02-29"`, `"UNKNOWN_FUTURE_VALUE"`}, {`"2017-02-29"`, `null`, `null`, `"UNKNOWN_FUTURE_VALUE"`}, {`true`, `null`, `null`, `null`},
	} {
		item := parse(t, `{"detail":{"layer":`+test.wire+`,"startMonthYear":`+test.wire+`},"manager":{"relationship":`+test.wire+`}}`)
		want := `{"detail":{"layer":` + test.layer + `,"startMonthYear":` + test.day + `},"manager":{"relationship":` + test.relationship + `}}`
		if got := string(plan.Append(nil, item, appendOwn)); got != want {
			t.Errorf("%s is\n%s; want\n%s", test.wire, got, want)
		}
	}
}

// everything returns a selection of all fields of a type.
func everything(parsed *ast.Schema, typeName string) string {
	var fields []string
	for _, field := range parsed.Types[typeName].Fields {
		selection := field.Name
		if parsed.Types[field.Type.Name()].Kind == ast.Object {
			selection += everything(parsed, field.Type.Name())
		}
		fields = append(fields, selection)
	}
	return " { " + strings.Join(fields, " ") + " }"
}

// FuzzAppend holds that, whatever a source sends for an item of any facet, the output is JSON of bounded length.
func FuzzAppend(f *testing.F) {
	parsed, s := newSchema(f)
	var plans []*Plan
	for _, item := range parsed.PossibleTypes["ItemFacet"] {
		plans = append(plans, compileFor(f, parsed, s, item.Name, `{ node(id: "x") { ... on `+item.Name+everything(parsed, item.Name)+` } }`, nil))
	}
	longest := 0 // the output of an item without properties
	for _, plan := range plans {
		longest = max(longest, len(plan.Append(nil, parse(f, `{}`), appendOwn)))
	}
	for _, seed := range []string{
		goodItem, `{}`, `[]`, `{"categories":{"a":1},"sources":"x","createdBy":{"user":[]}}`, "{\"description\":\"\xff\\ud800\"}",
		`{"detail":{"company":{"address":{"type":"home"}},"layer":7,"startMonthYear":"2016-02-29"},"colleagues":[{"relationship":3},null]}`, `{"geoCoordinates":{"latitude":1e999,"longitude":"NaN"}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		tape, err := jsontape.Parse(text)
		if err != nil {
			return
		}
		for _, plan := range plans {
			got := plan.Append(nil, tape.Root(), appendOwn)
			if !json.Valid(got) {
				t.Fatalf("%q is written %q", text, got)
			}
			// An empty object in a list is written with all its fields, a letter of flags is a long name.
			if len(got) > 2*longest+100*len(text) {
				t.Errorf("%d bytes become %d", len(text), len(got))
			}
		}
	})
}

// TestAppendInput holds that a body contains exactly the caller's input.
func TestAppendInput(t *testing.T) {
	t.Parallel()
	testAppendInput(t, "PersonInterestInput", map[string]string{
		`{}`: `{}`,
		`{"displayName":"Chess","description":null,"categories":[],"webUrl":""}`:                                                   `{"categories":[],"description":null,"displayName":"Chess","webUrl":""}`,
		`{"allowedAudiences":["FAMILY","GROUP_MEMBERS","FAMILY"],"isSearchable":false}`:                                            `{"allowedAudiences":"family,groupMembers","isSearchable":false}`,
		`{"allowedAudiences":"ME","categories":"a","source":{"type":"x"}}`:                                                         `{"allowedAudiences":"me","source":{"type":["x"]},"categories":["a"]}`,
		`{"inference":{"confidenceScore":0.10000000000000000001},"createdBy":{"user":{"id":null},"device":null,"application":{}}}`: `{"inference":{"confidenceScore":0.10000000000000000001},"createdBy":{"application":{},"device":null,"user":{"id":null}}}`,
		`{"description":"\u2028<&>\"\\\u0001é😀"}`:                                                                                  "{\"description\":\"\u2028<&>\\\"\\\\\\u0001é😀\"}",
	})
	testAppendInput(t, "ProjectParticipationInput", map[string]string{
		`{"client":{"address":{"type":"BUSINESS","city":null}},"detail":null}`:                         `{"client":{"address":{"city":null,"type":"business"}},"detail":null}`,
		`{"detail":{"layer":-7,"startMonthYear":"2016-02-29","endMonthYear":null,"company":{}}}`:       `{"detail":{"company":{},"endMonthYear":null,"layer":-7,"startMonthYear":"2016-02-29"}}`,
		`{"colleagues":[{"relationship":"DOT_LINE_REPORT","displayName":""},{}],"sponsors":[]}`:        `{"colleagues":[{"displayName":"","relationship":"dotLineReport"},{}],"sponsors":[]}`,
		`{"colleagues":{"relationship":null},"sponsors":null,"categories":"a","collaborationTags":[]}`: `{"categories":["a"],"collaborationTags":[],"colleagues":[{"relationship":null}],"sponsors":null}`,
	})
}

func testAppendInput(t *testing.T, typeName string, cases map[string]string) {
	t.Helper()
	_, s := newSchema(t)
	for input, want := range cases {
		d := json.NewDecoder(strings.NewReader(input))
		d.UseNumber()
		var object map[string]any
		if err := d.Decode(&object); err != nil {
			t.Fatal(err)
		}
		if got := string(s.AppendInput(nil, typeName, object)); got != want {
			t.Errorf("%s is written %s, want %s", input, got, want)
		}
	}
}

func bench(b *testing.B, selection string) {
	parsed, s := newSchema(b)
	plan := compile(b, parsed, s, `{ node(id: "x") { ... on PersonInterest { `+selection+` } } }`, nil)
	item := `{"id":"0fb4c1e3-c1e3-0fb4-e3c1-b40fe3c1b4","allowedAudiences":"organization","inference":{"confidenceScore":0.5,"userHasVerifiedAccuracy":true},"createdDateTime":"2020-07-06T06:34:12.2294868Z","createdBy":{"application":null,"device":null,"user":{"displayName":"Innocenty Popov","id":"db789417-4ccb-41d1-a0a9-47b01a09ea49"}},"lastModifiedDateTime":"2020-07-06T06:34:12.2294868Z","lastModifiedBy":{"application":null,"device":null,"user":{"displayName":"Innocenty Popov","id":"db789417-4ccb-41d1-a0a9-47b01a09ea49"}},"displayName":"Chess","description":"World's best board game","categories":["Sports"],"webUrl":"https://www.chess.com","collaborationTags":["ableToMentor"]}`
	text := []byte(`[` + strings.Repeat(item+",", 99) + item + `]`)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	var dst []byte
	for b.Loop() {
		tape, err := jsontape.Parse(text)
		if err != nil {
			b.Fatal(err)
		}
		dst = dst[:0]
		for c, ok := tape.Root().First(); ok; ok = c.Next() {
			dst = plan.Append(dst, c.Value, appendNull)
		}
	}
}

func appendNull(dst []byte, _ *Field) []byte { return append(dst, "null"...) }

func BenchmarkAppend5(b *testing.B) {
	bench(b, `id displayName description createdDateTime categories`)
}
func BenchmarkAppend12(b *testing.B) {
	bench(b, `id displayName description categories collaborationTags webUrl allowedAudiences inference { confidenceScore userHasVerifiedAccuracy } createdDateTime createdBy { user { id displayName } } lastModifiedDateTime lastModifiedBy { user { id displayName } }`)
}

func BenchmarkCompile12(b *testing.B) {
	parsed, s := newSchema(b)
	document, _ := gqlparser.LoadQueryWithRules(parsed, `{ node(id: "x") { ... on PersonInterest { id displayName description categories collaborationTags webUrl allowedAudiences inference { confidenceScore userHasVerifiedAccuracy } createdDateTime createdBy { user { id displayName } } lastModifiedDateTime lastModifiedBy { user { id displayName } } } } }`, nil)
	node := document.Operations[0].SelectionSet[0].(*ast.Field).SelectionSet
	b.ReportAllocs()
	for b.Loop() {
		s.Compile("PersonInterest", []ast.SelectionSet{node}, nil)
	}
}
