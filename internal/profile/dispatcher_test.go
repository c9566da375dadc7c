package profile

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestDispatcher tests which reads are released together, and that none is released while a task runs.
func TestDispatcher(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		tasks [][]string // keys of the reads of each task, in turn
		limit int
		want  []int // sizes of the groups, sorted
	}{
		"one":                   {[][]string{{"a"}}, 20, []int{1}},
		"three of one source":   {[][]string{{"a"}, {"a"}, {"a"}}, 20, []int{3}},
		"two sources":           {[][]string{{"a"}, {"b"}, {"a"}}, 20, []int{1, 2}},
		"over the limit":        {slices.Repeat([][]string{{"a"}}, 21), 20, []int{1, 20}},
		"a task without a read": {[][]string{{}, {"a"}, {"a"}}, 20, []int{2}},
		"two rounds":            {[][]string{{"a", "a"}, {"a", "a"}, {"a"}}, 20, []int{2, 3}},
		"no tasks":              {nil, 20, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx := WithDispatcher(t.Context(), len(test.tasks))
				d := DispatcherOf(ctx)
				var mu sync.Mutex
				var sizes []int
				var tasks sync.WaitGroup
				for i, keys := range test.tasks {
					tasks.Go(func() {
						defer d.End()
						time.Sleep(time.Duration(i) * time.Second) // runs, as far as the dispatcher knows
						for _, key := range keys {
							reads, isFirst := d.Join(ctx, key, i, test.limit)
							if waited := time.Since(start); waited < time.Duration(len(test.tasks)-1)*time.Second {
								t.Errorf("released after %s", waited)
							}
							if isFirst {
								mu.Lock()
								sizes = append(sizes, len(reads))
								mu.Unlock()
								d.Begin(len(reads))
							}
							time.Sleep(time.Second) // the request, and then its tasks run again
						}
					})
				}
				tasks.Wait()
				if slices.Sort(sizes); !slices.Equal(sizes, test.want) {
					t.Errorf("groups of %d, want %d", sizes, test.want)
				}
			})
		})
	}
}

// start is when the clock of a bubble begins.
var start = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// TestDispatcherEnds tests that a read is released when its context ends, although a task still runs.
func TestDispatcherEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(WithDispatcher(t.Context(), 2))
	cancel()
	if reads, isFirst := DispatcherOf(ctx).Join(ctx, "a", 1, 20); len(reads) != 1 || !isFirst {
		t.Errorf("%v, %v", reads, isFirst)
	}
	var none *Dispatcher // outside of a query
	none.Begin(1)
	none.End()
}
