package profile

import (
	"context"
	"testing"
)

// TestBuffers holds that a buffer is reused only once its operation is answered, and has the capacity that was asked for.
func TestBuffers(t *testing.T) {
	for _, size := range []int{0, 1, 1000, 8 << 10, 8<<10 + 1, 100_000, 1<<20 - 1, 1 << 20, 1<<20 + 1, 5 << 20} {
		for range 100 { // a pool may drop what it is given
			ctx, calls := WithCalls(context.Background())
			first, second := NewBuffer(ctx, size), NewBuffer(ctx, size)
			if cap(first) < size || len(first) > 0 || size > 0 && &first[:1][0] == &second[:1][0] {
				t.Fatalf("%d bytes: capacity %d, length %d", size, cap(first), len(first))
			}
			if got := Buffered(ctx); got != 2*size {
				t.Fatalf("%d bytes are counted as %d", size, got)
			}
			calls.Answered()
		}
	}
	if b := NewBuffer(context.Background(), 10_000); cap(b) < 10_000 || Buffered(context.Background()) != 0 {
		t.Errorf("without an operation: capacity %d", cap(b))
	}
}

// BenchmarkBuffers measures the allocations of an operation with 20 buffers.
func BenchmarkBuffers(b *testing.B) {
	for b.Loop() {
		ctx, calls := WithCalls(context.Background())
		for range 20 {
			_ = NewBuffer(ctx, 20_000)
		}
		calls.Answered()
	}
}
