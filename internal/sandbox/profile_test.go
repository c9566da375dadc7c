package sandbox

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestSelectAndExpand tests which properties of a profile and of an item are returned.
func TestSelectAndExpand(t *testing.T) {
	t.Parallel()
	c := serve(t, Options{})
	item := list + "/" + SampleInterest
	for _, test := range []struct{ path, want string }{
		{item + "?$select=sources/sourceId,sources/isDefaultSource", `"sources":[{"sourceId":"` + writtenHere + `","isDefaultSource":true}]}`},
		{item + "?$select=createdBy/user/displayName,createdBy/device", `"createdBy":{"device":null,"user":{"displayName":"Ada Lindqvist"}}}`},
		{item + "?$select=createdBy/user,createdBy/user/id,id", `"createdBy":{"user":{"displayName":"Ada Lindqvist","id":"8d4c1f3a-27b6-4e09-9f51-6a0e2c7d9b14"}}}`},
		{item + "?$select=inference/confidenceScore,inference", `/interests(inference)/$entity","inference":null}`},
		{"/me/profile?$select=id&$expand=interests($select=id;$top=0)", `"id":"profileId","interests@odata.context":`},
		{"/me/profile?$expand=*($top=0;$count=true)", `"interests@odata.count":62,"interests":[],`},
		{"/me/profile?$expand=interests($top=0;count=true;$filter=displayName eq 'a;b,c)(')", `"interests@odata.count":0,"interests":[]}`},
		{"/me/profile?$expand=%20interests%20($top=0)", `400`},
		{"/me/profile?expand=interests($top=0)", `"interests":[]}`},
		{item + "?$select=nope/x", "400"},
		{item + "?$select=displayName/x", "400"},
		{item + "?$select=inference/nope", "400"},
		{item + "?$select=", "400"},
		{"/me/profile?$expand=", "400"},
		{"/me/profile?$expand=nope", "400"},
		{"/me/profile?$expand=interests,interests", "400"},
		{"/me/profile?$expand=interests($top=1", "400"},
		{"/me/profile?$expand=interests($top)", "400"},
		{"/me/profile?$expand=interests($top=1;$top=2)", "400"},
		{"/me/profile?$expand=interests($top=x)", "400"},
		{"/me/profile?$expand=interests($expand=x)", "400"},
		{"/me/profile?$expand=interests()", "400"},
		{"/me/profile?$expand=interests(%24select=nope)", "400"},
		{"/me/profile?$select=displayName", "400"},
		{"/me/profile?$top=1", "400"},
	} {
		a := c.do("GET", strings.ReplaceAll(test.path, " ", "%20"), "")
		if test.want == "400" {
			if a.status != 400 || a.code() != "BadRequest" {
				t.Errorf("%s: %d %s", test.path, a.status, a.text)
			}
			continue
		}
		if a.status != 200 || !strings.Contains(a.text, test.want) {
			t.Errorf("%s: %d %s; want %s", test.path, a.status, a.text, test.want)
		}
	}
}

// TestExpandedPages tests that an expanded facet has a next link of its own, for every URL of the profile.
func TestExpandedPages(t *testing.T) {
	t.Parallel()
	c := serve(t, Options{})
	for i := range 120 {
		c.create(fmt.Sprintf(`{"displayName": "made %03d"}`, i))
	}
	for _, test := range []struct {
		path, top string
		pages     []int
	}{
		{"/me/profile", "", []int{100, 20}}, {"/me/profile", ";$top=50", []int{50, 50, 20}},
		{"/me/profile/", ";$top=60", []int{60, 60}}, {"/users('ada@example.com')/profile/", ";top=119", []int{119, 1}},
	} {
		a := c.do("GET", test.path+"?$expand=interests($select=id;$orderby=displayName;$filter=startswith(displayName,'made')"+test.top+")", "")
		page, _ := a.body["interests"].([]any)
		link, _ := a.body["interests@odata.nextLink"].(string)
		pages, seen := []int{len(page)}, map[string]bool{}
		for {
			for _, entry := range page {
				seen[entry.(map[string]any)["id"].(string)] = true
			}
			if link == "" || len(pages) > 120 {
				break
			}
			a = c.do("GET", link, "")
			page, _ = a.body["value"].([]any)
			link, _ = a.body["@odata.nextLink"].(string)
			pages = append(pages, len(page))
		}
		if len(seen) != 120 || !slices.Equal(pages, test.pages) {
			t.Errorf("%s, %s: %d items in pages of %d; the last was %d %.200s", test.path, test.top, len(seen), pages, a.status, a.text)
		}
	}
	if plain := c.do("GET", "/me/profile", ""); plain.body["interests@odata.nextLink"] == nil {
		t.Error("the plain profile has no link to the rest")
	}
}
