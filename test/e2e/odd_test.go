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

	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2/ast"

	"profileql/test/scene"
)

// goodItem has a value for every property of an interest that a source can send.
const goodItem = `{
	"id": "abc", "displayName": "Chess", "description": "d", "categories": ["games"], "collaborationTags": ["askMeAbout"],
	"webUrl": "https://example.com", "thumbnailUrl": "https://example.com/t", "allowedAudiences": "organization", "isSearchable": true,
	"inference": {"confidenceScore": 0.5, "userHasVerifiedAccuracy": true},
	"createdDateTime": "2020-01-01T00:00:00Z", "lastModifiedDateTime": "2020-01-01T00:00:00Z",
	"createdBy": {"application": {"id": "a", "displayName": "A"}, "device": {"id": "d", "displayName": "D"}, "user": {"id": "u", "displayName": "U"}},
	"lastModifiedBy": {"application": {"id": "a", "displayName": "A"}, "device": {"id": "d", "displayName": "D"}, "user": {"id": "u", "displayName": "U"}},
	"source": {"type": ["User"]}, "sources": [{"sourceId": "s", "isDefaultSource": true, "properties": ["p"]}]
}`

// everything returns a selection of all fields of a type, except those that only ProfileQL has.
func everything(s *ast.Schema, typeName string) string {
	var fields []string
	for _, field := range s.Types[typeName].Fields {
		if strings.HasPrefix(field.Name, "__") || field.Name == "profileSource" || field.Name == "itemId" {
			continue
		}
		selection := field.Name
		if named := s.Types[field.Type.Name()]; named.Kind == ast.Object {
			selection += " " + everything(s, named.Name)
		}
		fields = append(fields, selection)
	}
	return "{ " + strings.Join(fields, " ") + " }"
}

func decodeObject(t *testing.T, text string) map[string]any {
	t.Helper()
	var object map[string]any
	if err := json.Unmarshal([]byte(text), &object); err != nil {
		t.Fatal(err)
	}
	return object
}

// places returns the paths of all properties of an object, at every depth, as names and indices.
func places(v any, above []any) (all [][]any) {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			path := append(slices.Clone(above), name)
			all = append(append(all, path), places(member, path)...)
		}
	case []any:
		for i, entry := range v {
			all = append(all, places(entry, append(slices.Clone(above), i))...)
		}
	}
	return all
}

func at(v any, path []any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			v = v.(map[string]any)[step]
		case int:
			v = v.([]any)[step]
		}
	}
	return v
}

// shownFor returns the value that ProfileQL returns for a value of a source where the schema has a type: the value if
// it is of that type, otherwise null. An invalid entry is removed from its list, and a single value in place of a
// list becomes a list of one.
func shownFor(s *ast.Schema, t *ast.Type, wire any) any {
	if wire == nil {
		return nil
	}
	if t.Name() == "AllowedAudience" {
		return audiencesFor(wire)
	}
	if t.Elem != nil {
		list, isList := wire.([]any)
		if !isList {
			list = []any{wire}
		}
		shown := []any{}
		for _, entry := range list {
			if entry = shownFor(s, t.Elem, entry); entry != nil {
				shown = append(shown, entry)
			}
		}
		if !isList && len(shown) == 0 {
			return nil
		}
		return shown
	}
	switch wire := wire.(type) {
	case string:
		if t.Name() == "String" || t.Name() == "DateTime" && wire != "odd" {
			return wire
		}
	case float64:
		if t.Name() == "Float" {
			return wire
		}
	case bool:
		if t.Name() == "Boolean" {
			return wire
		}
	case map[string]any:
		if def := s.Types[t.Name()]; def.Kind == ast.Object {
			shown := make(map[string]any)
			for _, field := range def.Fields {
				shown[field.Name] = shownFor(s, field.Type, wire[field.Name])
			}
			return shown
		}
	}
	return nil
}

// audiencesFor handles the few values of a set of flags that this test uses.
func audiencesFor(wire any) any {
	switch wire {
	case "organization", 8.0:
		return []any{"ORGANIZATION"}
	case "odd":
		return []any{"UNKNOWN_FUTURE_VALUE"}
	}
	return nil
}

// TestOddValues replaces every property by a value of every wrong kind. Only that property becomes null, or the part
// of it that is valid, and nothing else changes. The response to an update and an item in a list are the same in this
// respect.
func TestOddValues(t *testing.T) {
	t.Parallel()
	s := parseSchema(t)
	selected := everything(s, "PersonInterest")
	operation := `mutation Update { updatePersonInterest(input: {id: "abc", patch: {displayName: "x"}}) { personInterest ` + selected + ` } }`
	list := `{ me { interests(first: 2) { nodes ` + selected + ` } } }`
	rec := new(recorder)
	f := newFacade(t, rec)
	show := func(wire map[string]any) (updated map[string]any, listed []map[string]any) {
		text := mustJSON(t, wire)
		rec.answerWith(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				answerJSON(200, `{"value": [`+text+`, {"id": "z", "displayName": "Z"}]}`)(w, r)
				return
			}
			answerJSON(200, text)(w, r)
		})
		var data struct {
			UpdatePersonInterest struct{ PersonInterest map[string]any }
			Me                   struct {
				Interests struct{ Nodes []map[string]any }
			}
		}
		f.do(operation, nil).Into(t, &data)
		f.do(list, nil).Into(t, &data)
		return data.UpdatePersonInterest.PersonInterest, data.Me.Interests.Nodes
	}
	for _, field := range s.Types["PersonInterest"].Fields {
		if _, sent := decodeObject(t, goodItem)[field.Name]; !sent && strings.Contains(selected, " "+field.Name+" ") {
			t.Errorf("goodItem has no %s", field.Name)
		}
	}
	odd := []any{
		7.5, 8.0, "odd", "", true, nil, []any{}, []any{nil}, []any{"odd", nil, 1.0, true, map[string]any{}, []any{"x"}},
		map[string]any{}, map[string]any{"x": 1.0, "id": 7.0, "type": nil, "sourceId": "s"},
	}
	for _, path := range append(places(decodeObject(t, goodItem), nil), nil) {
		if len(path) == 1 && path[0] == "id" {
			continue // TestOddIDs
		}
		for _, value := range odd {
			wire := decodeObject(t, goodItem)
			if path == nil {
				wire["unheardOf"] = value
			} else {
				at(wire, path[:len(path)-1]).(map[string]any)[path[len(path)-1].(string)] = value
			}
			if value == "" && len(path) > 0 && (path[0] == "allowedAudiences" || strings.HasSuffix(fmt.Sprint(path[0]), "DateTime")) {
				continue // an empty string is neither; see TestOddButKnown
			}
			want := shownFor(s, ast.NamedType("PersonInterest", nil), wire).(map[string]any)
			want["id"] = scene.GlobalID("upstream", "", "interests", "abc")
			delete(want, "itemId")
			delete(want, "profileSource")
			updated, listed := show(wire)
			if diff := cmp.Diff(want, updated); diff != "" {
				t.Errorf("%v is %v, after an update:\n%s", path, value, diff)
			}
			// The source does not order. Of two items without an instant, the one with the smaller id is first.
			if len(listed) != 2 || listed[1]["displayName"] != "Z" {
				t.Errorf("%v is %v, in a list: %v", path, value, listed)
			} else if diff := cmp.Diff(want, listed[0]); diff != "" {
				t.Errorf("%v is %v, in a list:\n%s", path, value, diff)
			}
		}
	}
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestOddButKnown tests values that were seen in real data, or that the formats allow.
func TestOddButKnown(t *testing.T) {
	t.Parallel()
	rec := new(recorder)
	f := newFacade(t, rec)
	for _, test := range []struct{ property, wire, shown string }{
		{"allowedAudiences", `"8"`, `["ORGANIZATION"]`}, {"allowedAudiences", `8`, `["ORGANIZATION"]`},
		{"allowedAudiences", `0`, `["ME"]`}, {"allowedAudiences", `"0"`, `["ME"]`}, {"allowedAudiences", `24`, `["ORGANIZATION","FEDERATED_ORGANIZATIONS"]`},
		{"allowedAudiences", `"12"`, `["GROUP_MEMBERS","ORGANIZATION"]`}, {"allowedAudiences", `128`, `["UNKNOWN_FUTURE_VALUE"]`},
		{"allowedAudiences", `136`, `["ORGANIZATION","UNKNOWN_FUTURE_VALUE"]`}, {"allowedAudiences", `-1`, `["UNKNOWN_FUTURE_VALUE"]`},
		{"allowedAudiences", `"24"`, `["ORGANIZATION","FEDERATED_ORGANIZATIONS"]`}, {"allowedAudiences", `" groupMembers ,  organization "`, `["GROUP_MEMBERS","ORGANIZATION"]`},
		{"allowedAudiences", `"groupMembers, organization"`, `["GROUP_MEMBERS","ORGANIZATION"]`},
		{"allowedAudiences", `"organization,alumni,organization"`, `["ORGANIZATION","UNKNOWN_FUTURE_VALUE"]`},
		{"allowedAudiences", `"unknownFutureValue"`, `["UNKNOWN_FUTURE_VALUE"]`}, {"allowedAudiences", `""`, `null`}, {"allowedAudiences", `null`, `null`},
		{"inference", `{"confidenceScore": "INF"}`, `{"confidenceScore": null}`}, {"inference", `{"confidenceScore": "-INF"}`, `{"confidenceScore": null}`},
		{"inference", `{"confidenceScore": "NaN"}`, `{"confidenceScore": null}`}, {"inference", `{"confidenceScore": 1e-7}`, `{"confidenceScore": 1e-7}`},
		{"inference", `{"confidenceScore": 1e999}`, `{"confidenceScore": null}`}, {"inference", `{"confidenceScore": 0.8437500001}`, `{"confidenceScore": 0.8437500001}`},
		{"createdDateTime", `"2020-01-01T00:00:00Z"`, `"2020-01-01T00:00:00Z"`}, {"createdDateTime", `"2020-01-01T00:00:00.1Z"`, `"2020-01-01T00:00:00.1Z"`},
		{"createdDateTime", `"2020-01-01T00:00:00.10Z"`, `"2020-01-01T00:00:00.10Z"`}, {"createdDateTime", `"2020-01-01T00:00:00.123Z"`, `"2020-01-01T00:00:00.123Z"`},
		{"createdDateTime", `"2020-01-01T00:00:00.1234Z"`, `"2020-01-01T00:00:00.1234Z"`}, {"createdDateTime", `"2020-01-01T00:00:00.12345Z"`, `"2020-01-01T00:00:00.12345Z"`},
		{"createdDateTime", `"2020-07-01T15:41:14.089105Z"`, `"2020-07-01T15:41:14.089105Z"`}, {"createdDateTime", `"2020-07-06T06:34:12.2294868-11:30"`, `"2020-07-06T06:34:12.2294868-11:30"`},
		{"createdDateTime", `"0001-01-01T00:00:00Z"`, `"0001-01-01T00:00:00Z"`}, {"createdDateTime", `"Date"`, `null`}, {"createdDateTime", `""`, `null`},
		{"categories", `["a", null, "b"]`, `["a","b"]`}, {"categories", `[null]`, `[]`}, {"categories", `[]`, `[]`}, {"categories", `"games"`, `["games"]`},
		{"categories", `["a", 5, {}, "b"]`, `["a","b"]`}, {"sources", `[null, {"sourceId": "s"}, 7]`, `[{"sourceId": "s"}]`}, {"source", `{"type": "User"}`, `{"type": ["User"]}`},
		{"description", `""`, `""`}, {"description", `"\u0000\ud83d\ude00 \ud83d"`, `"\u0000😀 �"`}, {"description", `",null and [null"`, `",null and [null"`},
	} {
		rec.answerWith(answerJSON(200, `{"id": "abc", "displayName": "Chess", "unheardOf": {"a": [1]}, "@odata.etag": "x", "`+test.property+`": `+test.wire+`}`))
		selection := map[string]string{"inference": "inference { confidenceScore }", "sources": "sources { sourceId }", "source": "source { type }"}[test.property]
		if selection == "" {
			selection = test.property
		}
		r := f.do(`mutation { updatePersonInterest(input: {id: "abc", patch: {displayName: "x"}}) { personInterest { displayName `+selection+` } } }`, nil)
		if len(r.Errors) > 0 {
			t.Errorf("%s is %s: %s", test.property, test.wire, r.Body)
			continue
		}
		equalJSON(t, `{"updatePersonInterest": {"personInterest": {"displayName": "Chess", "`+test.property+`": `+test.shown+`}}}`, string(r.Data))
	}
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
		equalJSON(t, `{"updatePersonInterest": {"personInterest": `+mustJSON(t, want)+`}}`, string(updated.Data))
		equalJSON(t, `{"me": {"interests": {"nodes": [`+mustJSON(t, want)+`]}}}`, string(listed.Data))
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
