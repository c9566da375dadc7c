package telemetry

import (
	"bytes"
	"io"
	"log/slog"
	"sync"
	"time"
)

const (
	// maxQueued is how many bytes of lines wait for a slow reader: some 3,000 requests.
	maxQueued = 1 << 20
	// atomicWrite is how much a pipe takes in one piece (PIPE_BUF of Linux), so that lines of processes which share one
	// are not mixed.
	atomicWrite = 4096
	// flushTimeout is how long the end waits for the reader.
	flushTimeout = time.Second
)

// Queue is an [io.Writer] that hands lines on to a slower one, in order. Its own Write never waits: the log of a service must
// not hold up its requests, whoever reads it. Lines that do not fit are dropped, and a line says how many.
type Queue struct {
	out  io.Writer
	wake chan struct{} // holds one while there is something to do
	done chan struct{} // closed once the last line is written

	mu      sync.Mutex
	lines   []byte
	dropped int
	closed  bool
}

// NewQueue returns a queue in front of out, which has to be closed.
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
	} else {
		q.lines = append(q.lines, lines...)
	}
	q.mu.Unlock()
	q.signal()
	return len(lines), nil
}

func (q *Queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// Close waits until everything is handed on, for a second at most. What is written after it is dropped.
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

// writeLines writes lines in pieces that a pipe takes whole, as far as their lengths allow. An error is for nobody: this is where
// errors are told.
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
