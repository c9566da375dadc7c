package projection

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"profileql/internal/jsontape"
)

// TestInputs holds which values of inputs are accepted, and how they are written: as literals, variables and defaults.
func TestInputs(t *testing.T) {
	t.Parallel()
	parsed, s := newSchema(t)
	for _, test := range []struct{ path, literal, variable, want string }{ // want is empty if the value is refused
		{"detail.startMonthYear", `"2016-02-29"`, `"2016-02-29"`, `"2016-02-29"`}, {"detail.startMonthYear", `"0001-01-01"`, `"0001-01-01"`, `"0001-01-01"`},
		{"detail.startMonthYear", `null`, `null`, `null`}, {"detail.startMonthYear", `"2017-02-29"`, `"2017-02-29"`, ``}, {"detail.startMonthYear", `""`, `""`, ``},
		{"detail.startMonthYear", `"2017-1-1"`, `"2017-1-1"`, ``}, {"detail.startMonthYear", `"2017-01-01T00:00:00Z"`, `"2017-01-01T00:00:00Z"`, ``},
		{"detail.startMonthYear", `20170101`, `20170101`, ``}, {"detail.startMonthYear", `["2017-01-01"]`, `["2017-01-01"]`, ``}, {"detail.startMonthYear", `{}`, `{}`, ``},
		{"detail.startMonthYear", `TODAY`, `true`, ``},
		{"detail.layer", `7`, `7`, `7`}, {"detail.layer", `0`, `0`, `0`}, {"detail.layer", `-2147483648`, `-2147483648`, `-2147483648`}, {"detail.layer", `2147483647`, `2147483647`, `2147483647`},
		{"detail.layer", `2147483648`, `2147483648`, ``}, {"detail.layer", `-2147483649`, `-2147483649`, ``}, {"detail.layer", `99999999999999999999`, `99999999999999999999`, ``},
		{"detail.layer", `1.5`, `1.5`, ``}, {"detail.layer", `"7"`, `"7"`, ``}, {"detail.layer", `true`, `true`, ``}, {"detail.layer", `[7]`, `[7]`, ``}, {"detail.layer", `null`, `null`, `null`},
		{"detail.layer", ``, `7.0`, `7`}, {"detail.layer", ``, `7e2`, `700`}, {"detail.layer", `7.0`, ``, ``}, {"detail.layer", ``, `1e10`, ``},
		{"client.address.type", `BUSINESS`, `"BUSINESS"`, `"business"`}, {"client.address.type", `"BUSINESS"`, `"business"`, ``}, {"client.address.type", `CASTLE`, `"CASTLE"`, ``},
		{"client.address.type", `2`, `2`, ``}, {"client.address.type", `[BUSINESS]`, `["BUSINESS"]`, ``}, {"client.address.type", `null`, `null`, `null`},
		{"client.address", `{}`, `{}`, `{}`}, {"client.address", `[]`, `[]`, ``}, {"client.address", `[{}]`, `[{}]`, ``}, {"client.address", `"Lund"`, `"Lund"`, ``}, {"client.address", `{town: "x"}`, `{"town": "x"}`, ``},
		{"colleagues", `[{displayName: "A"}, {}]`, `[{"displayName": "A"}, {}]`, `[{"displayName":"A"},{}]`}, {"colleagues", `{displayName: null}`, `{"displayName": null}`, `[{"displayName":null}]`},
		{"colleagues", `[]`, `[]`, `[]`}, {"colleagues", `null`, `null`, `null`}, {"colleagues", `[null]`, `[null]`, ``}, {"colleagues", `[[{}]]`, `[[{}]]`, ``}, {"colleagues", `["A"]`, `["A"]`, ``},
		{"colleagues", `[{relationship: FRIEND}]`, `[{"relationship": "FRIEND"}]`, `[{"relationship":"friend"}]`}, {"colleagues", `[{relationship: UNKNOWN_FUTURE_VALUE}]`, `[{"relationship": "UNKNOWN_FUTURE_VALUE"}]`, ``},
	} {
		names := strings.Split(test.path, ".")
		def := parsed.Types["ProjectParticipationInput"]
		var field *ast.FieldDefinition
		for _, name := range names {
			field = def.Fields.ForName(name)
			def = parsed.Types[field.Type.Name()]
		}
		wrap := func(value, mark string) string {
			for _, name := range slices.Backward(names) {
				value = "{" + mark + name + mark + ":" + value + "}"
			}
			return value
		}
		const document = `mutation%s { updateProjectParticipation(input: {id: "x", patch: %s}) { projectParticipation { id } } }`
		forms := make(map[string]string) // variables by document
		if test.literal != "" {
			forms[fmt.Sprintf(document, "", wrap(test.literal, ""))] = `{}`
			forms[fmt.Sprintf(document, "($v: "+field.Type.String()+" = "+test.literal+")", wrap("$v", ""))] = `{}`
		}
		if test.variable != "" {
			forms[fmt.Sprintf(document, "($v: "+field.Type.String()+")", wrap("$v", ""))] = `{"v":` + test.variable + `}`
			forms[fmt.Sprintf(document, "($p: ProjectParticipationInput!)", "$p")] = `{"p":` + wrap(test.variable, `"`) + `}`
		}
		for document, variables := range forms {
			body, err := appendPatch(parsed, s, "ProjectParticipation", document, variables)
			if want := wrap(test.want, `"`); test.want == "" && err == nil || test.want != "" && (err != nil || string(body) != want) {
				t.Errorf("%s %s: %s, %v, want %s", document, variables, body, err, test.want)
			}
		}
	}
}

// FuzzAppendInput holds that a body contains exactly the caller's input, or that there is an error: the fuzzer's bytes
// determine the patch of an operation for any facet, in its variables, in the document, or partly in each, and the
// expected body.
func FuzzAppendInput(f *testing.F) {
	parsed, s := newSchema(f)
	for seed := range uint64(200) {
		script, random := make([]byte, 20+5*seed), rand.New(rand.NewPCG(seed, 0))
		for i := range script {
			script[i] = byte(random.Uint32())
		}
		f.Add(script)
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		a := author{schema: parsed, script: script}
		item, document, variables, want := a.operation()
		body, err := appendPatch(parsed, s, item, document, variables)
		switch {
		case err != nil && !a.bad:
			t.Fatalf("%s\n%s\n%v", document, variables, err)
		case err != nil:
			return
		case a.bad:
			t.Fatalf("%s\n%s\nis written %s", document, variables, body)
		}
		got, err := decodeJSON(body)
		if tape, errTape := jsontape.Parse(body); err != nil || errTape != nil || tape.HasDuplicateNames() || !utf8.Valid(body) {
			t.Fatalf("%s\n%s\nis written %s: %v", document, variables, body, err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%s\n%s\nis written %s\nand not %v", document, variables, body, want)
		}
		// A name in a document gets quotes, and one value a list around it.
		if len(body) > 16+2*(len(document)+len(variables)) {
			t.Errorf("%d bytes become %d", len(document)+len(variables), len(body))
		}
	})
}

func decodeJSON(text []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	err = d.Decode(&v)
	return v, err
}

// appendPatch writes the patch of an operation, in the steps that package graph takes.
func appendPatch(parsed *ast.Schema, s *Schema, item, document, variables string) ([]byte, error) {
	tape, err := jsontape.Parse([]byte(variables))
	if err != nil {
		return nil, err
	}
	query, errs := gqlparser.LoadQueryWithRules(parsed, document, nil)
	if errs != nil {
		return nil, errs
	}
	values, err := s.CoerceVariables(query.Operations[0], tape.Root())
	if err != nil {
		return nil, err
	}
	argument := query.Operations[0].SelectionSet[0].(*ast.Field).Arguments[0].Value
	input, err := argument.Value(values)
	if err != nil {
		return nil, err
	}
	if _, err := s.CheckLiteral(argument.ExpectedType, input); err != nil {
		return nil, err
	}
	patch, isObject := input.(map[string]any)["patch"].(map[string]any)
	if !isObject {
		return nil, errors.New("no patch")
	}
	return s.AppendInput([]byte("before"), item+"Input", patch)[len("before"):], nil
}

// author generates operations from a script. It is independent of the encoder: the expected output of a value is generated
// with the value.
type author struct {
	schema      *ast.Schema
	script      []byte
	definitions []string // of variables
	variables   []string // members of a JSON object
	faulty      bool     // whether there may be faults in the operation
	bad         bool     // whether there are, so that it is to be refused
}

// draw returns the script's next number below n; 0 at its end.
func (a *author) draw(n int) int {
	if len(a.script) == 0 {
		return 0
	}
	next := a.script[0]
	a.script = a.script[1:]
	return int(next) % n
}

// pick returns one of several values with equal probability.
func pick[T any](a *author, of ...T) T { return of[a.draw(len(of))] }

// fault reports whether to insert an error here, in one of n places.
func (a *author) fault(n int) bool {
	made := a.faulty && a.draw(n) == 1
	a.bad = a.bad || made
	return made
}

// operation generates an operation and its variables, for an item of any facet. The patch is a literal, with variables in
// it, or a variable.
func (a *author) operation() (item, document, variables string, want any) {
	a.faulty = a.draw(4) == 1
	items := a.schema.PossibleTypes["ItemFacet"]
	item = items[a.draw(len(items))].Name
	t := ast.NonNullNamedType(item+"Input", nil)
	patch, want, _ := a.position(t, true)
	document = fmt.Sprintf(`mutation%s { update%s(input: {id: "x", patch: %s}) { %s { id } } }`,
		parenthesized(a.definitions), item, patch, strings.ToLower(item[:1])+item[1:])
	return item, document, "{" + strings.Join(a.variables, ",") + "}", want
}

func parenthesized(definitions []string) string {
	if len(definitions) == 0 {
		return "" // the grammar has no empty parentheses
	}
	return " (" + strings.Join(definitions, ", ") + ")"
}

// position generates a value or a variable at one place of a document. A variable may be omitted, or have a default.
func (a *author) position(t *ast.Type, required bool) (text string, want any, present bool) {
	if a.draw(3) > 0 {
		text, want = a.value(t, literal)
		return text, want, true
	}
	name := "v" + strconv.Itoa(len(a.definitions))
	definition := "$" + name + ": " + t.String()
	at := len(a.definitions)
	a.definitions = append(a.definitions, "")
	switch kind := a.draw(6); {
	case kind == 0 && !required:
	case kind == 1:
		text, want = a.value(t, literal|constant)
		definition += " = " + text
		present = true
	default:
		text, want = a.value(t, ofJSON)
		a.variables = append(a.variables, quote(name)+":"+text)
		present = true
	}
	a.definitions[at] = definition
	return "$" + name, want, present
}

// form is the syntax of values.
type form uint8

const (
	ofJSON   form = 0
	literal  form = 1
	constant form = 2 // a literal without variables
)

// value generates a value, and what the source should receive.
func (a *author) value(t *ast.Type, as form) (text string, want any) {
	def := a.schema.Types[t.Name()]
	switch {
	case !t.NonNull && a.draw(6) == 1, t.NonNull && a.fault(32):
		return "null", nil
	case a.fault(32):
		return a.misfit(t, as), nil
	case t.Elem != nil && def.Kind == ast.Enum:
		return a.flags(def, as)
	case t.Elem != nil:
		return a.list(t.Elem, as)
	case def.Kind == ast.InputObject:
		return a.object(def, as)
	case def.Kind == ast.Enum:
		return a.member(def, as)
	}
	switch def.Name {
	case "String":
		return a.text(as)
	case "Boolean":
		yes := a.draw(2) > 0
		return strconv.FormatBool(yes), yes
	case "Float":
		return a.number(as)
	case "Int":
		return a.integer(as)
	case "DateTime":
		return a.moment()
	case "Date":
		return a.day()
	}
	panic("nobody knows how to write " + t.String())
}

// misfit generates a value of the wrong type.
func (a *author) misfit(t *ast.Type, as form) string {
	def := a.schema.Types[t.Name()]
	switch {
	case t.Elem != nil && def.Kind == ast.InputObject:
		return pick(a, `[null]`, `[[{}]]`, `7`, `["text"]`, `"text"`, `[{},7]`)
	case def.Kind == ast.InputObject && as == ofJSON:
		return pick(a, `{"unknown":null}`, `[]`, `"text"`, `7`)
	case def.Kind == ast.InputObject:
		return pick(a, `{unknown: null}`, `[]`, `"text"`, `ENUM`)
	case def.Name == "Float":
		return pick(a, `"1"`, `true`, `{}`, `[]`, `1e999`, `-1e400`)
	case def.Name == "Int":
		return pick(a, `"1"`, `true`, `{}`, `[]`, `1.5`, `2147483648`, `-2147483649`, `1e999`, `99999999999999999999`)
	case def.Name == "Boolean":
		return pick(a, `"true"`, `1`, `{}`, `[]`)
	case t.Elem != nil:
		return pick(a, `[null]`, `[["a"]]`, `7`, `{}`, `[true]`, `[1.5]`)
	}
	return pick(a, `7`, `0.5`, `true`, `{}`, `[{}]`)
}

// object generates some fields of an input object, in any order.
func (a *author) object(def *ast.Definition, as form) (text string, want any) {
	members := make(map[string]any)
	var written []string
	fields := slices.Clone(def.Fields)
	for len(fields) > 0 && a.draw(12) > 0 {
		i := a.draw(len(fields))
		field := fields[i]
		fields = slices.Delete(fields, i, i+1)
		name, present := field.Name, true
		if as == ofJSON {
			name = a.quoted(name)
		}
		var value string
		var member any
		if as == literal {
			value, member, present = a.position(field.Type, false)
		} else {
			value, member = a.value(field.Type, as)
		}
		if present {
			members[field.Name] = member
		}
		written = append(written, name+":"+value)
	}
	return "{" + strings.Join(written, ",") + "}", members
}

// list generates a list, or a single value instead of a list of one.
func (a *author) list(of *ast.Type, as form) (text string, want any) {
	if a.draw(4) == 0 {
		one := *of
		one.NonNull = false
		if text, want = a.value(&one, as); text == "null" {
			return text, nil // of the list itself
		}
		return text, []any{want}
	}
	entries := []any{}
	var written []string
	for a.draw(4) > 0 {
		text, want := a.value(of, as)
		written, entries = append(written, text), append(entries, want)
	}
	return "[" + strings.Join(written, ",") + "]", entries
}

var audiences = map[string]string{
	"ME": "me", "FAMILY": "family", "CONTACTS": "contacts", "GROUP_MEMBERS": "groupMembers", "ORGANIZATION": "organization",
	"FEDERATED_ORGANIZATIONS": "federatedOrganizations", "EVERYONE": "everyone",
}

// flags generates a list of an enum's members, which the source receives as one string.
func (a *author) flags(def *ast.Definition, as form) (text string, want any) {
	var written, members []string
	for n := 1 + a.draw(4); n > 0; n-- {
		name := def.EnumValues[a.draw(len(audiences))].Name
		if a.fault(32) {
			name = pick(a, "UNKNOWN_FUTURE_VALUE", "me", "NOBODY", "null", "Family")
		}
		if name == "ME" && !a.faulty {
			n, written, members = 1, nil, nil // alone
		}
		wire := audiences[name]
		if !slices.Contains(members, wire) {
			members = append(members, wire)
		}
		if as == ofJSON && name != "null" {
			name = a.quoted(name)
		}
		written = append(written, name)
	}
	a.bad = a.bad || len(members) > 1 && slices.Contains(members, "me")
	switch {
	case a.fault(32):
		return "[]", nil
	case a.draw(3) == 1 && len(written) == 1 && written[0] != "null":
		return written[0], members[0]
	}
	return "[" + strings.Join(written, ",") + "]", strings.Join(members, ",")
}

// member generates a member of an enum.
func (a *author) member(def *ast.Definition, as form) (text string, want any) {
	name := def.EnumValues[a.draw(len(def.EnumValues))].Name
	if a.fault(32) {
		name = pick(a, "NOBODY", "me", "Home")
	}
	if name == "UNKNOWN_FUTURE_VALUE" {
		if name = def.EnumValues[0].Name; a.fault(4) {
			name = "UNKNOWN_FUTURE_VALUE"
		}
	}
	words := strings.Split(name, "_")
	wire := strings.ToLower(words[0])
	for _, word := range words[1:] {
		wire += word[:1] + strings.ToLower(word[1:])
	}
	if as == ofJSON {
		name = a.quoted(name)
	}
	return name, wire
}

// day generates a Date.
func (a *author) day() (text string, want any) {
	text = pick(a, "2017-01-01", "2020-02-29", "0000-01-01", "9999-12-31")
	if a.fault(32) {
		text = pick(a, "2021-02-29", "2021-13-01", "2021-1-1", "2021-01-01T00:00:00Z", "2021-01-01 ", "")
	}
	return quote(text), text
}

// integer generates an Int. In JSON, it may be written as a number with a fraction or an exponent.
func (a *author) integer(as form) (text string, want any) {
	n := pick(a, 0, 7, -7, 2147483647, -2147483648, a.draw(256))
	text = strconv.Itoa(n)
	if as == ofJSON {
		return text + pick(a, "", "", ".0", "e0", ".00E+0"), json.Number(text)
	}
	return text, json.Number(text)
}

// moment generates a DateTime.
func (a *author) moment() (text string, want any) {
	text = pick(a, "2017-01-01T00:00:46", "2020-02-29T23:59:59", "0000-01-01T00:00:00", "9999-12-31T12:30:00")
	if a.fault(32) {
		text = pick(a, "2021-02-29T00:00:00", "2021-01-01 00:00:00", "2021-01-01", "2021-01-01T24:00:00", "2021-1-1T00:00:00", "")
	}
	for separator := "."; a.draw(3) == 1; separator = "" {
		text += separator + strconv.Itoa(a.draw(10))
	}
	if a.fault(32) {
		text += pick(a, "", "z", "+3", "+0300", " Z", ".Z")
	} else {
		text += pick(a, "Z", "+03:00", "-14:30", "+00:00")
	}
	return quote(text), text
}

// number generates a Float. In variables it keeps its digits; in a document it is converted to a float64.
func (a *author) number(as form) (text string, want any) {
	text = pick(a, "", "-") + pick(a, "0", "7", "10", "123456789")
	for n := 0; n < 20 && a.draw(3) == 1 && text != "0" && text != "-0"; n++ {
		text += strconv.Itoa(a.draw(10))
	}
	if a.draw(2) == 1 {
		text += "."
		for more := true; more; more = a.draw(3) > 0 {
			text += strconv.Itoa(a.draw(10))
		}
	}
	if a.draw(4) == 1 {
		text += pick(a, "e", "E") + pick(a, "", "+", "-") + pick(a, "0", "7", "007", "21", "270")
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		panic(err)
	}
	if as == ofJSON {
		return text, json.Number(text)
	}
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return text, json.Number(strconv.FormatInt(i, 10))
	} else if errors.Is(err, strconv.ErrRange) {
		text += ".0" // package graph tells gqlparser that it is a Float
	}
	return text, json.Number(strconv.FormatFloat(f, 'g', -1, 64))
}

// text generates a String from the script's bytes.
func (a *author) text(as form) (written string, want any) {
	n := min(a.draw(24), len(a.script))
	text := string(a.script[:n])
	a.script = a.script[n:]
	if as != ofJSON || utf8.ValidString(text) || !a.fault(2) { // a document is in JSON itself, and Unicode therefore
		text = strings.ToValidUTF8(text, "é")
	}
	if as != ofJSON && !strings.ContainsAny(text, `"\`) && strings.TrimSpace(text) == text && !hasControl(text) && a.draw(3) == 1 {
		return `"""` + text + `"""`, text
	}
	var b strings.Builder
	b.WriteByte('"')
	for i, r := range text {
		switch {
		case r == utf8.RuneError && text[i] != "\ufffd"[0]: // no Unicode
			b.WriteByte(text[i])
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case r < ' ' || r < 0x10000 && a.draw(6) == 1:
			_, _ = fmt.Fprintf(&b, `\u%04x`, r)
		case r >= 0x10000 && as == ofJSON && a.draw(2) == 1:
			first, second := utf16.EncodeRune(r)
			_, _ = fmt.Fprintf(&b, `\u%04X\u%04x`, first, second)
		default:
			b.WriteRune(r)
		}
	}
	if as == ofJSON && a.fault(16) {
		b.WriteString(pick(a, `\ud83d`, `\uDE00`, `\ud83d\n`, `\ude00\ud83d`))
	}
	return b.String() + `"`, text
}

func hasControl(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// quoted returns a name as a JSON string, possibly with escapes.
func (a *author) quoted(name string) string {
	if i := a.draw(8 * len(name)); i < len(name) && i > 0 {
		return fmt.Sprintf(`"%s\u%04x%s"`, name[:i], name[i], name[i+1:])
	}
	return quote(name)
}

func quote(text string) string { return `"` + text + `"` }
