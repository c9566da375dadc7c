package telemetry

import (
	"bytes"
	"io"
	"log/slog"
	"sync"
	"time"
)

const (
	// maxQueued is the size of the queue in bytes: the lines of some 3,000 requests.
	maxQueued = 1 << 20
	// atomicWrite is the size of atomic writes to a pipe (PIPE_BUF of Linux), so that lines of processes that share it are
	// not mixed.
	atomicWrite = 4096
	// flushTimeout is how long Close waits for the reader.
	flushTimeout = time.Second
)

// Queue is an [io.Writer] that buffers lines for a slower one. Write never blocks, so that a slow reader of the log does not
// slow down requests. Lines that do not fit are dropped, and a line says how many.
type Queue struct {
	out  io.Writer
	wake chan struct{} // holds one while there are lines or the queue is closed
	done chan struct{} // closed after the last line is written

	mu      sync.Mutex
	lines   []byte
	dropped int // since the last line that says so
	total   int // dropped since the start
	closed  bool
}

// NewQueue returns a queue in front of out. It must be closed.
func NewQueue(out io.Writer) *Queue {
	q := &Queue{out: out, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go q.run()
	return q
}

// Write takes whole lines. It does not fail.
func (q *Queue) Write(lines []byte) (int, error) {
	q.mu.Lock()
	if q.closed || len(q.lines)+len(lines) > maxQueued {
		q.dropped++
		q.total++
	} else {
		q.lines = append(q.lines, lines...)
	}
	q.mu.Unlock()
	q.signal()
	return len(lines), nil
}

// Dropped returns how many lines were dropped so far.
func (q *Queue) Dropped() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.total
}

func (q *Queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// Close waits until all lines are written, for at most a second. Later lines are dropped.
func (q *Queue) Close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.signal()
	select {
	case <-q.done:
	case <-time.After(flushTimeout):
	}
}

func (q *Queue) run() {
	defer close(q.done)
	log := slog.New(slog.NewJSONHandler(q.out, nil))
	var batch []byte
	for range q.wake {
		q.mu.Lock()
		batch, q.lines = q.lines, batch[:0]
		dropped, closed := q.dropped, q.closed
		q.dropped = 0
		q.mu.Unlock()
		q.writeLines(batch)
		if dropped > 0 {
			log.Warn("log lines were dropped: standard error is not read fast enough", "lines", dropped)
		}
		if closed {
			return
		}
	}
}

// writeLines writes lines in chunks that a pipe writes atomically, as far as their lengths allow. Errors are ignored: the log
// is where they would be reported.
func (q *Queue) writeLines(lines []byte) {
	for len(lines) > 0 {
		end := len(lines)
		if end > atomicWrite {
			if end = bytes.LastIndexByte(lines[:atomicWrite], '\n') + 1; end == 0 {
				end = bytes.IndexByte(lines, '\n') + 1
			}
		}
		if end == 0 {
			end = len(lines)
		}
		_, _ = q.out.Write(lines[:end])
		lines = lines[end:]
	}
}
