package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"

	"profileql/test/scene"
)

// TestOddValues replaces every property of every facet, at every depth, by a value of every wrong kind. Only that
// property becomes null, or the part of it that is valid, and nothing else changes. The response to an update and an
// item in a list are the same in this respect.
func TestOddValues(t *testing.T) {
	t.Parallel()
	s := parseSchema(t)
	f, rec := newItemFacade(t)
	number := func(text string) json.Number { return json.Number(text) }
	odd := []any{
		number("7.5"), number("8"), number("2147483648"), number("-2147483649"), number("1e999"), "odd", "", "INF", "NaN", "8", "2020-02-30", "2020-01-01", true, nil,
		[]any{}, []any{nil}, []any{"odd", nil, number("1"), true, map[string]any{}, []any{"x"}},
		map[string]any{}, map[string]any{"x": number("1"), "id": number("7"), "displayName": []any{}, "type": nil, "sourceId": "s"},
	}
	for _, facet := range testedFacets(s) {
		t.Run(facet.name, func(t *testing.T) {
			good := plausibleItem(s, facet)
			var cases []readCase
			add := func(name string) {
				text := mustJSON(good)
				wire := decode(t, text).(map[string]any)
				cases = append(cases, readCase{name, text, shownFor(s, ast.NamedType(facet.item, nil), wire).(map[string]any)})
			}
			add("plausible")
			for _, path := range places(good, nil) {
				above, last := at(good, path[:len(path)-1]), path[len(path)-1]
				was := at(above, path[len(path)-1:])
				for _, value := range odd {
					set(above, last, value)
					add(fmt.Sprintf("%v is %v", path, value))
				}
				set(above, last, was)
			}
			for _, value := range odd {
				good["unheardOf"] = value
				add(fmt.Sprintf("another member is %v", value))
			}
			checkRead(t, f, rec, s, facet, cases)
		})
	}
}

// TestKnownValues sets every property of every facet, at every depth, to each value that is allowed or was seen in real
// data.
func TestKnownValues(t *testing.T) {
	t.Parallel()
	s := parseSchema(t)
	f, rec := newItemFacade(t)
	for _, facet := range testedFacets(s) {
		t.Run(facet.name, func(t *testing.T) {
			var cases []readCase
			for _, path := range places(plausibleItem(s, facet), nil) {
				if _, isEntry := path[len(path)-1].(int); isEntry {
					continue
				}
				field := fieldAt(s, facet.item, path)
				for _, known := range knownFor(s, field.Type) {
					wire, want := plausibleItem(s, facet), shownFor(s, ast.NamedType(facet.item, nil), plausibleItem(s, facet))
					set(at(wire, path[:len(path)-1]), path[len(path)-1], json.RawMessage(known.wire))
					set(at(want, path[:len(path)-1]), path[len(path)-1], decode(t, known.shown))
					cases = append(cases, readCase{fmt.Sprintf("%v is %s", path, known.wire), mustJSON(wire), want.(map[string]any)})
				}
			}
			checkRead(t, f, rec, s, facet, cases)
		})
	}
}

// knownValue is a value of a source, and how it is returned.
type knownValue struct{ wire, shown string }

var knownScalars = map[string][]knownValue{
	"String":  {{`"Chess"`, `"Chess"`}, {`""`, `""`}, {`"\u0000\ud83d\ude00 \ud83d"`, `"\u0000😀 �"`}, {`",null and [null"`, `",null and [null"`}, {`"\u2028<&>\"\\"`, `"\u2028<&>\"\\"`}},
	"Boolean": {{`true`, `true`}, {`false`, `false`}},
	"Int":     {{`7`, `7`}, {`0`, `0`}, {`-2147483648`, `-2147483648`}, {`2147483647`, `2147483647`}, {`2147483648`, `null`}, {`1.5`, `null`}, {`"7"`, `null`}},
	"Float": {
		{`0.8437500001`, `0.8437500001`}, {`1e-7`, `1e-7`}, {`-122.12980000`, `-122.12980000`}, {`60`, `60`}, {`1e999`, `null`},
		{`"INF"`, `null`}, {`"-INF"`, `null`}, {`"NaN"`, `null`}, {`"0.5"`, `null`},
	},
	"DateTime": {
		{`"2020-01-01T00:00:00Z"`, `"2020-01-01T00:00:00Z"`}, {`"2020-01-01T00:00:00.10Z"`, `"2020-01-01T00:00:00.10Z"`},
		{`"2020-07-01T15:41:14.089105Z"`, `"2020-07-01T15:41:14.089105Z"`}, {`"2020-07-06T06:34:12.2294868-11:30"`, `"2020-07-06T06:34:12.2294868-11:30"`},
		{`"0001-01-01T00:00:00Z"`, `"0001-01-01T00:00:00Z"`}, {`"Date"`, `null`}, {`""`, `null`}, {`"2020-01-01"`, `null`},
	},
	"Date": {
		{`"2020-02-29"`, `"2020-02-29"`}, {`"0001-01-01"`, `"0001-01-01"`}, {`"9999-12-31"`, `"9999-12-31"`}, {`"2021-02-29"`, `null`},
		{`"2020-1-1"`, `null`}, {`"2020-01"`, `null`}, {`"2020-01-01T00:00:00Z"`, `null`}, {`"Date"`, `null`}, {`""`, `null`},
	},
	"AllowedAudience": {
		{`"8"`, `["ORGANIZATION"]`}, {`8`, `["ORGANIZATION"]`}, {`0`, `["ME"]`}, {`"0"`, `["ME"]`}, {`24`, `["ORGANIZATION","FEDERATED_ORGANIZATIONS"]`},
		{`"12"`, `["GROUP_MEMBERS","ORGANIZATION"]`}, {`128`, `["UNKNOWN_FUTURE_VALUE"]`}, {`136`, `["ORGANIZATION","UNKNOWN_FUTURE_VALUE"]`}, {`-1`, `["UNKNOWN_FUTURE_VALUE"]`},
		{`" groupMembers ,  organization "`, `["GROUP_MEMBERS","ORGANIZATION"]`}, {`"groupMembers, organization"`, `["GROUP_MEMBERS","ORGANIZATION"]`},
		{`"organization,alumni,organization"`, `["ORGANIZATION","UNKNOWN_FUTURE_VALUE"]`}, {`"unknownFutureValue"`, `["UNKNOWN_FUTURE_VALUE"]`}, {`""`, `null`},
	},
}

// knownFor returns the known values of a type.
func knownFor(s *ast.Schema, t *ast.Type) (known []knownValue) {
	def := s.Types[t.Name()]
	known = append([]knownValue{{`null`, `null`}}, knownScalars[def.Name]...)
	switch {
	case t.Elem != nil && def.Kind == ast.Scalar:
		return []knownValue{
			{`["a", "b"]`, `["a","b"]`}, {`["a", null, "b"]`, `["a","b"]`}, {`[null]`, `[]`}, {`[]`, `[]`}, {`"games"`, `["games"]`}, {`["a", 5, {}, "b"]`, `["a","b"]`}, {`null`, `null`},
		}
	case t.Elem != nil && def.Kind == ast.Object:
		none := mustJSON(shownFor(s, ast.NamedType(def.Name, nil), map[string]any{}))
		return append(known, []knownValue{{`[]`, `[]`}, {`[null, {}, 7]`, `[` + none + `]`}, {`[{}, {"x": 1}]`, `[` + none + `,` + none + `]`}, {`{}`, `[` + none + `]`}}...)
	case def.Kind == ast.Object:
		none := mustJSON(shownFor(s, t, map[string]any{}))
		return append(known, []knownValue{{`{}`, none}, {`{"@odata.type": "#x", "email": "a@example.com"}`, none}, {`[]`, `null`}}...)
	case def.Kind == ast.Enum && t.Elem == nil:
		unknown := `null`
		for i, member := range def.EnumValues {
			shown, number := `"`+member.Name+`"`, strconv.Itoa(i)
			known = append(known, []knownValue{{`"` + wireName(member.Name) + `"`, shown}, {number, shown}, {`"` + number + `"`, shown}}...)
			if member.Name == unknownMember {
				unknown = shown
			}
		}
		return append(known, []knownValue{{`"brandNew"`, unknown}, {`99`, unknown}, {`"99"`, unknown}, {`-1`, unknown}, {`""`, `null`}, {`1.5`, `null`}}...)
	}
	return known
}

func decodeObject(t *testing.T, text string) map[string]any {
	t.Helper()
	var object map[string]any
	if err := json.Unmarshal([]byte(text), &object); err != nil {
		t.Fatal(err)
	}
	return object
}

func mustJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// TestOddIDs tests items without an id. After an update, the id is known from the request. In a list, the item is
// left out, with an error.
func TestOddIDs(t *testing.T) {
	t.Parallel()
	rec := new(recorder)
	f := newFacade(t, rec)
	for _, id := range []string{`"id": null,`, `"id": 7,`, `"id": "",`, `"id": "..",`, `"id": "a\u0001",`, ``, `"id": {},`} {
		rec.answerWith(answerJSON(200, `{`+id+`"displayName": "Chess"}`))
		r := f.do(scene.UpdateMutation, `{"input": {"id": "abc", "patch": {"displayName": "x"}}}`)
		if len(r.Errors) > 0 || !strings.Contains(r.Body, `"itemId":"abc"`) || !strings.Contains(r.Body, "Chess") {
			t.Errorf("{%s …}: %s", id, r.Body)
		}
		rec.answerWith(answerJSON(200, `{"value": [{"id": "a", "displayName": "A"}, {`+id+`"displayName": "B"}, {"id": "c", "displayName": "C"}]}`))
		r = f.do(`{ me { interests { nodes { displayName } } } }`, nil)
		if r.Code(t) != "SOURCE_INVALID_RESPONSE" || string(r.Data) != `{"me":{"interests":{"nodes":[{"displayName":"A"},{"displayName":"C"}]}}}` {
			t.Errorf("{%s …} in a list: %s", id, r.Body)
		}
	}
}

// TestOddIDsInARow has so many entries without an id, or nulls, that a whole page of the source has no valid items.
// The items after them are returned nevertheless.
func TestOddIDsInARow(t *testing.T) {
	t.Parallel()
	for entry, code := range map[string]string{`{"id": "", "displayName": "B"}`: "SOURCE_INVALID_RESPONSE", `null`: ""} {
		f := newFacade(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			value := append([]string{`{"id": "a"}`}, slices.Repeat([]string{entry}, 20)...)
			if strings.Contains(r.URL.Query().Get("$filter"), "id gt 'a'") {
				value = value[1:]
			}
			value = append(value, `{"id": "c"}`)
			if top, err := strconv.Atoi(r.URL.Query().Get("$top")); err == nil {
				value = value[:min(top, len(value))]
			}
			answerJSON(200, `{"value": [`+strings.Join(value, ",")+`]}`)(w, r)
		}))
		for range 2 {
			r := f.do(`{ me { interests(first: 5) { nodes { itemId } } } }`, nil)
			if string(r.Data) != `{"me":{"interests":{"nodes":[{"itemId":"a"},{"itemId":"c"}]}}}` || code == "" && len(r.Errors) > 0 || code != "" && r.Code(t) != code {
				t.Errorf("%s: %s", entry, r.Body)
			}
		}
	}
}

// TestOddBodies tests items with unusual encodings. If no result is expected, they are not valid JSON.
func TestOddBodies(t *testing.T) {
	t.Parallel()
	rec := new(recorder)
	f := newFacade(t, rec)
	nested := func(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }
	for _, test := range []struct{ item, shown string }{
		{`{"id": "a", "displayName": "first", "displayName": "last"}`, `{"displayName": "last"}`},
		{`{"id": "a", "displayName": "first", "displayName": 5}`, `{"displayName": null}`},
		{`{"id": "a", "displayName": "first", "displayName": null}`, `{"displayName": null}`},
		{`{"id": "a", "id": "a", "categories": ["x", "y"], "categories": ["z"]}`, `{"categories": ["z"]}`},
		{`{"id": "a", "inference": {"confidenceScore": 0.5}, "inference": {"userHasVerifiedAccuracy": true}}`, `{"inference": {"confidenceScore": null, "userHasVerifiedAccuracy": true}}`},
		{`{"id": "a", "sources": [{"sourceId": "x"}, {"sourceId": "y"}], "sources": [{"isDefaultSource": true}]}`, `{"sources": [{"sourceId": null, "isDefaultSource": true}]}`},
		{"\r\n\t {\"id\"\n:\"a\",\"displayName\":\"b\"}\n\n", `{"displayName": "b"}`},
		{"{\"id\": \"a\", \"displayName\": \"Che\xffss\"}", `{"displayName": "Che\ufffdss"}`},
		{"{\"id\": \"a\", \"displayName\": \"Che\xffss\", \"categories\": [null, \"\xc3\"]}", `{"displayName": "Che\ufffdss", "categories": ["\ufffd"]}`},
		{`{"id": "a", "displayName": "\u00e9\u2028<script>&\"\\"}`, `{"displayName": "\u00e9\u2028<script>&\"\\"}`},
		{`{"id": "a", "displayName": ` + nested(9000) + `, "description": "d"}`, `{"description": "d"}`},
		{`{"id": "a", "unheardOf": ` + nested(9000) + `, "description": "d"}`, `{"description": "d"}`},
		{`{"id": "a", "unheardOf": ` + strings.Repeat("9", 5000) + `, "description": "d"}`, `{"description": "d"}`},
		{`{"id": "a", "unheardOf": ` + nested(20000) + `}`, ``}, {"\ufeff" + `{"id": "a"}`, ``}, {`{"id": "a",}`, ``}, {`{'id': 'a'}`, ``},
		{`{"id": "a", "inference": {"confidenceScore": NaN}}`, ``}, {"{\"id\": \"a\", \"displayName\": \"a\x01b\"}", ``},
	} {
		rec.answerWith(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				answerJSON(200, `{"value": [`+test.item+`]}`)(w, r)
				return
			}
			answerJSON(200, test.item)(w, r)
		})
		fields := `displayName description categories inference { confidenceScore userHasVerifiedAccuracy } sources { sourceId isDefaultSource properties }`
		updated := f.do(`mutation { updatePersonInterest(input: {id: "a", patch: {displayName: "x"}}) { personInterest { `+fields+` } } }`, nil)
		listed := f.do(`{ me { interests { nodes { `+fields+` } } } }`, nil)
		if test.shown == "" {
			if updated.Code(t) != "OUTCOME_UNKNOWN" || listed.Code(t) != "SOURCE_INVALID_RESPONSE" {
				t.Errorf("%.100s: %s and %s", test.item, updated.Body, listed.Body)
			}
			continue
		}
		want := map[string]any{"displayName": nil, "description": nil, "categories": nil, "inference": nil, "sources": nil}
		maps.Copy(want, decodeObject(t, test.shown))
		if sources, ok := want["sources"].([]any); ok {
			sources[0].(map[string]any)["properties"] = nil
		}
		equalJSON(t, `{"updatePersonInterest": {"personInterest": `+mustJSON(want)+`}}`, string(updated.Data))
		equalJSON(t, `{"me": {"interests": {"nodes": [`+mustJSON(want)+`]}}}`, string(listed.Data))
	}
}

// TestOddLists tests unusual responses to a list.
func TestOddLists(t *testing.T) {
	t.Parallel()
	rec := new(recorder)
	f := newFacade(t, rec)
	for _, test := range []struct{ answer, nodes, code string }{
		{`{"value": []}`, `[]`, ""},
		{`{"value": [null, {"id": "a"}, null]}`, `[{"itemId":"a"}]`, ""},
		{`{"value": [7, "x", [], {"id": "a"}]}`, `[{"itemId":"a"}]`, "SOURCE_INVALID_RESPONSE"},
		{`{"value": [{"id": "a"}, {"id": "a"}]}`, `[{"itemId":"a"}]`, ""},
		{`{"value": [{"id": "a"}], "error": null}`, `[{"itemId":"a"}]`, ""},
		{`{"value": [{"id": "a"}], "@odata.context": 5, "@odata.count": "x", "y": [null]}`, `[{"itemId":"a"}]`, ""},
		{`{"value": [{"id": "a"}], "value": [{"id": "b"}]}`, "", "SOURCE_INVALID_RESPONSE"},
		{`{"value": [{"id": "a", "@id": "b", "@type": "#x", "@odata.id": "c", "odata.id": "d", "@etag": 5}]}`, `[{"itemId":"a"}]`, ""},
		{`{"value": [], "@odata.nextLink": "interests?$skip=1", "@nextLink": "interests?$skip=2"}`, "", "SOURCE_INVALID_RESPONSE"},
		{`{"value": [], "@odata.nextLink": 5}`, "", "SOURCE_INVALID_RESPONSE"}, {`{"value": [], "@nextLink": ""}`, `[]`, ""},
		{`{"value": [], "_links": {"next": {"href": "interests?page=2"}}}`, "", "SOURCE_INVALID_RESPONSE"},
		{"\ufeff" + `{"value": [{"id": "a"}]}`, "", "SOURCE_INVALID_RESPONSE"},
		{`{"value": null}`, "", "SOURCE_INVALID_RESPONSE"}, {`{}`, "", "SOURCE_INVALID_RESPONSE"}, {`[]`, "", "SOURCE_INVALID_RESPONSE"},
		{`{"value": {"id": "a"}}`, "", "SOURCE_INVALID_RESPONSE"}, {`{"value": "x"}`, "", "SOURCE_INVALID_RESPONSE"}, {`null`, "", "SOURCE_INVALID_RESPONSE"},
		{`{"value": [{"id": "a"}], "error": {"code": "x"}}`, "", "SOURCE_INVALID_RESPONSE"}, {`{"value": [{"id": "a"}`, "", "SOURCE_INVALID_RESPONSE"},
		{`{"value": [{"id": "a", "x": ` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + `}]}`, `[{"itemId":"a"}]`, ""},
		{`{"value": [{"id": "a", "x": ` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}]}`, "", "SOURCE_INVALID_RESPONSE"},
		{`{"value": [{"id": "a", "lastModifiedDateTime": {}}, {"id": "b", "lastModifiedDateTime": "2020-01-01T00:00:00Z"}, {"displayName": "no id"}]}`, `[{"itemId":"b"},{"itemId":"a"}]`, "SOURCE_INVALID_RESPONSE"},
	} {
		rec.answerWith(answerJSON(200, test.answer))
		r := f.do(`{ me { interests(orderBy: {field: LAST_MODIFIED_DATE_TIME, direction: DESC}) { nodes { itemId } } } }`, nil)
		want := `{"me":{"interests":{"nodes":` + test.nodes + `}}}`
		if test.nodes == "" {
			want = `{"me":{"interests":null}}`
		}
		if string(r.Data) != want || (test.code == "") != (len(r.Errors) == 0) || test.code != "" && r.Code(t) != test.code {
			t.Errorf("%.80s: %.300s", test.answer, r.Body)
		}
	}
}
