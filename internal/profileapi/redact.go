package profileapi

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxMessageLength is how many characters of a source's message are shown.
const maxMessageLength = 300

// maxMessageRead is how many bytes of a source's message are looked at.
const maxMessageRead = 16 << 10

// minWords is how many words of a sentence have to be left for it to say something, once others are cut out of it.
const minWords = 5

// vocabulary is which names in a source's message are no secret of the source's: the properties of the facet, and what
// the request's body holds.
type vocabulary struct {
	properties []string
	body       []byte
}

// isUnsupported tells whether a text is a name that may be shown: one property, or a path of properties such as
// inference.confidenceScore or detail/company.
func (v vocabulary) isAllowedName(text string) bool {
	for name := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '.' || r == '/' }) {
		if !slices.Contains(v.properties, name) && !bytes.Contains(v.body, []byte(`"`+name+`"`)) {
			return false
		}
	}
	return propertyPathPattern.MatchString(text)
}

var propertyPathPattern = regexp.MustCompile(`^@?[A-Za-z_][A-Za-z0-9_]*(?:[./][A-Za-z_][A-Za-z0-9_]*){0,9}$`)

// redact returns what may be shown of a source's message. Addresses, hosts, paths, tokens, and names of types that are
// not public are cut out, and a sentence of which too little is left is left out.
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

// isControl tells whether a character has no place in a message. Space that is not a blank is made one.
func isControl(r rune) bool { return unicode.IsControl(r) && !unicode.IsSpace(r) }

// stackFramePattern is where a stack of .NET or Java begins: "at Name.Space.Method(".
var stackFramePattern = regexp.MustCompile(`(?:^|\s)at [\pL\pN_.$<>` + "`" + `+\[\],]+\(`)

// sentences divides words at those that end a sentence.
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

// punctuation is what may stand around a word and is no part of it.
const punctuation = "'\"`“”‘’«»()[]{}<>,;!?.…"

// trimPunctuation is a word without what stands around it. A colon may be the beginning of an address.
func trimPunctuation(word string) string {
	return strings.TrimLeft(strings.TrimRight(word, punctuation+":"), punctuation)
}

// redactSentence cuts out of a sentence what may not be shown, and tells whether what is left says something.
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

// isSensitive tells whether a word is one that must not be shown.
func (v vocabulary) isSensitive(word string) bool {
	return sensitivePattern.MatchString(word) && !publicPattern.MatchString(word) && !v.isAllowedName(word)
}

// publicPattern are words that say nothing about the source although they look like it: public types, control information,
// numbers, dates and times, well-known formats.
var publicPattern = regexp.MustCompile(`^(?:` + strings.Join([]string{
	`(?:Collection\()?#?microsoft\.graph\.[A-Za-z]{4,}` + typeFacets, // no shorter ones: microsoft.graph.com would be a host
	`(?:Collection\()?(?:Edm\.)?(?:Binary|Boolean|Byte|Date|DateTimeOffset|Decimal|Double|Duration|Guid|Int16|Int32|Int64|SByte|Single|Stream|String|TimeOfDay)` + typeFacets,
	`(?:[A-Za-z]*@)?odata\.(?:bind|context|count|etag|id|nextLink|type)`,
	`v?\d+(?:\.\d+){0,2}`,
	`[+-]?\d+(?:\.\d+)?[eE][+-]?\d+`,
	`\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?`,
	`\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2})?)?`,
	`(?i:utf-?(?:8|16)|base64(?:url)?|iso-?8601|rfc-?\d+)`,
}, "|") + `)$`)

// typeFacets are what may stand behind the name of a type, such as [Nullable=False].
const typeFacets = `(?:\)?\[[A-Za-z=, ]*)?`

// sensitivePattern finds in a word what must not be shown: an address, a host with or without its port, an e-mail address, a name
// of a type, a token, a path, the name of a machine.
var sensitivePattern = regexp.MustCompile(`(?i)` + strings.Join([]string{
	`://`,
	`\blocalhost\b`,
	`:\d{2,5}\b`,
	`\d+\.\d+\.\d+\.\d+`,
	`[0-9a-f]*:[0-9a-f]*:[0-9a-f:]+`,
	// Words with a dot inside: hosts and types. Numbers such as 0.25 have no letter on either side.
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
	// Letters and digits in one word, as machines are called.
	`\pL.*\pN|\pN.*\pL`,
}, "|"))

// sourceTarget is the property that an error is about: the error's target, or what its message calls a property.
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

// namedPropertyPattern is how OData libraries name the property that an error is about.
var namedPropertyPattern = regexp.MustCompile(`(?i)\bproperty (?:named |path )?['"‘“]([A-Za-z0-9_./]+)['"’”[]`)
