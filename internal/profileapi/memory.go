package profileapi

import (
	"context"

	"golang.org/x/sync/semaphore"

	"profileql/internal/profile"
)

// MemoryBudget bounds how many bytes all answers of all sources hold together, from before they are asked for until the operation
// that needs them is answered. What does not fit waits for its turn. It may be used by many goroutines at once.
//
// A request holds room for an ordinary answer before it is sent. An answer that turns out to be larger waits once more, for
// reservation from another pool, and for as much as it may come to need: were it a little at a time from one pool, all could
// come to wait for each other.
type MemoryBudget struct {
	small, large *semaphore.Weighted
}

const (
	// memoryPerByte is how many bytes of memory a byte of an answer takes: itself, its tape, and what is written of it.
	memoryPerByte = 3
	// smallResponse is the size of an answer, in bytes, that every request has room for: a page of 100 items fits.
	smallResponse = 128 << 10
	// minMemory is enough for two answers of the largest size, beside ordinary ones.
	minMemory = 2 * memoryPerByte * 2 * maxResponseBytes
)

// NewMemoryBudget returns a Memory of some bytes, of which it takes no fewer than 96 MiB.
func NewMemoryBudget(bytes int64) *MemoryBudget {
	half := max(bytes, minMemory) / 2
	return &MemoryBudget{small: semaphore.NewWeighted(half), large: semaphore.NewWeighted(half)}
}

// reservation is what one request holds.
type reservation struct {
	budget       *MemoryBudget
	small, large int64
}

// reserve makes room for an ordinary answer. It waits until there is some, the context is over, or the sender of the
// request has left. A nil Memory has no bound.
func (m *MemoryBudget) reserve(ctx context.Context) (*reservation, error) {
	r := &reservation{budget: m}
	if m == nil {
		return r, nil
	}
	if r.small = memoryPerByte * smallResponse; m.small.TryAcquire(r.small) {
		return r, nil
	}
	waitCtx, cancelWait := profile.WaitContext(ctx)
	defer cancelWait()
	return r, m.small.Acquire(waitCtx, r.small)
}

// grow makes room for an answer of up to size bytes that is larger than an ordinary one. It waits until there is some, or
// the context is over.
func (r *reservation) grow(ctx context.Context, size int64) error {
	if r.budget == nil || r.large > 0 || size <= smallResponse {
		return nil
	}
	if err := r.budget.large.Acquire(ctx, memoryPerByte*size); err != nil {
		return err
	}
	r.large = memoryPerByte * size
	return nil
}

// settle gives back what an answer of this size does not need, and the rest once the context's operation is answered.
func (r *reservation) settle(ctx context.Context, size int) {
	if r.budget == nil {
		return
	}
	needed := memoryPerByte * int64(size)
	kept := reservation{budget: r.budget, small: min(needed, r.small), large: min(needed, r.large)}
	if r.large > 0 {
		kept.small = 0
	}
	r.budget.small.Release(r.small - kept.small)
	r.budget.large.Release(r.large - kept.large)
	if !profile.AfterOperation(ctx, kept.release) {
		kept.release()
	}
}

func (r reservation) release() {
	r.budget.small.Release(r.small)
	r.budget.large.Release(r.large)
}
