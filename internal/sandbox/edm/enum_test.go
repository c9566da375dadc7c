package edm

import "testing"

// TestEnumerations tests that values are compared by their members, and unknown ones by their text.
func TestEnumerations(t *testing.T) {
	t.Parallel()
	audiences := interestType(t).Property("allowedAudiences").Type.Enum
	ordered := []string{"me", "family", "family, contacts", "organization", "everyone", "unknownFutureValue", "colleagues", "neighbors"}
	for i, a := range ordered {
		for j, b := range ordered {
			if got := Compare(audiences.Value(a), audiences.Value(b)); (got < 0) != (i < j) || (got == 0) != (i == j) {
				t.Errorf("%s to %s: %d", a, b, got)
			}
		}
	}
	for _, same := range [][2]string{{"8", "organization"}, {"contacts,family", "family, contacts"}, {"3", "family,contacts"}} {
		if Compare(audiences.Value(same[0]), audiences.Value(same[1])) != 0 {
			t.Errorf("%s and %s are one value", same[0], same[1])
		}
	}
	for text, want := range map[string]bool{"me": true, "family,contacts": true, "": false, "family,": false, "8": false, "Family": false, "family,unknownFutureValue": false} {
		if audiences.writable(text) != want {
			t.Errorf("writing %q", text)
		}
	}
}
