package auth

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"profileql/test/idp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock stands still, unless a test puts it forward.
type clock struct {
	start time.Time
	ahead atomic.Int64
}

func newClock() *clock { return &clock{start: time.Now()} }

func (c *clock) now() time.Time            { return c.start.Add(time.Duration(c.ahead.Load())) }
func (c *clock) put(forward time.Duration) { c.ahead.Add(int64(forward)) }

// record is the text of a log.
type record struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (r *record) Write(line []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(line)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

func (r *record) logger() *slog.Logger { return slog.New(slog.NewJSONHandler(r, nil)) }

// mentions fails the test if a text has a secret or a part of a token in it, or anything else that the provider sends.
func mentions(t *testing.T, where, text string, tokens ...string) {
	t.Helper()
	secrets := []string{idp.Secret, "description of the provider", "trace-of-the-provider", "unwell"}
	for _, token := range tokens {
		secrets = append(secrets, strings.Split(token, ".")...)
	}
	for _, secret := range secrets {
		if secret != "" && strings.Contains(text, secret) {
			t.Errorf("%s mentions %.40s…: %.400s", where, secret, text)
		}
	}
}

// startIDP starts an identity provider for a test.
func startIDP(t testing.TB) *idp.Provider {
	p := idp.Start()
	t.Cleanup(p.Close)
	return p
}
