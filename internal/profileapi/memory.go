package profileapi

import (
	"context"
	"sync/atomic"

	"golang.org/x/sync/semaphore"

	"profileql/internal/profile"
)

// MemoryBudget limits the memory of all responses of all sources, from before the request is sent until the operation is
// answered. Requests that do not fit wait. It is safe for concurrent use.
//
// A request reserves memory for a small response before it is sent. If the response turns out to be larger, it reserves the
// most that it may need from a second pool: growing step by step in one pool could deadlock.
type MemoryBudget struct {
	small, large *pool
}

// pool is one of the two pools of memory.
type pool struct {
	*semaphore.Weighted
	size int64
	used atomic.Int64
}

func newPool(size int64) *pool { return &pool{Weighted: semaphore.NewWeighted(size), size: size} }

// TryAcquire is that of the semaphore.
func (p *pool) TryAcquire(n int64) bool {
	ok := p.Weighted.TryAcquire(n)
	if ok {
		p.used.Add(n)
	}
	return ok
}

// Acquire is that of the semaphore.
func (p *pool) Acquire(ctx context.Context, n int64) error {
	err := p.Weighted.Acquire(ctx, n)
	if err == nil {
		p.used.Add(n)
	}
	return err
}

// Release is that of the semaphore.
func (p *pool) Release(n int64) {
	p.used.Add(-n)
	p.Weighted.Release(n)
}

// PoolState is how much of one of the two pools is reserved, in bytes.
type PoolState struct{ Used, Size int64 }

// State returns the states of the pool of small responses and of that of large ones.
func (m *MemoryBudget) State() (small, large PoolState) {
	return PoolState{m.small.used.Load(), m.small.size}, PoolState{m.large.used.Load(), m.large.size}
}

const (
	// memoryPerByte is how many bytes of memory a byte of a response takes: itself, its tape, and the output.
	memoryPerByte = 3
	// smallResponse is the size in bytes that every request reserves: a page of 100 items fits.
	smallResponse = 128 << 10
	// minMemory is enough for two responses of the maximum size beside small ones.
	minMemory = 2 * memoryPerByte * 2 * maxResponseBytes
)

// NewMemoryBudget returns a MemoryBudget of this many bytes, at least 96 MiB.
func NewMemoryBudget(bytes int64) *MemoryBudget {
	half := max(bytes, minMemory) / 2
	return &MemoryBudget{small: newPool(half), large: newPool(half)}
}

// reservation is the memory that one request has reserved.
type reservation struct {
	budget       *MemoryBudget
	responses    int // small responses that are reserved; those of a batch are read as one
	small, large int64
}

// reserve reserves memory for this many small responses. It waits until some is free, the context ends, or the caller
// cancels. A nil MemoryBudget has no limit.
func (m *MemoryBudget) reserve(ctx context.Context, responses int) (*reservation, error) {
	r := &reservation{budget: m, responses: responses}
	if m == nil {
		return r, nil
	}
	if r.small = int64(responses) * memoryPerByte * smallResponse; m.small.TryAcquire(r.small) {
		return r, nil
	}
	waitCtx, cancelWait := profile.WaitContext(ctx)
	defer cancelWait()
	return r, m.small.Acquire(waitCtx, r.small)
}

// grow reserves memory for a response of up to size bytes, if that is more than is reserved. It waits until some is free,
// or the context ends.
func (r *reservation) grow(ctx context.Context, size int64) error {
	if r.budget == nil || r.large > 0 || size <= int64(r.responses)*smallResponse {
		return nil
	}
	if err := r.budget.large.Acquire(ctx, memoryPerByte*size); err != nil {
		return err
	}
	r.large = memoryPerByte * size
	return nil
}

// settle releases what a response of this size does not need, and the rest once the context's operation is answered.
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
