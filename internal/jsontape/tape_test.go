package jsontape

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// decode returns the same value as encoding/json with UseNumber.
func decode(v Value) any {
	switch v.Kind() {
	case False, True:
		return v.Kind() == True
	case Number:
		return json.Number(v.Raw())
	case String:
		text, _ := v.Text()
		return text
	case Array:
		list := []any{}
		for c, ok := v.First(); ok; ok = c.Next() {
			list = append(list, decode(c.Value))
		}
		return list
	case Object:
		object := map[string]any{}
		for c, ok := v.First(); ok; ok = c.Next() {
			object[string(c.Name())] = decode(c.Value)
		}
		return object
	}
	return nil
}

// compare compares Parse with encoding/json: whether a text is JSON, and its values.
func compare(t *testing.T, text []byte) {
	t.Helper()
	tape, err := Parse(text)
	if valid := json.Valid(text); valid != (err == nil) {
		t.Fatalf("%q: valid is %t, and the error is %v", text, valid, err)
	}
	if err != nil {
		if at := err.(*SyntaxError).Offset; at < 0 || at > len(text) { //nolint:errorlint // exactly this type is the contract
			t.Errorf("%q: at %d", text, at)
		}
		return
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var want any
	if err := d.Decode(&want); err != nil {
		t.Fatal(err)
	}
	if got := decode(tape.Root()); !reflect.DeepEqual(got, want) {
		t.Errorf("%q is %v, want %v", text, got, want)
	}
	for i := range tape.nodes {
		checkNode(t, Value{tape, uint32(i)})
	}
}

// checkNode holds that the text of each value stands for itself, and that each string is written as what it says.
func checkNode(t *testing.T, v Value) {
	t.Helper()
	if !json.Valid(v.Raw()) {
		t.Fatalf("%q is no value", v.Raw())
	}
	text, ok := v.Text()
	if !ok {
		return
	}
	if bytes, ok := v.TextBytes(); !ok || string(bytes) != text {
		t.Errorf("%q is %q in bytes", v.Raw(), bytes)
	}
	for _, written := range [][]byte{v.AppendText(nil), AppendString(nil, text)} {
		var got string
		if err := json.Unmarshal(written, &got); err != nil || got != text {
			t.Errorf("%q is written %q, %v", v.Raw(), written, err)
		}
		if strings.ToValidUTF8(string(written), "") != string(written) || bytes.Contains(bytes.ToLower(written), []byte(`\ud`)) && !bytes.Contains(bytes.ToLower(v.Raw()), []byte(`\ud`)) {
			t.Errorf("%q is written %q", v.Raw(), written)
		}
	}
}

var texts = []string{
	`{}`, `[]`, `null`, `true`, `false`, `0`, `-0`, `1.5e+10`, `1E-2`, `""`, `"a"`, ` [1, 2 ,{"a":"b"} ] `, "\t\r\n1\n",
	`{"a":{"b":[1,[2,{}],"x"]},"c":null,"a":2}`, `"\u00e9\"\\\/\b\f\n\r\t"`, `"\ud83d\ude00"`, `"\ud83d"`, `"\uDE00\uD83D"`, "\"\xff\"", "\"\xc3\xa9\"", "{\"\\u0061\":1,\"\xff\":2}",
	``, ` `, `{`, `[`, `"`, `"\`, `"\u12`, `"\x"`, `nul`, `nulll`, `truefalse`, `01`, `-`, `1.`, `.5`, `1e`, `1e+`, `+1`, `1 2`, `[1,]`, `[,1]`, `[1 2]`, `{,}`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{a:1}`, `{"a" 1}`, `{"a":1 "b":2}`,
	`]`, `}`, `[}`, `{]`, `[[]`, "\"a\x00b\"", "\"a\nb\"", "\ufeff1", `'a'`, `NaN`, `Infinity`, `{"a":1}}`, `[1]]`, "\x00", `"a" "b"`, `1,`, `--1`, `1.5.5`, `1e5e5`, `00`, `-01`,
}

func TestParse(t *testing.T) {
	t.Parallel()
	for _, text := range texts {
		compare(t, []byte(text))
	}
	for _, depth := range []int{100, maxDepth, maxDepth + 1} {
		for _, pair := range []string{"[]", `{"a":}`} {
			compare(t, []byte(strings.Repeat(pair[:len(pair)-1], depth)+"1"+strings.Repeat(pair[len(pair)-1:], depth)))
		}
	}
}

// TestMember holds that the last of duplicate names wins, and that other kinds have no members.
func TestMember(t *testing.T) {
	t.Parallel()
	tape, err := Parse([]byte(`{"a":1,"b":{"a":2},"\u0061":3,"c":[4]}`))
	if err != nil {
		t.Fatal(err)
	}
	root := tape.Root()
	for name, want := range map[string]string{"a": "3", "b": `{"a":2}`, "c": "[4]"} {
		if got := string(root.Member(name).Raw()); got != want {
			t.Errorf("%s is %s", name, got)
		}
	}
	if root.Member("x").Kind() != Absent || root.Member("c").Member("a").Kind() != Absent || (Value{}).Member("a").Kind() != Absent {
		t.Error("there is a member where there is none")
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text          string
		depth, values int
		want          error
	}{
		{`[[1]]`, 2, 3, nil}, {`[[1]]`, 1, 3, ErrTooDeep}, {`[[1]]`, 2, 2, ErrTooManyValues}, {`{"a":1}`, 1, 3, nil}, {`{"a":1}`, 1, 2, ErrTooManyValues},
		{`1`, 0, 1, nil}, {`[]`, 0, 1, ErrTooDeep}, {strings.Repeat("[", 1<<20), 32, 100, ErrTooDeep}, {"[" + strings.Repeat("1,", 1<<20), 32, 100, ErrTooManyValues},
	} {
		if _, err := ParseWithin([]byte(test.text), Limits{test.depth, test.values}); err != test.want { //nolint:errorlint // exactly these
			t.Errorf("%.20s: %v, want %v", test.text, err, test.want)
		}
	}
}

// TestHasDuplicateNames holds that names are compared decoded, in every object, regardless of their number.
func TestHasDuplicateNames(t *testing.T) {
	t.Parallel()
	many := `{"a":0`
	for i := range 2 * maxLinearNames {
		many += fmt.Sprintf(`,"n%d":{"a":0}`, i)
	}
	for text, want := range map[string]bool{
		`{}`: false, `{"a":1,"A":1}`: false, `[{"a":1},{"a":1}]`: false, `{"a":{"a":1}}`: false, many + `}`: false,
		`{"a":1,"a":1}`: true, `{"x":[{"a":1,"\u0061":2}]}`: true, many + `,"a":0}`: true, many + `,"n30":0}`: true,
	} {
		tape, err := Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if tape.HasDuplicateNames() != want {
			t.Errorf("%s: %t", text, !want)
		}
	}
}

func TestIsUnicode(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		`"a"`: true, `"\u00e9"`: true, `"é"`: true, `"\ud83d\ude00"`: true, `"x\uD83D\uDE00\ud83d\ude00y"`: true, `"\\ud83d"`: true, `"\ud7ff\ue000"`: true, `"\\\ud83d\ude00"`: true,
		`"\ud83d"`: false, `"\ude00"`: false, `"\ud83dx"`: false, `"\ud83d\ud83d\ude00"`: false, `"\ude00\ud83d"`: false, `"\ud83d\ude00\ude00"`: false, `"\ud83d\\ude00"`: false, `"\ud83d\n"`: false,
		"\"\xff\"": false, "\"\xed\xa0\xbd\"": false, `5`: false, `null`: false,
	} {
		tape, err := Parse([]byte(text))
		if err != nil {
			t.Fatal(text, err)
		}
		if tape.Root().IsUnicode() != want {
			t.Errorf("%s: %t", text, !want)
		}
	}
}

// FuzzParse holds that Parse agrees with encoding/json.
func FuzzParse(f *testing.F) {
	for _, text := range texts {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) { compare(t, text) })
}

// FuzzAppendString holds that encoding/json decodes the result to the same text.
func FuzzAppendString(f *testing.F) {
	for _, text := range []string{"", "a", "\"\\\b\f\n\r\t\x00\x1f\x7f", "é😀", "\xff", "a\xe2\x80", "\u2028<&>"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var got string
		if err := json.Unmarshal(AppendString(nil, text), &got); err != nil || got != string([]rune(text)) {
			t.Errorf("%q is written %q: %v", text, AppendString(nil, text), err)
		}
	})
}

// page returns a list as a source sends it: 100 items of some 660 bytes.
func page() []byte {
	var b bytes.Buffer
	b.WriteString(`{"@odata.context":"https://graph.example/beta/$metadata#users('x')/profile/interests","value":[`)
	for i := range 100 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id":"0fb4c1e3-c1e3-0fb4-e3c1-b40fe3c1b4%02d","allowedAudiences":"organization","inference":{"confidenceScore":0.5,"userHasVerifiedAccuracy":true},"createdDateTime":"2020-07-06T06:34:12.2294868Z","createdBy":{"application":null,"device":null,"user":{"displayName":"Innocenty Popov","id":"db789417-4ccb-41d1-a0a9-47b01a09ea49"}},"lastModifiedDateTime":"2020-07-06T06:34:12.2294868Z","lastModifiedBy":{"application":null,"device":null,"user":{"displayName":"Innocenty Popov","id":"db789417-4ccb-41d1-a0a9-47b01a09ea49"}},"displayName":"Chess %d","description":"World's best board game","categories":["Sports"],"webUrl":"https://www.chess.com","collaborationTags":["ableToMentor"]}`, i, i)
	}
	b.WriteString(`]}`)
	return b.Bytes()
}

func BenchmarkParse(b *testing.B) {
	text := page()
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(text); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkValid(b *testing.B) {
	text := page()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if !json.Valid(text) {
			b.Fatal()
		}
	}
}

// TestRelease tests that a tape is not disturbed by the release of others, and that a released one cannot be read.
func TestRelease(t *testing.T) {
	t.Parallel()
	long := func(word string) []byte {
		return []byte("[" + strings.Repeat(`"`+word+`",`, 20_000) + `"` + word + `"]`)
	}
	for i := range 20 {
		kept, err := Parse(long(fmt.Sprint("kept", i)))
		if err != nil {
			t.Fatal(err)
		}
		released, err := Parse(long("released"))
		if err != nil {
			t.Fatal(err)
		}
		value := released.Root()
		released.Release()
		if _, err := Parse(long("other")); err != nil {
			t.Fatal(err)
		}
		for c, ok := kept.Root().First(); ok; ok = c.Next() {
			if text, _ := c.Text(); text != fmt.Sprint("kept", i) {
				t.Fatalf("%q", text)
			}
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Error("a released tape can be read")
				}
			}()
			value.Kind()
		}()
	}
}

// TestMembers compares two members at once with one after the other.
func TestMembers(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`{}`, `[1]`, `{"a":1}`, `{"b":1}`, `{"b":1,"a":2,"b":3,"c":4}`, `{"\u0061":1,"a\n":2}`} {
		tape, err := Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if a, b := tape.Root().Members("a", "b"); a != tape.Root().Member("a") || b != tape.Root().Member("b") {
			t.Errorf("%s: %v, %v", text, a, b)
		}
	}
}
