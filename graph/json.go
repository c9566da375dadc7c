package graph

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
)

// checkJSON bounds how many values a body has and how deep they are, and refuses an object that has a name twice: one
// of the two values would be lost without a word. It does not look for anything else that may be wrong with JSON.
func checkJSON(body []byte) *refusal {
	var few [8]jsonObject // so that usual bodies cost no memory
	s := jsonScan{text: body, open: few[:0]}
	for s.at < len(body) {
		if f := s.step(); f != nil {
			return f
		}
		if s.values > maxJSONValues.value {
			return tooMuchJSON(maxJSONValues)
		}
	}
	return nil
}

func tooMuchJSON(l limit) *refusal {
	return &refusal{status: http.StatusBadRequest, err: l.exceeded()}
}

// jsonScan goes through JSON, token by token.
type jsonScan struct {
	text   []byte
	at     int
	values int          // names count too
	open   []jsonObject // the objects and arrays around, the outermost first
}

// jsonObject is an object, or an array, as far as it has been read.
type jsonObject struct {
	isArray bool
	few     [8][]byte       // names
	n       int             // how many of them there are
	many    map[string]bool // the other names
}

func (s *jsonScan) step() *refusal {
	c := s.text[s.at]
	s.at++
	switch c {
	case '{', '[':
		s.values++
		if len(s.open) == maxJSONDepth.value {
			return tooMuchJSON(maxJSONDepth)
		}
		s.open = append(s.open, jsonObject{isArray: c == '['})
	case '}', ']':
		if len(s.open) > 0 {
			s.open = s.open[:len(s.open)-1]
		}
	case '"':
		s.values++
		return s.quoted()
	case ',', ':', ' ', '\t', '\r', '\n':
	default: // a number, or one of three words
		s.values++
		for s.at < len(s.text) && strings.IndexByte("{}[]\",: \t\r\n", s.text[s.at]) < 0 {
			s.at++
		}
	}
	return nil
}

// quoted reads on behind a quotation mark, and notes the name that it is, if it is one.
func (s *jsonScan) quoted() *refusal {
	start := s.at - 1
	for s.at < len(s.text) && s.text[s.at] != '"' {
		if s.text[s.at] == '\\' {
			s.at++
		}
		s.at++
	}
	s.at = min(s.at+1, len(s.text))
	if len(s.open) == 0 || s.open[len(s.open)-1].isArray || !s.atColon() {
		return nil
	}
	name := s.text[start:s.at]
	if bytes.IndexByte(name, '\\') >= 0 {
		var plain string
		if json.Unmarshal(name, &plain) != nil {
			return nil
		}
		name = []byte(`"` + plain + `"`)
	}
	if s.open[len(s.open)-1].has(name) {
		return badRequest("An object in the body has the same name twice.")
	}
	return nil
}

// atColon tells whether the next token is a colon.
func (s *jsonScan) atColon() bool {
	rest := bytes.TrimLeft(s.text[s.at:], " \t\r\n")
	return len(rest) > 0 && rest[0] == ':'
}

// has tells whether the object has the name already, and notes it.
func (o *jsonObject) has(name []byte) bool {
	for _, other := range o.few[:o.n] {
		if bytes.Equal(other, name) {
			return true
		}
	}
	if o.n < len(o.few) {
		o.few[o.n] = name
		o.n++
		return false
	}
	if o.many[string(name)] {
		return true
	}
	if o.many == nil {
		o.many = make(map[string]bool)
	}
	o.many[string(name)] = true
	return false
}
