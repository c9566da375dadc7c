package profileapi

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"profileql/internal/jsontape"
)

// known is the vocabulary of the tests.
var known = vocabulary{
	properties: []string{"displayName", "inference", "detail", "allowedAudiences"},
	body:       []byte(`{"displayName": "x86", "inference": {"confidenceScore": 7}}`),
}

// TestRedact holds what is shown of messages about input, Microsoft Graph's most common ones first.
func TestRedact(t *testing.T) {
	t.Parallel()
	for message, want := range map[string]string{
		// of Microsoft Graph: nothing is cut out
		"The property 'displayName' is required to create a 'microsoft.graph.personInterest'.": "",
		"Resource not found for the segment 'me'.":                                             "",
		"Invalid version: me":            "",
		"Invalid object identifier 'x'.": "",
		"Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.":          "",
		"Cannot convert the literal 'high' to the expected type 'Edm.Double'.":                                                        "",
		"Cannot convert a value to target type 'Edm.Int32' because of conversion error.":                                              "",
		"When trying to read a null collection parameter value in JSON Light, a node of type 'PrimitiveValue' was read.":              "",
		"An unexpected 'StartObject' node was found when reading from the JSON reader. A 'PrimitiveValue' node was expected.":         "",
		"A value was encountered that has a type name that is incompatible with the metadata.":                                        "",
		"Parsing OData Select and Expand failed: Could not find a property named 'x' on type 'microsoft.graph.personInterest'.":       "",
		"Requested value 'everybody' was not found.":                                                                                  "",
		"The request is currently not supported on the targeted entity set":                                                           "",
		"The update contains properties that cannot be updated: 'createdBy'.":                                                         "",
		"Entity only allows writes with a JSON Content-Type header.":                                                                  "",
		"Another object with the same value for property displayName already exists.":                                                 "",
		"The property 'lastModifiedBy[Nullable=False]' of type 'microsoft.graph.identitySet' has a null value, which is not allowed.": "",
		"The value of 'inference.confidenceScore' must be between 0 and 1.0.":                                                         "",
		"The value of 'detail/allowedAudiences' is no 'Collection(Edm.String)[Nullable=True]'.":                                       "",
		"The annotation 'displayName@odata.type' is not for a value of 2026-11-23T10:00:00Z, 10:30 or 0.25.":                          "",
		"The value 'x86' is not UTF-8.": "",
		// what is cut out
		"Resource '9f4fe8ea-7e6e-486e-b8f4-ad7c0a4d1a3e' does not exist or one of its queried reference-property objects are not present.": "Resource '…' does not exist or one of its queried reference-property objects are not present.",
		"The property 'displayName' is too long for the column dbo.Interests at 10.1.2.3:1433.":                                            "The property 'displayName' is too long for the column … at ….",
		"The property 'displayName' is not valid. Exception of type 'Microsoft.Fast.Profile' was thrown.":                                  "The property 'displayName' is not valid.",
		"The value is too long.\r\n   at Microsoft.Fast.Profile.Core.Check(String name) in D:\\x\\Check.cs:line 7":                         "The value is too long.",
		"System.ArgumentException: The property 'displayName' must not be empty (Parameter 'value')":                                       "…: The property 'displayName' must not be empty (Parameter 'value')",
		"The value of the property is not accepted by the server 'mercury', ask again.":                                                    "The value of the property is not accepted by the server '…', ask again.",
		"The value of the property is not accepted by MWHPR12MB1234, ask again.":                                                           "The value of the property is not accepted by …, ask again.",
		"The value of the property is not one of 'Contoso.Internal.Level', which it has to be.":                                            "The value of the property is not one of '…', which it has to be.",
		"The value of the property is not known at microsoft.graph.com or anywhere.":                                                       "The value of the property is not known at … or anywhere.",
		"No HTTP resource was found that matches the request URI 'https://outlook.office365.com:444/profile/v1.0/users('CID:x')/profile'.": "No HTTP resource was found that matches the request URI '…'.",
		"The value of the property was asked for with bearer abc, which is no good.":                                                       "The value of the property was asked for with … …, which is no good.",
		"Exception of type 'Microsoft.Fast.Profile.Core.Exception.ProfileAccessDeniedException' was thrown.":                               "-",
		// lengths and spaces
		"The value is too long.":                "",
		"  Two \n\t\u0085 lines \r\n":           "Two lines",
		"At most 100.5 of v1.0, i.e. 3!":        "",
		"displayName: must not be empty":        "",
		"and/or, 50 %, a_b, a-b, “q”, 折り紙, €5":  "",
		strings.Repeat("x ", 149) + "xy":        "",
		strings.Repeat("é ", 150) + "xy":        strings.Repeat("é ", 149) + "é…",
		strings.Repeat("x ", 200) + "a.example": "-", // what is beyond the length counts too
	} {
		switch want {
		case "":
			want = message
		case "-":
			want = ""
		}
		if got := known.redact(message); got != want {
			t.Errorf("%q: %q, want %q", message, got, want)
		}
	}
}

// secrets are texts of which every sensitive word must be cut out.
var secrets = []string{
	// URLs and hosts
	"See https://example.com/x", "see HTTP://X", "ftp://x", "urn x://y", "outlook.office365.com", "OUTLOOK.OFFICE365.COM failed", "at a.example", "host localhost is down",
	"LocalHost", "backend:8443", "at (backend:443)", "163.com is down", "at host-1.internal", "db_1.corp", "a.b.c.example", "xn--bcher-kva.example", "bücher.example", "пример.рф",
	// Internet addresses
	"10.1.2.3", "from 10.1.2.3:80", "at 255.255.255.255.", "::1", "at fe80::1%eth0", "2001:db8::ff00:42:8329", "[2001:db8::1]:443",
	// e-mail addresses
	"ada@example.com", "not ada.l@example.com", "ada@corp", "mailto:ada@example",
	// paths
	"in /var/lib/x", `in D:\app\x`, `\\server\share`, "at /beta/me/profile", "../../etc/passwd", "/etc", `C:\x`, "/users('abc')",
	// tokens
	"Bearer abc", "bearer  x", "token eyJhbGciOiJub25lIn0", strings.Repeat("a1B2", 10), "sig " + strings.Repeat("x", 43) + "=",
	// type names
	"Exception of type 'Microsoft.Fast.Profile' was thrown.", "System.NullReferenceException", "at Foo.Bar(String x)", "java.lang.String",
	// invalid text
	"a\x00b", "a\x1bb[31m", "a\u0084b", "a\x7fb", "\xff",
}

// TestSecrets redacts sensitive words alone and within a sentence that may be shown.
func TestSecrets(t *testing.T) {
	t.Parallel()
	const before, after = "The value of the property is not accepted ", " because it is too long."
	for _, message := range secrets {
		if got := known.redact(message); got != "" {
			t.Errorf("%q is shown as %q", message, got)
		}
		byLength := func(a, b string) int { return len(trimPunctuation(a)) - len(trimPunctuation(b)) }
		secret := trimPunctuation(slices.MaxFunc(strings.Fields(message), byLength))
		if got := known.redact(before + message + after); strings.Contains(got, secret) {
			t.Errorf("%q: %q is shown in %q", message, secret, got)
		}
	}
}

// FuzzRedact holds that the result is text of a bounded length, and that redacting is idempotent.
func FuzzRedact(f *testing.F) {
	for _, message := range secrets {
		f.Add(message)
	}
	f.Fuzz(func(t *testing.T, message string) {
		got := known.redact(message)
		if !utf8.ValidString(got) || utf8.RuneCountInString(got) > maxMessageLength {
			t.Errorf("%q is shown as %q", message, got)
		}
		for word := range strings.FieldsSeq(got) {
			if core := trimPunctuation(word); known.isSensitive(core) && utf8.RuneCountInString(got) < maxMessageLength {
				t.Errorf("%q is shown as %q, with %q", message, got, core)
			}
		}
	})
}

// TestTarget holds which property an error is said to be about.
func TestTarget(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]string{
		`{"error": {"target": "displayName"}}`:                                                     "displayName",
		`{"error": {"target": "detail", "innerError": {"target": "inference/confidenceScore"}}}`:   "inference/confidenceScore",
		`{"error": {"details": [{"target": "displayName"}, {"target": "detail"}]}}`:                "displayName",
		`{"error": {"message": "The property 'displayName' is required."}}`:                        "displayName",
		`{"error": {"message": "A null value for the property named 'displayName[Nullable=F]'."}}`: "displayName",
		`{"error": {"message": "Could not find a property named \"confidenceScore\"."}}`:           "confidenceScore",
		`{"error": {"target": "db.internal", "message": "The property 'displayName' is bad."}}`:    "displayName",
		`{"error": {"target": "secretColumn"}}`:                                                    "",
		`{"error": {"target": ["displayName"], "details": {"a": 1}}}`:                              "",
		`{"error": {"target": ""}}`:                                                                "",
		`{"error": {"message": "The type 'displayName' is bad."}}`:                                 "",
		`{}`: "",
	} {
		tape, err := jsontape.Parse([]byte(answer))
		if err != nil {
			t.Fatal(err)
		}
		if got := known.target(errorsIn(tape.Root())); got != want {
			t.Errorf("%s: %q, want %q", answer, got, want)
		}
	}
}
