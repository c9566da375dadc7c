package graphqlhttp

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/vektah/gqlparser/v2/ast"
)

// TestPlainStrings checks how strings in a document are rewritten.
func TestPlainStrings(t *testing.T) {
	t.Parallel()
	for document, want := range map[string]string{
		`{ a }`: `{ a }`, `{ a(b: "\u00e9\n\"") }`: `{ a(b: "\u00e9\n\"") }`,
		`{ a(b: "\ud83d\ude00") }`: `{ a(b: "😀") }`, `{ a(b: "x\uD83D\uDE00y\u{1F600}\u{e9}z") c(d: "\ud83d\ude00") }`: `{ a(b: "x😀y😀éz") c(d: "😀") }`,
		`{ a(b: "\\ud83d") }`: `{ a(b: "\\ud83d") }`, `{ a(b: "\u{22}\u{5C}\u{a}\u{7f}") }`: `{ a(b: "\u0022\u005c\u000a\u007f") }`,
		`{ a(b: """\ud83d \""" "\ude00 """, c: "\ud83d\ude00") }`: `{ a(b: """\ud83d \""" "\ude00 """, c: "😀") }`,
		"{ a # \"\\ud83d\n b(c: \"\\ud83d\\ude00\") }":            "{ a # \"\\ud83d\n b(c: \"😀\") }",
		`{ a(b: "\ud83d`: "", `{ a(b: "\ud83d") }`: "", `{ a(b: "\ude00") }`: "", `{ a(b: "\ude00\ud83d") }`: "", `{ a(b: "\ud83d\ud83d\ude00") }`: "",
		`{ a(b: "\u{d83d}") }`: "", `{ a(b: "\u{D83D}\u{DE00}") }`: "", `{ a(b: "\u{110000}") }`: "", `{ a(b: "\u{ffffffff}") }`: "",
		`{ a(b: "\u12") }`: `{ a(b: "\u12") }`, `{ a(b: "\u{}") }`: `{ a(b: "\u{}") }`, `{ a(b: "\u`: `{ a(b: "\u`, `{ a(b: "\`: `{ a(b: "\`, `"\u{1F600`: `"\u{1F600`,
		"{ a(b: \"\"\"x\n    y\n\n      z\n  \"\"\") }": "{ a(b: \"\"\"x\ny\n\n  z\n\"\"\") }", "{ a(b: \"\"\"\n    y\n  z\"\"\") }": "{ a(b: \"\"\"\n    y\n  z\"\"\") }",
		"{ a(b: \"\"\"x\r\n  \\\"\"\"y\"\"\", c: \"\"\"x\n\ty\"\"\") }": "{ a(b: \"\"\"x\n\\\"\"\"y\"\"\", c: \"\"\"x\ny\"\"\") }", "\"\"\"x\n  y": "\"\"\"x\n  y", "\"\"\"x\n  y\"\"": "\"\"\"x\n  y\"\"",
		`{ a(b: """x"""") }`: `{ a(b: """x""" ") }`, `{ a(b: ["""""""y"]) }`: `{ a(b: ["""""" "y"]) }`,
		`""\ud83d`: `""\ud83d`, `"" "\ud83d\ude00"`: `"" "😀"`, `"""\u`: `"""\u`,
	} {
		got, err := plainStrings(document)
		if (err == nil) != (want != "") || got != want {
			t.Errorf("%s: %s, %v; want %s", document, got, err, want)
		}
	}
	_, err := plainStrings("{ a\n  b(c: \"x\\ud83d\") }")
	if located := unparsable(err).Locations[0]; located.Line != 2 || located.Column != 10 {
		t.Errorf("at %+v", located)
	}
}

// FuzzPlainStrings checks that the result is UTF-8 without halves of surrogate pairs, or an error.
func FuzzPlainStrings(f *testing.F) {
	for _, seed := range []string{`{ a(b: "\ud83d\ude00") }`, `"\u{1F600}"`, `"""\""" \ud83d """ "\ud83d"`, "# \\u\n\"\\u00e9\""} {
		f.Add(seed)
	}
	documents := newDocuments(testSchema, testOptions(f).Inputs)
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			return
		}
		out, err := plainStrings(text)
		if err == nil && !utf8.ValidString(out) {
			t.Errorf("%q: %q", text, out)
		}
		const document = `{ node(id: "%s") { id } }`
		parsed, list := documents.parse(strings.Replace(document, "%s", text, 1))
		if list != nil || strings.ContainsRune(text, utf8.RuneError) || strings.Contains(strings.ToLower(text), "fffd") {
			return
		}
		field, ok := parsed.Operations[0].SelectionSet[0].(*ast.Field)
		if ok && len(field.Arguments) > 0 && strings.ContainsRune(field.Arguments[0].Value.Raw, utf8.RuneError) {
			t.Errorf("%q is another text in the parsed document", text)
		}
	})
}
