package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2/ast"

	"profileql/test/scene"
)

// TestUpdateBody tests that the body of a write contains exactly what the input does: for every property of every facet
// at every depth, in updates and creates, and for literals and variables.
func TestUpdateBody(t *testing.T) {
	t.Parallel()
	s := parseSchema(t)
	rec := &recorder{Answer: answerJSON(200, `{"id":"abc"}`)}
	f := newFacade(t, rec)
	for _, facet := range testedFacets(s) {
		t.Run(facet.name, func(t *testing.T) {
			for _, p := range propertiesOf(s, facet.item+"Input", nil) {
				for state, value := range statesOf(s, p.field().Type) {
					checkWrites(t, f, rec, facet, p, state, value)
				}
			}
		})
	}
}

// checkWrites sets one property to a value in all ways in which an input can be written, in one operation.
func checkWrites(t *testing.T, f *facade, rec *recorder, facet facet, p propertyPath, state string, value sample) {
	t.Helper()
	literal, variable, want := p.wrap(value.literal, ""), p.wrap(value.variable, `"`), p.wrap(value.wire, `"`)
	omitted, rest := p.omitted()
	definitions := strings.NewReplacer("ITEM", facet.item, "TYPE", p.field().Type.String(), "VALUE", value.literal).
		Replace(`$update: UpdateITEMInput!, $create: CreateITEMInput!, $value: TYPE, $byDefault: TYPE = VALUE, $omitted: TYPE`)
	var fields []string
	for i, input := range []string{
		`update{id: "abc", patch: ` + literal + `}`,
		`update$update`,
		`update{id: "abc", patch: ` + p.wrap("$value", "") + `}`,
		`update{id: "abc", patch: ` + p.wrap("$byDefault", "") + `}`,
		`update{id: "abc", patch: ` + omitted + `}`,
		`create{item: ` + literal + `}`,
		`create$create`,
	} {
		fields = append(fields, fmt.Sprintf("m%d: %s%s(input: %s) { %s { id } }", i, input[:6], facet.item, input[6:], facet.payload()))
	}
	r := f.do("mutation("+definitions+") {\n"+strings.Join(fields, "\n")+"}", `{
		"update": {"id": "abc", "patch": `+variable+`}, "create": {"item": `+variable+`}, "value": `+value.variable+`
	}`)
	requests := rec.take()
	if len(r.Errors) > 0 || len(requests) != len(fields) {
		t.Errorf("%s is %s: %d requests, %s", p, state, len(requests), r.Body)
		return
	}
	for i, got := range requests {
		wanted := scene.Recorded{Method: http.MethodPatch, Target: "/beta/me/profile/" + facet.name + "/abc", Body: want}
		switch {
		case i == 4:
			wanted.Body = rest
		case i > 4:
			wanted.Method, wanted.Target = http.MethodPost, "/beta/me/profile/"+facet.name
		}
		if got.Method != wanted.Method || got.Target != wanted.Target || got.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: got %s %s as %s", fields[i], got.Method, got.Target, got.Header.Get("Content-Type"))
		}
		if !sameJSON(t, wanted.Body, got.Body) {
			t.Errorf("%s: %s is %s: sent %s, want %s", p, state, fields[i], got.Body, wanted.Body)
		}
	}
}

// TestWholeBody sets all properties in one update and in one create.
func TestWholeBody(t *testing.T) {
	t.Parallel()
	s := parseSchema(t)
	rec := &recorder{Answer: answerJSON(201, `{"id":"abc"}`)}
	f := newFacade(t, rec)
	for _, facet := range facetsOf(s) {
		whole := sampleOf(s, ast.NamedType(facet.item+"Input", nil))
		update := fmt.Sprintf("mutation($input: Update%[1]sInput!) { update%[1]s(input: $input) { %[2]s { id } } }", facet.item, facet.payload())
		create := fmt.Sprintf("mutation($input: Create%[1]sInput!) { create%[1]s(input: $input) { %[2]s { id } } }", facet.item, facet.payload())
		for _, test := range []struct{ method, target, operation, variables string }{
			{"PATCH", "/beta/me/profile/" + facet.name + "/abc", update, `{"input": {"id": "abc", "patch": ` + whole.variable + `}}`},
			{"POST", "/beta/me/profile/" + facet.name, create, `{"input": {"item": ` + whole.variable + `}}`},
			{"POST", "/beta/users/ada@example.com/profile/" + facet.name, create, `{"input": {"user": "ada@example.com", "source": "upstream", "item": ` + whole.variable + `}}`},
			{"POST", "/beta/me/profile/" + facet.name, create, `{"input": {"user": null, "source": null, "item": ` + whole.variable + `}}`},
		} {
			if r := f.do(test.operation, test.variables); len(r.Errors) > 0 {
				t.Fatal(r.Body)
			}
			requests := rec.take()
			if len(requests) != 1 || requests[0].Method != test.method || requests[0].Target != test.target {
				t.Fatalf("got %+v", requests)
			}
			equalJSON(t, whole.wire, requests[0].Body)
		}
	}
}

// TestRefusedBeforeAnythingIsSent has two mutations in one operation, the second one invalid. It must be refused
// before the first one is sent.
func TestRefusedBeforeAnythingIsSent(t *testing.T) {
	t.Parallel()
	rec := &recorder{Answer: answerJSON(200, `{"id":"abc"}`)}
	f := newFacade(t, rec)
	const invalid = "GRAPHQL_VALIDATION_FAILED"
	const bad = "BAD_USER_INPUT"
	for _, test := range []struct {
		name, literal, variable string // the second input in either form; empty if it has none
		code                    string // either one if empty, which depends on the layer that refuses the input
	}{
		{"no moment", `{id: "b", patch: {createdDateTime: "yesterday"}}`, `{"id": "b", "patch": {"createdDateTime": "yesterday"}}`, bad},
		{"a comma in a moment", `{id: "b", patch: {createdDateTime: "2017-01-01T00:00:46,1Z"}}`, "", bad},
		{"a number for a moment", `{id: "b", patch: {createdDateTime: 5}}`, `{"id": "b", "patch": {"createdDateTime": 5}}`, bad},
		{"an unknown member", `{id: "b", patch: {allowedAudiences: [NOBODY]}}`, `{"id": "b", "patch": {"allowedAudiences": ["NOBODY"]}}`, invalid},
		{"a member in another case", "", `{"id": "b", "patch": {"allowedAudiences": ["me"]}}`, invalid},
		{"the member for unknown ones", `{id: "b", patch: {allowedAudiences: [UNKNOWN_FUTURE_VALUE]}}`, `{"id": "b", "patch": {"allowedAudiences": ["UNKNOWN_FUTURE_VALUE"]}}`, bad},
		{"no member at all", `{id: "b", patch: {allowedAudiences: []}}`, `{"id": "b", "patch": {"allowedAudiences": []}}`, bad},
		{"members that exclude each other", `{id: "b", patch: {allowedAudiences: [ME, FAMILY]}}`, "", bad},
		{"a number for a text", `{id: "b", patch: {displayName: 5}}`, `{"id": "b", "patch": {"displayName": 5}}`, ""},
		{"a text for a number", `{id: "b", patch: {inference: {confidenceScore: "5"}}}`, `{"id": "b", "patch": {"inference": {"confidenceScore": "5"}}}`, ""},
		{"NaN for a number", "", `{"id": "b", "patch": {"inference": {"confidenceScore": "NaN"}}}`, invalid},
		{"a text for a truth", "", `{"id": "b", "patch": {"isSearchable": "true"}}`, invalid},
		{"null in a list", `{id: "b", patch: {categories: ["a", null]}}`, `{"id": "b", "patch": {"categories": ["a", null]}}`, invalid},
		{"a number out of range", `{id: "b", patch: {inference: {confidenceScore: 1e999}}}`, `{"id": "b", "patch": {"inference": {"confidenceScore": 1e999}}}`, ""},
		{"an integer out of range", `{id: "b", patch: {inference: {confidenceScore: 99999999999999999999999}}}`, "", ""},
		{"an unknown property", `{id: "b", patch: {name: "x"}}`, `{"id": "b", "patch": {"name": "x"}}`, invalid},
		{"an empty patch", `{id: "b", patch: {}}`, `{"id": "b", "patch": {}}`, bad},
		{"no patch", `{id: "b", patch: null}`, `{"id": "b", "patch": null}`, invalid},
		{"an id that cannot be", `{id: "..", patch: {displayName: "x"}}`, `{"id": "..", "patch": {"displayName": "x"}}`, bad},
	} {
		t.Run(test.name, func(t *testing.T) {
			const first = `a: updatePersonInterest(input: {id: "a", patch: {displayName: "x"}}) { personInterest { id } }`
			var replies []reply
			if test.literal != "" {
				replies = append(replies, f.do(`mutation { `+first+` b: updatePersonInterest(input: `+test.literal+`) { personInterest { id } } }`, nil))
			}
			if test.variable != "" {
				replies = append(replies, f.do(`mutation($b: UpdatePersonInterestInput!) { `+first+` b: updatePersonInterest(input: $b) { personInterest { id } } }`, `{"b": `+test.variable+`}`))
			}
			for _, r := range replies {
				code, _ := r.Errors[0].Extensions["code"].(string)
				if test.code != "" && code != test.code || code != bad && code != invalid {
					t.Errorf("got %s", r.Body)
				}
			}
			if sent := rec.take(); len(sent) > 0 {
				t.Errorf("the source was asked: %+v", sent)
			}
		})
	}
	if logged := f.logged(); logged != "" {
		t.Errorf("logged: %s", logged)
	}
}

// TestFaultIsNamed tests that the message says where the error is.
func TestFaultIsNamed(t *testing.T) {
	t.Parallel()
	f := newFacade(t, &recorder{Answer: answerJSON(200, `{}`)})
	r := f.do(scene.UpdateMutation, `{"input": {"id": "a", "patch": {"createdBy": {"user": {"id": "x"}}, "lastModifiedDateTime": "soon"}}}`)
	if want := "$input.patch.lastModifiedDateTime: "; r.Code(t) != "BAD_USER_INPUT" || !strings.HasPrefix(r.Errors[0].Message, want) {
		t.Errorf("got %s", r.Body)
	}
}

// equalJSON compares two JSON texts.
func equalJSON(t testing.TB, want, got string) {
	t.Helper()
	if !sameJSON(t, want, got) {
		t.Errorf("got %s, want %s:\n%s", got, want, cmp.Diff(decode(t, want), decode(t, got)))
	}
}

func sameJSON(t testing.TB, want, got string) bool {
	t.Helper()
	return reflect.DeepEqual(decode(t, want), decode(t, got))
}

// decode decodes a JSON text. Numbers keep their digits.
func decode(t testing.TB, text string) (v any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return v
}

// TestCreateWithoutItem has the source respond to a POST with the location of the item. The item is read there if the
// location is in the list; otherwise it is unknown whether it was created.
func TestCreateWithoutItem(t *testing.T) {
	t.Parallel()
	rec := new(recorder)
	f := newFacadeOf(t, serveSource(t, "upstream", rec))
	const list = "/beta/me/profile/interests"
	for _, test := range []struct {
		status  int
		body    string
		headers []string
		target  string // of the subsequent read; empty for none
	}{
		{201, "", []string{"Location: http://{host}" + list + "/abc"}, list + "/abc"},
		{204, "", []string{"OData-EntityId: http://{host}" + list + "('abc')"}, list + "/abc"},
		{204, "", []string{"Location: " + innerOrigin + "/beta/users('48d31887-5fad-4d73-a9f5-3c356e68a038')/profile/interests/abc", "OData-EntityId: interests('abc')"}, list + "/abc"},
		{201, "", []string{"Location: https://elsewhere.example/1", "OData-EntityId: http://{host}" + list + "/a%2Fb%20c"}, list + "/a%2Fb%20c"},
		{201, "", []string{"Location: interests/abc?$select=id"}, list + "/abc"},
		{201, "", []string{"Location: " + list + "/abc", "Location: " + list + "/abc/"}, list + "/abc"},

		{201, "", []string{"Location: " + list + "/abc", "OData-EntityId: " + list + "('def')"}, ""},
		{201, "", []string{"Location: https://elsewhere.example" + list + "/abc"}, ""},
		{201, "", []string{"Location: http://{host}/beta/me/profile/notes/abc"}, ""},
		{201, "", []string{"Location: " + list}, ""}, {201, "", []string{"Location: "}, ""}, {201, "", []string{"Location: http://[::" + secret}, ""},
		{201, "", []string{"Location: " + list + "/abc/x"}, ""}, {201, "", []string{"Location: " + list + "/%2e%2e"}, ""}, {201, "", nil, ""},
		{200, "", []string{"Location: " + list + "/abc"}, ""}, {202, "", []string{"Location: " + list + "/abc"}, ""}, {201, "{}", []string{"Location: " + list + "/abc"}, ""},
	} {
		write := func(w http.ResponseWriter, r *http.Request) {
			for _, header := range test.headers {
				name, value, _ := strings.Cut(strings.ReplaceAll(header, "{host}", r.Host), ": ")
				w.Header().Add(name, value)
			}
			answerJSON(test.status, test.body)(w, r)
		}
		rec.answerWith(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				write(w, r)
				return
			}
			echo(w, r)
		})
		r := f.do(scene.CreateMutation, `{"input": {"item": {"displayName": "Chess"}}}`)
		requests := rec.take()
		if test.target == "" {
			if r.Code(t) != "OUTCOME_UNKNOWN" || len(requests) != 1 {
				t.Errorf("%d %v: %s after %d requests", test.status, test.headers, r.Body, len(requests))
			}
			checkDiscreet(t, f, r)
			continue
		}
		if len(r.Errors) > 0 || len(requests) != 2 || requests[1].Method != http.MethodGet || requests[1].Target != test.target || !strings.Contains(r.Body, "Chess") {
			t.Errorf("%d %v: %s after %+v", test.status, test.headers, r.Body, requests)
		}
		// If the read fails, it is unknown whether the item exists.
		rec.answerWith(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				write(w, r)
				return
			}
			answerJSON(404, odataError)(w, r)
		})
		if r := f.do(scene.CreateMutation, `{"input": {"item": {"displayName": "Chess"}}}`); r.Code(t) != "OUTCOME_UNKNOWN" || len(rec.take()) != 2 {
			t.Errorf("%d %v, and then 404: %s", test.status, test.headers, r.Body)
		}
	}
}
