package odata

import (
	"errors"
	"os"
	"strings"
	"testing"

	"profileql/internal/sandbox/edm"
)

func interestType(t testing.TB) *edm.StructuredType {
	t.Helper()
	description, err := os.ReadFile("../profile.csdl")
	if err != nil {
		t.Fatal(err)
	}
	profile, err := edm.ParseCSDL(string(description), "profile")
	if err != nil {
		t.Fatal(err)
	}
	return profile.NavigationProperty("interests").EntityType
}

// TestThreeValues tests filters on an item with null, an unusual number and unknown enumeration values (OData URL
// Conventions 4.01, section 5.1.1.1).
func TestThreeValues(t *testing.T) {
	t.Parallel()
	doc := `{"displayName":"Chess","description":null,"categories":[],"inference":{"confidenceScore":"NaN","userHasVerifiedAccuracy":null},` +
		`"allowedAudiences":"8","isSearchable":true,"createdDateTime":"2024-05-01T13:00:00.1234567+03:00","createdBy":null}`
	for filter, want := range map[string]bool{
		// Null is neither true nor false.
		"contains(description,'x')":                        false,
		"not contains(description,'x')":                    false,
		"not (not contains(description,'x'))":              false,
		"contains(description,'')":                         false,
		"contains(description,'x') or true":                true,
		"contains(description,'x') or isSearchable":        true,
		"isSearchable and contains(description,'x')":       false,
		"contains(description,'x') and isSearchable":       false,
		"not (contains(description,'x') and isSearchable)": false,
		"not (contains(description,'x') and false)":        true,
		"not (isSearchable and contains(description,'x'))": false,
		"not (contains(description,'x') or false)":         false,
		"contains(description,'x') eq null":                true,
		"inference/userHasVerifiedAccuracy eq null":        true,
		"not inference/userHasVerifiedAccuracy":            false,
		"description eq null and description ne 'x'":       true,
		"description gt null or description le null":       false,
		"not (description gt 'x')":                         true,
		"createdBy eq null and inference ne null":          true,
		"categories ne null":                               true,
		"createdBy/application/displayName eq null":        true,
		"createdBy/application/displayName ne 'UPA'":       true,
		"not isSearchable or displayName eq 'Chess'":       true,
		"not (isSearchable or displayName eq 'Chess')":     false,
		"startswith('Chess game',displayName)":             true,
		"'Chess' eq displayName and 'Go' gt displayName":   true,
		"displayName eq 'chess' or displayName gt 'chess'": false, // compared by bytes
		"inference/confidenceScore eq NaN":                 false,
		"inference/confidenceScore ne NaN":                 true,
		"inference/confidenceScore lt INF":                 false,
		"-1.5e3 lt 0 and -INF lt -1 and 0.1 eq 1e-1":       true,
		"allowedAudiences eq 'organization'":               true,
		"'organization' eq allowedAudiences":               true,
		"allowedAudiences gt 'groupMembers'":               true,
		"allowedAudiences eq 'contacts, groupMembers'":     false,
		"createdDateTime eq 2024-05-01T10:00:00.1234567Z":  true,
		"createdDateTime gt 2024-05-01T10:00:00.12345669Z": true,
		"createdDateTime ge 2024-05-01T10:00Z":             true,
		"createdDateTime lt 2024-05-01T12:59:59+03:00":     false,
		"  ( ( displayName  eq  'Chess' ) )  ":             true,
		"displayName eq 'Chess' or true and false":         true, // and binds tighter
		"(displayName eq 'Chess' or true) and false":       false,
		"isSearchable eq true and (isSearchable ne false)": true,
		"(displayName eq 'Chess') eq (isSearchable)":       true,
	} {
		checkFilter(t, doc, filter, want)
	}
}

// checkFilter checks whether a filter selects an interest.
func checkFilter(t *testing.T, doc, filter string, want bool) {
	t.Helper()
	i, err := edm.NewEntity([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	e, err := parseFilter(interestType(t), filter)
	if err != nil {
		t.Errorf("%s: %v", filter, err)
		return
	}
	if got := e.Keeps(i); got != want {
		t.Errorf("%s: %t", filter, got)
	}
}

// TestCollectionsAndFlags tests any, all, has and in.
func TestCollectionsAndFlags(t *testing.T) {
	t.Parallel()
	doc := `{"displayName":"Chess","description":null,"categories":["games","a,b]\"{"],"collaborationTags":null,` +
		`"allowedAudiences":"contacts,organization","sources":[{"sourceId":"a","isDefaultSource":true,"properties":["x","y"]},` +
		`{"sourceId":"b","isDefaultSource":false,"properties":[]},null]}`
	for filter, want := range map[string]bool{
		"categories/any()":                                                                    true,
		"categories/any(c:c eq 'games')":                                                      true,
		"categories/any(c:c eq 'a,b]\"{')":                                                    true,
		"categories/any(c:c eq 'game')":                                                       false,
		"categories/any(displayName:displayName eq 'games')":                                  true, // the variable, not the property
		"categories/any(c:startswith(c,'g') and displayName eq 'Chess')":                      true,
		"categories/all(c:startswith(c,'g'))":                                                 false,
		"categories/all(c:c ne displayName)":                                                  true,
		"not categories/any(c:c eq 'games')":                                                  false,
		"collaborationTags/any()":                                                             false,
		"collaborationTags/any(c:c ne 'x')":                                                   false,
		"collaborationTags/all(c:c eq 'x')":                                                   true, // empty
		"sources/any(s:s/sourceId eq 'b')":                                                    true,
		"sources/any(s:s/sourceId eq 'a' and s/isDefaultSource eq false)":                     false,
		"sources/any(s:s/sourceId eq null)":                                                   true, // the null entry
		"sources/any(s:s/properties/any(p:p eq 'y'))":                                         true,
		"sources/any(s:s/sourceId eq 'b' and s/properties/any())":                             false,
		"sources/any(s:s/properties/any(p:p eq s/sourceId))":                                  false,
		"allowedAudiences has 'contacts'":                                                     true,
		"allowedAudiences has 'contacts,organization'":                                        true,
		"allowedAudiences has microsoft.graph.allowedAudiences'contacts'":                     true,
		"allowedAudiences has 'contacts,everyone'":                                            false,
		"allowedAudiences has 'everyone'":                                                     false,
		"not allowedAudiences has 'everyone'":                                                 true,
		"allowedAudiences eq 'organization,contacts'":                                         true,
		"displayName in ('Go','Chess')":                                                       true,
		"displayName in ('Go')":                                                               false,
		"not displayName in ('Go')":                                                           true,
		"description in (null,'x')":                                                           true,
		"allowedAudiences in ('me', microsoft.graph.allowedAudiences'contacts,organization')": true,
	} {
		checkFilter(t, doc, filter, want)
	}
}

// TestBadFilters tests that invalid filters are refused, and what the message contains.
func TestBadFilters(t *testing.T) {
	t.Parallel()
	interest := interestType(t)
	for filter, says := range map[string]string{
		"":                                                    "Syntax error",
		"displayName 'x'":                                     "Syntax error",
		"displayName eq 'x' displayName":                      "Syntax error",
		"displayName eq 'x')":                                 "Syntax error",
		"(displayName eq 'x'":                                 "Syntax error",
		"contains(displayName)":                               "Syntax error",
		"contains(displayName,'x','y')":                       "Syntax error",
		"displayName eq \"x\"":                                "not valid at position",
		"displayName eq é":                                    "character 'é' is not valid",
		"displayName eq 'x":                                   "unterminated",
		"displayName EQ 'x'":                                  "Syntax error",
		"createdDateTime eq 2024-13-01T00:00:00Z":             "Unrecognized",
		"createdDateTime eq '2024-01-01T00:00:00Z'":           "incompatible types",
		"createdDateTime eq 2024-01-01":                       "incompatible types",
		"displayName eq allowedAudiences":                     "incompatible types",
		"categories eq 'x'":                                   "incompatible types",
		"inference eq createdBy":                              "incompatible types",
		"displayName and true":                                "incompatible types",
		"not displayName":                                     "incompatible type",
		"contains(isSearchable,'x')":                          "No function signature",
		"categories/x eq 'x'":                                 "does not lead to a single value",
		"displayName/x eq 'x'":                                "does not lead to a single value",
		"null":                                                "single boolean",
		"displayName/any()":                                   "only be used following a collection",
		"categories/all()":                                    "Syntax error",
		"categories/any(c)":                                   "Syntax error",
		"categories/any(c:c)":                                 "Any/All query expression must evaluate",
		"categories/any(c:c eq 1)":                            "incompatible types",
		"categories/any(c:c/x eq 'x')":                        "does not lead to a single value",
		"categories/any(c:categories/any(d:d eq c))":          "inside of another one",
		"sources/any(s:s/nope eq 'x')":                        "named 'nope'",
		"nope/any()":                                          "named 'nope'",
		"categories/any(c:c eq 'x') and c eq 'x'":             "named 'c'",
		"displayName has 'x'":                                 "incompatible types",
		"allowedAudiences has 'nobody'":                       "not a valid enumeration",
		"allowedAudiences has 1":                              "incompatible types",
		"allowedAudiences eq microsoft.graph.bodyType'me'":    "not a valid enumeration",
		"displayName eq microsoft.graph.allowedAudiences'me'": "incompatible types",
		"microsoft.graph.bodyType'x' eq microsoft.graph.bodyType'x'": "incompatible types",
		"displayName in 'x'":     "Syntax error",
		"displayName in ()":      "Syntax error",
		"displayName in ('x',1)": "incompatible types",
		strings.Repeat("(", 60) + "true" + strings.Repeat(")", 60):            "Recursion depth",
		strings.Repeat("contains(", 60) + "'x'" + strings.Repeat(",'x')", 60): "Recursion depth",
		strings.Repeat("not ", 60) + "true":                                   "Recursion depth",
		"displayName eq '" + strings.Repeat("x", maxFilter) + "'":             "longer than",
	} {
		_, err := parseFilter(interest, filter)
		var e *edm.Error
		if !errors.As(err, &e) || !strings.Contains(e.Message, says) {
			t.Errorf("%.80s: %v, which does not say %q", filter, err, says)
		}
	}
	deep := strings.Repeat("(", maxDepth) + "true" + strings.Repeat(")", maxDepth)
	if _, err := parseFilter(interest, deep); err != nil {
		t.Errorf("as deep as allowed: %v", err)
	}
}
