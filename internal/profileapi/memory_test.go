package profileapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"profileql/internal/profile"
)

// listOf returns a list with one item of about this many bytes.
func listOf(bytes int) string {
	return `{"value": [{"id": "a", "createdDateTime": "2020-01-01T00:00:00Z", "name": "` + strings.Repeat("x", bytes) + `"}]}`
}

func withBudget(t *testing.T, memory *MemoryBudget, source http.RoundTripper) *Collection {
	t.Helper()
	c := things(t, source)
	c.client.memory = memory
	return c
}

// freeBytes returns how much of a MemoryBudget is free, to the KiB, by reserving it.
func freeBytes(m *MemoryBudget) (ordinary, large int64) {
	const step = 1 << 10
	for m.small.TryAcquire(step) {
		ordinary += step
	}
	for m.large.TryAcquire(step) {
		large += step
	}
	m.small.Release(ordinary)
	m.large.Release(large)
	return ordinary, large
}

// TestMemory holds that large responses wait for memory, that waiting fails at the deadline, that small responses do not
// wait, and that all memory is released in the end.
func TestMemory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := NewMemoryBudget(0)
		memory.large.TryAcquire(memoryPerByte * maxResponseBytes) // enough is left for one response of the maximum size
		before, beforeLarge := freeBytes(memory)
		long := listOf(3 * smallResponse)
		slow := withBudget(t, memory, roundTrip(func(r *http.Request) (*http.Response, error) {
			body := io.MultiReader(strings.NewReader(long[:2*smallResponse]), &sleepyReader{4 * time.Second}, strings.NewReader(long[2*smallResponse:]))
			resp := newResponse(200, "")
			resp.Body = io.NopCloser(body)
			return resp, nil
		}))
		small := withBudget(t, memory, roundTrip(func(*http.Request) (*http.Response, error) { return newResponse(200, `{"value": []}`), nil }))
		var all sync.WaitGroup
		var mu sync.Mutex
		took := make(map[string]int)
		for range 4 {
			all.Go(func() {
				ctx, calls := profile.WithCalls(t.Context())
				defer calls.Answered()
				began := time.Now()
				_, err := slow.List(ctx, profile.Query{Limit: 1, Order: profile.Order{Property: "createdDateTime", Descending: true}})
				mu.Lock()
				defer mu.Unlock()
				took[fmt.Sprintf("%s after %s", codeOf(err), time.Since(began).Round(time.Second))]++
			})
		}
		time.Sleep(time.Second)
		began := time.Now()
		if _, err := small.List(t.Context(), profile.Query{Limit: 1}); err != nil || time.Since(began) > 0 {
			t.Errorf("a small answer: %v after %v", err, time.Since(began))
		}
		all.Wait()
		// Each takes four seconds to read: the third does not finish within its ten seconds, the fourth gets no memory.
		if took[" after 4s"] != 1 || took[" after 8s"] != 1 || took["OVERLOADED after 10s"] < 1 {
			t.Errorf("%v", took)
		}
		if after, afterLarge := freeBytes(memory); after != before || afterLarge != beforeLarge {
			t.Errorf("not all is released: %d of %d, %d of %d", after, before, afterLarge, beforeLarge)
		}
	})
}

// sleepyReader reaches EOF after some time.
type sleepyReader struct{ wait time.Duration }

func (r *sleepyReader) Read([]byte) (int, error) {
	time.Sleep(r.wait)
	return 0, io.EOF
}

// TestMemoryIsHeldUntilAnswered holds that memory is reserved until the operation is answered.
func TestMemoryIsHeldUntilAnswered(t *testing.T) {
	t.Parallel()
	memory := NewMemoryBudget(0)
	before, beforeLarge := freeBytes(memory)
	for _, bytes := range []int{100, smallResponse * 2} {
		ctx, calls := profile.WithCalls(t.Context())
		c := withBudget(t, memory, roundTrip(func(*http.Request) (*http.Response, error) { return newResponse(200, listOf(bytes)), nil }))
		if _, err := c.List(ctx, profile.Query{Limit: 1}); err != nil {
			t.Fatal(err)
		}
		held, heldLarge := freeBytes(memory)
		if got := before - held + beforeLarge - heldLarge; got < memoryPerByte*int64(bytes)-1024 || got > memoryPerByte*int64(bytes+1000)*2 {
			t.Errorf("%d bytes: %d are held", bytes, got)
		}
		calls.Answered()
		if after, afterLarge := freeBytes(memory); after != before || afterLarge != beforeLarge {
			t.Errorf("%d bytes: not all is released", bytes)
		}
	}
}

// TestManyItems holds that reading stops when one response has too many items.
func TestManyItems(t *testing.T) {
	t.Parallel()
	read := 0
	c := things(t, roundTrip(func(*http.Request) (*http.Response, error) {
		resp := newResponse(200, "")
		item := `{"id": "a,[{\",", "tags": ["x", "y"], "name": "` + strings.Repeat("x", 600) + `"},`
		resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"value": [`), &countingReader{strings.NewReader(strings.Repeat(item, 10_000)), &read}))
		return resp, nil
	}))
	_, err := c.List(t.Context(), profile.Query{Limit: 1, Order: profile.Order{Property: "createdDateTime", Descending: true}})
	if codeOf(err) != profile.LimitExceeded || read > 3<<20 {
		t.Errorf("%v after %d bytes", err, read)
	}
}

type countingReader struct {
	io.Reader
	n *int
}

func (r *countingReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	*r.n += n
	return n, err
}

// TestMemoryBeforeSending holds that a request without memory is not sent.
func TestMemoryBeforeSending(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := NewMemoryBudget(0)
		for memory.small.TryAcquire(memoryPerByte * smallResponse) {
		}
		c := withBudget(t, memory, roundTrip(func(*http.Request) (*http.Response, error) {
			t.Error("it was sent")
			return newResponse(200, `{"id": "a"}`), nil
		}))
		_, err := c.Update(t.Context(), profile.Ref{ID: "a"}, []byte(`{"name":"x"}`))
		if codeOf(err) != profile.Overloaded {
			t.Errorf("a write: %v", err)
		}
		ctx, leave := context.WithTimeout(t.Context(), time.Second)
		defer leave()
		if _, err := c.Get(ctx, profile.Ref{ID: "a"}, nil); codeOf(err) != profile.Overloaded {
			t.Errorf("a read: %v", err)
		}
	})
}

// TestMemoryCanceledCaller holds that a write that waits for memory ends at once when its caller cancels.
func TestMemoryCanceledCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := NewMemoryBudget(0)
		for memory.small.TryAcquire(memoryPerByte * smallResponse) {
		}
		c := withBudget(t, memory, roundTrip(func(*http.Request) (*http.Response, error) {
			t.Error("it was sent")
			return newResponse(200, `{"id": "a"}`), nil
		}))
		sender, leave := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, leave)
		began := time.Now()
		_, err := c.Update(sender, profile.Ref{ID: "a"}, []byte(`{"name":"x"}`))
		if took := time.Since(began); !errors.Is(err, context.Canceled) || took != time.Second {
			t.Errorf("%v after %v", err, took)
		}
	})
}
