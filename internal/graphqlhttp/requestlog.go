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

// logEntry is what the log line of a request and the observers are told. The operation's name is the only text from the
// request that it contains.
type logEntry struct {
	id        string // in the response header Request-Id
	start     time.Time
	calls     *profile.Calls
	document  string                    // its hash; empty if there is no document
	operation *graphql.OperationContext // nil if the request was rejected before
	listed    bool                      // whether only persisted operations are run
	persisted Lookup                    // of the document by its hash, or among the persisted operations
	cached    Lookup                    // of the parsed document
}

// longestName is the maximum length of a logged operation name in bytes.
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
	if batches := e.calls.Batches(); batches > 0 {
		attrs = append(attrs, slog.Int("batches", batches))
	}
	for _, list := range []struct {
		name  string
		texts []string
	}{{"codes", a.codes()}, {"request_ids", requestIDs}, {"x_ms_ags_diagnostic", diagnostics}} {
		if len(list.texts) > 0 {
			attrs = append(attrs, slog.Any(list.name, list.texts))
		}
	}
	// The handler is called directly, because a logger would look up the source line of its caller, which is not
	// logged.
	record := slog.NewRecord(now, slog.LevelInfo, "request", 0)
	record.AddAttrs(attrs...)
	_ = log.Handler().Handle(ctx, record) // an error of the log cannot be logged
}

// plainName removes the characters that are not valid in a GraphQL name, because log lines are also parsed by programs.
func plainName(name string) string {
	name = name[:min(len(name), longestName)]
	return strings.Map(func(r rune) rune {
		if r == '_' || '0' <= r && r <= '9' || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z' {
			return r
		}
		return -1
	}, name)
}

// codes returns the codes of the answer's errors, without duplicates.
func (a answer) codes() (codes []string) {
	for _, e := range a.errors {
		if code, ok := e.Extensions["code"].(string); ok && !slices.Contains(codes, code) {
			codes = append(codes, code)
		}
	}
	return codes
}
