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

// FuzzAppendInput holds that a body contains exactly the caller's input, or that there is an error: the fuzzer's bytes
// determine the patch of an operation, in its variables, in the document, or partly in each, and the expected body.
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
		document, variables, want := a.operation()
		body, err := appendPatch(parsed, s, document, variables)
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
func appendPatch(parsed *ast.Schema, s *Schema, document, variables string) ([]byte, error) {
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
	return s.AppendInput([]byte("before"), "PersonInterestInput", patch)[len("before"):], nil
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

// operation generates an operation and its variables. The patch is a literal, with variables in it, or a variable.
func (a *author) operation() (document, variables string, want any) {
	a.faulty = a.draw(4) == 1
	t := ast.NonNullNamedType("PersonInterestInput", nil)
	patch, want, _ := a.position(t, true)
	document = fmt.Sprintf(`mutation%s { updatePersonInterest(input: {id: "x", patch: %s}) { personInterest { id } } }`,
		parenthesized(a.definitions), patch)
	return document, "{" + strings.Join(a.variables, ",") + "}", want
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
	}
	switch def.Name {
	case "String":
		return a.text(as)
	case "Boolean":
		yes := a.draw(2) > 0
		return strconv.FormatBool(yes), yes
	case "Float":
		return a.number(as)
	case "DateTime":
		return a.moment()
	}
	panic("nobody knows how to write " + t.String())
}

// misfit generates a value of the wrong type.
func (a *author) misfit(t *ast.Type, as form) string {
	def := a.schema.Types[t.Name()]
	switch {
	case def.Kind == ast.InputObject && as == ofJSON:
		return pick(a, `{"unknown":null}`, `[]`, `"text"`, `7`)
	case def.Kind == ast.InputObject:
		return pick(a, `{unknown: null}`, `[]`, `"text"`, `ENUM`)
	case def.Name == "Float":
		return pick(a, `"1"`, `true`, `{}`, `[]`, `1e999`, `-1e400`)
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
