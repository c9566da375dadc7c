package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"profileql/test/scene"
)

// sample is a value of a property: as a GraphQL literal, as JSON in variables, and as it is sent to the source.
type sample struct{ literal, variable, wire string }

// same returns a sample that is the same in all three forms.
func same(text string) sample { return sample{text, text, text} }

var audiences = sample{`[GROUP_MEMBERS, ORGANIZATION]`, `["GROUP_MEMBERS", "ORGANIZATION"]`, `"groupMembers,organization"`}

// samples has an entry for each property of an input that is sent to the source. TestUpdateBody fails if a property
// of the schema has no entry, or an entry no property.
var samples = map[string]sample{
	"PersonInterestInput.allowedAudiences":       audiences,
	"PersonInterestInput.createdDateTime":        same(`"2017-01-01T00:00:46.1697867+03:00"`),
	"PersonInterestInput.lastModifiedDateTime":   same(`"2016-12-31T23:58:46.8102575+03:00"`),
	"PersonInterestInput.isSearchable":           same(`false`),
	"PersonInterestInput.categories":             same(`["games","<b>&amp;"]`),
	"PersonInterestInput.collaborationTags":      same(`["askMeAbout"]`),
	"PersonInterestInput.description":            same(`"折り紙 \"and\" \\ \n 🥾"`),
	"PersonInterestInput.displayName":            same(`"Chess"`),
	"PersonInterestInput.webUrl":                 same(`"https://example.com/?a=1&b=<2>"`),
	"PersonInterestInput.thumbnailUrl":           same(`"https://example.com/chess.png"`),
	"PersonInterestInput.inference":              {`{confidenceScore: 1}`, `{"confidenceScore": 1}`, `{"confidenceScore": 1}`},
	"PersonInterestInput.createdBy":              {`{user: {id: "x"}}`, `{"user": {"id": "x"}}`, `{"user": {"id": "x"}}`},
	"PersonInterestInput.lastModifiedBy":         {`{device: null}`, `{"device": null}`, `{"device": null}`},
	"PersonInterestInput.source":                 {`{type: ["User"]}`, `{"type": ["User"]}`, `{"type": ["User"]}`},
	"InferenceDataInput.confidenceScore":         same(`0.8437500001`),
	"InferenceDataInput.userHasVerifiedAccuracy": same(`true`),
	"IdentitySetInput.application":               {`{id: "a"}`, `{"id": "a"}`, `{"id": "a"}`},
	"IdentitySetInput.device":                    {`{id: "d"}`, `{"id": "d"}`, `{"id": "d"}`},
	"IdentitySetInput.user":                      {`{displayName: "Ada"}`, `{"displayName": "Ada"}`, `{"displayName": "Ada"}`},
	"IdentityInput.id":                           same(`"41a5a8b7"`),
	"IdentityInput.displayName":                  same(`"Ada"`),
	"PersonDataSourcesInput.type":                same(`["User", "AAD"]`),
}

// propertyPath is a property of the input, at any depth.
type propertyPath struct {
	names []string
	field *ast.FieldDefinition
	owner string
}

func (p propertyPath) String() string { return strings.Join(p.names, ".") }

// wrap puts a value into the objects that contain the property. Quote is the quotation mark around names.
func (p propertyPath) wrap(value, quote string) string {
	for i := len(p.names) - 1; i >= 0; i-- {
		value = "{" + quote + p.names[i] + quote + ": " + value + "}"
	}
	return value
}

func parseSchema(t testing.TB) *ast.Schema {
	t.Helper()
	parsed, err := gqlparser.LoadSchema(&ast.Source{Name: "schema.graphqls", Input: schema})
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func propertiesOf(s *ast.Schema, input string, above []string) (all []propertyPath) {
	for _, field := range s.Types[input].Fields {
		path := propertyPath{append(append([]string{}, above...), field.Name), field, input}
		all = append(all, path)
		if s.Types[field.Type.Name()].Kind == ast.InputObject {
			all = append(all, propertiesOf(s, field.Type.Name(), path.names)...)
		}
	}
	return all
}

// states are the values that a property can have, besides being absent.
func (p propertyPath) states(s *ast.Schema) map[string]sample {
	states := map[string]sample{"null": same("null"), "value": samples[p.owner+"."+p.field.Name]}
	switch named := p.field.Type.Name(); {
	case named == "AllowedAudience": // an empty list has no wire format; see TestRefusedBeforeAnythingIsSent
	case p.field.Type.Elem != nil:
		states["empty"] = same("[]")
	case named == "String":
		states["empty"] = same(`""`)
	case s.Types[named].Kind == ast.InputObject:
		states["empty"] = same("{}")
	}
	return states
}

const patchMutation = `mutation%s { updatePersonInterest(input: {id: "abc", patch: %s}) { personInterest { id } } }`

// TestUpdateBody tests that a PATCH contains exactly what the input does, for every property at every depth and for
// literals and variables.
func TestUpdateBody(t *testing.T) {
	t.Parallel()
	s := parseSchema(t)
	rec := &recorder{Answer: answerJSON(200, `{"id":"abc"}`)}
	f := newFacade(t, rec)
	unused := make(map[string]bool)
	for name := range samples {
		unused[name] = true
	}
	expect := func(t *testing.T, r reply, body string) {
		t.Helper()
		if len(r.Errors) > 0 {
			t.Fatalf("got %s", r.Body)
		}
		requests := rec.take()
		if len(requests) != 1 {
			t.Fatalf("%d requests reached the source", len(requests))
		}
		got := requests[0]
		if got.Method != http.MethodPatch || got.Target != "/beta/me/profile/interests/abc" || got.Header.Get("Content-Type") != "application/json" {
			t.Errorf("got %s %s as %s", got.Method, got.Target, got.Header.Get("Content-Type"))
		}
		equalJSON(t, body, got.Body)
	}
	for _, p := range propertiesOf(s, "PersonInterestInput", nil) {
		name := p.owner + "." + p.field.Name
		if _, known := samples[name]; !known {
			t.Errorf("the property %s has no row in samples", name)
			continue
		}
		delete(unused, name)
		graphQLType := p.field.Type.String()
		for state, value := range p.states(s) {
			t.Run(p.String()+"/"+state, func(t *testing.T) {
				want := p.wrap(value.wire, `"`)
				expect(t, f.do(fmt.Sprintf(patchMutation, "", p.wrap(value.literal, "")), nil), want)
				expect(t, f.do(scene.UpdateMutation, `{"input": {"id": "abc", "patch": `+p.wrap(value.variable, `"`)+`}}`), want)
				expect(t, f.do(fmt.Sprintf(patchMutation, "($v: "+graphQLType+")", p.wrap("$v", "")), `{"v": `+value.variable+`}`), want)
				expect(t, f.do(fmt.Sprintf(patchMutation, "($v: "+graphQLType+" = "+value.literal+")", p.wrap("$v", "")), nil), want)
			})
		}
		t.Run(p.String()+"/absent variable", func(t *testing.T) {
			// Another property is required, since the patch would be empty.
			patch := p.wrap("$v", "")
			want := p.wrap("0", `"`)
			want = strings.Replace(want, `"`+p.field.Name+`": 0`, "", 1) // the enclosing objects stay
			if len(p.names) == 1 {
				other := "displayName"
				if p.names[0] == other {
					other = "description"
				}
				patch, want = "{"+other+": \"x\", "+p.names[0]+": $v}", `{"`+other+`": "x"}`
			}
			expect(t, f.do(fmt.Sprintf(patchMutation, "($v: "+graphQLType+")", patch), nil), want)
		})
	}
	for name := range unused {
		t.Errorf("the row %s is of no property", name)
	}
}

// TestWholeBody sets all properties in one update and in one create.
func TestWholeBody(t *testing.T) {
	t.Parallel()
	s := parseSchema(t)
	rec := &recorder{Answer: answerJSON(201, `{"id":"abc"}`)}
	f := newFacade(t, rec)
	var members, wire []string
	for _, field := range s.Types["PersonInterestInput"].Fields {
		value := samples["PersonInterestInput."+field.Name]
		members = append(members, `"`+field.Name+`": `+value.variable)
		wire = append(wire, `"`+field.Name+`": `+value.wire)
	}
	item, want := "{"+strings.Join(members, ",")+"}", "{"+strings.Join(wire, ",")+"}"
	for _, test := range []struct{ method, target, operation, variables string }{
		{"PATCH", "/beta/me/profile/interests/abc", scene.UpdateMutation, `{"input": {"id": "abc", "patch": ` + item + `}}`},
		{"POST", "/beta/me/profile/interests", scene.CreateMutation, `{"input": {"item": ` + item + `}}`},
		{"POST", "/beta/users/ada@example.com/profile/interests", scene.CreateMutation, `{"input": {"user": "ada@example.com", "source": "upstream", "item": ` + item + `}}`},
		{"POST", "/beta/me/profile/interests", scene.CreateMutation, `{"input": {"user": null, "source": null, "item": ` + item + `}}`},
	} {
		if r := f.do(test.operation, test.variables); len(r.Errors) > 0 {
			t.Fatal(r.Body)
		}
		requests := rec.take()
		if len(requests) != 1 || requests[0].Method != test.method || requests[0].Target != test.target {
			t.Fatalf("got %+v", requests)
		}
		equalJSON(t, want, requests[0].Body)
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

// equalJSON compares two JSON texts. It also fails if a member is repeated.
func equalJSON(t testing.TB, want, got string) {
	t.Helper()
	var w, g any
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatalf("%v: %s", err, want)
	}
	if err := json.Unmarshal([]byte(got), &g); err != nil {
		t.Fatalf("%v: %s", err, got)
	}
	if diff := cmp.Diff(w, g); diff != "" {
		t.Errorf("got %s, want %s:\n%s", got, want, diff)
	}
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
