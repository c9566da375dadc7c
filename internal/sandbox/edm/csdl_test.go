package edm

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// readDescription reads the CSDL document of the sandbox's types.
func readDescription(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("../profile.csdl")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func profileType(t testing.TB) *StructuredType {
	t.Helper()
	profile, err := ParseCSDL(readDescription(t), "profile")
	if err != nil {
		t.Fatal(err)
	}
	return profile
}

func interestType(t testing.TB) *StructuredType {
	return profileType(t).NavigationProperty("interests").EntityType
}

// TestWhatAClientMayWrite tests which properties a create requires: those that the documented samples of all creates
// contain. It also tests which properties are the server's.
func TestWhatAClientMayWrite(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"account": "countryCode", "addresses": "detail", "anniversaries": "", "awards": "displayName", "certifications": "displayName",
		"educationalActivities": "institution program", "emails": "address", "interests": "displayName",
		"languages": "displayName tag", "names": "displayName first last", "notes": "", "patents": "displayName",
		"phones": "number", "positions": "detail", "projects": "displayName", "publications": "displayName",
		"skills": "displayName", "webAccounts": "service userId", "websites": "displayName webUrl",
	}
	facets := profileType(t).Navigation
	if len(facets) != len(want) {
		t.Errorf("there are %d facets, want %d", len(facets), len(want))
	}
	for _, facet := range facets {
		required, computed, immutable := []string{}, []string{}, []string{}
		for _, p := range facet.EntityType.Properties {
			if p.required() {
				required = append(required, p.Name)
			}
			if p.Computed {
				computed = append(computed, p.Name)
			}
			if p.Immutable {
				immutable = append(immutable, p.Name)
			}
		}
		slices.Sort(required)
		slices.Sort(computed)
		servers := []string{"createdDateTime", "id", "lastModifiedBy", "lastModifiedDateTime", "sources"}
		if facet.Name == "account" { // owned by the directory
			servers = append(servers, "ageGroup", "originTenantInfo", "userPersona", "userPrincipalName")
			slices.Sort(servers)
		}
		if got := strings.Join(required, " "); got != want[facet.Name] || !slices.Equal(immutable, []string{"source"}) || !slices.Equal(computed, servers) {
			t.Errorf("%s: required %s, computed %v, immutable %v", facet.Name, got, computed, immutable)
		}
	}
}

// TestBrokenDescriptions tests that invalid documents are refused with the place of the error.
func TestBrokenDescriptions(t *testing.T) {
	t.Parallel()
	description := readDescription(t)
	for old, broken := range map[string]string{
		`Type="graph.inferenceData"`:              `Type="graph.nonsense"`,
		`DefaultValue="organization"`:             `DefaultValue="nonsense"`,
		`Type="Collection(graph.personInterest)"`: `Type="graph.personInterest"`,
		`BaseType="graph.itemFacet"`:              `BaseType="graph.nonsense"`,
		`</edmx:Edmx>`:                            ``,
	} {
		if _, err := ParseCSDL(strings.Replace(description, old, broken, 1), "profile"); err == nil {
			t.Errorf("%s instead of %s is taken", broken, old)
		}
	}
}
