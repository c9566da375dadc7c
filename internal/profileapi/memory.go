package profileapi

import (
	"context"

	"golang.org/x/sync/semaphore"

	"profileql/internal/profile"
)

// Memory bounds how many bytes all answers of all sources hold together, from before they are asked for until the operation
// that needs them is answered. What does not fit waits for its turn. It may be used by many goroutines at once.
//
// A request holds room for an ordinary answer before it is sent. An answer that turns out to be larger waits once more, for
// room from another pool, and for as much as it may come to need: were it a little at a time from one pool, all could
// come to wait for each other.
type Memory struct {
	ordinary, large *semaphore.Weighted
}

const (
	// perByte is how many bytes of memory a byte of an answer takes: itself, its tape, and what is written of it.
	perByte = 3
	// ordinaryAnswer is the size of an answer, in bytes, that every request has room for: a page of 100 items fits.
	ordinaryAnswer = 128 << 10
	// leastMemory is enough for two answers of the largest size, beside ordinary ones.
	leastMemory = 2 * perByte * 2 * maxAnswer
)

// NewMemory returns a Memory of some bytes, of which it takes no fewer than 96 MiB.
func NewMemory(bytes int64) *Memory {
	half := max(bytes, leastMemory) / 2
	return &Memory{ordinary: semaphore.NewWeighted(half), large: semaphore.NewWeighted(half)}
}

// room is what one request holds.
type room struct {
	memory          *Memory
	ordinary, large int64
}

// reserve makes room for an ordinary answer. It waits until there is some, the context is over, or the sender of the
// request has left. A nil Memory has no bound.
func (m *Memory) reserve(ctx context.Context) (*room, error) {
	r := &room{memory: m}
	if m == nil {
		return r, nil
	}
	if r.ordinary = perByte * ordinaryAnswer; m.ordinary.TryAcquire(r.ordinary) {
		return r, nil
	}
	waiting, end := profile.Waiting(ctx)
	defer end()
	return r, m.ordinary.Acquire(waiting, r.ordinary)
}

// grow makes room for an answer of up to size bytes that is larger than an ordinary one. It waits until there is some, or
// the context is over.
func (r *room) grow(ctx context.Context, size int64) error {
	if r.memory == nil || r.large > 0 || size <= ordinaryAnswer {
		return nil
	}
	if err := r.memory.large.Acquire(ctx, perByte*size); err != nil {
		return err
	}
	r.large = perByte * size
	return nil
}

// settle gives back what an answer of this size does not need, and the rest once the context's operation is answered.
func (r *room) settle(ctx context.Context, size int) {
	if r.memory == nil {
		return
	}
	need := perByte * int64(size)
	kept := room{memory: r.memory, ordinary: min(need, r.ordinary), large: min(need, r.large)}
	if r.large > 0 {
		kept.ordinary = 0
	}
	r.memory.ordinary.Release(r.ordinary - kept.ordinary)
	r.memory.large.Release(r.large - kept.large)
	if !profile.AfterOperation(ctx, kept.release) {
		kept.release()
	}
}

func (r room) release() {
	r.memory.ordinary.Release(r.ordinary)
	r.memory.large.Release(r.large)
}
