package graphqlhttp

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const persistedText = "query Who { __typename }"

func sha256Of(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// manifests are manifests with one document, in the formats of the tools.
var manifests = map[string]string{
	"Relay":  `{"5d41402abc4b2a76b9719d911017c592": "` + persistedText + `"}`,
	"Apollo": `{"format": "apollo-persisted-query-manifest", "version": 1, "operations": [{"id": "5d41402abc4b2a76b9719d911017c592", "name": "Who", "type": "query", "body": "` + persistedText + `"}]}`,
}

// TestPersistedOperations checks that only the persisted operation is run, with each way to refer to it.
func TestPersistedOperations(t *testing.T) {
	t.Parallel()
	persisted := func(hash string) string {
		return fmt.Sprintf(`"extensions": {"persistedQuery": {"version": 1, "sha256Hash": %q}}`, hash)
	}
	const id = "5d41402abc4b2a76b9719d911017c592"
	for form, manifest := range manifests {
		o := testOptions(t)
		o.Manifest, o.Shown = []byte(manifest), func(http.Header) bool { return true }
		h, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		for body, listed := range map[string]bool{
			`{"documentId": "` + id + `"}`:                              true,
			`{"documentId": "sha256:` + sha256Of(persistedText) + `"}`:  true,
			`{"documentId": "sha256:` + sha256Of("x") + `"}`:            false,
			`{"id": "` + id + `"}`:                                      true,
			`{` + persisted(sha256Of(persistedText)) + `}`:              true,
			`{` + persisted(id) + `}`:                                   true,
			`{"query": "` + persistedText + `"}`:                        true,
			`{"query": "` + persistedText + `", ` + persisted(id) + `}`: true,
			`{"query": "query Who { __typename } "}`:                    false,
			`{"query": "{ __typename }"}`:                               false,
			`{"query": "{ __typename }", "documentId": "` + id + `"}`:   false,
			`{"query": "` + persistedText + `", "documentId": "x"}`:     false,
			`{"documentId": "x"}`:                                       false,
			`{"query": "{ __schema { types { name } } }"}`:              false,
			`{}`: false,
		} {
			w, _ := exchange(t.Context(), h, body)
			code := ""
			if !listed {
				code = codeOperationNotListed
			}
			if listed != strings.Contains(w.Body.String(), `"data":{`) || !strings.Contains(w.Body.String(), code) || listed != (w.Code == 200) {
				t.Errorf("%s, %s: %d %s", form, body, w.Code, w.Body)
			}
		}
	}
}

// TestUnlistedHash checks the error for an unknown hash without a document. Clients then send whole documents, and do
// not try hashes again.
func TestUnlistedHash(t *testing.T) {
	t.Parallel()
	o := testOptions(t)
	o.Manifest = []byte(manifests["Relay"])
	h, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	w, _ := exchange(t.Context(), h, persistedQuery("{ __typename }", false))
	if w.Code != 200 || !strings.Contains(w.Body.String(), `"message":"PersistedQueryNotSupported"`) || !strings.Contains(w.Body.String(), `"PERSISTED_QUERY_NOT_SUPPORTED"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w, _ := exchange(t.Context(), h, persistedQuery("{ __typename }", true)); !strings.Contains(w.Body.String(), codeOperationNotListed) {
		t.Errorf("with its document: %s", w.Body)
	}
}

// persistedQuery returns a request with the hash of a document, and with the document itself if whole is set.
func persistedQuery(text string, whole bool) string {
	body := `{"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "` + sha256Of(text) + `"}}`
	if whole {
		quoted, _ := json.Marshal(text)
		body += `, "query": ` + string(quoted)
	}
	return body + "}"
}

// TestAutomaticPersistedQueries checks that a valid document is cached by its hash once it was sent, and that another
// document cannot be cached under that hash.
func TestAutomaticPersistedQueries(t *testing.T) {
	t.Parallel()
	const good, bad = "query Good { __typename }", "query Bad { nonsense }"
	h := testEndpoint(t)
	answers := func(body, want string) {
		t.Helper()
		if w, _ := exchange(t.Context(), h, body); w.Code != 200 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
	}
	const data, unknown = `"data":{"__typename":"Query"}`, `"PERSISTED_QUERY_NOT_FOUND"`
	answers(persistedQuery(good, false), unknown)
	answers(persistedQuery(good, true), data)
	answers(persistedQuery(good, false), data)
	answers(strings.Replace(persistedQuery(good, false), sha256Of(good), strings.ToUpper(sha256Of(good)), 1), data)
	answers(persistedQuery(bad, true), "GRAPHQL_VALIDATION_FAILED")
	answers(persistedQuery(bad, false), unknown)
	long := "query Long { __typename } #" + strings.Repeat("x", maxCachedDocument)
	answers(persistedQuery(long, true), data)
	answers(persistedQuery(long, false), unknown)
	for body, says := range map[string]string{
		strings.Replace(persistedQuery(good, true), sha256Of(good), sha256Of(bad), 1):                  "not the hash of the document",
		strings.Replace(persistedQuery(good, true), `"version": 1`, `"version": 2`, 1):                 "version must be 1",
		strings.Replace(persistedQuery(good, true), `"version": 1, `, ``, 1):                           "version must be 1",
		`{"query": "{ __typename }", "extensions": {"persistedQuery": {"version": 1}}}`:                "sha256Hash must be",
		`{"query": "{ __typename }", "extensions": {"persistedQuery": {"version":1,"sha256Hash":{}}}}`: "sha256Hash must be",
	} {
		if w, _ := exchange(t.Context(), h, body); w.Code != 400 || !strings.Contains(w.Body.String(), codeBadRequest) || !strings.Contains(w.Body.String(), says) {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
	}
}

// TestManifestsOfTools checks that the manifests of the tools are accepted, and that their operations run by id.
func TestManifestsOfTools(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/manifests/*.json")
	if err != nil || len(files) != 2 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		manifest, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		o := testOptions(t)
		o.Manifest = manifest
		h, err := New(o)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		id := regexp.MustCompile(`[0-9a-f]{64}`).Find(manifest)
		w, _ := exchange(t.Context(), h, `{"documentId": "`+string(id)+`", "variables": {"n": 1}}`)
		if !strings.Contains(w.Body.String(), `"data":{"me":{"id":"pq1.AAAA","interests":`) {
			t.Errorf("%s: %s", file, w.Body)
		}
	}
}

// TestBadManifests checks that New returns an error for an invalid manifest, and that the error says what is invalid.
func TestBadManifests(t *testing.T) {
	t.Parallel()
	list := func(ids ...string) string {
		var operations []string
		for _, id := range ids {
			operations = append(operations, `{"id": "`+id+`", "name": "Who", "body": "{ __typename }"}`)
		}
		return `{"format": "apollo-persisted-query-manifest", "version": 1, "operations": [` + strings.Join(operations, ",") + `]}`
	}
	for manifest, says := range map[string]string{
		``:                    "neither a manifest of Apollo's nor one of Relay's",
		`[]`:                  "neither",
		`{"a": 1}`:            "neither",
		`{"format": "other"}`: `format "other"`,
		`{"format": "apollo-persisted-query-manifest", "version": 2}`: "version 2",
		list("a", "a"):                   `operation "Who" has no id of its own`,
		list("a", ""):                    `operation "Who" has no id of its own`,
		`{"a": "{ __typename", "b": ""}`: `document "a"`,
		`{"good": "{ __typename }", "bad": "{ nope }"}`: `document "bad": input:1:3: Cannot query field "nope"`,
		`{"a": ""}`: `document "a"`,
		`{"a": "fragment f on Query { __typename }"}`:           `document "a"`,
		`{"a": "subscription { x }"}`:                           `document "a": input:1:1: Subscriptions are not supported`,
		`{"a": "{ ` + strings.Repeat("__typename ", 21) + `}"}`: `document "a": input: There are more than 20 fields`,
	} {
		o := testOptions(t)
		o.Manifest = []byte(manifest)
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.200s: %v, which does not say %q in one line", manifest, err, says)
		}
	}
}

// TestSuggestions checks that messages suggest names in the schema only if introspection is allowed, for each kind of
// wrong name.
func TestSuggestions(t *testing.T) {
	t.Parallel()
	shown := testOptions(t)
	shown.Shown = func(h http.Header) bool { return h.Get("Via") == "" }
	open, err := New(shown)
	if err != nil {
		t.Fatal(err)
	}
	closed := testEndpoint(t)
	for _, text := range []string{
		"{ mee { id } }",
		"{ me { interests(frst: 1) { totalCount } } }",
		"{ me { interests(orderBy: {feld: CREATED_DATE_TIME}) { totalCount } } }",
		"{ me { interests(orderBy: {field: CREATED_DATE_TIM}) { totalCount } } }",
		"{ ... on Profle { id } }",
		"fragment f on Profle { id } { me { ...f } }",
		"query($a: Interst) { __typename }",
		"{ me @inclde(if: true) { id } }",
		"{ profileSources }",
	} {
		for name, test := range map[string]struct {
			h      http.Handler
			header []string
			hinted bool
		}{"hidden": {closed, nil, false}, "shown": {open, nil, true}, "shown, by way of a proxy": {open, []string{"Via", "1.1 x"}, false}} {
			w, _ := exchange(t.Context(), test.h, query(text), test.header...)
			if !strings.Contains(w.Body.String(), "GRAPHQL_VALIDATION_FAILED") {
				t.Errorf("%s: %s", text, w.Body)
			}
			if hinted := strings.Contains(w.Body.String(), "Did you mean"); hinted && !test.hinted {
				t.Errorf("%s, %s: %s", name, text, w.Body)
			}
		}
	}
	for name, test := range map[string]struct {
		h      http.Handler
		header []string
		shown  bool
	}{"hidden": {closed, nil, false}, "shown": {open, nil, true}, "shown, by way of a proxy": {open, []string{"Via", "1.1 x"}, false}} {
		for _, text := range []string{"{ __schema { types { name } } }", `{ __type(name: "Profile") { name } }`} {
			w, _ := exchange(t.Context(), test.h, query(text), test.header...)
			var answer struct{ Data map[string]any }
			if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
				t.Fatal(err)
			}
			if got := strings.Contains(w.Body.String(), `"Profile"`); got != test.shown {
				t.Errorf("%s, %s: %.300s", name, text, w.Body)
			}
		}
	}
}

// TestDefaults checks that the default value of a variable must have its type, even if the request gives the variable
// or runs another operation of the document.
func TestDefaults(t *testing.T) {
	t.Parallel()
	h := testEndpoint(t)
	const (
		isPatched  = `mutation %s { updatePersonInterest(input: {id: "x", patch: {createdDateTime: $v}}) @skip(if: true) { __typename } }`
		isAudience = `mutation %s { updatePersonInterest(input: {id: "x", patch: {allowedAudiences: $v}}) @skip(if: true) { __typename } }`
		isPatch    = `mutation %s { updatePersonInterest(input: {id: "x", patch: $v}) @skip(if: true) { __typename } }`
		isIDs      = `query %s { nodes(ids: $v) @skip(if: true) { __typename } }`
		isID       = `query %s { node(id: $v) @skip(if: true) { __typename } }`
		isFirst    = `query %s { me @skip(if: true) { interests(first: $v) { totalCount } } }`
		isOrder    = `query %s { me @skip(if: true) { interests(orderBy: {field: CREATED_DATE_TIME, direction: $v}) { totalCount } } }`
		badInput   = `"BAD_USER_INPUT"`
		invalid    = `"GRAPHQL_VALIDATION_FAILED"`
	)
	for _, test := range []struct{ operation, definition, given, code string }{
		{isPatched, `DateTime = ["2020-01-01T00:00:00Z"]`, `null`, badInput},
		{isPatched, `DateTime = 5`, `null`, badInput},
		{isPatched, `DateTime = {}`, `null`, badInput},
		{isIDs, `[ID!] = {}`, `["x"]`, invalid},
		{isIDs, `[ID!] = ["x", {}]`, `["x"]`, invalid},
		{isID, `ID = 1.5`, `"x"`, invalid},
		{isPatch, `PersonInterestInput = {createdDateTime: ["2020-01-01T00:00:00Z"]}`, `{"webUrl":"a"}`, badInput},
		{isPatch, `PersonInterestInput = {categories: {}}`, `{"webUrl":"a"}`, invalid},
		{isAudience, `[AllowedAudience!] = {}`, `null`, invalid},
		{isAudience, `[AllowedAudience!] = [ME, 5]`, `null`, invalid},
		{isOrder, `OrderDirection! = [ASC]`, `"ASC"`, invalid},
		{isFirst, `Int = 99999999999999999999`, `5`, invalid},

		{isPatched, `DateTime = "2020-01-01T00:00:00Z"`, `null`, ""},
		{isPatched, `DateTime = null`, `null`, ""},
		{isPatched, `DateTime = "yesterday"`, `null`, ""}, // an error only if it is used
		{isAudience, `[AllowedAudience!] = []`, `null`, ""},
		{isIDs, `[ID!] = "x"`, `["x"]`, ""},
		{isIDs, `[ID!] = ["x", 5]`, `["x"]`, ""},
		{isPatch, `PersonInterestInput = {createdDateTime: null, allowedAudiences: ME, inference: {confidenceScore: 1}}`, `{"webUrl":"a"}`, ""},
	} {
		run := fmt.Sprintf(test.operation, "Run($v: "+test.definition+")")
		other := fmt.Sprintf(test.operation, "Other($v: "+test.definition+")") + " query Run { __typename }"
		for _, document := range []string{run, other} {
			text, _ := json.Marshal(document)
			w, _ := exchange(t.Context(), h, fmt.Sprintf(`{"query":%s,"operationName":"Run","variables":{"v":%s}}`, text, test.given))
			if got := w.Body.String(); strings.Contains(got, `"data":{`) != (test.code == "") || !strings.Contains(got, test.code) {
				t.Errorf("%s: %.300s", document, got)
			}
		}
	}
}
