package profile

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// TestTraceBounds tests that a trace is bounded, and says what it has left out.
func TestTraceBounds(t *testing.T) {
	t.Parallel()
	ctx, calls := WithCalls(t.Context())
	trace := calls.StartTrace(time.Now())
	body := json.RawMessage(`"` + strings.Repeat("x", 1000) + `"`)
	for range maxExchanges + 7 {
		StepOf(ctx).Begin(Exchange{Path: strings.Repeat("/", 2*maxTracedPath), Body: body}).End(Outcome{Status: 200})
	}
	text, err := trace.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	var shown struct {
		Requests []Exchange
		Omitted  int
	}
	if err := json.Unmarshal(text, &shown); err != nil {
		t.Fatal(err)
	}
	bodies := 0
	for i, e := range shown.Requests {
		bodies += len(e.Body)
		if e.Number != i+1 || len(e.Path) != maxTracedPath || !e.Truncated || e.Status != 200 {
			t.Errorf("%+v", e)
		}
	}
	if len(shown.Requests) != maxExchanges || shown.Omitted != 7 || bodies > maxTracedBodies || bodies < maxTracedBodies-len(body) {
		t.Errorf("%d requests, %d omitted, bodies of %d bytes", len(shown.Requests), shown.Omitted, bodies)
	}
}

// TestTraceCopiesBodies tests that a body stays as it was sent, although its memory is used again.
func TestTraceCopiesBodies(t *testing.T) {
	t.Parallel()
	ctx, calls := WithCalls(t.Context())
	trace := calls.StartTrace(time.Now())
	body := []byte(`{"a":"<&>"}`)
	StepOf(ctx).Begin(Exchange{Body: body}).End(Outcome{})
	copy(body, "xxxx")
	if text, err := trace.MarshalJSON(); err != nil || !strings.Contains(string(text), `"body":{"a":"<&>"}`) {
		t.Errorf("%s, %v", text, err)
	}
}

// TestNoTrace tests that nothing is recorded, and nothing allocated, for operations without a trace.
func TestNoTrace(t *testing.T) {
	ctx, _ := WithCalls(t.Context())
	if n := testing.AllocsPerRun(100, func() {
		StepOf(WithReason(ctx, Fallback)).Begin(Exchange{}).End(Outcome{})
		StepOf(ctx).Learn("x")
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
