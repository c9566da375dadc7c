package sandbox

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzSplit compares split with the standard library, on whatever encode writes.
func FuzzSplit(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"a": 1}`, `{"displayName": "a\"},{[\\", "categories": ["]", "}"], "description": null, "x": {"y": {"z": []}}}`,
		`{"createdBy": {"user": {"email": "\\\"", "more": [{"a": "}"}]}}}`, `null`, `[]`, `{"a`,
	} {
		f.Add(seed)
	}
	interest := interestType(f)
	f.Fuzz(func(t *testing.T, text string) {
		doc, err := parseObject([]byte(text))
		if err != nil {
			return
		}
		for name := range doc {
			if interest.property(name) == nil { // no other names are stored at the top
				delete(doc, name)
			}
		}
		encoded := interest.encode(doc)
		var want map[string]json.RawMessage
		if err := json.Unmarshal(encoded, &want); err != nil {
			t.Fatalf("%s is not JSON: %v", encoded, err)
		}
		got, ok := split(encoded)
		if !ok {
			t.Fatalf("%s is not understood", encoded)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", encoded, diff)
		}
		again, err := parseObject(encoded)
		if err != nil || !bytes.Equal(interest.encode(again), encoded) {
			t.Errorf("%s does not stay as it is: %v", encoded, err)
		}
	})
}

// TestBrokenDocuments are told from whole ones, and nothing panics.
func TestBrokenDocuments(t *testing.T) {
	t.Parallel()
	whole := `{"a":"\"","b":[{"c":1}],"d":null}`
	if members, ok := split([]byte(whole)); !ok || len(members) != 3 {
		t.Errorf("%s: %v", whole, members)
	}
	for end := range len(whole) {
		if members, ok := split([]byte(whole[:end])); ok {
			t.Errorf("%s is taken for %v", whole[:end], members)
		}
	}
	for _, text := range []string{`null`, `[]`, `{"a":1}x`, `{"a":1},`, `{,}`, `{"a":}`, `{"a"}`, `{"a":1,}`} {
		if members, ok := split([]byte(text)); ok {
			t.Errorf("%s is taken for %v", text, members)
		}
	}
}
