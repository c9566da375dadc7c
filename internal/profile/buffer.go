package profile

import (
	"context"
	"math/bits"
	"sync"
)

// Buffers of these sizes in bytes, as powers of two, are kept for another operation. For a smaller one, an allocation is
// cheap.
const (
	minReusedBuffer = 13
	maxReusedBuffer = 20
)

// buffers are those of answered operations, by the power of two that is their capacity.
var buffers [maxReusedBuffer + 1]sync.Pool // of *[]byte

// NewBuffer returns an empty buffer of at least this capacity for the context's operation. Its memory is reused once the
// operation is answered.
func NewBuffer(ctx context.Context, size int) []byte {
	c, ok := ctx.Value(callsKey{}).(*Calls)
	if !ok {
		return make([]byte, 0, size)
	}
	c.mu.Lock()
	c.buffered += size
	c.mu.Unlock()
	power := bits.Len(uint(size))
	if power < minReusedBuffer || power > maxReusedBuffer {
		return make([]byte, 0, size)
	}
	buffer, ok := buffers[power].Get().(*[]byte)
	if !ok {
		buffer = new(make([]byte, 0, 1<<power))
	}
	AfterOperation(ctx, func() { buffers[power].Put(buffer) })
	return *buffer
}

// Buffered returns the size of all buffers of the context's operation in bytes.
func Buffered(ctx context.Context) int {
	c, ok := ctx.Value(callsKey{}).(*Calls)
	if !ok {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.buffered
}
