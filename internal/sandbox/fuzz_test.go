package sandbox

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// handler is a sandbox without a socket, which would slow down fuzzing.
type handler struct{ http.Handler }

func openHandler(t testing.TB) handler {
	t.Helper()
	box, err := Open(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = box.Close() })
	return handler{box.Handler()}
}

func (h handler) do(method, path, query, body string) (int, string) {
	r := httptest.NewRequest(method, "/beta"+path, strings.NewReader(body))
	r.URL.RawQuery = query
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// FuzzFilter tests that a filter is evaluated or refused, and that no item matches both a filter and its negation.
func FuzzFilter(f *testing.F) {
	for _, seed := range []string{
		"displayName eq 'x'", "createdDateTime lt 2024-05-01T10:00:00.1234567Z or (createdDateTime eq null and id gt 'a''b')",
		"not(", "((((", "contains(displayName,'", "inference/confidenceScore ge INF", "categories/any(c:c eq 'games')",
		"sources/any(s:s/properties/all(p:p ne s/sourceId))", "allowedAudiences has microsoft.graph.allowedAudiences'organization'",
		"displayName in ('Chess',null)", "isSearchable", "not isSearchable", "categories/any(", "a/any()", "in in (in)",
	} {
		f.Add(seed)
	}
	h := openHandler(f)
	count := func(t testing.TB, filter string) (n int, refused bool) {
		status, text := h.do("GET", list+"/$count", "$filter="+url.QueryEscape(filter), "")
		if status == http.StatusBadRequest {
			return 0, true
		}
		if err := json.Unmarshal([]byte(text), &n); status != http.StatusOK || err != nil {
			t.Fatalf("%q: %d %s", filter, status, text)
		}
		return n, false
	}
	all, _ := count(f, "true")
	f.Fuzz(func(t *testing.T, filter string) {
		kept, refused := count(t, filter)
		if refused {
			return
		}
		if others, _ := count(t, "not ("+filter+")"); kept+others > all {
			t.Errorf("%q keeps %d of %d, and its opposite %d", filter, kept, all, others)
		}
	})
}

// FuzzQuery tests that query options are evaluated or refused, and that the response is JSON.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{
		"$select=id,inference/confidenceScore&$top=3", "$expand=interests($select=id;$top=2;$filter=displayName eq 'a;b')",
		"$orderby=createdDateTime desc,displayName&$skip=2&$count=true", "$skiptoken=W10", "%24top=%zz", "$expand=*($expand=", "top=1&$TOP=2",
	} {
		f.Add(seed)
	}
	h := openHandler(f)
	f.Fuzz(func(t *testing.T, query string) {
		for _, path := range []string{list, "/me/profile", list + "/" + SampleInterest} {
			status, text := h.do("GET", path, query, "")
			if status != http.StatusOK && status != http.StatusBadRequest || !json.Valid([]byte(text)) {
				t.Errorf("%s?%s: %d %s", path, query, status, text)
			}
		}
	})
}

// FuzzBody tests that an update is applied or refused as a whole, and that its response equals a subsequent read.
func FuzzBody(f *testing.F) {
	for _, seed := range []string{
		`{"displayName": "x"}`, `{"inference": {"confidenceScore": 1e400}}`, `{"createdBy": {"user": []}}`, `{"sources": [{}]}`, "\xff",
		`{"createdBy": {"x": {"y": [1, null]}}}`, `{"@odata.type": "x", "allowedAudiences": "me,everyone"}`, `{"description": "\u0000\ud800"}`,
		`{"description": null, "inference": {}, "description": null, "inference": {}}`,
	} {
		f.Add(seed)
	}
	h := openHandler(f)
	f.Fuzz(func(t *testing.T, body string) {
		_, before := h.do("GET", list+"/"+SampleInterest, "", "")
		status, text := h.do("PATCH", list+"/"+SampleInterest, "", body)
		_, after := h.do("GET", list+"/"+SampleInterest, "", "")
		switch {
		case status == http.StatusOK && text == after && json.Valid([]byte(text)):
		case status == http.StatusBadRequest && after == before:
		default:
			t.Errorf("%q: %d %s; it was %s, and is %s", body, status, text, before, after)
		}
	})
}

// FuzzBatch tests that a batch is refused as a whole, or that each of its requests has one response.
func FuzzBatch(f *testing.F) {
	for _, seed := range []string{
		`{"requests": [{"id": "1", "method": "GET", "url": "/me/profile"}]}`,
		`{"requests": [{"id": "1", "method": "get", "url": "me/profile/interests/$count", "dependsOn": ["2"]}, {"id": "2", "method": "GET", "url": "%zz"}]}`,
		`{"requests": [{"id": "1", "method": "POST", "url": "/$batch", "body": {}, "headers": {"": "\n"}}]}`,
		`{"requests": [{"id": "1", "method": "PATCH", "url": "//me/../x?a#b", "body": "AAAA"}]}`, `{"requests": [null]}`, `[]`,
		`{"requests": [], "requests": [{"id": "1", "method": "GET", "url": "/me/profile/"}]}`,
	} {
		f.Add(seed)
	}
	h := openHandler(f)
	f.Fuzz(func(t *testing.T, body string) {
		status, text := h.do("POST", "/$batch", "", body)
		if status == http.StatusBadRequest {
			return
		}
		var sent struct{ Requests []struct{ ID string } }
		var got struct {
			Responses []struct {
				ID     string
				Status int
			}
		}
		if status != http.StatusOK || json.Unmarshal([]byte(body), &sent) != nil || json.Unmarshal([]byte(text), &got) != nil {
			t.Fatalf("%q: %d %s", body, status, text)
		}
		var ids, answered []string
		for _, r := range sent.Requests {
			ids = append(ids, r.ID)
		}
		for _, r := range got.Responses {
			answered = append(answered, r.ID)
			if r.Status < 200 || r.Status == http.StatusInternalServerError {
				t.Errorf("%q: %s", body, text)
			}
		}
		slices.Sort(ids)
		slices.Sort(answered)
		if !slices.Equal(ids, answered) {
			t.Errorf("%q: %s", body, text)
		}
	})
}
