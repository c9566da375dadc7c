package e2e

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"profileql/test/scene"
)

// segmentsOf splits a raw request target, and unescapes the segments.
func segmentsOf(t *testing.T, target string) []string {
	t.Helper()
	path, _, _ := strings.Cut(target, "?")
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for i, s := range segments {
		plain, err := url.PathUnescape(s)
		if err != nil {
			t.Fatalf("%s: %v", target, err)
		}
		segments[i] = plain
	}
	return segments
}

// echo responds with an item that has the requested id.
func echo(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(r.URL.EscapedPath(), "/")
	id, _ := url.PathUnescape(parts[len(parts)-1])
	body, _ := json.Marshal(map[string]string{"id": id, "displayName": "Chess"})
	if r.Method == http.MethodDelete {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	answerJSON(http.StatusOK, string(body))(w, r)
}

// TestItemIDs tests that an id becomes one segment of the path, or is refused before a request is sent.
func TestItemIDs(t *testing.T) {
	t.Parallel()
	rec := &recorder{Answer: echo}
	f := newFacade(t, rec)
	for _, test := range []struct {
		id      string
		refused bool
	}{
		{id: "db489940-9940-db48-4099-48db409948db"},
		{id: "%2F"}, {id: "%2e%2e"}, {id: "a/b"}, {id: "../notes/note-1"}, {id: "?$select="}, {id: "#"}, {id: ";"}, {id: "a b+c"},
		{id: `"'`}, {id: "折り紙"}, {id: "…"}, {id: "$value"}, {id: "a\\b"}, {id: "...", refused: false},
		{id: strings.Repeat("x", 512)},
		{id: "..", refused: true}, {id: ".", refused: true}, {id: "", refused: true}, {id: "a\x00b", refused: true},
		{id: "a\nb", refused: true}, {id: "\u0085", refused: true}, {id: strings.Repeat("x", 513), refused: true},
		{id: strings.Repeat("é", 257), refused: true},
	} {
		global := scene.GlobalID("upstream", "", "interests", test.id)
		for operation, variables := range map[string]any{
			scene.UpdateMutation:       map[string]any{"input": map[string]any{"id": test.id, "patch": map[string]any{"displayName": "x"}}},
			scene.UpdateMutation + " ": map[string]any{"input": map[string]any{"id": global, "patch": map[string]any{"displayName": "x"}}},
			scene.DeleteMutation:       map[string]any{"id": global},
			scene.NodeQuery:            map[string]any{"id": global},
		} {
			r := f.do(operation, variables)
			requests := rec.take()
			if test.refused {
				if r.Code(t) != "BAD_USER_INPUT" || len(requests) > 0 {
					t.Errorf("id %q: %s, and the source saw %+v", test.id, r.Body, requests)
				}
				continue
			}
			if len(r.Errors) > 0 || len(requests) != 1 {
				t.Errorf("id %q: %s, and the source saw %+v", test.id, r.Body, requests)
				continue
			}
			got := segmentsOf(t, requests[0].Target)
			if strings.Join(got, "|") != strings.Join([]string{"beta", "me", "profile", "interests", test.id}, "|") || len(got) != 5 {
				t.Errorf("id %q went to %s", test.id, requests[0].Target)
			}
		}
	}
}

// TestIDsThatAreNone tests that texts similar to global ids are refused.
func TestIDsThatAreNone(t *testing.T) {
	t.Parallel()
	rec := &recorder{Answer: echo}
	f := newFacade(t, rec)
	good := scene.GlobalID("upstream", "", "interests", "abc")
	for _, id := range []string{
		"pq1.", "pq1.!", "pq1.AAAA=", good + "A", good[:len(good)-2], "pq1." + strings.ToUpper(good[4:]),
		scene.GlobalID("elsewhere", "", "interests", "abc"), scene.GlobalID("", "", "interests", "abc"),
		scene.GlobalID("upstream", "", "responsibilities", "abc"), scene.GlobalID("upstream", "", "", "abc"), scene.GlobalID("upstream", "", "", ""),
		scene.GlobalID("upstream", "..", "interests", "abc"), scene.GlobalID("upstream", "a\x01", "interests", "abc"),
		scene.GlobalID("upstream", "", "interests", "abc\x00"), scene.GlobalID("upstream", "", "interests", ""),
		scene.GlobalID("", "..", "", ""),
		"PQ1." + good[4:], // a local id, which node and delete do not accept
	} {
		for _, operation := range []string{scene.NodeQuery, scene.DeleteMutation} {
			if r := f.do(operation, map[string]any{"id": id}); r.Code(t) != "BAD_USER_INPUT" {
				t.Errorf("%q: %s", id, r.Body)
			}
		}
		r := f.do(scene.UpdateMutation, map[string]any{"input": map[string]any{"id": id, "patch": map[string]any{"displayName": "x"}}})
		if strings.HasPrefix(id, "pq1.") && r.Code(t) != "BAD_USER_INPUT" {
			t.Errorf("update of %q: %s", id, r.Body)
		}
	}
	// A profile can be read, but neither changed nor deleted.
	for _, user := range []string{"", "ada@example.com"} {
		id := scene.GlobalID("", user, "", "")
		if r := f.do(scene.NodeQuery, map[string]any{"id": id}); len(r.Errors) > 0 || !strings.Contains(r.Body, `"Profile"`) || !strings.Contains(r.Body, id) {
			t.Errorf("profile of %q: %s", user, r.Body)
		}
		if r := f.do(scene.DeleteMutation, map[string]any{"id": id}); r.Code(t) != "BAD_USER_INPUT" {
			t.Errorf("deleting the profile of %q: %s", user, r.Body)
		}
	}
	for _, request := range rec.take() {
		if !strings.Contains(request.Target, "PQ1.") {
			t.Errorf("the source was asked: %+v", request)
		}
	}
}

// TestUsers tests the same for users as TestItemIDs for items.
func TestUsers(t *testing.T) {
	t.Parallel()
	rec := &recorder{Answer: answerJSON(200, `{"value": [{"id": "abc"}]}`)}
	f := newFacade(t, rec)
	for _, test := range []struct{ user, segment string }{ // segment is empty if the user is refused
		{"ada@example.com", "ada@example.com"},
		{"41a5a8b7-e1f6-4e1a-9d4e-6b7c5d8e9f00", "41a5a8b7-e1f6-4e1a-9d4e-6b7c5d8e9f00"},
		{"ada_example.com#EXT#@contoso.onmicrosoft.com", "ada_example.com#EXT#@contoso.onmicrosoft.com"},
		{"o'brien@example.com", "o'brien@example.com"}, {"a/b", "a/b"}, {"%2F", "%2F"}, {"x?$select=id", "x?$select=id"},
		{strings.Repeat("x", 512), strings.Repeat("x", 512)},
		{"$ada@example.com", "users('$ada@example.com')"}, {"$o'brien", "users('$o''brien')"}, {"$a/b", "users('$a/b')"},
		{"..", ""}, {".", ""}, {"", ""}, {"a\tb", ""}, {strings.Repeat("x", 513), ""},
	} {
		r := f.do(`query($user: String!) { profile(user: $user) { id interests(first: 1) { nodes { id } } } }`, map[string]any{"user": test.user})
		requests := rec.take()
		if test.segment == "" {
			create := f.do(scene.CreateMutation, map[string]any{"input": map[string]any{"user": test.user, "item": map[string]any{"displayName": "x"}}})
			if requests = append(requests, rec.take()...); r.Code(t) != "BAD_USER_INPUT" || create.Code(t) != "BAD_USER_INPUT" || len(requests) > 0 {
				t.Errorf("user %q: %s and %s, and the source saw %+v", test.user, r.Body, create.Body, requests)
			}
			continue
		}
		var data struct {
			Profile struct {
				Interests struct{ Nodes []struct{ ID string } }
			}
		}
		r.Into(t, &data)
		want := []string{"beta", "users", test.segment, "profile", "interests"}
		if strings.HasPrefix(test.segment, "users(") {
			want = append([]string{"beta"}, want[2:]...)
		}
		if got := segmentsOf(t, requests[0].Target); strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("user %q went to %s", test.user, requests[0].Target)
		}
		// The item's id refers to the same person.
		f.do(scene.DeleteMutation, map[string]any{"id": data.Profile.Interests.Nodes[0].ID})
		if got := segmentsOf(t, rec.take()[0].Target); strings.Join(got, "|") != strings.Join(append(want, "abc"), "|") {
			t.Errorf("user %q: deleted %v", test.user, got)
		}
	}
}

// TestIDsLast tests that an id is the same after a restart and on every replica, and needs no escaping in a URL.
func TestIDsLast(t *testing.T) {
	t.Parallel()
	upstream := &recorder{Answer: answerJSON(200, `{"value": [{"id": "a/b?ü"}]}`)}
	var bodies [2]string
	for i := range bodies {
		r := newFacade(t, upstream).do(`{ me { id interests(first: 1) { nodes { id itemId } edges { cursor } } } }`, nil)
		bodies[i] = string(r.Data)
	}
	if bodies[0] != bodies[1] {
		t.Errorf("one says %s, the other %s", bodies[0], bodies[1])
	}
	var data struct {
		Me struct {
			ID        string
			Interests struct{ Nodes []struct{ ID, ItemID string } }
		}
	}
	if err := json.Unmarshal([]byte(bodies[0]), &data); err != nil {
		t.Fatal(err)
	}
	item := data.Me.Interests.Nodes[0]
	if item.ItemID != "a/b?ü" || item.ID != url.QueryEscape(item.ID) || data.Me.ID != url.QueryEscape(data.Me.ID) {
		t.Errorf("ids are %+v", data)
	}
}
