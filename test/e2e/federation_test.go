package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"profileql/internal/sandbox/faults"
	"profileql/test/scene"
)

const entitiesQuery = `query($r: [_Any!]!) { _entities(representations: $r) { __typename ... on Node { id } } }`

// representation is the representation of an object, as a gateway sends it.
func representation(typeName, id string) map[string]any {
	return map[string]any{"__typename": typeName, "id": id}
}

func representations(all ...any) map[string]any { return map[string]any{"r": all} }

// newSubgraph serves ProfileQL as a subgraph in front of a recorded sandbox.
func newSubgraph(t testing.TB) (*facade, *recorder) {
	t.Helper()
	rec := &recorder{Answer: openBox(t, faults.Config{}).ServeHTTP}
	server := httptest.NewServer(rec)
	t.Cleanup(server.Close)
	return newFacadeWith(t, nil, "--federation", "--upstream", server.URL+"/beta"), rec
}

// TestEntities has representations of all kinds in one operation: each that is refused is null, with an error that names the
// mistake, and the others are resolved.
func TestEntities(t *testing.T) {
	t.Parallel()
	f, rec := newSubgraph(t)
	interests := f.ids(t, "interests", 2)
	skill := f.ids(t, "skills", 1)[0]
	me, yuki := scene.GlobalID("", "", "", ""), scene.GlobalID("", "yuki@example.com", "", "")
	missing := scene.GlobalID("upstream", "", "interests", "00000000-0000-4000-8000-000000000000")
	tests := []struct {
		representation any
		typeName, id   string // of the entity
		code, message  string // of the error
	}{
		{representation("PersonInterest", interests[0]), "PersonInterest", interests[0], "", ""},
		{representation("PersonInterest", missing), "", "", "NOT_FOUND", ""},
		{representation("PersonInterest", skill), "", "", "BAD_USER_INPUT", "the __typename PersonInterest, and the id of an object of the type SkillProficiency"},
		{representation("PersonInterest", me), "", "", "BAD_USER_INPUT", "the id of an object of the type Profile"},
		{representation("Profile", skill), "", "", "BAD_USER_INPUT", "the __typename Profile, and the id of an object of the type SkillProficiency"},
		{representation("SkillProficiency", skill), "SkillProficiency", skill, "", ""},
		{representation("Profile", me), "Profile", me, "", ""},
		{representation("Profile", yuki), "Profile", yuki, "", ""},
		{representation("Team", me), "", "", "BAD_USER_INPUT", "__typename of the representation is neither"},
		{representation("Node", me), "", "", "BAD_USER_INPUT", "__typename of the representation is neither"},
		{representation("Profile", "abc"), "", "", "BAD_USER_INPUT", "This is not a ProfileQL id."},
		{representation("Profile", ""), "", "", "BAD_USER_INPUT", "This is not a ProfileQL id."},
		{representation("PersonInterest", scene.GlobalID("elsewhere", "", "interests", "x")), "", "", "BAD_USER_INPUT", "unknown source"},
		{representation("PersonInterest", scene.GlobalID("upstream", "", "interests", "..")), "", "", "BAD_USER_INPUT", "The item in the id is invalid."},
		{map[string]any{"__typename": "Profile"}, "", "", "BAD_USER_INPUT", "The representation of Profile has no id"},
		{map[string]any{"__typename": "Profile", "id": nil}, "", "", "BAD_USER_INPUT", "The representation of Profile has no id"},
		{map[string]any{"__typename": "Profile", "id": 7}, "", "", "BAD_USER_INPUT", "no id that is a string"},
		{map[string]any{"id": me}, "", "", "BAD_USER_INPUT", "no __typename"},
		{map[string]any{"__typename": []any{"Profile"}, "id": me}, "", "", "BAD_USER_INPUT", "no __typename that is a string"},
		{map[string]any{}, "", "", "BAD_USER_INPUT", "no __typename"},
		{map[string]any{"__typename": "PersonInterest", "id": interests[1], "displayName": "x", "deep": map[string]any{"a": []any{1, nil}}}, "PersonInterest", interests[1], "", ""},
	}
	for i, value := range []any{me, 7, true, []any{representation("Profile", me)}} {
		test := tests[0]
		test.representation, test.typeName, test.id, test.code, test.message = value, "", "", "BAD_USER_INPUT", "must be an object"
		tests = slices.Insert(tests, i, test)
	}
	for part := range slices.Chunk(tests, 10) { // a response has at most 20 errors
		var all, want []any
		for _, test := range part {
			all = append(all, test.representation)
			want = append(want, nil)
			if test.code == "" {
				want[len(want)-1] = representation(test.typeName, test.id)
			}
		}
		r := f.do(entitiesQuery, representations(all...))
		equalJSON(t, mustJSON(map[string]any{"_entities": want}), string(r.Data))
		errors := make(map[string]scene.ReplyError)
		for _, e := range r.Errors {
			errors[fmt.Sprint(e.Path)] = e
		}
		for i, test := range part {
			path := fmt.Sprintf("[_entities %d]", i)
			if e := errors[path]; test.code != "" && (e.Extensions["code"] != test.code || !strings.Contains(e.Message, test.message)) {
				t.Errorf("%v: %q %v, want %q", test.representation, e.Message, e.Extensions, test.message)
			}
			if test.code != "" {
				delete(errors, path)
			}
		}
		if len(errors) > 0 {
			t.Errorf("more errors: %v", errors)
		}
	}
	rec.take()
	for name, variables := range map[string]any{"null": representations(nil), "no list": `{"r": null}`, "nothing": `{}`} {
		if r := f.do(entitiesQuery, variables); r.Code(t) != "GRAPHQL_VALIDATION_FAILED" {
			t.Errorf("%s: %s", name, r.Body)
		}
	}
	if sent := rec.take(); len(sent) > 0 {
		t.Errorf("%d requests for invalid variables", len(sent))
	}
}

// TestRepresentationsInDocuments has representations as literals, which validation accepts whatever they are.
func TestRepresentationsInDocuments(t *testing.T) {
	t.Parallel()
	f, rec := newSubgraph(t)
	const fields = ") { __typename ... on Node { id } } }"
	const profile = `{__typename: "Profile", id: "pq1.AAAA"}`
	const huge = "99999999999999999999"
	for query, code := range map[string]string{
		"{ _entities(representations: [" + profile + "]" + fields:                                                   "",
		"{ _entities(representations: " + profile + fields:                                                          "",
		"query($r: [_Any!]! = [" + profile + "]) { _entities(representations: $r" + fields:                          "",
		`query($id: ID! = "pq1.AAAA") { _entities(representations: [{id: $id, __typename: "Profile"}]` + fields:     "",
		`{ _entities(representations: [{__typename: "Profile", id: "pq1.AAAA", x: [1.5, {y: [null, A]}]}]` + fields: "",
		"{ _entities(representations: []" + fields:                                                                  "",
		"{ _entities(representations: [[" + profile + "]]" + fields:                                                 "BAD_USER_INPUT",
		"{ _entities(representations: 7" + fields:                                                                   "BAD_USER_INPUT",
		"{ _entities(representations: " + huge + fields:                                                             "BAD_USER_INPUT",
		"{ _entities(representations: {x: " + huge + "}" + fields:                                                   "BAD_USER_INPUT",
		"{ _entities(representations: [{x: [1e999]}]" + fields:                                                      "BAD_USER_INPUT",
		"query($r: [_Any!]! = [" + huge + "]) { _entities(representations: $r" + fields:                             "BAD_USER_INPUT",
		"{ _entities(representations: [null]" + fields:                                                              "GRAPHQL_VALIDATION_FAILED",
	} {
		r := f.do(query, nil)
		if code == "" && len(r.Errors) > 0 || code != "" && r.Code(t) != code {
			t.Errorf("%s: %s", query, r.Body)
		}
		if code == "" && !strings.Contains(query, "[])") && !strings.Contains(r.Body, `{"_entities":[{"__typename":"Profile","id":"pq1.AAAA"}]}`) {
			t.Errorf("%s: %s", query, r.Body)
		}
	}
	if sent := rec.take(); len(sent) > 0 {
		t.Errorf("%d requests", len(sent))
	}
}

// ids returns the ids of the first n items of a list of the signed-in user.
func (f *facade) ids(t testing.TB, facet string, n int, header ...string) (ids []string) {
	t.Helper()
	var data struct {
		Me map[string]struct{ Nodes []struct{ ID string } }
	}
	f.do(fmt.Sprintf(`{ me { %s(first: %d) { nodes { id } } } }`, facet, n), nil, header...).Into(t, &data)
	for _, node := range data.Me[facet].Nodes {
		ids = append(ids, node.ID)
	}
	if len(ids) != n {
		t.Fatalf("%d of %d %s", len(ids), n, facet)
	}
	return ids
}

// TestEntitiesLikeNodes compares _entities with nodes, for an item of each facet with all properties, and for profiles: the
// objects and the requests to the source are the same.
func TestEntitiesLikeNodes(t *testing.T) {
	t.Parallel()
	f, rec := newSubgraph(t)
	s := parseSchema(t)
	compare := func(typeName, fields string, ids ...string) {
		t.Helper()
		all := make([]any, len(ids))
		for i, id := range ids {
			all[i] = representation(typeName, id)
		}
		rec.take()
		entities := f.do(`query($r: [_Any!]!) { all: _entities(representations: $r) { ... on _Entity { ... on `+typeName+fields+` } } }`,
			representations(all...), "Authorization", "Bearer grace@example.com")
		asked := requestsOf(rec)
		nodes := f.do(`query($ids: [ID!]!) { all: nodes(ids: $ids) { ... on `+typeName+fields+` } }`,
			map[string]any{"ids": ids}, "Authorization", "Bearer grace@example.com")
		want := requestsOf(rec)
		if !slices.Equal(asked, want) || len(want) == 0 {
			t.Errorf("%s: _entities sends %q, nodes sends %q", typeName, asked, want)
		}
		if len(entities.Errors)+len(nodes.Errors) > 0 {
			t.Errorf("%s: %.500s\n%.500s", typeName, entities.Body, nodes.Body)
		}
		equalJSON(t, string(nodes.Data), string(entities.Data))
	}
	compare("Profile", "{ id interests(first: 2) { nodes { id } } skills { totalCount } }", scene.GlobalID("", "", "", ""), scene.GlobalID("", "yuki@example.com", "", ""))
	for _, facet := range facetsOf(s) {
		compare(facet.item, everything(s, facet.item), f.ids(t, facet.name, 1, "Authorization", "Bearer grace@example.com")...)
	}
}

// requestsOf returns the requests to a source since the last call, with the caller's token. In a batch, the ids of the
// requests are those of the order in which the reads began, which differs.
func requestsOf(rec *recorder) (all []string) {
	for _, r := range rec.take() {
		var batch struct{ Requests []struct{ URL string } }
		if json.Unmarshal([]byte(r.Body), &batch) == nil {
			slices.SortFunc(batch.Requests, func(a, b struct{ URL string }) int { return strings.Compare(a.URL, b.URL) })
		}
		all = append(all, fmt.Sprint(r.Method, " ", r.Target, " ", r.Header["Authorization"], batch))
	}
	return all
}

// TestEntitiesTogether tests that 20 entities are one batch, as 20 nodes are.
func TestEntitiesTogether(t *testing.T) {
	t.Parallel()
	f, rec := newSubgraph(t)
	var all []any
	var ids []string
	for _, facet := range facetsOf(parseSchema(t)) {
		n := 1
		if facet.name == "interests" {
			n = 2
		}
		for _, id := range f.ids(t, facet.name, n) {
			ids, all = append(ids, id), append(all, representation(facet.item, id))
		}
	}
	rec.take()
	for name, r := range map[string]reply{"_entities": f.do(entitiesQuery, representations(all...)), "nodes": f.do(`query($ids: [ID!]!) { nodes(ids: $ids) { id } }`, map[string]any{"ids": ids})} {
		if len(r.Errors) > 0 {
			t.Errorf("%s: %s", name, r.Body)
		}
	}
	sent := rec.take()
	if len(sent) != 2 || len(ids) != 20 {
		t.Fatalf("%d requests for twice %d items", len(sent), len(ids))
	}
	for _, r := range sent {
		if n := strings.Count(r.Body, `"method":"GET"`); r.Target != "/beta/$batch" || n != 20 {
			t.Errorf("%s of %d", r.Target, n)
		}
	}
}

// TestRepresentationsAreLimited has more than 100 representations in one field, and in several: nothing is sent.
func TestRepresentationsAreLimited(t *testing.T) {
	t.Parallel()
	f, rec := newSubgraph(t)
	many := func(n int) map[string]any {
		return representations(slices.Repeat([]any{representation("Profile", scene.GlobalID("", "", "", ""))}, n)...)
	}
	const twice = `query($r: [_Any!]!) { a: _entities(representations: $r) { __typename } ...F } fragment F on Query { b: _entities(representations: $r) { __typename } }`
	for _, test := range []struct {
		query  string
		n      int
		exceed bool
	}{{entitiesQuery, 100, false}, {entitiesQuery, 101, true}, {twice, 50, false}, {twice, 51, true}} {
		r := f.do(test.query, many(test.n))
		if !test.exceed && len(r.Errors) > 0 {
			t.Errorf("%d: %s", test.n, r.Body)
		}
		if test.exceed && (r.Code(t) != "LIMIT_EXCEEDED" || r.Errors[0].Extensions["limit"] != "representations" || r.Data != nil) {
			t.Errorf("%d: %s", test.n, r.Body)
		}
	}
	const lists = `query($r: [_Any!]!) { _entities(representations: $r) { ... on Profile { interests(first: 1) { nodes { id } } } } }`
	if r := f.do(lists, many(60)); len(r.Errors) > 0 {
		t.Errorf("60 profiles with a list each: %s", r.Body)
	}
	rec.take()
	if r := f.do(lists, many(61)); r.Code(t) != "LIMIT_EXCEEDED" || r.Errors[0].Extensions["limit"] != "upstreamCalls" {
		t.Errorf("61 profiles with a list each: %s", r.Body)
	}
	r := f.do(entitiesQuery, representations(slices.Repeat([]any{7}, 100)...))
	if len(r.Errors) != 20 || r.Errors[19].Extensions["limit"] != "errors" || strings.Count(string(r.Data), "null") != 100 {
		t.Errorf("100 invalid ones: %s", r.Body)
	}
	r = f.do(`query($r: [_Any!]!, $ids: [ID!]!) { _entities(representations: $r) { __typename } nodes(ids: $ids) { id } }`,
		map[string]any{"r": many(61)["r"], "ids": slices.Repeat([]string{scene.GlobalID("", "", "", "")}, 60)})
	if r.Code(t) != "LIMIT_EXCEEDED" || r.Errors[0].Extensions["limit"] != "upstreamCalls" {
		t.Errorf("together with nodes: %s", r.Body)
	}
	if sent := rec.take(); len(sent) > 0 {
		t.Errorf("%d requests", len(sent))
	}
}

// TestSubgraphSchema tests that the schema for composition is the schema with a key for each entity, and that introspection
// has the fields for a gateway only with --federation.
func TestSubgraphSchema(t *testing.T) {
	t.Parallel()
	printed, _, err := output(t, nil, "schema", "--federation")
	if err != nil {
		t.Fatal(err)
	}
	f, _ := newSubgraph(t)
	var served struct {
		Service struct{ SDL string } `json:"_service"`
	}
	f.do("{ _service { sdl } }", nil).Into(t, &served)
	if served.Service.SDL != printed {
		t.Errorf("_service differs from what profileql schema --federation prints")
	}
	plain, keys := printed[strings.Index(printed, "\n\n")+2:], 0
	entities := []string{"Profile"}
	for _, facet := range facetsOf(parseSchema(t)) {
		entities = append(entities, facet.item)
	}
	for _, name := range entities {
		if strings.Contains(plain, "\ntype "+name+" implements ItemFacet & Node @key(fields: \"id\") {\n") || strings.Contains(plain, "\ntype "+name+" implements Node @key(fields: \"id\") {\n") {
			keys++
		}
	}
	plain = strings.NewReplacer(` @key(fields: "id")`, "", " @shareable", "").Replace(plain)
	if keys != len(entities) || plain != schema || !strings.Contains(printed, "\ntype PageInfo @shareable {\n") {
		t.Errorf("%d entities have a key, and the rest is the schema: %t", keys, plain == schema)
	}
	const introspection = `{ __schema { queryType { fields { name } } types { name possibleTypes { name } } directives { name } } }`
	with, without := readTypes(t, f.do(introspection, nil)), readTypes(t, newFacadeAt(t, "http://127.0.0.1:9/beta").do(introspection, nil))
	slices.Sort(entities)
	for name, want := range map[string]string{"Query._entities": "", "Query._service": "", "_Any": "", "_Service": "", "_Entity": strings.Join(entities, " ")} {
		if got, there := with[name]; !there || got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
		delete(with, name)
	}
	if !maps.Equal(with, without) {
		t.Errorf("with --federation, other types differ")
	}
	for name := range without {
		if strings.HasPrefix(name, "_") && !strings.HasPrefix(name, "__") || strings.HasPrefix(name, "Query._") {
			t.Errorf("without --federation, there is %s", name)
		}
	}
}

// readTypes returns the types, the fields of Query and the directives of a schema, each with its possible types.
func readTypes(t *testing.T, r reply) map[string]string {
	t.Helper()
	type named struct{ Name string }
	var data struct {
		Schema struct {
			QueryType struct{ Fields []named }
			Types     []struct {
				Name          string
				PossibleTypes []named
			}
			Directives []named
		} `json:"__schema"`
	}
	r.Into(t, &data)
	all := make(map[string]string)
	for _, field := range data.Schema.QueryType.Fields {
		all["Query."+field.Name] = ""
	}
	for _, directive := range data.Schema.Directives {
		all["@"+directive.Name] = ""
	}
	for _, def := range data.Schema.Types {
		var possible []string
		for _, p := range def.PossibleTypes {
			possible = append(possible, p.Name)
		}
		slices.Sort(possible)
		all[def.Name] = strings.Join(possible, " ")
	}
	return all
}

// TestWithoutFederation tests that the fields for a gateway do not exist without --federation.
func TestWithoutFederation(t *testing.T) {
	t.Parallel()
	rec := &recorder{Answer: echo}
	f := newFacade(t, rec)
	for _, query := range []string{"{ _service { sdl } }", `{ _entities(representations: []) { __typename } }`, "{ me { ... on _Entity { __typename } } }"} {
		if r := f.do(query, nil); r.Code(t) != "GRAPHQL_VALIDATION_FAILED" || r.Data != nil {
			t.Errorf("%s: %s", query, r.Body)
		}
	}
	if sent := rec.take(); len(sent) > 0 {
		t.Errorf("%d requests", len(sent))
	}
}

// TestSubgraphSchemaIsShown tests that _service shows the schema to those who may see it by introspection.
func TestSubgraphSchemaIsShown(t *testing.T) {
	t.Parallel()
	const service = "query Sdl { ...Q } fragment Q on Query { s: _service { sdl } }"
	const entities = "query($r: [_Any!]!) { _entities(representations: $r) { ... on Profile { id } } }"
	manifest := writeFile(t, mustJSON(map[string]string{"s": service, "e": entities}))
	elsewhere := []string{"--listen", "0.0.0.0:0", "--upstream", "https://profiles.example.com/beta"}
	for name, test := range map[string]struct {
		args  []string
		shown bool
	}{
		"on a loopback address":       {[]string{"--listen", scene.AnyPort}, true},
		"elsewhere":                   {elsewhere, false},
		"elsewhere, asked for":        {append(slices.Clone(elsewhere), "--introspection"), true},
		"in the persisted operations": {append(slices.Clone(elsewhere), "--operations", manifest), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &facade{t: t, URL: start(t, append(slices.Clone(test.args), "--federation")...).url() + "/graphql"}
			r := f.do(service, nil)
			if test.shown && !strings.Contains(r.Body, "type Profile implements Node @key") {
				t.Errorf("%.300s", r.Body)
			}
			if !test.shown && (len(r.Errors) != 1 || r.Code(t) != "BAD_REQUEST" || !strings.Contains(r.Errors[0].Message, "`profileql schema --federation`") || r.Data != nil) {
				t.Errorf("%.300s", r.Body)
			}
			r = f.do(entities, representations(representation("Profile", scene.GlobalID("", "", "", ""))))
			equalJSON(t, `{"_entities": [{"id": "pq1.AAAA"}]}`, string(r.Data))
		})
	}
}

// TestGateway runs the tests in test/federation, of a gateway in front of the binary and another subgraph.
func TestGateway(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts a gateway and another subgraph")
	}
	npmTest(t, "test/federation")
}
