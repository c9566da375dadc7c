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

func interestType(t testing.TB) *StructuredType {
	t.Helper()
	profile, err := ParseCSDL(readDescription(t), "profile")
	if err != nil {
		t.Fatal(err)
	}
	return profile.NavigationProperty("interests").EntityType
}

// TestWhatAClientMayWrite tests which properties a create and an update accept.
func TestWhatAClientMayWrite(t *testing.T) {
	t.Parallel()
	required, computed, immutable := []string{}, []string{}, []string{}
	for _, p := range interestType(t).Properties {
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
	slices.Sort(computed)
	if !slices.Equal(required, []string{"displayName"}) || !slices.Equal(immutable, []string{"source"}) ||
		!slices.Equal(computed, []string{"createdDateTime", "id", "lastModifiedBy", "lastModifiedDateTime", "sources"}) {
		t.Errorf("required %v, computed %v, immutable %v", required, computed, immutable)
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
