package sandbox

import "math"

// comparisonOperator returns the name that messages have for an operator, and what it makes of the order of two
// values; nil for what is no operator.
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

// comparison reads one operand, or two of them compared.
func (p *filterParser) comparison() (expression, error) {
	left, err := p.unary()
	if err != nil || p.token.kind != tokenWord {
		return left, err
	}
	name, holds := comparisonOperator(p.token.text)
	if holds == nil {
		return left, nil
	}
	if err := p.advance(); err != nil {
		return expression{}, err
	}
	right, err := p.unary()
	if err != nil {
		return expression{}, err
	}
	if left, right, err = alike(left, right, name); err != nil {
		return expression{}, err
	}
	// With null, all but eq and ne are false (OData URL Conventions 4.01, section 5.1.1.1).
	ranks := name != "Equal" && name != "NotEqual"
	return expression{kind: kindBoolean, eval: func(i *item) value {
		a, b := left.eval(i), right.eval(i)
		if ranks && (a.kind == kindNull || b.kind == kindNull) {
			return booleanValue(false)
		}
		if math.IsNaN(a.number) || math.IsNaN(b.number) {
			return booleanValue(name == "NotEqual") // as IEEE 754 has it
		}
		return booleanValue(holds(compare(a, b)))
	}}, nil
}

// alike makes two operands comparable: a string literal beside an enumeration is the name of a member (OData 4.01
// allows the bare literal).
func alike(left, right expression, operator string) (expression, expression, error) {
	var err error
	switch {
	case left.kind == kindEnum && right.kind == kindString && right.literal:
		right, err = enumLiteral(left.enum, right)
	case right.kind == kindEnum && left.kind == kindString && left.literal:
		left, err = enumLiteral(right.enum, left)
	case left.kind == kindNull || right.kind == kindNull:
	case left.kind != right.kind || left.kind == kindStructured || left.enum != right.enum:
		err = incompatible(left, right, operator)
	}
	return left, right, err
}

func enumLiteral(t *enumType, e expression) (expression, error) {
	name := e.eval(nil).text
	if !t.known(name) {
		return e, badRequest("The string '%s' is not a valid enumeration type constant.", name)
	}
	e = literal(enumValue(t, name))
	e.enum = t
	return e, nil
}

func incompatible(left, right expression, operator string) error {
	return badRequest("A binary operator with incompatible types was detected. Found operand types '%s' and '%s' for operator kind '%s'.",
		left.kind, right.kind, operator)
}
