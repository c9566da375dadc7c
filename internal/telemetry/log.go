// Package telemetry is what an operator sees of ProfileQL: so far, its log.
package telemetry

import (
	"io"
	"log/slog"
	"regexp"
	"strings"
)

// redacted stands for what no log should have.
const redacted = "[redacted]"

// secretKeys are names of attributes that hold secrets, in lower case.
var secretKeys = map[string]bool{
	"authorization": true, "proxy-authorization": true, "cookie": true, "set-cookie": true, "token": true,
	"access_token": true, "password": true, "secret": true, "assertion": true, "variables": true,
}

// secretTexts are tokens within a text: JSON Web Tokens (RFC 7519), encrypted ones too, and whatever follows the name
// of an authentication scheme.
var secretTexts = regexp.MustCompile(`eyJ[\w-]{8,}(?:\.[\w-]*)+|(?i:\b(?:bearer|basic)\s+)[^\s"',;]+`)

// NewLog writes one JSON object a line. Nothing that goes into the log is meant to hold a secret; what looks like one
// all the same is left out.
func NewLog(w io.Writer) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{ReplaceAttr: redact}))
}

func redact(_ []string, a slog.Attr) slog.Attr {
	if secretKeys[strings.ToLower(a.Key)] {
		return slog.String(a.Key, redacted)
	}
	switch a.Value.Kind() {
	case slog.KindString:
		a.Value = slog.StringValue(redactText(a.Value.String()))
	case slog.KindAny:
		a.Value = redactAny(a.Value)
	}
	return a
}

// redactAny looks into the kinds of values that are logged here besides texts.
func redactAny(value slog.Value) slog.Value {
	switch v := value.Any().(type) {
	case error:
		return slog.StringValue(redactText(v.Error()))
	case []string:
		texts := make([]string, len(v))
		for i, text := range v {
			texts[i] = redactText(text)
		}
		return slog.AnyValue(texts)
	}
	return value
}

func redactText(text string) string {
	// A regular expression takes its time, and hardly any text has a secret.
	if !mayHoldSecret(text) {
		return text
	}
	return secretTexts.ReplaceAllString(text, redacted)
}

// mayHoldSecret tells whether there is anything at all in a text of what secretTexts begin with.
func mayHoldSecret(text string) bool {
	for i := range len(text) {
		switch rest := text[i:]; text[i] {
		case 'e':
			if strings.HasPrefix(rest, "eyJ") {
				return true
			}
		case 'b', 'B':
			if hasPrefixFold(rest, "bearer") || hasPrefixFold(rest, "basic") {
				return true
			}
		}
	}
	return false
}

func hasPrefixFold(text, word string) bool {
	return len(text) >= len(word) && strings.EqualFold(text[:len(word)], word)
}
