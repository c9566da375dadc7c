package profileapi

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestParseList holds how a response indicates a next part.
func TestParseList(t *testing.T) {
	t.Parallel()
	type want struct {
		link   string
		unread bool
		total  int // -1 for none
		err    error
	}
	end := want{total: -1}
	goesOn, unread := want{link: "x", total: -1}, want{unread: true, total: -1}
	for members, want := range map[string]want{
		``: end, `"@odata.nextLink": "x"`: goesOn, `"@nextLink": "x"`: goesOn, `"odata.nextLink": "x"`: goesOn, `"nextLink": "x"`: goesOn,
		`"@odata.NextLink": "x"`: goesOn, `"@ODATA.NEXTLINK": "x"`: goesOn, `"@nextlink": "x"`: goesOn, `"NextLink": "x"`: goesOn,
		`"@odata.nextLink": null`: end, `"@nextLink": ""`: end, `"@odata.nextLink": "x", "@nextLink": "x"`: goesOn,
		`"@odata.nextLink": "x", "@nextLink": null`: goesOn, `"@odata.nextLink": "", "@nextLink": "x"`: goesOn, `"@odata.nextLink": "x", "@odata.nextLink": null`: goesOn, `"@odata.nextLink": "x", "@nextLink": ""`: goesOn,
		`"@odata.nextLink": "x", "@nextLink": "y"`: {err: errTwoLinks}, `"@odata.nextLink": "x", "@odata.nextLink": "y"`: {err: errTwoLinks},
		`"@odata.nextLink": 5`: {err: errNoLink}, `"@nextLink": {"url": "x"}`: {err: errNoLink}, `"nextLink": ["x"]`: {err: errNoLink}, `"odata.nextLink": false`: {err: errNoLink},

		`"value@odata.nextLink": "x"`: unread, `"__next": "x"`: unread, `"next": "x"`: unread, `"@odata.next": "x"`: unread, `"next_page": 2`: unread, `"nextPageToken": "x"`: unread,
		`"hasMore": true`: unread, `"has_more": true`: unread, `"continuationToken": "x"`: unread, `"skipToken": "x"`: unread, `"@example.nextLink": "x"`: unread,
		`"_links": {"self": {"href": "y"}, "next": {"href": "x"}}`: unread, `"links": [{"next": "x"}]`: unread, `"paging": {"next": "x"}`: unread, `"next": ["x"]`: unread,
		`"next": "x", "@odata.nextLink": "x"`: {link: "x", unread: true, total: -1},
		`"next": null`:                        end, `"next": ""`: end, `"hasMore": false`: end, `"nextPage": 0`: end, `"_links": {"next": {}}`: end, `"_links": {"next": {"href": null}, "previous": "y"}`: end,
		`"@odata.context": "https://a.example/$metadata#next", "@odata.deltaLink": "x", "text": "next", "annex": "x", "pages": 3, "long": 1e999`: end,

		`"@odata.count": 7`: {total: 7}, `"@count": 7`: {total: 7}, `"odata.count": "7"`: {total: 7}, `"@odata.count": "7"`: {total: 7}, `"@odata.Count": 0`: {total: 0},
		`"count": 7`: end, `"@odata.count": null`: end, `"@odata.count": -1`: end, `"@odata.count": 7.5`: end, `"@odata.count": "x"`: end, `"@odata.count": {}`: end,
		`"@odata.count": 7, "@count": 7`: {total: 7}, `"@odata.count": 7, "@count": 8`: end, `"@odata.count": 7, "@count": null`: {total: 7},

		`"error": {}`: {err: errNoList}, `"error": null`: end, `"odata.error": {"code": "x"}`: {err: errNoList}, `"value": [1]`: {err: errTwoValues}, `"Value": []`: {err: errTwoValues},
	} {
		for _, body := range []string{`{"value": [{"nextLink": "y"}], ` + members + `}`, `{` + members + `, "value": [{"nextLink": "y"}]}`} {
			if body = strings.NewReplacer(", }", "}", "{, ", "{").Replace(body); errors.Is(want.err, errTwoValues) && !strings.HasPrefix(body, `{"value": [{`) {
				continue
			}
			list, err := parseList(&response{body: []byte(body)})
			if !errors.Is(err, want.err) || err != nil && want.err == nil {
				t.Errorf("%s: %v, want %v", body, err, want.err)
			}
			if err != nil {
				continue
			}
			total := -1
			if n := list.total(); n != nil {
				total = *n
			}
			if list.link != want.link || list.hasUnreadableLink != want.unread || total != want.total || len(elements(list)) != 1 {
				t.Errorf("%s: %+v with a total of %d, want %+v", body, list, total, want)
			}
		}
	}
	for link, want := range map[string]bool{
		`<x>; rel="next"`: true, `<x>; rel=next`: true, `<y>; rel="prev", <x>; rel="last next"`: true, `<x>;REL=Next`: true,
		`<next>; rel="self"`: false, `<x>; rel=nextish`: false, `<x>; title="next"`: false, ``: false,
	} {
		list, err := parseList(&response{header: http.Header{"Link": {"<z>; rel=preload", link}}, body: []byte(`{"value": []}`)})
		if err != nil || list.hasUnreadableLink != want {
			t.Errorf("Link: %s: %+v, %v", link, list, err)
		}
	}
}

// FuzzParseList holds that nothing is taken for a list that is not JSON, and that its items are those of encoding/json.
func FuzzParseList(f *testing.F) {
	for _, seed := range []string{
		`{"value": [1, {"a": 2}, null], "@odata.nextLink": "x"}`, `{"value": []}{}`, `{"value": [1,]}`, `{"a" 1}`, `{"a": {"next": [{"b": true}]}, "value": []}`, `[]`, `{"value": [], }`, `{,"value": []}`, "{\"\xff\": 1e9}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		list, err := parseList(&response{body: body})
		if err != nil {
			return
		}
		var want struct {
			Value []json.RawMessage `json:"value"`
		}
		if err := json.Unmarshal(body, &want); err != nil {
			t.Fatalf("%q: %v", body, err)
		}
		if got := elements(list); !slices.EqualFunc(got, want.Value, func(a, b json.RawMessage) bool { return string(a) == string(b) }) {
			t.Errorf("%q: %q, want %q", body, got, want.Value)
		}
	})
}

func elements(l *listResponse) (all []json.RawMessage) {
	for c, ok := l.items.First(); ok; ok = c.Next() {
		all = append(all, json.RawMessage(c.Raw()))
	}
	return all
}
