package edm

import "encoding/json"

// SplitObject splits a JSON object into its members without decoding their values, which would dominate the time of a
// list. It requires the form that [StructuredType.Encode] writes: no white space between tokens, and names without
// escapes. ok is false for anything else, such as null.
func SplitObject(object []byte) (members map[string]json.RawMessage, ok bool) {
	members = make(map[string]json.RawMessage, 16)
	if string(object) == "{}" {
		return members, true
	}
	if len(object) == 0 || object[0] != '{' {
		return nil, false
	}
	for at := 0; object[at] != '}'; {
		at++ // skips the brace or the comma
		nameEnd := stringEnd(object, at)
		if nameEnd >= len(object) || object[nameEnd] != ':' {
			return nil, false
		}
		end := valueEnd(object, nameEnd+1)
		if end == len(object) || end == nameEnd+1 {
			return nil, false
		}
		members[string(object[at+1:nameEnd-1])] = object[nameEnd+1 : end : end]
		at = end
		if object[at] == '}' && at != len(object)-1 {
			return nil, false
		}
	}
	return members, true
}

// valueEnd returns the end of the value that begins at start: the position of the comma or brace that follows it.
func valueEnd(text []byte, start int) int {
	depth := 0
	for at := start; at < len(text); at++ {
		switch text[at] {
		case '"':
			at = stringEnd(text, at) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return at
			}
			depth--
		case ',':
			if depth == 0 {
				return at
			}
		}
	}
	return len(text)
}

// stringEnd returns the position after the string that begins at start, or the length of the text if the string is
// unterminated.
func stringEnd(text []byte, start int) int {
	if start >= len(text) || text[start] != '"' {
		return len(text)
	}
	for at := start + 1; at < len(text); at++ {
		switch text[at] {
		case '\\':
			at++
		case '"':
			return at + 1
		}
	}
	return len(text)
}

// SplitArray splits a JSON array in the same way. It returns nil for anything else.
func SplitArray(array []byte) (entries []json.RawMessage) {
	if len(array) < 2 || array[0] != '[' || string(array) == "[]" {
		return nil
	}
	for at := 0; at < len(array) && array[at] != ']'; {
		end := valueEnd(array, at+1)
		entries = append(entries, array[at+1:end:end])
		at = end
	}
	return entries
}
