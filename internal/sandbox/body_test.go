package sandbox

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func gzipped(t testing.TB, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// padded returns the body of an update of the given size in bytes.
func padded(size int) string {
	const update = `{"description": "padded"}`
	return update + strings.Repeat(" ", size-len(update))
}

// TestContentEncodings tests which content codings of a request body are accepted, up to which size, and how others
// are refused.
func TestContentEncodings(t *testing.T) {
	t.Parallel()
	c := serve(t, Options{})
	const update = `{"description": "packed"}`
	packed := gzipped(t, update)
	for _, test := range []struct {
		name, encoding, body string
		status               int
	}{
		{"gzip", "gzip", packed, 200},
		{"in capitals", "GZIP", packed, 200},
		{"by its old name", "x-gzip", packed, 200}, // RFC 9110, section 8.4.1.3
		{"in two members", "gzip", gzipped(t, `{"description": `) + gzipped(t, `"packed"}`), 200},
		{"identity", "identity", update, 200},
		{"the largest", "gzip", gzipped(t, padded(maxBody)), 200},
		{"the largest, not compressed", "identity", padded(maxBody), 200},
		{"too large", "gzip", gzipped(t, padded(maxBody+1)), 413},
		{"too large, not compressed", "identity", padded(maxBody + 1), 413},
		{"a bomb", "gzip", gzipped(t, padded(32<<20)), 413},
		{"too large as it is sent", "gzip", strings.Repeat(gzipped(t, ""), maxBody/20) + packed, 413},
		{"not compressed", "gzip", update, 400},
		{"nothing", "gzip", "", 400},
		{"cut off", "gzip", packed[:len(packed)-1], 400},
		{"with a wrong checksum", "gzip", packed[:len(packed)-8] + "xxxx" + packed[len(packed)-4:], 400},
		{"with something behind it", "gzip", packed + "x", 400},
		{"compressed twice", "gzip, gzip", gzipped(t, packed), 415},
		{"deflate", "deflate", update, 415},
		{"br", "br", update, 415},
		{"zstd", "Zstd", update, 415},
		{"no encoding", "utf-8", update, 415},
	} {
		a := c.do("PATCH", list+"/"+SampleInterest, test.body, "Content-Type", "application/json", "Content-Encoding", test.encoding)
		accepted := map[bool]string{true: "gzip"}[test.status == 415] // RFC 9110, section 15.5.16
		if a.status != test.status || a.status >= 400 && a.code() != "BadRequest" || a.header.Get("Accept-Encoding") != accepted {
			t.Errorf("%s: %d %v %s", test.name, a.status, a.header, a.text)
		}
	}
	if a := c.do("POST", list, gzipped(t, `{"displayName": "packed"}`), "Content-Encoding", "gzip"); a.status != 201 || a.body["displayName"] != "packed" {
		t.Errorf("create: %d %s", a.status, a.text)
	}
}

// TestEncodedBatches tests that a batch may be compressed, but not the requests in it, whose bodies are part of the
// JSON.
func TestEncodedBatches(t *testing.T) {
	t.Parallel()
	c := serve(t, Options{})
	parts := make([]string, 0, 4)
	for n, encoding := range []string{"", "identity", "gzip", "br"} {
		parts = append(parts, fmt.Sprintf(`{"id": "%d", "method": "PATCH", "url": "%s/%s/", "headers": {"Content-Type": "application/json", "Content-Encoding": %q}, "body": {"description": "%[1]d"}}`,
			n, list, SampleInterest, encoding))
	}
	batch := `{"requests": [` + strings.Join(parts, ",") + `]}`
	a := c.do("POST", "/$batch/", gzipped(t, batch), "Content-Encoding", "gzip")
	var answers struct {
		Responses []struct {
			Status  int
			Headers struct {
				Accepted string `json:"Accept-Encoding"`
			}
		}
	}
	if err := json.Unmarshal([]byte(a.text), &answers); err != nil || fmt.Sprint(answers.Responses) != "[{200 {}} {200 {}} {415 {identity}} {415 {identity}}]" {
		t.Errorf("%d %s", a.status, a.text)
	}
	if a := c.do("POST", "/$batch", batch, "Content-Encoding", "br"); a.status != 415 {
		t.Errorf("br: %d %s", a.status, a.text)
	}
	if a := c.do("POST", "/$batch", gzipped(t, padded(maxBody+1)), "Content-Encoding", "gzip"); a.status != 413 {
		t.Errorf("too large: %d %s", a.status, a.text)
	}
}

// TestRepeatedMembers tests that a member may be repeated with the same value, as the backing store of the .NET SDK
// does with null, and that a member with two different values is refused.
func TestRepeatedMembers(t *testing.T) {
	t.Parallel()
	c := serve(t, Options{})
	item := list + "/" + SampleInterest
	for _, test := range []struct{ body, property, want string }{
		{`{"description": null, "description": null}`, "description", `null`},
		{`{"description": "x", "webUrl": null, "description": "\u0078", "webUrl": null, "description": "x"}`, "description", `"x"`},
		{`{"categories": ["a", "b"], "categories": ["a","b"]}`, "categories", `["a", "b"]`},
		{`{"inference": {"confidenceScore": 0.5, "userHasVerifiedAccuracy": null, "confidenceScore": 0.5}}`, "inference", `{"confidenceScore": 0.5, "userHasVerifiedAccuracy": null}`},
		{`{"inference": {"confidenceScore": 1, "userHasVerifiedAccuracy": true}, "inference": {"userHasVerifiedAccuracy": true, "confidenceScore": 1}}`, "inference", `{"confidenceScore": 1, "userHasVerifiedAccuracy": true}`},
		{`{"@odata.type": "#microsoft.graph.personInterest", "@odata.type": "#microsoft.graph.personInterest", "description": "typed"}`, "description", `"typed"`},
		{`{"createdBy": {"user": {"n": 1, "n": 1}}}`, "createdBy", `{"application": null, "device": null, "user": {"displayName": "Ada Lindqvist", "id": "8d4c1f3a-27b6-4e09-9f51-6a0e2c7d9b14", "n": 1}}`},
	} {
		a := c.do("PATCH", item, test.body)
		if a.status != 200 || !sameJSON(t, test.want, toJSON(t, a.body[test.property])) {
			t.Errorf("%s: %d %s", test.body, a.status, a.text)
		}
	}
	before := c.do("GET", item, "").text
	for _, test := range []struct{ body, member string }{
		{`{"description": null, "description": "x"}`, "description"},
		{`{"description": "x", "description": null}`, "description"},
		{`{"description": "x", "description": "x", "description": "y"}`, "description"},
		{`{"description": 1, "description": "1"}`, "description"},
		{`{"description": "x", "webUrl": "y", "descript\u0069on": "z"}`, "description"},
		{`{"categories": ["a", "b"], "categories": ["b", "a"]}`, "categories"},
		{`{"inference": {"confidenceScore": 0, "confidenceScore": 1}}`, "confidenceScore"},
		{`{"inference": {"confidenceScore": 0}, "inference": {}}`, "inference"},
		{`{"createdBy": {"user": {"n": 12345678901234567890, "n": 12345678901234567891}}}`, "n"},
		{`{"@odata.type": "#microsoft.graph.personInterest", "@odata.type": "x"}`, "@odata.type"},
		{`{"` + strings.Repeat("n", 5000) + `": 1, "` + strings.Repeat("n", 5000) + `": 2}`, strings.Repeat("n", 100) + "…"},
	} {
		for _, request := range [][3]string{{"PATCH", item, test.body}, {"POST", list, test.body}} {
			a := c.do(request[0], request[1], request[2])
			if want := "The member '" + test.member + "' occurs more than once, with different values."; a.status != 400 || a.code() != "BadRequest" || a.body["error"].(map[string]any)["message"] != want {
				t.Errorf("%s %.200s: %d %s", request[0], test.body, a.status, a.text)
			}
		}
	}
	if after := c.do("GET", item, "").text; after != before {
		t.Errorf("something was written: %s", after)
	}
}

// TestRepeatedMembersOfBatches tests the same for a batch and for the bodies in it.
func TestRepeatedMembersOfBatches(t *testing.T) {
	t.Parallel()
	c := serve(t, Options{})
	const part = `"id": "1", "method": "PATCH", "url": "` + list + "/" + SampleInterest + `", "headers": {"Content-Type": "application/json"}`
	for _, test := range []struct{ batch, want string }{
		{`{"requests": [{` + part + `, "id": "1", "body": {"description": null, "description": null}}]}`, `"status":200`},
		{`{"requests": [{` + part + `, "body": {"description": "x", "description": "y"}}]}`, `The member 'description' occurs more than once`},
		{`{"requests": [{` + part + `, "body": {"description": "x"}, "body": {"webUrl": "y"}}]}`, `The member 'body' occurs more than once`},
		{`{"requests": [{` + part + `, "url": "/me/profile"}]}`, `The member 'url' occurs more than once`},
		{`{"requests": [{` + part + `, "body": {}}], "requests": []}`, `The member 'requests' occurs more than once`},
	} {
		if a := c.do("POST", "/$batch", test.batch); !strings.Contains(a.text, test.want) {
			t.Errorf("%s: %d %s", test.batch, a.status, a.text)
		}
	}
}
