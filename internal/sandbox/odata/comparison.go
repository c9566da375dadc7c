package odata

import (
	"math"

	"profileql/internal/sandbox/edm"
)

// comparisonOperator returns the name of an operator in messages, and a function that reports whether it holds for
// the result of a comparison; nil if the word is not an operator.
func comparisonOperator(word string) (name string, holds func(c int) bool) {
	switch word {
	case "eq":
		return "Equal", func(c int) bool { return c == 0 }
	case "ne":
		return "NotEqual", func(c int) bool { return c != 0 }
	case "gt":
		return "GreaterThan", func(c int) bool { return c > 0 }
	case "ge":
		return "GreaterThanOrEqual", func(c int) bool { return c >= 0 }
	case "lt":
		return "LessThan", func(c int) bool { return c < 0 }
	case "le":
		return "LessThanOrEqual", func(c int) bool { return c <= 0 }
	}
	return "", nil
}

// comparison parses a primary expression, or a comparison of two.
func (p *filterParser) comparison() (Expression, error) {
	left, err := p.primary()
	if err != nil || p.token.kind != tokenWord {
		return left, err
	}
	name, holds := comparisonOperator(p.token.text)
	if holds == nil {
		return left, nil
	}
	if err := p.advance(); err != nil {
		return Expression{}, err
	}
	right, err := p.primary()
	if err != nil {
		return Expression{}, err
	}
	return compared(left, right, name, holds)
}

func compared(left, right Expression, name string, holds func(c int) bool) (Expression, error) {
	left, right, err := alike(left, right, name)
	if err != nil {
		return Expression{}, err
	}
	// With null, all operators but eq and ne are false (OData URL Conventions 4.01, section 5.1.1.1).
	ranks := name != "Equal" && name != "NotEqual"
	e := combined(left, right, func(at scope) edm.Value {
		a, b := left.eval(at), right.eval(at)
		if ranks && (a.Kind == edm.KindNull || b.Kind == edm.KindNull) {
			return edm.Boolean(false)
		}
		if math.IsNaN(a.Number) || math.IsNaN(b.Number) {
			return edm.Boolean(name == "NotEqual") // NaN, as in IEEE 754
		}
		return edm.Boolean(holds(edm.Compare(a, b)))
	})
	property, constant := left, right
	if left.literal {
		property, constant = right, left
	}
	if property.path != "" && constant.literal {
		e.onlyCompares, e.comparisons = true, []comparison{{property.path, constant.eval(scope{})}}
	}
	return e, nil
}

// primary parses an operand and the operators that bind more tightly than not: has and in.
func (p *filterParser) primary() (Expression, error) {
	left, err := p.operand()
	for err == nil {
		switch {
		case p.atWord("has"):
			left, err = p.has(left)
		case p.atWord("in"):
			left, err = p.in(left)
		default:
			return left, nil
		}
	}
	return Expression{}, err
}

// has parses the right side of has, which reports whether all members on the right are set in the flags on the left.
func (p *filterParser) has(left Expression) (Expression, error) {
	if err := p.advance(); err != nil {
		return Expression{}, err
	}
	right, err := p.operand()
	if err != nil {
		return Expression{}, err
	}
	if left, right, err = alike(left, right, "Has"); err != nil {
		return Expression{}, err
	}
	if left.enum == nil || !left.enum.Flags || right.enum != left.enum {
		return Expression{}, incompatible(left, right, "Has")
	}
	return Expression{kind: edm.KindBoolean, eval: func(at scope) edm.Value {
		a, b := left.eval(at), right.eval(at)
		if a.Kind == edm.KindNull || b.Kind == edm.KindNull {
			return edm.Value{}
		}
		return edm.Boolean(a.Has(b))
	}}, nil
}

// in parses the right side of in, which reports whether the left side equals an entry of the list (OData URL
// Conventions 4.01, section 5.1.1.1.12).
func (p *filterParser) in(left Expression) (Expression, error) {
	if err := p.advance(); err != nil {
		return Expression{}, err
	}
	if !p.atMark("(") {
		return Expression{}, p.syntaxError()
	}
	either := literal(edm.Boolean(false))
	for first := true; first || p.atMark(","); first = false {
		if err := p.advance(); err != nil {
			return Expression{}, err
		}
		right, err := p.operand()
		if err != nil {
			return Expression{}, err
		}
		equal, err := compared(left, right, "Equal", func(c int) bool { return c == 0 })
		if err != nil {
			return Expression{}, err
		}
		either = combined(either, equal, or(either, equal))
	}
	return either, p.expectMark(")")
}

// enumLiteral parses the name of a member after the name of its type: microsoft.graph.bodyType'html'.
func (p *filterParser) enumLiteral(typeName string) (Expression, error) {
	e := literal(edm.Value{Kind: edm.KindEnum, Text: p.token.text})
	e.typeName = typeName
	return e, p.advance()
}

// alike makes two operands comparable: next to an enumeration, a literal is a member's name, with or without its type
// (as OData 4.01 allows).
func alike(left, right Expression, operator string) (Expression, Expression, error) {
	var err error
	switch {
	case left.enum != nil && right.isMember():
		right, err = memberOf(left.enum, right)
	case right.enum != nil && left.isMember():
		left, err = memberOf(right.enum, left)
	case left.kind == edm.KindNull || right.kind == edm.KindNull:
	case left.kind != right.kind || left.kind == edm.KindStructured || left.enum != right.enum ||
		left.kind == edm.KindEnum && left.enum == nil:
		err = incompatible(left, right, operator)
	}
	return left, right, err
}

// isMember reports whether the expression is a literal that can be the name of an enumeration member.
func (e Expression) isMember() bool {
	return e.literal && (e.kind == edm.KindString || e.kind == edm.KindEnum && e.enum == nil)
}

func memberOf(t *edm.EnumType, e Expression) (Expression, error) {
	v := e.eval(scope{})
	if e.typeName != "" && e.typeName != t.Name || !t.Known(v.Text) {
		return e, edm.Errorf("The string '%s' is not a valid enumeration type constant.", v.Text)
	}
	e = literal(t.Value(v.Text))
	e.enum = t
	return e, nil
}

func incompatible(left, right Expression, operator string) error {
	return edm.Errorf("A binary operator with incompatible types was detected. Found operand types '%s' and '%s' for operator kind '%s'.",
		left.kind, right.kind, operator)
}
