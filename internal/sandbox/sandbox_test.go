package sandbox

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// now is the current time of the sandboxes in tests.
var now = time.Date(2026, 11, 23, 10, 0, 0, 123456700, time.UTC)

type client struct {
	t    testing.TB
	base string
}

// keepAlive is the HTTP client of all tests. Its connections end with the servers.
var keepAlive = &http.Client{Transport: &http.Transport{}}

func serve(t testing.TB, o Options) client {
	t.Helper()
	if o.Now == nil {
		o.Now = func() time.Time { return now }
	}
	box, err := Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(box.Handler())
	t.Cleanup(func() {
		server.Close()
		if err := box.Close(); err != nil {
			t.Error(err)
		}
	})
	return client{t, server.URL + "/beta"}
}

type reply struct {
	status int
	header http.Header
	text   string
	body   map[string]any
}

func (a reply) code() string {
	inner, _ := a.body["error"].(map[string]any)
	code, _ := inner["code"].(string)
	return code
}

func (a reply) ids() (ids []string) {
	for _, entry := range a.body["value"].([]any) {
		ids = append(ids, entry.(map[string]any)["id"].(string))
	}
	return ids
}

func (c client) do(method, path, body string, header ...string) reply {
	c.t.Helper()
	if !strings.HasPrefix(path, "http") {
		path = c.base + path
	}
	r, err := http.NewRequest(method, path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := keepAlive.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	a := reply{status: resp.StatusCode, header: resp.Header, text: string(text)}
	_ = json.Unmarshal(text, &a.body)
	return a
}

const list = "/me/profile/interests"

func listing(options ...string) string {
	values := url.Values{}
	for i := 0; i+1 < len(options); i += 2 {
		values.Set(options[i], options[i+1])
	}
	return list + "?" + values.Encode()
}

func (c client) create(body string) string {
	c.t.Helper()
	a := c.do("POST", list, body)
	if a.status != 201 {
		c.t.Fatalf("create: %d %s", a.status, a.text)
	}
	return a.body["id"].(string)
}

// TestErrors tests requests that the API refuses, with their status and code.
func TestErrors(t *testing.T) {
	t.Parallel()
	c := serve(t, Options{})
	for _, test := range []struct {
		method, path, body string
		status             int
		code               string
	}{
		{"GET", "/me/profile/nonsense", "", 400, "BadRequest"}, {"GET", "/me/nonsense", "", 400, "BadRequest"}, {"GET", "/me/profile/accounts", "", 400, "BadRequest"},
		{"GET", list + "/unknown", "", 404, "UnknownError"}, {"GET", "/users/nobody@example.com/profile/interests", "", 404, "Request_ResourceNotFound"},
		{"PUT", list, "{}", 405, "Request_BadRequest"}, {"PATCH", list, "{}", 405, ""}, {"POST", list + "/" + SampleInterest, "{}", 405, ""},
		{"GET", listing("$select", "nonsense"), "", 400, "BadRequest"}, {"GET", listing("$orderby", "nonsense"), "", 400, "BadRequest"},
		{"GET", listing("$filter", "nonsense eq 1"), "", 400, "BadRequest"}, {"GET", listing("$filter", "displayName eq"), "", 400, "BadRequest"},
		{"GET", listing("$filter", "displayName eq 'x"), "", 400, "BadRequest"}, {"GET", listing("$filter", "(displayName eq 'x'"), "", 400, "BadRequest"},
		{"GET", listing("$filter", strings.Repeat("(", 5000)), "", 400, "BadRequest"}, {"GET", listing("$filter", strings.Repeat("not ", 300)+"displayName eq 'x'"), "", 400, "BadRequest"},
		{"GET", listing("$top", "-1"), "", 400, "BadRequest"}, {"GET", listing("$top", "x"), "", 400, "BadRequest"}, {"GET", listing("$skip", "-1"), "", 400, "BadRequest"},
		{"GET", listing("$skiptoken", "nonsense"), "", 400, "BadRequest"}, {"GET", listing("$count", "maybe"), "", 400, "BadRequest"},
		{"POST", list, `{"displayName": null}`, 400, "BadRequest"}, {"POST", list, `{}`, 400, "BadRequest"}, {"POST", list, `{"displayName": "x", "nonsense": 1}`, 400, "BadRequest"},
		{"POST", list, `[]`, 400, "BadRequest"}, {"POST", list, `{"displayName": "x"} {}`, 400, "BadRequest"}, {"POST", list, `nonsense`, 400, "BadRequest"},
		{"PATCH", list + "/" + SampleInterest, `{"displayName": 5}`, 400, "BadRequest"}, {"PATCH", list + "/" + SampleInterest, `{"displayName": null}`, 400, "BadRequest"},
		{"PATCH", list + "/" + SampleInterest, `{"allowedAudiences": "nobody"}`, 400, "BadRequest"}, {"PATCH", list + "/" + SampleInterest, `{"allowedAudiences": "unknownFutureValue"}`, 400, "BadRequest"},
		{"PATCH", list + "/" + SampleInterest, `{"categories": "games"}`, 400, "BadRequest"}, {"PATCH", list + "/" + SampleInterest, `{"inference": {"x": 1}}`, 400, "BadRequest"},
		{"PATCH", list + "/" + SampleInterest, `{"@odata.type": "#microsoft.graph.skillProficiency"}`, 400, "BadRequest"},
		{"PATCH", list + "/unknown", `{"description": "x"}`, 404, "UnknownError"}, {"PATCH", list + "/" + LockedInterest, `{"description": "x"}`, 404, "UnknownError"},
		{"DELETE", list + "/" + LockedInterest, "", 404, "UnknownError"}, {"DELETE", list + "/unknown", "", 404, "UnknownError"},
		{"POST", list, `{"displayName": "` + strings.Repeat("x", 1<<20) + `"}`, 413, ""},
	} {
		a := c.do(test.method, test.path, test.body, "client-request-id", "mine")
		if a.status != test.status || test.code != "" && a.code() != test.code {
			t.Errorf("%s %.80s %.60s: %d %.200s", test.method, test.path, test.body, a.status, a.text)
			continue
		}
		failure, _ := a.body["error"].(map[string]any)
		inner, _ := failure["innerError"].(map[string]any)
		if a.header.Get("Content-Type") != "application/json" || inner["request-id"] != a.header.Get("request-id") || inner["client-request-id"] != "mine" || inner["date"] != "2026-11-23T10:00:00" {
			t.Errorf("%s %.80s: %v %s", test.method, test.path, a.header, a.text)
		}
		if test.code == "UnknownError" && failure["message"] != "" {
			t.Errorf("%s %s: the real one says nothing: %s", test.method, test.path, a.text)
		}
	}
	for _, contentType := range []string{"text/plain", "", "application/jsonx"} {
		if a := c.do("POST", list, `{"displayName": "x"}`, "Content-Type", contentType); a.status != 400 {
			t.Errorf("as %q: %d %s", contentType, a.status, a.text)
		}
	}
	if a := c.do("PUT", list, "{}"); a.header.Get("Allow") == "" {
		t.Errorf("405 without Allow: %v", a.header)
	}
}

// TestUpdates tests updates of an item and the resulting item.
func TestUpdates(t *testing.T) {
	t.Parallel()
	c := serve(t, Options{})
	const before = `{"displayName": "Chess", "description": "d", "categories": ["a", "b"], "inference": {"confidenceScore": 0.50, "userHasVerifiedAccuracy": true},
		"createdBy": {"user": {"id": "x", "email": "x@example.com"}}}`
	for _, test := range []struct{ patch, property, want string }{
		{`{"displayName": "Go"}`, "displayName", `"Go"`}, {`{"displayName": "Go"}`, "description", `"d"`}, {`{"description": null}`, "description", `null`},
		{`{"description": ""}`, "description", `""`}, {`{"categories": ["c"]}`, "categories", `["c"]`}, {`{"categories": []}`, "categories", `[]`},
		{`{"inference": {"confidenceScore": 1}}`, "inference", `{"confidenceScore": 1, "userHasVerifiedAccuracy": true}`},
		{`{"inference": {"confidenceScore": null}}`, "inference", `{"confidenceScore": null, "userHasVerifiedAccuracy": true}`},
		{`{"inference": null}`, "inference", `null`}, {`{"inference": {"confidenceScore": "INF"}}`, "inference", `{"confidenceScore": "INF", "userHasVerifiedAccuracy": true}`},
		{`{"createdBy": {"user": {"displayName": "X"}}}`, "createdBy", `{"application": null, "device": null, "user": {"id": "x", "displayName": "X", "email": "x@example.com"}}`},
		{`{"allowedAudiences": "family, contacts"}`, "allowedAudiences", `"family,contacts"`}, {`{"id": "other", "description": "y"}`, "description", `"y"`},
		{`{"createdDateTime": "2000-01-01T00:00:00Z", "lastModifiedDateTime": "2000-01-01T00:00:00Z"}`, "createdDateTime", `"2026-11-23T10:00:00.1234567Z"`},
		{`{"@odata.type": "#microsoft.graph.personInterest", "@odata.context": "x", "description": "y"}`, "description", `"y"`},
		{`{"@odata.type": "microsoft.graph.personInterest", "description": "z"}`, "description", `"z"`},
		{`{"description": "折り紙 <b>"}`, "description", `"折り紙 <b>"`}, {`{}`, "displayName", `"Chess"`},
	} {
		id := c.create(before)
		a := c.do("PATCH", list+"/"+id, test.patch)
		got, err := json.Marshal(a.body[test.property])
		if err != nil {
			t.Fatal(err)
		}
		if a.status != 200 || a.body["id"] != id || !sameJSON(t, test.want, string(got)) {
			t.Errorf("%s: %d, %s is %s, want %s", test.patch, a.status, test.property, got, test.want)
		}
		read := c.do("GET", list+"/"+id, "")
		if read.text != a.text {
			t.Errorf("%s: it reads as %s, after %s", test.patch, read.text, a.text)
		}
		if deleted := c.do("DELETE", list+"/"+id, ""); deleted.status != 204 || deleted.text != "" || c.do("GET", list+"/"+id, "").status != 404 {
			t.Errorf("deleting: %d %s", deleted.status, deleted.text)
		}
	}
}

func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	var x, y any
	if err := json.Unmarshal([]byte(a), &x); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(b), &y); err != nil {
		t.Fatal(err)
	}
	p, _ := json.Marshal(x)
	q, _ := json.Marshal(y)
	return string(p) == string(q)
}

// TestCreate tests the properties that the service adds to a new item.
func TestCreate(t *testing.T) {
	t.Parallel()
	c := serve(t, Options{})
	a := c.do("POST", list, `{"displayName": "Chess"}`)
	if a.status != 201 || a.header.Get("Location") != c.base+list+"/"+a.body["id"].(string) {
		t.Errorf("%d %v %s", a.status, a.header, a.text)
	}
	for property, want := range map[string]any{
		"allowedAudiences": "organization", "isSearchable": false, "createdDateTime": "2026-11-23T10:00:00.1234567Z", "lastModifiedDateTime": "2026-11-23T10:00:00.1234567Z", "description": nil,
	} {
		got, there := a.body[property]
		if !there || got != want {
			t.Errorf("%s is %v (%v)", property, got, there)
		}
	}
	if !strings.Contains(a.text, "46a57efc-33f8-4eec-a512-b90039ad6187") || !strings.Contains(a.text, "Ada Lindqvist") {
		t.Errorf("nothing tells where it is from: %s", a.text)
	}
}

// TestHeaders tests the headers that clients and support rely on.
func TestHeaders(t *testing.T) {
	t.Parallel()
	c := serve(t, Options{})
	guid := regexp.MustCompile(`^[0-9a-f-]{36}$`)
	a := c.do("GET", listing("$top", "1"), "")
	for name, want := range map[string]string{
		"OData-Version": "4.0", "client-request-id": a.header.Get("request-id"), "Content-Type": "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8",
	} {
		if got := a.header.Get(name); got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
	if !guid.MatchString(a.header.Get("request-id")) || !strings.Contains(a.header.Get("x-ms-ags-diagnostic"), "ServerInfo") {
		t.Errorf("got %v", a.header)
	}
	if context := a.body["@odata.context"].(string); !strings.HasPrefix(context, c.base+"/$metadata#users('") || !strings.HasSuffix(context, "')/profile/interests") {
		t.Errorf("the context is %s", context)
	}
	if none := c.do("GET", listing("$top", "1"), "", "Accept", "application/json;odata.metadata=none"); strings.Contains(none.text, "odata.context") {
		t.Errorf("without metadata: %s", none.text)
	}
	if metadata := c.do("GET", "/$metadata", ""); metadata.status != 200 || !strings.Contains(metadata.text, `Name="personInterest"`) {
		t.Errorf("metadata: %d %.200s", metadata.status, metadata.text)
	}
}

// TestPeople tests which person a token and a URL refer to.
func TestPeople(t *testing.T) {
	t.Parallel()
	box, err := Open(context.Background(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	people := box.People()
	if err := box.Close(); err != nil || len(people) != 2 {
		t.Fatal(err, people)
	}
	c := serve(t, Options{})
	lists := make(map[string]string)
	for _, p := range people {
		first := c.do("GET", "/users/"+p.UserPrincipalName+"/profile/interests?$top=1&$select=id", "").text
		lists[p.ID] = c.do("GET", "/users/"+p.ID+"/profile/interests?$top=1&$select=id", "").ids()[0]
		for _, path := range []string{"/users/" + strings.ToUpper(p.UserPrincipalName), "/users('" + p.UserPrincipalName + "')", "/users/" + url.PathEscape(p.UserPrincipalName)} {
			if got := c.do("GET", path+"/profile/interests?$top=1&$select=id", ""); got.status != 200 || got.ids()[0] != lists[p.ID] {
				t.Errorf("%s: %s, want %s", path, got.text, first)
			}
		}
		for _, token := range []string{"Bearer " + p.UserPrincipalName, "bearer " + strings.ToUpper(p.UserPrincipalName)} {
			if got := c.do("GET", listing("$top", "1", "$select", "id"), "", "Authorization", token); got.ids()[0] != lists[p.ID] {
				t.Errorf("%s sees %s", token, got.text)
			}
		}
	}
	for _, token := range []string{"", "Bearer unknown", "Basic " + people[1].UserPrincipalName} {
		if got := c.do("GET", listing("$top", "1", "$select", "id"), "", "Authorization", token); got.ids()[0] != lists[people[0].ID] {
			t.Errorf("%q does not see the first person", token)
		}
	}
	for path, status := range map[string]int{
		"/users/..%2Fme/profile/interests": 404, "/users/a%2Fb/profile": 404, "/me%2Fprofile": 400, list + "/a%2Fb": 404, list + "/..%2f": 404, "/me/profile": 200, list + "/$count": 200,
	} {
		if got := c.do("GET", path, ""); got.status != status {
			t.Errorf("%s: %d %s", path, got.status, got.text)
		}
	}
}

// TestFilters tests the number of items that filters select.
func TestFilters(t *testing.T) {
	t.Parallel()
	c := serve(t, Options{})
	for i, description := range []string{`"one"`, `"Two"`, `null`, `"it's three"`, `""`} {
		c.create(fmt.Sprintf(`{"displayName": "filtered %d", "description": %s, "inference": {"confidenceScore": %d}}`, i, description, i))
	}
	const ours = "startswith(displayName,'filtered') and "
	for filter, want := range map[string]int{
		"description eq 'one'": 1, "description ne 'one'": 4, "description eq null": 1, "description ne null": 4, "description eq 'it''s three'": 1,
		"description gt 'a'": 2, "description lt 'a'": 2, "not (description eq 'one')": 4, "contains(description,'t')": 1, "endswith(description,'ree')": 1,
		"(description eq 'one' or description eq 'Two')": 2, "(description eq 'one' or description eq 'Two' and description eq null)": 1,
		"inference/confidenceScore ge 3": 2, "inference/confidenceScore lt 1": 1, "isSearchable eq false": 5, "isSearchable eq true": 0,
		"createdDateTime eq 2026-11-23T10:00:00.1234567Z": 5, "createdDateTime eq 2026-11-23T11:00:00.1234567%2B01:00": -1, "createdDateTime eq 2026-11-23T11:00:00.1234567+01:00": 5,
		"createdDateTime gt 2026-11-23T10:00:00.1234566Z": 5, "createdDateTime lt 2026-11-23T10:00:00.1234567Z": 0,
	} {
		a := c.do("GET", listing("$filter", ours+filter, "$count", "true", "$top", "0"), "")
		if want < 0 {
			if a.status != 400 {
				t.Errorf("%s: %d", filter, a.status)
			}
			continue
		}
		if a.status != 200 || a.body["@odata.count"] != float64(want) {
			t.Errorf("%s: %d %.300s, want %d", filter, a.status, a.text, want)
		}
		count := c.do("GET", list+"/$count?"+url.Values{"$filter": {ours + filter}}.Encode(), "")
		if count.text != fmt.Sprint(want) {
			t.Errorf("%s: /$count says %s", filter, count.text)
		}
	}
}

// TestWholeListByEveryWay reads a whole list by links, by $skip, and by value as ProfileQL does. Each returns the
// same items in the same order, each once.
func TestWholeListByEveryWay(t *testing.T) {
	t.Parallel()
	c := serve(t, Options{})
	for i := range 150 { // more than one page
		c.create(fmt.Sprintf(`{"displayName": "made %d"}`, i))
	}
	for _, order := range []string{"createdDateTime,id", "createdDateTime desc,id", "displayName desc,id desc", "lastModifiedDateTime desc,id"} {
		var all []string
		links := 0
		for next := listing("$orderby", order, "$select", "id,createdDateTime,displayName,lastModifiedDateTime"); next != ""; links++ {
			a := c.do("GET", next, "")
			if a.status != 200 {
				t.Fatalf("%s: %d %s", next, a.status, a.text)
			}
			all = append(all, a.ids()...)
			if next, _ = a.body["@odata.nextLink"].(string); next != "" && !strings.HasPrefix(next, c.base+list+"?") {
				t.Fatalf("the link leads to %s", next)
			}
		}
		if unique := slices.Compact(slices.Sorted(slices.Values(all))); len(unique) != len(all) || len(all) < 200 || links < 2 {
			t.Errorf("%s: %d items, %d of them different, by %d links", order, len(all), len(unique), links)
		}
		var bySkip []string
		for skip := 0; skip < len(all); skip += 37 {
			bySkip = append(bySkip, c.do("GET", listing("$orderby", order, "$skip", fmt.Sprint(skip), "$top", "37"), "").ids()...)
		}
		if !slices.Equal(all, bySkip) {
			t.Errorf("%s: another list by $skip", order)
		}
		// The $ is optional.
		if plain := c.do("GET", list+"?"+url.Values{"orderby": {order}, "top": {"5"}}.Encode(), "").ids(); !slices.Equal(plain, all[:5]) {
			t.Errorf("%s: without $: %v", order, plain)
		}
	}
}

// TestData tests that acknowledged writes are persistent, that the file is private, and that a newer file is refused.
func TestData(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "with blanks & ?.db")
	box, err := Open(context.Background(), Options{Data: file})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(box.Handler())
	c := client{t, server.URL + "/beta"}
	id := c.create(`{"displayName": "kept"}`)
	if a := c.do("PATCH", list+"/"+SampleInterest, `{"displayName": "changed"}`); a.status != 200 {
		t.Fatal(a.text)
	}
	files, err := filepath.Glob(filepath.Join(filepath.Dir(file), "*"))
	if err != nil || len(files) == 0 {
		t.Fatal(err, files)
	}
	for _, name := range files {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	server.Close()
	if err := box.Close(); err != nil {
		t.Fatal(err)
	}
	c = serve(t, Options{Data: file})
	if a := c.do("GET", list+"/"+id, ""); a.body["displayName"] != "kept" {
		t.Errorf("after opening again: %s", a.text)
	}
	if a := c.do("GET", list+"/"+SampleInterest, ""); a.body["displayName"] != "changed" {
		t.Errorf("after opening again: %s", a.text)
	}

	newer := filepath.Join(t.TempDir(), "newer.db")
	db, err := sql.Open("sqlite", newer)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("PRAGMA user_version = 999"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if box, err := Open(context.Background(), Options{Data: newer}); err == nil || !strings.Contains(err.Error(), "newer") {
		t.Errorf("a newer file: %v, %v", box, err)
	}
	if box, err := Open(context.Background(), Options{Data: filepath.Join(t.TempDir(), "missing", "x.db")}); err == nil {
		t.Errorf("a folder that is not there: %v", box)
	}
}

// TestChangesAtOnce updates different properties of one item concurrently. No update is lost.
func TestChangesAtOnce(t *testing.T) {
	t.Parallel()
	for name, data := range map[string]string{"in memory": "", "in a file": filepath.Join(t.TempDir(), "x.db")} {
		t.Run(name, func(t *testing.T) {
			c := serve(t, Options{Data: data})
			id := c.create(`{"displayName": "x"}`)
			properties := []string{"displayName", "description", "webUrl", "thumbnailUrl"}
			var writers sync.WaitGroup
			for _, property := range properties {
				writers.Go(func() {
					for i := range 10 {
						if a := c.do("PATCH", list+"/"+id, fmt.Sprintf(`{%q: "%d"}`, property, i)); a.status != 200 {
							t.Errorf("%d %s", a.status, a.text)
						}
					}
				})
			}
			writers.Wait()
			a := c.do("GET", list+"/"+id, "")
			for _, property := range properties {
				if a.body[property] != "9" {
					t.Errorf("%s is %v", property, a.body[property])
				}
			}
		})
	}
}

// TestSeed tests the seed data that the README and other tests rely on.
func TestSeed(t *testing.T) {
	t.Parallel()
	c := serve(t, Options{})
	a := c.do("GET", listing("$top", "1000"), "")
	if n := len(a.ids()); n < 50 {
		t.Errorf("%d interests are too few to page through", n)
	}
	for _, text := range []string{SampleInterest, LockedInterest, `"0001-01-01T00:00:00Z"`, `"createdDateTime":null`, `"confidenceScore":0`, `"UPA"`, `"8"`} {
		if !strings.Contains(a.text, text) {
			t.Errorf("nothing has %s", text)
		}
	}
}
