package replicas

import (
	"fmt"
	"sync"
	"time"
)

// report is what all callers have seen.
type report struct {
	mu        sync.Mutex
	mistakes  []string
	failures  []failure
	misses    []string    // operations whose hash was not known
	lists     [][]string  // the operations that read the pages of a list
	uses      [][2]string // the operations that wrote an item, and used it next
	durations []time.Duration
}

// failure is an operation without a response.
type failure struct {
	operation    string
	began, ended time.Time
	status       int // 0 if there is not even one of nginx
	err          error
}

const stamp = "15:04:05.000"

func (f failure) String() string {
	return fmt.Sprintf("%s from %s to %s: status %d, error %v", f.operation, f.began.Format(stamp), f.ended.Format(stamp), f.status, f.err)
}

func (r *report) wrong(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mistakes = append(r.mistakes, fmt.Sprintf(format, args...))
}

func (r *report) failed(f failure) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, f)
}

func (r *report) missed(operation string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.misses = append(r.misses, operation)
}

func (r *report) listed(pages []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lists = append(r.lists, pages)
}

func (r *report) used(wrote, uses string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.uses = append(r.uses, [2]string{wrote, uses})
}

func (r *report) took(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.durations = append(r.durations, d)
}
