package model

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
)

func TestWireNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"ME": "me", "GROUP_MEMBERS": "groupMembers", "UNKNOWN_FUTURE_VALUE": "unknownFutureValue", "NATIVE_OR_BILINGUAL": "nativeOrBilingual"} {
		if got := wireName(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// TestOrdinals holds that each enum that a source can send has a number for each of its members, and each scalar and
// enum that can be given a check.
func TestOrdinals(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../schema.graphqls")
	if err != nil {
		t.Fatal(err)
	}
	schema, err := gqlparser.LoadSchema(&ast.Source{Name: "schema.graphqls", Input: string(text)})
	if err != nil {
		t.Fatal(err)
	}
	for name, numbers := range ordinals {
		if def := schema.Types[name]; def == nil || len(def.EnumValues) != len(numbers) {
			t.Errorf("%s has %d numbers, and is %v", name, len(numbers), def)
		}
	}
	for _, t2 := range schema.Types {
		if !strings.HasSuffix(t2.Name, "Input") || t2.Kind != ast.InputObject {
			continue
		}
		for _, field := range t2.Fields {
			named := schema.Types[field.Type.Name()]
			if named.Kind == ast.Enum && ordinals[named.Name] == nil {
				t.Errorf("%s, which goes to sources, has no numbers", named.Name)
			}
			if named.Kind != ast.InputObject && InputCheck(named.Name) == nil {
				t.Errorf("%s has no check", named.Name)
			}
		}
	}
}

// TestSingleEnum is an enum that is no flags, as most of the wire's are. SourceKind is none of the wire's, and serves.
func TestSingleEnum(t *testing.T) {
	t.Parallel()
	for wire, want := range map[string]string{`"profile"`: `"PROFILE"`, `"sandbox"`: `"SANDBOX"`, `"other"`: `null`, `7`: `null`, `{}`: `null`, `""`: `null`, `null`: `null`} {
		var kind SourceKind
		if err := json.Unmarshal([]byte(wire), &kind); err != nil {
			t.Errorf("%s: %v", wire, err)
		}
		var shown strings.Builder
		if kind.MarshalGQL(&shown); shown.String() != want {
			t.Errorf("%s shows %s, want %s", wire, &shown, want)
		}
	}
	if wire, err := json.Marshal(SourceKindProfile); err != nil || string(wire) != `"profile"` {
		t.Errorf("written as %s, %v", wire, err)
	}
}

func TestStrictScalars(t *testing.T) {
	t.Parallel()
	number := func(text string) any { return json.Number(text) }
	for _, test := range []struct {
		name  string
		value any
		good  bool
	}{
		{"String", "x", true}, {"String", number("5"), false}, {"String", true, false}, {"String", int64(5), false}, {"String", []any{"x"}, false}, {"String", nil, false},
		{"ID", "x", true}, {"ID", number("5"), true}, {"ID", int64(5), true}, {"ID", number("5.5"), false}, {"ID", true, false},
		{"Boolean", true, true}, {"Boolean", "true", false}, {"Boolean", number("1"), false},
		{"Int", number("5"), true}, {"Int", int64(5), true}, {"Int", number("5.0"), true}, {"Int", number("5.5"), false}, {"Int", "5", false},
		{"Int", number("2147483648"), false}, {"Int", number("-2147483648"), true}, {"Int", number("1e999"), false},
		{"Float", number("5"), true}, {"Float", 5.5, true}, {"Float", "5", false}, {"Float", "NaN", false}, {"Float", number("1e999"), false}, {"Float", map[string]any{}, false},
		{"DateTime", "2017-01-01T00:00:46.1697867+03:00", true}, {"DateTime", "2017-01-01T00:00:00Z", true}, {"DateTime", "2017-01-01", false},
		{"DateTime", "2017-01-01T00:00:46,1Z", false}, {"DateTime", "2017-01-01T1:00:00Z", false}, {"DateTime", "2017-02-30T00:00:00Z", false},
		{"DateTime", "2017-01-01 00:00:00Z", false}, {"DateTime", "2017-01-01T00:00:00", false}, {"DateTime", "2017-01-01T25:00:00Z", false}, {"DateTime", "", false}, {"DateTime", number("5"), false},
		{"AllowedAudience", "ME", true}, {"AllowedAudience", "me", false}, {"AllowedAudience", "UNKNOWN_FUTURE_VALUE", false}, {"AllowedAudience", number("8"), false},
		{"[AllowedAudience!]", []any{"FAMILY", "EVERYONE"}, true}, {"[AllowedAudience!]", "ME", true}, {"[AllowedAudience!]", []any{}, false},
		{"[AllowedAudience!]", []any{"FAMILY", "ME"}, false}, {"[AllowedAudience!]", []any{nil}, false},
	} {
		err := InputCheck(test.name)(test.value)
		if (err == nil) != test.good {
			t.Errorf("%s %v: %v", test.name, test.value, err)
		}
		if _, ours := err.(*InputError); err != nil && !ours { //nolint:errorlint // exactly this type is the contract
			t.Errorf("%s %v: the error is a %T", test.name, test.value, err)
		}
	}
}

// FuzzFromWire holds that whatever a source sends, decoding does not fail, and shows as JSON of the right kind.
func FuzzFromWire(f *testing.F) {
	for _, seed := range []string{`"8"`, `24`, `-1`, `"family,x"`, `"INF"`, `1e400`, `"2017-01-01T00:00:46.1697867+03:00"`, `{}`, `[[]]`, `null`, `""`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if !json.Valid(raw) {
			return
		}
		var odd struct {
			Enum  *SourceKind            `json:"enum"`
			Flags Flags[AllowedAudience] `json:"flags"`
			When  *DateTime              `json:"when"`
			Many  *Float                 `json:"many"`
		}
		text := `{"enum":` + string(raw) + `,"flags":` + string(raw) + `,"when":` + string(raw) + `,"many":` + string(raw) + `}`
		if err := json.Unmarshal([]byte(text), &odd); err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
		var shown strings.Builder
		shown.WriteString("[")
		odd.Flags.MarshalGQL(&shown)
		if odd.Many != nil {
			shown.WriteString(",")
			MarshalFloat(*odd.Many).MarshalGQL(&shown)
		}
		if odd.When != nil {
			shown.WriteString(",")
			odd.When.MarshalGQL(&shown)
			var sent string
			if _ = json.Unmarshal(raw, &sent); *odd.When != "" && string(*odd.When) != sent {
				t.Errorf("%s became the moment %s", raw, *odd.When)
			}
		}
		if shown.WriteString("]"); !json.Valid([]byte(shown.String())) {
			t.Errorf("%s shows %s", raw, &shown)
		}
	})
}
