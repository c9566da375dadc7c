package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
)

// goodItem has a value for every property that a source can send of an interest.
const goodItem = `{
	"id": "abc", "displayName": "Chess", "description": "d", "categories": ["games"], "collaborationTags": ["askMeAbout"],
	"webUrl": "https://example.com", "thumbnailUrl": "https://example.com/t", "allowedAudiences": "organization", "isSearchable": true,
	"inference": {"confidenceScore": 0.5, "userHasVerifiedAccuracy": true},
	"createdDateTime": "2020-01-01T00:00:00Z", "lastModifiedDateTime": "2020-01-01T00:00:00Z",
	"createdBy": {"application": {"id": "a", "displayName": "A"}, "device": {"id": "d", "displayName": "D"}, "user": {"id": "u", "displayName": "U"}},
	"lastModifiedBy": {"application": {"id": "a", "displayName": "A"}, "device": {"id": "d", "displayName": "D"}, "user": {"id": "u", "displayName": "U"}},
	"source": {"type": ["User"]}, "sources": [{"sourceId": "s", "isDefaultSource": true, "properties": ["p"]}]
}`

// everything selects every field of a type but those that are ProfileQL's own.
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

// places are all properties of an object, at every depth, as paths of names and indices.
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

// TestOddValues puts a value of every wrong kind into every property: that property alone becomes null, or what of it
// can be understood, and nothing else is lost.
func TestOddValues(t *testing.T) {
	t.Parallel()
	s := parseSchema(t)
	mutation := `mutation { updatePersonInterest(input: {id: "abc", patch: {displayName: "x"}}) { personInterest ` + everything(s, "PersonInterest") + ` } }`
	rec := new(recorder)
	f := newFacade(t, rec)
	show := func(answer string) map[string]any {
		rec.answerWith(answerJSON(200, answer))
		var data struct {
			UpdatePersonInterest struct{ PersonInterest map[string]any }
		}
		f.do(mutation, nil).into(t, &data)
		return data.UpdatePersonInterest.PersonInterest
	}
	good := show(goodItem)
	for _, field := range s.Types["PersonInterest"].Fields {
		if value, shown := good[field.Name]; shown && value == nil {
			t.Errorf("goodItem has no %s", field.Name)
		}
	}
	odd := map[string]any{
		"a number": 7.5, "a text": "odd", "a truth": true, "an object": map[string]any{"x": 1.0}, "a list": []any{1.0, nil, map[string]any{}}, "null": nil, "an empty list": []any{},
	}
	for _, path := range places(decodeObject(t, goodItem), nil) {
		if len(path) == 1 && path[0] == "id" {
			continue // TestOddIDs
		}
		for name, value := range odd {
			answer := decodeObject(t, goodItem)
			at(answer, path[:len(path)-1]).(map[string]any)[path[len(path)-1].(string)] = value
			text, err := json.Marshal(answer)
			if err != nil {
				t.Fatal(err)
			}
			shown := show(string(text))
			got := at(shown, path)
			want := decodeObject(t, goodItem)
			parent, last := at(want, path[:len(path)-1]).(map[string]any), path[len(path)-1].(string)
			if ok := understood(at(good, path), value, got); !ok {
				t.Errorf("%v is %s: shows %v", path, name, got)
			}
			// Beside that place, everything is as it was.
			parent[last] = "same"
			at(shown, path[:len(path)-1]).(map[string]any)[last] = "same"
			expected := decodeObject(t, mustJSON(t, good))
			at(expected, path[:len(path)-1]).(map[string]any)[last] = "same"
			equalJSON(t, mustJSON(t, expected), mustJSON(t, shown))
		}
	}
}

// understood tells whether got may be shown for odd where good was shown for the ordinary value.
func understood(good, odd, got any) bool {
	list, isList := good.([]any)
	switch {
	case odd == nil:
		return got == nil
	case isList && len(list) > 0 && list[0] == "ORGANIZATION":
		// A text that is no audience is one that is newer than we are; a whole number is a sum of audiences.
		return got == nil || fmt.Sprint(got) == "[UNKNOWN_FUTURE_VALUE]"
	case isList:
		// Entries that do not fit are left out, and one that stands alone is a list of one.
		entries, ok := got.([]any)
		return got == nil || ok && len(entries) <= 1
	}
	switch good.(type) {
	case map[string]any:
		object, ok := got.(map[string]any)
		if ok {
			for _, member := range object {
				ok = ok && member == nil
			}
		}
		return got == nil || ok
	case string:
		text, ok := odd.(string)
		return got == nil && !ok || ok && (got == text || got == nil) // a moment takes not every text
	case bool:
		truth, ok := odd.(bool)
		return got == nil && !ok || ok && got == truth
	case float64:
		number, ok := odd.(float64)
		return got == nil && !ok || ok && got == number
	}
	return false
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestOddButKnown are values that were seen in the wild, or that the formats allow.
func TestOddButKnown(t *testing.T) {
	t.Parallel()
	rec := new(recorder)
	f := newFacade(t, rec)
	for _, test := range []struct{ property, wire, shown string }{
		{"allowedAudiences", `"8"`, `["ORGANIZATION"]`}, {"allowedAudiences", `8`, `["ORGANIZATION"]`},
		{"allowedAudiences", `0`, `["ME"]`}, {"allowedAudiences", `"0"`, `["ME"]`}, {"allowedAudiences", `24`, `["ORGANIZATION","FEDERATED_ORGANIZATIONS"]`},
		{"allowedAudiences", `"12"`, `["GROUP_MEMBERS","ORGANIZATION"]`}, {"allowedAudiences", `128`, `["UNKNOWN_FUTURE_VALUE"]`},
		{"allowedAudiences", `136`, `["ORGANIZATION","UNKNOWN_FUTURE_VALUE"]`}, {"allowedAudiences", `-1`, `["UNKNOWN_FUTURE_VALUE"]`},
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

// TestOddIDs are items without an id. After an update it is known from the request; in a list the item is left out,
// and the caller is told.
func TestOddIDs(t *testing.T) {
	t.Parallel()
	rec := new(recorder)
	f := newFacade(t, rec)
	for _, id := range []string{`"id": null,`, `"id": 7,`, `"id": "",`, `"id": "..",`, `"id": "a\u0001",`, ``, `"id": {},`} {
		rec.answerWith(answerJSON(200, `{`+id+`"displayName": "Chess"}`))
		r := f.do(updateMutation, `{"input": {"id": "abc", "patch": {"displayName": "x"}}}`)
		if len(r.Errors) > 0 || !strings.Contains(r.Body, `"itemId":"abc"`) || !strings.Contains(r.Body, "Chess") {
			t.Errorf("{%s …}: %s", id, r.Body)
		}
		rec.answerWith(answerJSON(200, `{"value": [{"id": "a", "displayName": "A"}, {`+id+`"displayName": "B"}, {"id": "c", "displayName": "C"}]}`))
		r = f.do(`{ me { interests { nodes { displayName } } } }`, nil)
		if r.code(t) != "SOURCE_INVALID_RESPONSE" || string(r.Data) != `{"me":{"interests":{"nodes":[{"displayName":"A"},{"displayName":"C"}]}}}` {
			t.Errorf("{%s …} in a list: %s", id, r.Body)
		}
	}
}

// TestOddLists are answers to a list.
func TestOddLists(t *testing.T) {
	t.Parallel()
	rec := new(recorder)
	f := newFacade(t, rec)
	for _, test := range []struct{ answer, nodes, code string }{
		{`{"value": []}`, `[]`, ""},
		{`{"value": [null, {"id": "a"}, null]}`, `[{"itemId":"a"}]`, ""},
		{`{"value": [7, "x", [], {"id": "a"}]}`, `[{"itemId":"a"}]`, "SOURCE_INVALID_RESPONSE"},
		{`{"value": [{"id": "a"}, {"id": "a"}]}`, `[{"itemId":"a"}]`, ""},
		{`{"value": null}`, "", "SOURCE_INVALID_RESPONSE"}, {`{}`, "", "SOURCE_INVALID_RESPONSE"}, {`[]`, "", "SOURCE_INVALID_RESPONSE"},
		{`{"value": {"id": "a"}}`, "", "SOURCE_INVALID_RESPONSE"}, {`{"value": "x"}`, "", "SOURCE_INVALID_RESPONSE"}, {`null`, "", "SOURCE_INVALID_RESPONSE"},
		{`{"value": [{"id": "a"}], "error": {"code": "x"}}`, "", "SOURCE_INVALID_RESPONSE"}, {`{"value": [{"id": "a"}`, "", "SOURCE_INVALID_RESPONSE"},
		{`{"value": [{"id": "a", "x": ` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + `}]}`, `[{"itemId":"a"}]`, ""},
		{`{"value": [{"id": "a", "x": ` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}]}`, "", "SOURCE_INVALID_RESPONSE"},
	} {
		rec.answerWith(answerJSON(200, test.answer))
		r := f.do(`{ me { interests(orderBy: {field: LAST_MODIFIED_DATE_TIME, direction: DESC}) { nodes { itemId } } } }`, nil)
		want := `{"me":{"interests":{"nodes":` + test.nodes + `}}}`
		if test.nodes == "" {
			want = `{"me":{"interests":null}}`
		}
		if string(r.Data) != want || (test.code == "") != (len(r.Errors) == 0) || test.code != "" && r.code(t) != test.code {
			t.Errorf("%.80s: %.300s", test.answer, r.Body)
		}
	}
}
