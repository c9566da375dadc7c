package telemetry

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// TestRedaction logs secrets in every way in which something is logged.
func TestRedaction(t *testing.T) {
	const (
		jwt    = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzM2NyZXQifQ.c2lnbmF0dXJlLXMzY3JldA"
		opaque = "0123456789s3cret"
	)
	var out bytes.Buffer
	log := NewLog(&out)
	for name, write := range map[string]func(){
		"a token as a value":      func() { log.Info("x", "a", jwt) },
		"a token within a text":   func() { log.Info("x", "a", "got "+jwt+", sorry") },
		"a token in a message":    func() { log.Info("got " + jwt) },
		"an encrypted token":      func() { log.Info("x", "a", "eyJhbGciOiJSU0EtT0FFUCJ9.s3cret.s3cret.s3cret.s3cret") },
		"a token in an error":     func() { log.Info("x", "error", fmt.Errorf("wrapped: %w", errors.New("Bearer "+opaque))) },
		"a header's text":         func() { log.Info("x", "a", "Authorization: bearer "+opaque+"\r\n") },
		"basic credentials":       func() { log.Info("x", "a", "Basic "+opaque) },
		"a list":                  func() { log.Info("x", "a", []string{"y", "Bearer " + opaque}) },
		"a header by name":        func() { log.Info("x", "Authorization", opaque) },
		"a cookie by name":        func() { log.Info("x", "cookie", opaque) },
		"a cookie of an answer":   func() { log.Info("x", "Set-Cookie", []string{opaque}) },
		"variables":               func() { log.Info("x", "variables", map[string]any{"a": opaque}) },
		"within a group":          func() { log.Info("x", slog.Group("request", "authorization", opaque, "b", jwt)) },
		"with the logger":         func() { log.With("token", opaque).Info("x") },
		"with the logger's group": func() { log.WithGroup("g").Info("x", "password", opaque) },
	} {
		out.Reset()
		write()
		if strings.Contains(out.String(), "s3cret") || strings.Contains(out.String(), "eyJ") || !strings.Contains(out.String(), redacted) {
			t.Errorf("%s: %s", name, out.String())
		}
	}
	out.Reset()
	log.Info("nothing secret", "a", "the basics of bearings", "n", 5, "list", []string{"x"}, "error", errors.New("plain"))
	if strings.Contains(out.String(), redacted) || !strings.Contains(out.String(), "the basics of bearings") || !strings.Contains(out.String(), `"list":["x"]`) {
		t.Errorf("something is missing: %s", out.String())
	}
}
