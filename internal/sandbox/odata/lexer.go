package odata

import (
	"strings"

	"profileql/internal/sandbox/edm"
)

// tokenKind is the kind of a token in a $filter.
type tokenKind int

const (
	tokenEnd    tokenKind = iota
	tokenWord             // an operator, a function, a literal's name or a property path
	tokenString           // text is the unescaped string
	tokenNumber           // a number, a date or an instant
	tokenMark             // a parenthesis, a comma or a colon
)

type token struct {
	kind     tokenKind
	text     string
	position int
}

// nextToken returns the first token at or after position start, and the position of its end. The error is an
// [*edm.Error].
func nextToken(text string, start int) (t token, end int, err error) {
	for start < len(text) && text[start] == ' ' {
		start++
	}
	if start == len(text) {
		return token{kind: tokenEnd, position: start}, start, nil
	}
	switch c := text[start]; {
	case c == '\'':
		return stringToken(text, start)
	case c == '(' || c == ')' || c == ',' || c == ':':
		return token{tokenMark, text[start : start+1], start}, start + 1, nil
	case isDigit(c) || c == '-':
		end = span(text, start, func(c byte) bool { return isDigit(c) || isLetter(c) || strings.IndexByte("-+:.", c) >= 0 })
		return token{tokenNumber, text[start:end], start}, end, nil
	case isLetter(c):
		end = span(text, start, func(c byte) bool { return isDigit(c) || isLetter(c) || c == '/' || c == '.' })
		return token{tokenWord, text[start:end], start}, end, nil
	}
	return token{}, 0, edm.Errorf("Syntax error: character '%s' is not valid at position %d in '%s'.",
		firstRune(text[start:]), start, text)
}

// stringToken returns a string literal, in which a quote is doubled.
func stringToken(text string, start int) (t token, end int, err error) {
	var b strings.Builder
	for i := start + 1; i < len(text); i++ {
		if text[i] == '\'' {
			if i+1 == len(text) || text[i+1] != '\'' {
				return token{tokenString, b.String(), start}, i + 1, nil
			}
			i++
		}
		b.WriteByte(text[i])
	}
	return token{}, 0, edm.Errorf("There is an unterminated string literal at position %d in '%s'.", len(text), text)
}

func span(text string, start int, in func(byte) bool) int {
	end := start
	for end < len(text) && in(text[end]) {
		end++
	}
	return end
}

func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_' }

func firstRune(text string) string {
	for _, r := range text {
		return string(r)
	}
	return ""
}
