package odata

import (
	"encoding/json"
	"strings"

	"profileql/internal/sandbox/edm"
)

// variable is a lambda variable (OData URL Conventions 4.01, section 5.1.1.13).
type variable struct {
	name  string
	entry *edm.Property // type of the collection's entries
}

// entry is an entry of a collection. item is set if the entry is structured.
type entry struct {
	raw  json.RawMessage
	item *edm.Entity
}

// reference is what a path in a filter refers to.
type reference struct {
	property *edm.Property
	path     string // of a property of the item
	raw      func(scope) json.RawMessage
	value    func(scope) edm.Value
}

// resolve resolves a path. It begins with the variable of an enclosing lambda operator, the innermost first, or with
// a property of the item.
func (p *filterParser) resolve(text string) (reference, error) {
	name, rest, deeper := strings.Cut(text, "/")
	for n := len(p.variables) - 1; n >= 0; n-- {
		if v := p.variables[n]; v.name == name && deeper {
			return resolveIn(v.entry.Type.Structured, rest, func(at scope) *edm.Entity { return at.entries[n].item })
		} else if v.name == name {
			return v.reference(n), nil
		}
	}
	r, err := resolveIn(p.item, text, func(at scope) *edm.Entity { return at.item })
	r.path = text
	return r, err
}

// resolveIn resolves a path from a structure of type t, which is nil if there is none.
func resolveIn(t *edm.StructuredType, text string, start func(scope) *edm.Entity) (reference, error) {
	path, err := edm.ParsePath(t, text)
	if err != nil {
		return reference{}, err
	}
	return reference{
		property: path.End(),
		raw: func(at scope) json.RawMessage {
			if i := start(at); i != nil {
				return i.RawValue(path)
			}
			return nil
		},
		value: func(at scope) edm.Value {
			if i := start(at); i != nil {
				return i.Value(path)
			}
			return edm.Value{}
		},
	}, nil
}

// reference returns a reference to the variable, which is the nth.
func (v variable) reference(n int) reference {
	return reference{
		property: v.entry,
		raw:      func(at scope) json.RawMessage { return at.entries[n].raw },
		value:    func(at scope) edm.Value { return edm.ValueOf(v.entry, at.entries[n].raw) },
	}
}

// lambda parses the rest of any and all: a variable and a condition. Without them, any reports whether the collection
// has an entry.
func (p *filterParser) lambda(path string, all bool) (Expression, error) {
	if n := len(p.variables); n > 0 && !strings.HasPrefix(path, p.variables[n-1].name+"/") {
		// A collection inside of another one would take time proportional to the product of their sizes.
		return Expression{}, edm.Errorf("An Any/All expression inside of another one may only go through a collection of its variable.")
	}
	collection, err := p.resolve(path)
	if err != nil {
		return Expression{}, err
	}
	if !collection.property.Collection {
		return Expression{}, edm.Errorf("Any/All may only be used following a collection.")
	}
	if err := p.advance(); err != nil {
		return Expression{}, err
	}
	if !all && p.atMark(")") {
		return Expression{kind: edm.KindBoolean, eval: func(at scope) edm.Value {
			return edm.Boolean(len(edm.SplitArray(collection.raw(at))) > 0)
		}}, p.advance()
	}
	holds, err := p.condition(*collection.property)
	if err != nil {
		return Expression{}, err
	}
	return Expression{kind: edm.KindBoolean, eval: func(at scope) edm.Value {
		for _, raw := range edm.SplitArray(collection.raw(at)) {
			i, _ := edm.NewEntity(raw) // nil for an entry that is not structured
			inner := scope{at.item, append(at.entries[:len(at.entries):len(at.entries)], entry{raw, i})}
			if holds.eval(inner).IsTrue() != all {
				return edm.Boolean(!all)
			}
		}
		return edm.Boolean(all)
	}}, p.expectMark(")")
}

// condition parses a variable, a colon and a condition.
func (p *filterParser) condition(entry edm.Property) (Expression, error) {
	if p.token.kind != tokenWord {
		return Expression{}, p.syntaxError()
	}
	entry.Collection = false
	p.variables = append(p.variables, variable{p.token.text, &entry})
	defer func() { p.variables = p.variables[:len(p.variables)-1] }()
	if err := p.advance(); err != nil {
		return Expression{}, err
	}
	if err := p.expectMark(":"); err != nil {
		return Expression{}, err
	}
	holds, err := p.or()
	if err == nil && !holds.isBoolean() {
		err = edm.Errorf("The Any/All query expression must evaluate to a single boolean value.")
	}
	return holds, err
}
