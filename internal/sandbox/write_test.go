package sandbox

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestWhoAndWhen tests the audit properties that the server sets on a create and on an update.
func TestWhoAndWhen(t *testing.T) {
	t.Parallel()
	at := now
	box, err := Open(context.Background(), Options{Now: func() time.Time { return at }, NewID: func() string { return "a/b 'c'" }})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(box.Handler())
	defer func() { server.Close(); _ = box.Close() }()
	c := client{t, server.URL + "/beta"}
	ada, yuki := box.People()[0], box.People()[1]
	const hers = "/users/ada@example.com/profile/interests"
	made := c.do("POST", hers, `{"displayName": "x", "createdDateTime": 5, "sources": "x", "source": {"type": ["mine"]}, "lastModifiedBy": null}`,
		"Authorization", "Bearer "+yuki.UserPrincipalName)
	if made.status != 201 {
		t.Fatal(made.text)
	}
	at = at.Add(time.Hour)
	changed := c.do("PATCH", made.header.Get("Location"), `{"source": {"type": ["other"]}, "sources": [], "description": "y"}`,
		"Authorization", "Bearer "+ada.UserPrincipalName)
	for name, want := range map[string]string{
		"createdBy":            `{"application": null, "device": null, "user": {"displayName": "` + yuki.DisplayName + `", "id": "` + yuki.ID + `"}}`,
		"lastModifiedBy":       `{"application": null, "device": null, "user": {"displayName": "Ada Lindqvist", "id": "` + ada.ID + `"}}`,
		"createdDateTime":      `"2026-11-23T10:00:00.1234567Z"`,
		"lastModifiedDateTime": `"2026-11-23T11:00:00.1234567Z"`,
		"source":               `{"type": ["mine"]}`, // accepted on create only
		"sources":              `[{"sourceId": "46a57efc-33f8-4eec-a512-b90039ad6187", "isDefaultSource": true, "properties": []}]`,
		"id":                   `"a/b 'c'"`,
	} {
		if got := toJSON(t, changed.body[name]); !sameJSON(t, want, got) {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	if context := changed.body["@odata.context"]; context != c.base+"/$metadata#users('ada%40example.com')/profile/interests/$entity" {
		t.Errorf("who is addressed by name is named by name: %v", context)
	}
	if a := c.do("GET", "/me/profile/interests('a%2Fb%20%27%27c%27%27')?$select=id,displayName", ""); a.text !=
		`{"@odata.context":"`+c.base+`/$metadata#users('`+ada.ID+`')/profile/interests(displayName,id)/$entity","displayName":"x","id":"a/b 'c'"}` {
		t.Errorf("by key: %s", a.text)
	}
}

// TestBodies tests bodies that JSON parsers treat differently.
func TestBodies(t *testing.T) {
	t.Parallel()
	c := serve(t, Options{})
	for _, body := range []string{"", "null", "5", `"x"`, `[{}]`, `{"displayName": "x"`, "{\"displayName\": \"\xff\"}", `{} {}`, `{},`, "\ufeff{}", `{"displayName": 'x'}`,
		`{"createdBy": {"x": ` + strings.Repeat("[", 200_000) + strings.Repeat("]", 200_000) + `}}`} {
		a := c.do("PATCH", list+"/"+SampleInterest, body, "Content-Type", "application/json")
		if a.status != 400 || !strings.Contains(a.text, "Unable to read JSON request payload.") {
			t.Errorf("%.100q: %d %s", body, a.status, a.text)
		}
	}
	for _, contentType := range []string{"application/json; charset=utf-8", "Application/JSON;odata.metadata=minimal"} {
		if a := c.do("PATCH", list+"/"+SampleInterest, `{}`, "Content-Type", contentType); a.status != 200 {
			t.Errorf("as %s: %d", contentType, a.status)
		}
	}
	// Numbers and strings keep their text, and dynamic properties of an open type are kept.
	const odd = `{"inference": {"confidenceScore": 1.50e-1}, "description": "\u003c\u2028&\ud83d\ude00>", "createdBy": {"user": {"n": 12345678901234567890}}}`
	a := c.do("PATCH", list+"/"+SampleInterest, odd)
	for _, want := range []string{`"confidenceScore":1.50e-1`, `&😀>"`, `"n":12345678901234567890`} {
		if !strings.Contains(a.text, want) {
			t.Errorf("%s is not in %s", want, a.text)
		}
	}
}

// TestProfile tests the form of the profile, with and without control information.
func TestProfile(t *testing.T) {
	t.Parallel()
	c := serve(t, Options{})
	a := c.do("GET", "/users/YUKI@example.com/profile", "")
	const at = "/$metadata#users('yuki%40example.com')/profile"
	if a.body["id"] != "profileId" || a.body["@odata.context"] != c.base+at+"/$entity" || a.body["interests@odata.context"] != c.base+at+"/interests" ||
		len(a.body["interests"].([]any)) != 12 {
		t.Errorf("got %.400s", a.text)
	}
	if bare := c.do("GET", "/me/profile", "", "Accept", "text/html, application/json; odata.metadata=none"); strings.Contains(bare.text, "@odata") ||
		!strings.HasPrefix(bare.text, `{"id":"profileId","account":[`) || !strings.Contains(bare.header.Get("Content-Type"), ";odata.metadata=none;") {
		t.Errorf("got %v %.200s", bare.header, bare.text)
	}
	if one := c.do("GET", "/me/profile?select=interests", ""); one.body["id"] != nil || one.body["interests"] == nil {
		t.Errorf("got %.200s", one.text)
	}
}

// TestOpenFileBecomesPrivate opens a file that others can read.
func TestOpenFileBecomesPrivate(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "x.db")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	serve(t, Options{Data: file})
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := os.WriteFile(file+".txt", []byte("this is no database, but long enough to have a header of one\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if box, err := Open(context.Background(), Options{Data: file + ".txt"}); err == nil {
		t.Errorf("a text was opened: %v", box)
	}
}

func toJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestWritesAndOptions tests that a write may select the properties of the returned item, and that any other option
// is refused before anything is written.
func TestWritesAndOptions(t *testing.T) {
	t.Parallel()
	c := serve(t, Options{})
	a := c.do("PATCH", list+"/"+SampleInterest+"?$select=description", `{"description": "one"}`)
	if a.status != 200 || len(a.body) != 2 || a.body["description"] != "one" {
		t.Errorf("%d %s", a.status, a.text)
	}
	for _, query := range []string{"?$select=nope", "?$filter=true", "?$top=1"} {
		if a := c.do("PATCH", list+"/"+SampleInterest+query, `{"description": "two"}`); a.status != 400 {
			t.Errorf("%s: %d %s", query, a.status, a.text)
		}
		if a := c.do("POST", list+query, `{"displayName": "two"}`); a.status != 400 {
			t.Errorf("POST %s: %d %s", query, a.status, a.text)
		}
	}
	if a := c.do("GET", list+"/"+SampleInterest, ""); a.body["description"] != "one" {
		t.Errorf("something was written: %s", a.text)
	}
}
