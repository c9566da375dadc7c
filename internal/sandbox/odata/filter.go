package odata

import (
	"slices"
	"strings"

	"profileql/internal/sandbox/edm"
)

// maxFilter is the maximum length of a $filter in bytes, maxDepth its maximum nesting depth.
const (
	maxFilter = 8 << 10
	maxDepth  = 50
)

// Expression is a $filter, or a part of one (OData URL Conventions 4.01, section 5.1.1). It follows OData's
// three-valued logic (section 5.1.1.1): an unknown result is null.
type Expression struct {
	kind     edm.Kind
	enum     *edm.EnumType // for [edm.KindEnum]; nil for a literal whose type is not known yet
	literal  bool
	typeName string // for a literal with the name of its enumeration
	path     string // for a property of the item
	eval     func(scope) edm.Value

	onlyCompares bool         // whether the result depends on comparisons alone, which are those of the next field
	comparisons  []comparison // of properties of the item with constants
}

// comparison is a comparison of a property of the item with a constant.
type comparison struct {
	property string
	constant edm.Value
}

// scope is the data that an expression is evaluated on: an item, and the current entries of the enclosing lambda
// operators, the outermost first.
type scope struct {
	item    *edm.Entity
	entries []entry
}

func literal(v edm.Value) Expression {
	return Expression{kind: v.Kind, literal: true, onlyCompares: true, eval: func(scope) edm.Value { return v }}
}

// Keeps reports whether a filter is true for an entity.
func (e Expression) Keeps(i *edm.Entity) bool { return e.eval(scope{item: i}).IsTrue() }

// Filter parses $filter for entities of type t (OData URL Conventions 4.01, section 5.1.2). Without $filter, the
// expression is true. The error is an [*edm.Error].
func (o Options) Filter(t *edm.StructuredType) (Expression, error) {
	text, ok := o["$filter"]
	if !ok {
		return literal(edm.Boolean(true)), nil
	}
	e, err := parseFilter(t, text)
	return e, edm.Because("Invalid filter clause", err)
}

// parseFilter parses a filter for items of type t. The error is an *edm.Error.
func parseFilter(t *edm.StructuredType, text string) (Expression, error) {
	if len(text) > maxFilter {
		return Expression{}, edm.Errorf("The $filter option is longer than %d bytes.", maxFilter)
	}
	p := &filterParser{item: t, text: text}
	if err := p.advance(); err != nil {
		return Expression{}, err
	}
	e, err := p.or()
	if err != nil {
		return Expression{}, err
	}
	if p.token.kind != tokenEnd {
		return Expression{}, p.syntaxError()
	}
	if e.kind != edm.KindBoolean {
		return Expression{}, edm.Errorf("The $filter expression must evaluate to a single boolean value.")
	}
	return e, nil
}

// filterParser is a recursive descent parser with one method for each level of precedence.
type filterParser struct {
	item      *edm.StructuredType
	variables []variable // of the enclosing lambda operators, the outermost first
	text      string
	token     token // the next one
	end       int   // the end of token
	depth     int
}

func (p *filterParser) advance() (err error) {
	p.token, p.end, err = nextToken(p.text, p.end)
	return err
}

func (p *filterParser) syntaxError() error {
	return edm.Errorf("Syntax error at position %d in '%s'.", p.token.position, p.text)
}

func (p *filterParser) atMark(mark string) bool {
	return p.token.kind == tokenMark && p.token.text == mark
}

func (p *filterParser) atWord(words ...string) bool {
	for _, word := range words {
		if p.token.kind == tokenWord && p.token.text == word {
			return true
		}
	}
	return false
}

func (p *filterParser) expectMark(mark string) error {
	if !p.atMark(mark) {
		return p.syntaxError()
	}
	return p.advance()
}

// deeper calls parse one nesting level deeper.
func (p *filterParser) deeper(parse func() (Expression, error)) (Expression, error) {
	if p.depth++; p.depth > maxDepth {
		return Expression{}, edm.Errorf("Recursion depth exceeded allowed limit.")
	}
	defer func() { p.depth-- }()
	return parse()
}

func (p *filterParser) or() (Expression, error) { return p.logical("or", "Or", or, p.and) }

func (p *filterParser) and() (Expression, error) { return p.logical("and", "And", and, p.comparison) }

func (p *filterParser) logical(
	word, name string, combine func(a, b Expression) func(scope) edm.Value, operand func() (Expression, error),
) (Expression, error) {
	left, err := operand()
	for err == nil && p.atWord(word) {
		if err = p.advance(); err != nil {
			break
		}
		var right Expression
		if right, err = operand(); err != nil {
			break
		}
		if !left.isBoolean() || !right.isBoolean() {
			return Expression{}, incompatible(left, right, name)
		}
		left = combined(left, right, combine(left, right))
	}
	return left, err
}

// combined returns a boolean expression of two operands.
func combined(left, right Expression, eval func(scope) edm.Value) Expression {
	e := Expression{kind: edm.KindBoolean, eval: eval}
	if n := len(left.comparisons) + len(right.comparisons); left.onlyCompares && right.onlyCompares && n <= maxConstants {
		e.onlyCompares, e.comparisons = true, slices.Concat(left.comparisons, right.comparisons)
	}
	return e
}

func (e Expression) isBoolean() bool { return e.kind == edm.KindBoolean || e.kind == edm.KindNull }

func and(a, b Expression) func(scope) edm.Value {
	return func(at scope) edm.Value {
		left := a.eval(at)
		if left.IsFalse() {
			return left
		}
		if right := b.eval(at); right.IsFalse() || left.IsTrue() {
			return right
		}
		return edm.Value{}
	}
}

func or(a, b Expression) func(scope) edm.Value {
	return func(at scope) edm.Value {
		left := a.eval(at)
		if left.IsTrue() {
			return left
		}
		if right := b.eval(at); right.IsTrue() || left.IsFalse() {
			return right
		}
		return edm.Value{}
	}
}

// not parses a negation. The negation of null is null.
func (p *filterParser) not() (Expression, error) {
	if err := p.advance(); err != nil {
		return Expression{}, err
	}
	e, err := p.deeper(p.primary)
	if err != nil {
		return Expression{}, err
	}
	if !e.isBoolean() {
		return Expression{}, edm.Errorf("A unary operator with an incompatible type was detected. Found operand type '%s' for operator kind 'Not'.", e.kind)
	}
	not := e
	not.kind, not.literal, not.path = edm.KindBoolean, false, ""
	not.eval = func(at scope) edm.Value {
		v := e.eval(at)
		if v.Kind == edm.KindNull {
			return v
		}
		return edm.Boolean(v.IsFalse())
	}
	return not, nil
}

// operand parses an expression in parentheses, a negation, a literal, a function call or a property path.
func (p *filterParser) operand() (Expression, error) {
	t := p.token
	switch {
	case p.atWord("not"):
		return p.not()
	case p.atMark("("):
		return p.deeper(p.parenthesis)
	case t.kind == tokenString:
		return literal(edm.Value{Kind: edm.KindString, Text: t.text}), p.advance()
	case t.kind == tokenNumber:
		return p.number()
	case t.kind == tokenWord:
		return p.word()
	}
	return Expression{}, p.syntaxError()
}

func (p *filterParser) parenthesis() (Expression, error) {
	if err := p.advance(); err != nil {
		return Expression{}, err
	}
	e, err := p.or()
	if err != nil {
		return Expression{}, err
	}
	return e, p.expectMark(")")
}

func (p *filterParser) number() (Expression, error) {
	text := p.token.text
	var v edm.Value
	if n, ok := edm.ParseDouble(text); ok {
		v = edm.Value{Kind: edm.KindNumber, Number: n}
	} else if t, ok := edm.ParseDateTimeOffset(text); ok {
		v = edm.Value{Kind: edm.KindDateTimeOffset, Time: t}
	} else if t, ok := edm.ParseDate(text); ok {
		v = edm.Value{Kind: edm.KindDate, Time: t}
	} else {
		return Expression{}, edm.Errorf("Unrecognized '%s' literal at position %d in '%s'.", text, p.token.position, p.text)
	}
	return literal(v), p.advance()
}

func (p *filterParser) word() (Expression, error) {
	name := p.token.text
	switch name {
	case "null":
		return literal(edm.Value{}), p.advance()
	case "true", "false":
		return literal(edm.Boolean(name == "true")), p.advance()
	case "INF", "NaN":
		return p.number()
	}
	position := p.token.position
	if err := p.advance(); err != nil {
		return Expression{}, err
	}
	switch {
	case p.atMark("("):
		return p.deeper(func() (Expression, error) { return p.call(name) })
	case p.token.kind == tokenString && p.token.position == position+len(name):
		return p.enumLiteral(name)
	}
	return p.property(name)
}

func (p *filterParser) property(path string) (Expression, error) {
	r, err := p.resolve(path)
	if err != nil {
		return Expression{}, err
	}
	return Expression{kind: r.property.Kind(), enum: r.property.Type.Enum, path: r.path, eval: r.value}, nil
}

// call parses a name followed by a parenthesis: a path that ends in a lambda operator, or a function.
func (p *filterParser) call(name string) (Expression, error) {
	if path, ok := strings.CutSuffix(name, "/any"); ok {
		return p.lambda(path, false)
	}
	if path, ok := strings.CutSuffix(name, "/all"); ok {
		return p.lambda(path, true)
	}
	return p.function(name)
}

// function parses a call of a function with two string arguments.
func (p *filterParser) function(name string) (Expression, error) {
	var holds func(text, part string) bool
	switch name {
	case "startswith":
		holds = strings.HasPrefix
	case "endswith":
		holds = strings.HasSuffix
	case "contains":
		holds = strings.Contains
	default:
		return Expression{}, edm.Errorf("An unknown function with name '%s' was found.", name)
	}
	if err := p.advance(); err != nil {
		return Expression{}, err
	}
	text, err := p.stringOperand(name)
	if err != nil {
		return Expression{}, err
	}
	if err := p.expectMark(","); err != nil {
		return Expression{}, err
	}
	part, err := p.stringOperand(name)
	if err != nil {
		return Expression{}, err
	}
	return Expression{kind: edm.KindBoolean, eval: func(at scope) edm.Value {
		a, b := text.eval(at), part.eval(at)
		if a.Kind == edm.KindNull || b.Kind == edm.KindNull {
			return edm.Value{}
		}
		return edm.Boolean(holds(a.Text, b.Text))
	}}, p.expectMark(")")
}

func (p *filterParser) stringOperand(function string) (Expression, error) {
	e, err := p.operand()
	if err == nil && e.kind != edm.KindString && e.kind != edm.KindNull {
		err = edm.Errorf("No function signature for the function with name '%s' matches the specified arguments.", function)
	}
	return e, err
}
