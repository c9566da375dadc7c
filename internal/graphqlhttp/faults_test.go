package graphqlhttp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"profileql/graph"
	"profileql/internal/profile"
	"profileql/internal/telemetry"
	"profileql/test/scene"
)

// broken is a collection whose methods fail if fail is not nil.
type broken struct{ fail func() error }

func (b *broken) err() error {
	if b.fail == nil {
		return nil
	}
	return b.fail()
}

func (b *broken) List(context.Context, profile.Query) (profile.Page, error) {
	return profile.Page{}, b.err()
}

func (b *broken) Get(context.Context, profile.Ref, []string) (profile.Item, error) {
	return profile.Item{ID: "abc"}, b.err()
}

func (b *broken) Create(context.Context, string, string, []byte) (profile.Item, error) {
	return profile.Item{ID: "abc"}, b.err()
}

func (b *broken) Update(context.Context, profile.Ref, []byte) (profile.Item, error) {
	return profile.Item{ID: "abc"}, b.err()
}

func (b *broken) Delete(context.Context, profile.Ref) error { return b.err() }

// TestUnknownFaults checks that unknown errors and panics of a collection are internal errors, whose text is only in
// the log.
func TestUnknownFaults(t *testing.T) {
	t.Parallel()
	facet := new(broken)
	log := new(scene.Log)
	o := optionsOf(t, always(facet), &graph.Source{Name: "upstream", Kind: "PROFILE", Writable: true})
	o.Log = telemetry.NewLog(log)
	handler, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	do := func(op scene.Operation) scene.Reply {
		w, _ := exchange(t.Context(), handler, string(scene.Body(t, op.Text, op.Variables)))
		return scene.ReadReply(t, w.Code, w.Header(), w.Body.Bytes())
	}
	const secret = "internal-detail-of-the-source"
	several := scene.Operations[1]
	several.Name, several.Text = "nodes", `query($id: ID!) { nodes(ids: [$id]) { id } }`
	for name, fail := range map[string]func() error{
		"an error":         func() error { return errors.New(secret) },
		"wrapped":          func() error { return fmt.Errorf("%s: %w", secret, io.ErrUnexpectedEOF) },
		"a deadline":       func() error { return fmt.Errorf("%s: %w", secret, context.DeadlineExceeded) },
		"a panic":          func() error { panic(secret) },
		"a panicked error": func() error { panic(errors.New(secret)) },
		"an index":         func() error { _ = scene.Operations[len(secret)+len(scene.Operations)]; return nil },
	} {
		facet.fail = fail
		for _, op := range append(scene.Operations[:len(scene.Operations):len(scene.Operations)], several) {
			r := do(op)
			if got := r.Code(t); got != "INTERNAL_SERVER_ERROR" {
				t.Errorf("%s, %s: %s", name, op.Name, r.Body)
			}
			for _, text := range []string{secret, "goroutine", ".go:", "panic", "out of range", "unexpected EOF", "deadline"} {
				if strings.Contains(r.Body, text) {
					t.Errorf("%s, %s: the answer tells %q: %s", name, op.Name, text, r.Body)
				}
			}
			id, _ := r.Errors[0].Extensions["errorId"].(string)
			if cause := loggedError(t, log.String(), id); cause == "" || name != "an index" && !strings.Contains(cause, secret) {
				t.Errorf("%s, %s: under %q the log has %q", name, op.Name, id, cause)
			}
			if len(r.Errors[0].Extensions) != 2 {
				t.Errorf("%s, %s: %s with %v", name, op.Name, r.Body, r.Header)
			}
		}
		if strings.Contains(log.String(), "the-text-of-the-caller") {
			t.Errorf("the log tells a variable: %s", log)
		}
	}
	facet.fail = nil
	for _, op := range append(scene.Operations[:len(scene.Operations):len(scene.Operations)], several) {
		if r := do(op); len(r.Errors) > 0 {
			t.Errorf("afterwards: %s", r.Body)
		}
	}
}

// loggedError returns the error that was logged with an error_id.
func loggedError(t *testing.T, logged, id string) string {
	t.Helper()
	for line := range strings.Lines(logged) {
		var record struct {
			ErrorID string `json:"error_id"`
			Error   string
		}
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatal(err)
		}
		if record.ErrorID == id && id != "" {
			return record.Error
		}
	}
	return ""
}
