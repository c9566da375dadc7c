package profileapi

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// maxMessageLength is the maximum length of a redacted message in characters.
const maxMessageLength = 300

// maxMessageRead is how many bytes of a source's message are read.
const maxMessageRead = 16 << 10

// minWords is how many words of a sentence must remain for it to be shown, once others are cut out.
const minWords = 5

// vocabulary is the names in a source's message that are not secret: the properties of the facet, and those in the request
// body.
type vocabulary struct {
	properties []string
	body       []byte
}

// isAllowedName reports whether a word is a property, or a path of properties such as inference.confidenceScore or
// detail/company.
func (v vocabulary) isAllowedName(text string) bool {
	for name := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '.' || r == '/' }) {
		if !slices.Contains(v.properties, name) && !bytes.Contains(v.body, []byte(`"`+name+`"`)) {
			return false
		}
	}
	return propertyPathPattern.MatchString(text)
}

var propertyPathPattern = regexp.MustCompile(`^@?[A-Za-z_][A-Za-z0-9_]*(?:[./][A-Za-z_][A-Za-z0-9_]*){0,9}$`)

// redact returns a source's message without URLs, hosts, paths, tokens and names of private types. A sentence is dropped if
// too few of its words remain.
func (v vocabulary) redact(message string) string {
	if !utf8.ValidString(message) || strings.ContainsFunc(message, isControl) {
		return ""
	}
	if len(message) > maxMessageRead {
		message = message[:max(0, strings.LastIndexByte(message[:maxMessageRead], ' '))]
	}
	if at := stackFramePattern.FindStringIndex(message); at != nil {
		message = message[:at[0]]
	}
	var shown []string
	for _, sentence := range sentences(strings.Fields(message)) {
		if v.redactSentence(sentence) {
			shown = append(shown, sentence...)
		}
	}
	message = strings.Join(shown, " ")
	if runes := []rune(message); len(runes) > maxMessageLength {
		return string(runes[:maxMessageLength-1]) + "…"
	}
	return message
}

// isControl reports whether a character is not allowed in a message. White space is allowed, and normalized to spaces.
func isControl(r rune) bool { return unicode.IsControl(r) && !unicode.IsSpace(r) }

// stackFramePattern matches the start of a .NET or Java stack trace: "at Name.Space.Method(".
var stackFramePattern = regexp.MustCompile(`(?:^|\s)at [\pL\pN_.$<>` + "`" + `+\[\],]+\(`)

// sentences splits words into sentences.
func sentences(words []string) (all [][]string) {
	begin := 0
	for i, word := range words {
		next := i + 1
		if next == len(words) || strings.ContainsAny(word[len(word)-1:], ".!?") && startsSentence(words[next]) {
			all = append(all, words[begin:next])
			begin = next
		}
	}
	return all
}

func startsSentence(word string) bool {
	r, _ := utf8.DecodeRuneInString(strings.TrimLeft(word, punctuation))
	return unicode.IsUpper(r)
}

// punctuation is the characters around a word that are not part of it.
const punctuation = "'\"`“”‘’«»()[]{}<>,;!?.…"

// trimPunctuation trims punctuation. A leading colon stays: it may begin a path or a port.
func trimPunctuation(word string) string {
	return strings.TrimLeft(strings.TrimRight(word, punctuation+":"), punctuation)
}

// redactSentence replaces sensitive words with …, and reports whether enough words remain.
func (v vocabulary) redactSentence(words []string) bool {
	cut, remaining, previous := false, 0, ""
	for i, word := range words {
		core := trimPunctuation(word)
		isName := nameFollowsPattern.MatchString(previous) && strings.ContainsAny(word[:1], `'"`) // such as server 'db'
		switch {
		case core == "":
		case v.isSensitive(core) || isName || strings.EqualFold(previous, "bearer"):
			words[i], cut = strings.Replace(word, core, "…", 1), true
		case wordPattern.MatchString(core):
			remaining++
		}
		previous = core
	}
	return !cut || remaining >= minWords
}

var (
	wordPattern        = regexp.MustCompile(`\pL.*\pL`)
	nameFollowsPattern = regexp.MustCompile(`(?i)^(?:server|host|machine|node|instance|database|db|pod|container|cluster|user|account|login)$`)
)

// isSensitive reports whether a word must not be shown.
func (v vocabulary) isSensitive(word string) bool {
	return sensitivePattern().MatchString(word) && !publicPattern().MatchString(word) && !v.isAllowedName(word)
}

// lazyPattern compiles an expression when it is first used. Only errors of sources need these expressions, and compiling
// their Unicode classes takes milliseconds.
func lazyPattern(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}

// publicPattern matches words that look sensitive but are not: public types, control information, numbers, dates and times,
// well-known formats.
var publicPattern = lazyPattern(`^(?:` + strings.Join([]string{
	`(?:Collection\()?#?microsoft\.graph\.[A-Za-z]{4,}` + typeFacets, // no shorter ones: microsoft.graph.com would be a host
	`(?:Collection\()?(?:Edm\.)?(?:Binary|Boolean|Byte|Date|DateTimeOffset|Decimal|Double|Duration|Guid|Int16|Int32|Int64|SByte|Single|Stream|String|TimeOfDay)` + typeFacets,
	`(?:[A-Za-z]*@)?odata\.(?:bind|context|count|etag|id|nextLink|type)`,
	`v?\d+(?:\.\d+){0,2}`,
	`[+-]?\d+(?:\.\d+)?[eE][+-]?\d+`,
	`\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?`,
	`\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2})?)?`,
	`(?i:utf-?(?:8|16)|base64(?:url)?|iso-?8601|rfc-?\d+)`,
}, "|") + `)$`)

// typeFacets matches the suffix of a type name, such as [Nullable=False].
const typeFacets = `(?:\)?\[[A-Za-z=, ]*)?`

// sensitivePattern matches words with a URL, a host, a port, an e-mail address, a type name, a token, a path or a machine
// name.
var sensitivePattern = lazyPattern(`(?i)` + strings.Join([]string{
	`://`,
	`\blocalhost\b`,
	`:\d{2,5}\b`,
	`\d+\.\d+\.\d+\.\d+`,
	`[0-9a-f]*:[0-9a-f]*:[0-9a-f:]+`,
	// Words with a dot inside: hosts and types. Numbers such as 0.25 have no letters.
	`[\pL\pN_\-]*[\pL_\-][\pL\pN_\-]*\.[\pL\pN_\-]{2,}`,
	`[\pL\pN_\-]+\.[\pL_\-][\pL\pN_\-]+`,
	`@`,
	`^eyJ`,
	`^bearer$`,
	`[A-Za-z0-9+/_\-=]{40,}`,
	`[/\\].*[/\\]`,
	`^[/~\\].`,
	`^[a-z]:\\`,
	`exception`,
	`;.*=|=.*;`, // a connection string
	// Letters and digits in one word, like machine names.
	`\pL.*\pN|\pN.*\pL`,
}, "|"))

// target returns the property that an error is about: from the error's target, or from its message.
func (v vocabulary) target(all errorChain) string {
	candidates := make([]string, 0, len(all)+1)
	for _, e := range slices.Backward(all) {
		detail, _ := e.Member("details").First()
		candidates = append(candidates, text(e, "target"), text(detail.Value, "target"))
	}
	if named := namedPropertyPattern.FindStringSubmatch(all.message()); named != nil {
		candidates = append(candidates, named[1])
	}
	for _, path := range candidates {
		if path != "" && len(path) <= maxMessageLength && v.isAllowedName(path) {
			return path
		}
	}
	return ""
}

// namedPropertyPattern matches how OData libraries name a property in a message.
var namedPropertyPattern = regexp.MustCompile(`(?i)\bproperty (?:named |path )?['"‘“]([A-Za-z0-9_./]+)['"’”[]`)
