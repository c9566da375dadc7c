package edm

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzSplit compares SplitObject and SplitArray with the standard library, for documents that Encode writes.
func FuzzSplit(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"a": 1}`, `{"displayName": "a\"},{[\\", "categories": ["]", "}"], "description": null, "x": {"y": {"z": []}}}`,
		`{"createdBy": {"user": {"email": "\\\"", "more": [{"a": "}"}]}}}`, `null`, `[]`, `{"a`,
	} {
		f.Add(seed)
	}
	interest := interestType(f)
	f.Fuzz(func(t *testing.T, text string) {
		doc, err := ParseObject([]byte(text))
		if err != nil {
			return
		}
		for name := range doc {
			if interest.Property(name) == nil { // no other names are stored at the top level
				delete(doc, name)
			}
		}
		encoded := interest.Encode(doc)
		var want map[string]json.RawMessage
		if err := json.Unmarshal(encoded, &want); err != nil {
			t.Fatalf("%s is not JSON: %v", encoded, err)
		}
		got, ok := SplitObject(encoded)
		if !ok {
			t.Fatalf("%s is not understood", encoded)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", encoded, diff)
		}
		again, err := ParseObject(encoded)
		if err != nil || !bytes.Equal(interest.Encode(again), encoded) {
			t.Errorf("%s does not stay as it is: %v", encoded, err)
		}
	})
}

// TestBrokenDocuments tests that invalid documents are recognized, without a panic.
func TestBrokenDocuments(t *testing.T) {
	t.Parallel()
	whole := `{"a":"\"","b":[{"c":1}],"d":null}`
	if members, ok := SplitObject([]byte(whole)); !ok || len(members) != 3 {
		t.Errorf("%s: %v", whole, members)
	}
	for end := range len(whole) {
		if members, ok := SplitObject([]byte(whole[:end])); ok {
			t.Errorf("%s is taken for %v", whole[:end], members)
		}
	}
	for _, text := range []string{`null`, `[]`, `{"a":1}x`, `{"a":1},`, `{,}`, `{"a":}`, `{"a"}`, `{"a":1,}`} {
		if members, ok := SplitObject([]byte(text)); ok {
			t.Errorf("%s is taken for %v", text, members)
		}
	}
}
