package sandbox

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"profileql/internal/sandbox/edm"
	"profileql/internal/sandbox/odata"
)

// TestPagingByValue reads pages as ProfileQL does, with a filter for the instant and id after which a page begins.
// The seed data has equal instants, other time zones, and items without an instant.
func TestPagingByValue(t *testing.T) {
	t.Parallel()
	c := serve(t, Options{})
	for _, property := range []string{"createdDateTime", "lastModifiedDateTime"} {
		descending := c.byValue(property+" desc,id", "", func(at, id string) string {
			if at == "" {
				return fmt.Sprintf("%s eq null and id gt '%s'", property, id)
			}
			return fmt.Sprintf("%s lt %s or (%[1]s eq %[2]s and id gt '%s') or %[1]s eq null", property, at, id)
		})
		ascending := c.byValue(property+",id", property+" ne null", func(at, id string) string {
			return fmt.Sprintf("%s gt %s or (%[1]s eq %[2]s and id gt '%s')", property, at, id)
		})
		nulls := c.byValue("id", property+" eq null", func(_, id string) string {
			return fmt.Sprintf("%s eq null and id gt '%s'", property, id)
		})
		all := c.do("GET", listing("$orderby", property+" desc,id", "$top", "1000"), "").ids()
		if !slices.Equal(descending, all) {
			t.Errorf("%s descending: %d items by value, %d at once", property, len(descending), len(all))
		}
		all = c.do("GET", listing("$orderby", property+",id", "$top", "1000"), "").ids()
		if len(nulls) == 0 || !slices.Equal(slices.Concat(nulls, ascending), all) {
			t.Errorf("%s ascending: %d and %d without it by value, %d at once", property, len(ascending), len(nulls), len(all))
		}
	}
}

// byValue reads a whole list in pages of seven, ordered by its first property.
func (c client) byValue(order, first string, behind func(at, id string) string) (ids []string) {
	c.t.Helper()
	property, _, _ := strings.Cut(strings.Split(order, ",")[0], " ")
	for filter := first; ; {
		options := []string{"$orderby", order, "$top", "7", "$select", "id,createdDateTime,lastModifiedDateTime"}
		if filter != "" {
			options = append(options, "$filter", filter)
		}
		a := c.do("GET", listing(options...), "")
		if a.status != 200 || len(ids) > 1000 {
			c.t.Fatalf("%s after %d items: %d %s", filter, len(ids), a.status, a.text)
		}
		page := a.ids()
		if len(page) == 0 {
			return ids
		}
		ids = append(ids, page...)
		last := a.body["value"].([]any)[len(page)-1].(map[string]any)
		at, _ := last[property].(string)
		if t, ok := edm.ParseDateTimeOffset(at); ok {
			at = t.Format(time.RFC3339Nano) // in UTC
		}
		filter = behind(at, page[len(page)-1])
	}
}

// TestOrder tests the position of nulls, that instants are compared by value and not by text, and that items with
// equal values are ordered by id.
func TestOrder(t *testing.T) {
	t.Parallel()
	c := serve(t, Options{})
	for _, test := range []struct{ order, property, first string }{
		{"createdDateTime", "createdDateTime", "<nil>"},
		{"createdDateTime asc,displayName", "createdDateTime", "<nil>"},
		{"createdDateTime desc", "createdDateTime", "2026-02-28T23:59:59.9999999Z"},
		{"description", "description", "<nil>"},
		{"description desc", "displayName", "囲碁"},
		{"allowedAudiences desc", "allowedAudiences", "neighbors"}, // not a member of the enumeration
		{"inference/confidenceScore desc", "displayName", "GraphQL"},
		{"createdBy/application/displayName desc, displayName ", "displayName", "Coffee"},
		{"isSearchable desc", "displayName", "Family recipes"},
	} {
		a := c.do("GET", listing("$orderby", test.order, "$top", "1000"), "")
		if a.status != 200 || len(a.ids()) < 50 {
			t.Errorf("%s: %d %.200s", test.order, a.status, a.text)
			continue
		}
		first := a.body["value"].([]any)[0].(map[string]any)
		if got := fmt.Sprint(first[test.property]); got != test.first {
			t.Errorf("%s begins with %s, want %s", test.order, got, test.first)
		}
	}
	tied := c.do("GET", listing("$filter", "createdDateTime eq 2024-05-01T12:00:00.1234567+02:00"), "").ids()
	if len(tied) != 6 || !slices.IsSorted(tied) {
		t.Errorf("the same instant have %v", tied)
	}
	for _, order := range []string{"categories", "inference", "createdBy/user", "displayName up", "displayName,", "createdDateTime/x", strings.Repeat("id,", 20) + "id"} {
		if a := c.do("GET", listing("$orderby", order), ""); a.status != 400 {
			t.Errorf("%s: %d", order, a.status)
		}
	}
}

// TestLinksStandStill changes the list between two pages, with the page size of the server and with that of the
// client.
func TestLinksStandStill(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		top  string // "" for none
		page int
	}{{"", odata.DefaultPageSize}, {"7", 7}, {"2000", odata.MaxPageSize}} {
		t.Run("$top="+test.top, func(t *testing.T) {
			t.Parallel()
			c := serve(t, Options{})
			var made []string
			for i := range test.page + 50 {
				made = append(made, c.create(fmt.Sprintf(`{"displayName": "made %04d"}`, i)))
			}
			options := []string{"$orderby", "displayName desc", "$filter", "startswith(displayName,'made')", "$skip", "10", "$count", "true", "$select", "id", "mine", "kept"}
			if test.top != "" {
				options = append(options, "$top", test.top)
			}
			a := c.do("GET", listing(options...), "")
			seen, total := a.ids(), len(made)
			if len(seen) != test.page || a.body["@odata.count"] != float64(total) {
				t.Fatalf("%d items, %v in all", len(seen), a.body["@odata.count"])
			}
			c.do("DELETE", list+"/"+made[total-1], "")     // before the page
			c.do("DELETE", list+"/"+seen[test.page-1], "") // the last item of the page
			c.create(`{"displayName": "made 9999"}`)       // before the page
			for link := a.body["@odata.nextLink"]; link != nil; link = a.body["@odata.nextLink"] {
				next, err := url.Parse(link.(string))
				if err != nil {
					t.Fatal(err)
				}
				options := next.Query()
				if token := options.Get("$skiptoken"); token == "" || options.Has("$skip") || options.Get("$top") != test.top || options.Get("mine") != "kept" {
					t.Fatalf("the link is %s", link)
				}
				a = c.do("GET", link.(string), "")
				if n := len(a.ids()); n == 0 || n > test.page || a.body["@odata.count"] != float64(total-1) || len(a.body["value"].([]any)[0].(map[string]any)) != 1 {
					t.Fatalf("%s: %d items, %.200s", link, n, a.text)
				}
				seen = append(seen, a.ids()...)
			}
			slices.Reverse(seen)
			if !slices.Equal(seen, made[:total-10]) {
				t.Errorf("%d items came, not each of %d in its order", len(seen), total-10)
			}
		})
	}
}

// TestForeignTokens tests that a $skiptoken of a list in another order is refused.
func TestForeignTokens(t *testing.T) {
	t.Parallel()
	c := serve(t, Options{})
	for _, token := range []string{"", "W10", "eyJ9", "WyJ4Il0", "W251bGwsbnVsbCxudWxsXQ"} { // "", [], not JSON, ["x"], nulls
		if a := c.do("GET", listing("$skiptoken", token), ""); a.status != 400 {
			t.Errorf("$skiptoken=%s: %d", token, a.status)
		}
	}
}

// TestTop tests that $top is the page size, up to the maximum, and that there is a link exactly if there are more
// items. The list has 62 items.
func TestTop(t *testing.T) {
	t.Parallel()
	c := serve(t, Options{})
	for _, test := range []struct {
		top, skip string
		length    int
		more      bool
	}{
		{"1", "0", 1, true}, {"61", "0", 61, true}, {"62", "0", 62, false}, {"63", "0", 62, false}, {"2147483647", "0", 62, false},
		{"7", "54", 7, true}, {"7", "55", 7, false}, {"7", "56", 6, false}, {"7", "62", 0, false}, {"7", "100", 0, false},
		{"0", "0", 0, false}, // a page without items has no link, which would be endless
	} {
		a := c.do("GET", listing("$top", test.top, "$skip", test.skip, "$count", "true"), "")
		if _, more := a.body["@odata.nextLink"]; len(a.ids()) != test.length || more != test.more || a.body["@odata.count"] != 62.0 {
			t.Errorf("$top=%s, $skip=%s: %d items of %v, and then %v", test.top, test.skip, len(a.ids()), a.body["@odata.count"], a.body["@odata.nextLink"])
		}
	}
}

// TestMessages tests messages that are known to be the API's.
func TestMessages(t *testing.T) {
	t.Parallel()
	c := serve(t, Options{})
	const interest = "on type 'microsoft.graph.personInterest'."
	for path, want := range map[string]string{
		listing("$select", "x"):                           "Parsing OData Select and Expand failed: Could not find a property named 'x' " + interest,
		"/me/profile?$select=x":                           "Parsing OData Select and Expand failed: Could not find a property named 'x' on type 'microsoft.graph.profile'.",
		listing("$filter", "x eq 1"):                      "Invalid filter clause: Could not find a property named 'x' " + interest,
		listing("$filter", "inference/x eq 1"):            "Invalid filter clause: Could not find a property named 'x' on type 'microsoft.graph.inferenceData'.",
		listing("$filter", "displayName eq"):              "Invalid filter clause: Syntax error at position 14 in 'displayName eq'.",
		listing("$filter", "displayName eq 1"):            "Invalid filter clause: A binary operator with incompatible types was detected. Found operand types 'Edm.String' and 'Edm.Double' for operator kind 'Equal'.",
		listing("$filter", "displayName"):                 "Invalid filter clause: The $filter expression must evaluate to a single boolean value.",
		listing("$filter", "allowedAudiences eq 'x'"):     "Invalid filter clause: The string 'x' is not a valid enumeration type constant.",
		listing("$filter", "tolower(displayName) eq 'x'"): "Invalid filter clause: An unknown function with name 'tolower' was found.",
		listing("$orderby", "x"):                          "Parsing OData OrderBy failed: Could not find a property named 'x' " + interest,
		listing("$top", "x"):                              "Invalid value 'x' for $top query option found. The $top query option requires a non-negative integer value.",
		listing("$expand", "x"):                           "Query option '$expand' is not supported here.",
		list + "?$top=1&top=2":                            "Query option '$top' was specified more than once, but it must be specified at most once.",
		"/me/profile/x":                                   "Resource not found for the segment 'x'.",
		"/users/x/profile":                                "Resource 'x' does not exist or one of its queried reference-property objects are not present.",
	} {
		a := c.do("GET", path, "")
		failure, _ := a.body["error"].(map[string]any)
		if got := failure["message"]; got != want {
			t.Errorf("%s:\n got %v\nwant %s", path, got, want)
		}
	}
}
