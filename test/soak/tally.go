package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"
)

// tally counts the outcomes of requests.
type tally struct {
	began time.Time

	mu     sync.Mutex
	counts map[string]int // by operation and outcome
	wrong  []string
}

func newTally() *tally { return &tally{began: time.Now(), counts: make(map[string]int)} }

// count adds the outcome of one request: ok, left, or the code of its error.
func (t *tally) count(operation, outcome string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts[operation+" "+outcome]++
}

// wrongAnswer records a wrong response.
func (t *tally) wrongAnswer(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.wrong = append(t.wrong, fmt.Sprintf(format, args...))
}

func (t *tally) wrongAnswers() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.wrong)
}

func (t *tally) print(w io.Writer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	took, total := time.Since(t.began), 0
	for _, n := range t.counts {
		total += n
	}
	_, _ = fmt.Fprintf(w, "%d requests in %v, %.0f a second, %d wrong answers\n", total, took.Round(time.Second), float64(total)/took.Seconds(), len(t.wrong))
	for _, name := range slices.Sorted(maps.Keys(t.counts)) {
		_, _ = fmt.Fprintf(w, "  %-40s %8d\n", name, t.counts[name])
	}
}
