// Package telemetry is the log of ProfileQL, which redacts secrets and never blocks a request, its metrics, and its traces.
package telemetry

import (
	"context"
	"io"
	"log/slog"
	"regexp"
	"slices"
	"strings"
)

// redacted replaces secrets.
const redacted = "[redacted]"

// secretKeys are names of attributes with secrets, in lower case.
var secretKeys = map[string]bool{
	"authorization": true, "proxy-authorization": true, "cookie": true, "set-cookie": true, "token": true,
	"access_token": true, "password": true, "secret": true, "assertion": true, "variables": true,
}

// secretTexts matches tokens within a text: JSON Web Tokens (RFC 7519), encrypted ones included, and what follows the name of
// an authentication scheme.
var secretTexts = regexp.MustCompile(`eyJ[\w-]{8,}(?:\.[\w-]*)+|(?i:\b(?:bearer|basic)\s+)[^\s"',;]+`)

// NewLog returns a logger that writes JSON lines. Log lines should not contain secrets; as a second line of defense, what looks
// like one is redacted.
func NewLog(w io.Writer) *slog.Logger {
	return slog.New(redactingHandler{slog.NewJSONHandler(w, nil)})
}

// redactingHandler redacts secrets before its Handler sees them. [slog.HandlerOptions.ReplaceAttr] would be called for the
// built-in attributes too, and makes a line three times as expensive.
type redactingHandler struct{ slog.Handler }

// Handle implements [slog.Handler].
func (h redactingHandler) Handle(ctx context.Context, r slog.Record) error {
	hasSecret := mayHoldSecret(r.Message)
	r.Attrs(func(a slog.Attr) bool {
		if !hasSecret {
			_, hasSecret = redact(a)
		}
		return !hasSecret
	})
	if !hasSecret {
		return h.Handler.Handle(ctx, r)
	}
	redactedRecord := slog.NewRecord(r.Time, r.Level, redactText(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		a, _ = redact(a)
		redactedRecord.AddAttrs(a)
		return true
	})
	return h.Handler.Handle(ctx, redactedRecord)
}

// WithAttrs implements [slog.Handler].
func (h redactingHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	clean, _ := redactAll(attrs)
	return redactingHandler{h.Handler.WithAttrs(clean)}
}

// WithGroup implements [slog.Handler].
func (h redactingHandler) WithGroup(name string) slog.Handler {
	return redactingHandler{h.Handler.WithGroup(name)}
}

func redactAll(attrs []slog.Attr) (clean []slog.Attr, changed bool) {
	clean = slices.Clone(attrs)
	for i, a := range attrs {
		var changes bool
		clean[i], changes = redact(a)
		changed = changed || changes
	}
	return clean, changed
}

// redact redacts an attribute, and reports whether it had a secret.
func redact(a slog.Attr) (clean slog.Attr, changed bool) {
	if secretKeys[strings.ToLower(a.Key)] {
		return slog.String(a.Key, redacted), true
	}
	switch value := a.Value.Resolve(); value.Kind() {
	case slog.KindString:
		if text := value.String(); mayHoldSecret(text) {
			return slog.String(a.Key, redactText(text)), true
		}
	case slog.KindGroup:
		group, changed := redactAll(value.Group())
		return slog.Attr{Key: a.Key, Value: slog.GroupValue(group...)}, changed
	case slog.KindAny:
		return redactAny(a.Key, value.Any())
	}
	return a, false
}

// redactAny redacts the other types of values that are logged.
func redactAny(key string, value any) (clean slog.Attr, changed bool) {
	switch v := value.(type) {
	case error:
		return redact(slog.String(key, v.Error()))
	case []string:
		if slices.ContainsFunc(v, mayHoldSecret) {
			texts := make([]string, len(v))
			for i, text := range v {
				texts[i] = redactText(text)
			}
			return slog.Any(key, texts), true
		}
	}
	return slog.Any(key, value), false
}

func redactText(text string) string {
	return secretTexts.ReplaceAllString(text, redacted)
}

// mayHoldSecret is a fast check before the regular expression secretTexts: hardly any text has a secret.
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
