package profile

import (
	"context"
	"slices"
	"sync"
)

// Dispatcher collects the reads of one operation, so that those of one source can be sent in one request. It holds a read
// back as long as any task of the operation runs, because a running task may add another read, and releases all of them
// once every task is done or waits. There is no timer: a read waits only for computation. It is safe for concurrent use. A
// nil Dispatcher does nothing.
type Dispatcher struct {
	mu      sync.Mutex
	running int // tasks that run
	waiting []*group
}

// group is reads that are released together.
type group struct {
	key      any
	reads    []any
	released chan struct{}
}

type dispatcherKey struct{}

// WithDispatcher returns a context with a dispatcher whose operation has this many running tasks.
func WithDispatcher(ctx context.Context, tasks int) context.Context {
	return context.WithValue(ctx, dispatcherKey{}, &Dispatcher{running: tasks})
}

// DispatcherOf returns the context's dispatcher; nil if reads are not collected.
func DispatcherOf(ctx context.Context) *Dispatcher {
	d, _ := ctx.Value(dispatcherKey{}).(*Dispatcher)
	return d
}

// Begin adds running tasks.
func (d *Dispatcher) Begin(tasks int) {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.running += tasks
}

// End ends a running task.
func (d *Dispatcher) End() {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.end()
}

// Wait calls a function that waits for other tasks, or for something outside of the process. Meanwhile, the calling task
// does not count as running.
func (d *Dispatcher) Wait(wait func()) {
	d.End()
	defer d.Begin(1)
	wait()
}

func (d *Dispatcher) end() {
	if d.running--; d.running <= 0 {
		d.release()
	}
}

// release releases all reads.
func (d *Dispatcher) release() {
	for _, g := range d.waiting {
		close(g.released)
	}
	d.waiting = nil
}

// Join ends the calling task, and waits until no task runs or the context ends. It returns the reads with the same key that
// are released together, at most limit, and whether the caller's is the first of them. The caller must call Begin once it
// has the result of its read.
func (d *Dispatcher) Join(ctx context.Context, key, read any, limit int) (reads []any, isFirst bool) {
	g, isFirst := d.join(key, read, limit)
	if g == nil {
		return []any{read}, true
	}
	select {
	case <-g.released:
	case <-ctx.Done():
		d.mu.Lock()
		d.release()
		d.mu.Unlock()
		<-g.released
	}
	return g.reads, isFirst
}

// join adds a read to a group. It returns nil if there is nothing to wait for.
func (d *Dispatcher) join(key, read any, limit int) (g *group, isFirst bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.running == 1 && len(d.waiting) == 0 {
		d.running = 0
		return nil, true
	}
	i := slices.IndexFunc(d.waiting, func(g *group) bool { return g.key == key && len(g.reads) < limit })
	if i < 0 {
		i = len(d.waiting)
		d.waiting = append(d.waiting, &group{key: key, released: make(chan struct{})})
	}
	g = d.waiting[i]
	g.reads = append(g.reads, read)
	isFirst = len(g.reads) == 1
	d.end()
	return g, isFirst
}
