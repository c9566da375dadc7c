package graphqlhttp

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/vektah/gqlparser/v2/gqlerror"
)

// plainStrings rewrites the strings of a document that gqlparser does not parse as the specification says (GraphQL,
// section 2.9.4). Otherwise their values would change silently. gqlparser replaces each half of a surrogate pair with
// U+FFFD, does not support \u{…}, includes the first line of a block string in the common indentation, and takes a
// quote after the end of a block string for a part of it. Half of a surrogate pair without the other half is an error.
func plainStrings(document string) (string, error) {
	if !strings.Contains(document, `\u`) && !strings.Contains(document, `"""`) {
		return document, nil
	}
	u := rewriter{text: document}
	for u.at < len(u.text) {
		if err := u.step(); err != nil {
			return "", err
		}
	}
	u.written.WriteString(u.text[u.copied:])
	return u.written.String(), nil
}

// rewriter scans a document for strings and comments.
type rewriter struct {
	text    string
	at      int
	copied  int // end of the text that is already written
	written strings.Builder
}

func (u *rewriter) step() error {
	rest := u.text[u.at:]
	switch {
	case rest[0] == '#':
		u.at += len(rest)
		if end := strings.IndexAny(rest, "\r\n"); end >= 0 {
			u.at -= len(rest) - end
		}
	case strings.HasPrefix(rest, `"""`):
		u.block()
	case rest[0] == '"':
		return u.string()
	default:
		u.at++
	}
	return nil
}

// block scans a block string. Its only escape is \""". If its first line is not blank, the common indentation of the
// others is removed.
func (u *rewriter) block() {
	u.at += 3
	begin := u.at
	for u.at < len(u.text) && !strings.HasPrefix(u.text[u.at:], `"""`) {
		if strings.HasPrefix(u.text[u.at:], `\"""`) {
			u.at += 3
		}
		u.at++
	}
	end := min(u.at, len(u.text))
	if u.at = min(end+3, len(u.text)); end == len(u.text) {
		return // the parser reports the error
	}
	lines := strings.SplitAfter(strings.ReplaceAll(u.text[begin:end], "\r\n", "\n"), "\n")
	if common := commonIndent(lines[1:]); common > 0 && !isBlank(lines[0]) {
		u.written.WriteString(u.text[u.copied:begin])
		u.copied = end
		u.written.WriteString(lines[0])
		for _, line := range lines[1:] {
			u.written.WriteString(line[min(common, indentOf(line)):])
		}
	}
	if strings.HasPrefix(u.text[u.at:], `"`) { // the parser would take the first of four quotes for text
		u.written.WriteString(u.text[u.copied:u.at] + " ")
		u.copied = u.at
	}
}

// commonIndent returns the common indentation of the lines that are not blank.
func commonIndent(lines []string) int {
	common := -1
	for _, line := range lines {
		if indent := indentOf(line); !isBlank(line) && (common < 0 || indent < common) {
			common = indent
		}
	}
	return max(common, 0)
}

func indentOf(line string) int { return len(line) - len(strings.TrimLeft(line, " \t")) }

func isBlank(line string) bool { return strings.Trim(line, " \t\r\n") == "" }

func (u *rewriter) string() error {
	for u.at++; u.at < len(u.text); {
		switch u.text[u.at] {
		case '"':
			u.at++
			return nil
		case '\n', '\r': // the parser reports the error
			return nil
		case '\\':
			if err := u.escape(); err != nil {
				return err
			}
		default:
			u.at++
		}
	}
	return nil
}

// escape scans an escape sequence. It decodes surrogate pairs and \u{…}.
func (u *rewriter) escape() error {
	begin := u.at
	first, length, ok := escapedRune(u.text[begin:])
	if !ok {
		u.at += min(2, len(u.text)-u.at) // not a Unicode escape; the parser supports the others
		return nil
	}
	isBraced := u.text[begin+2] == '{'
	if u.at += length; utf16.IsSurrogate(first) && !isBraced {
		second, length, ok := escapedRune(u.text[u.at:])
		if pair := utf16.DecodeRune(first, second); ok && pair != utf8.RuneError {
			u.at += length
			u.replace(begin, pair)
			return nil
		}
	}
	if !utf8.ValidRune(first) {
		return u.fault(begin)
	}
	if isBraced {
		u.replace(begin, first)
	}
	return nil
}

// replace replaces the escapes that start at begin with a character. Control characters, quotes and backslashes stay
// escaped.
func (u *rewriter) replace(begin int, r rune) {
	u.written.WriteString(u.text[u.copied:begin])
	if u.copied = u.at; r < 0x20 || r == '"' || r == '\\' || r == 0x7f {
		const digits = "0123456789abcdef"
		u.written.WriteString(`\u00` + string(digits[r>>4]) + string(digits[r&15]))
		return
	}
	u.written.WriteRune(r)
}

func (u *rewriter) fault(at int) error {
	before := u.text[:at]
	return &gqlerror.Error{
		Message: "A string in the document is not valid Unicode: it contains half of a surrogate pair, or no code point.",
		Locations: []gqlerror.Location{{
			Line: 1 + strings.Count(before, "\n"), Column: 1 + len(before) - (strings.LastIndexByte(before, '\n') + 1),
		}},
	}
}

// escapedRune returns the code point of the escape \uXXXX or \u{…} at the start of text, and the length of the escape.
func escapedRune(text string) (r rune, length int, ok bool) {
	if !strings.HasPrefix(text, `\u`) || len(text) < 3 {
		return 0, 0, false
	}
	digits := text[2:min(6, len(text))]
	length = 6
	if text[2] == '{' {
		end := strings.IndexByte(text[:min(len(text), 16)], '}')
		if end < 0 {
			return 0, 0, false
		}
		digits, length = text[3:end], end+1
	} else if len(digits) < 4 {
		return 0, 0, false
	}
	n, err := strconv.ParseUint(digits, 16, 32)
	return rune(min(n, utf8.MaxRune+1)), length, err == nil
}
