package graphqlhttp

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"profileql/internal/profile"
)

// logEntry is the line that the log has of a request: what was done and what came of it, and nothing that the caller
// wrote but the operation's name.
type logEntry struct {
	id        string // in the answer's header Request-Id
	start     time.Time
	calls     *profile.Calls
	document  string                    // its hash; empty where there is none
	operation *graphql.OperationContext // nil where the request was refused before
}

// longestName is how much of an operation's name is logged.
const longestName = 64

func (e logEntry) log(ctx context.Context, log *slog.Logger, a answer) {
	now := time.Now()
	attrs := append(make([]slog.Attr, 0, 12), slog.String("request_id", e.id))
	if op := e.operation; op != nil {
		attrs = append(attrs, slog.String("document", e.document))
		if op.Operation != nil {
			attrs = append(attrs, slog.String("type", string(op.Operation.Operation)), slog.String("operation", plainName(op.Operation.Name)))
		}
	}
	n, requestIDs, diagnostics := e.calls.Counted()
	attrs = append(attrs, slog.Int("status", a.status),
		slog.Float64("ms", float64(now.Sub(e.start).Microseconds())/1000), slog.Int("upstream_calls", n))
	for _, list := range []struct {
		name  string
		texts []string
	}{{"codes", a.codes()}, {"request_ids", requestIDs}, {"x_ms_ags_diagnostic", diagnostics}} {
		if len(list.texts) > 0 {
			attrs = append(attrs, slog.Any(list.name, list.texts))
		}
	}
	// By the handler itself: a logger would look for the line of code that it was called from, which nobody asks for.
	record := slog.NewRecord(now, slog.LevelInfo, "request", 0)
	record.AddAttrs(attrs...)
	_ = log.Handler().Handle(ctx, record) // there is no better place to tell of an error
}

// plainName keeps what a name can have, for a log is read by more than people.
func plainName(name string) string {
	name = name[:min(len(name), longestName)]
	return strings.Map(func(r rune) rune {
		if r == '_' || '0' <= r && r <= '9' || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z' {
			return r
		}
		return -1
	}, name)
}

// codes are those of the answer's errors, each once.
func (a answer) codes() (codes []string) {
	for _, e := range a.errors {
		if code, ok := e.Extensions["code"].(string); ok && !slices.Contains(codes, code) {
			codes = append(codes, code)
		}
	}
	return codes
}
