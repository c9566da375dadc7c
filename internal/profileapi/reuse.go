package profileapi

import "sync"

// bodies are the buffers of responses whose operations are answered, for the next responses.
var bodies sync.Pool // of *[]byte

// Buffers of these sizes in bytes are kept for another response. For a smaller one, an allocation is cheap.
const (
	minReused = 8 << 10
	maxReused = 1 << 20
)

// newBody returns an empty buffer of at least this capacity.
func newBody(size int) []byte {
	if size < minReused {
		return make([]byte, 0, size)
	}
	if b, ok := bodies.Get().(*[]byte); ok && cap(*b) >= size {
		return (*b)[:0]
	}
	return make([]byte, 0, size)
}

// release makes the memory of a response available for other responses. It is called when the operation is answered:
// everything that the answer shows of the response has been copied by then.
func (resp *response) release() {
	if resp.tape != nil {
		resp.tape.Release()
	}
	if body := resp.body; cap(body) >= minReused && cap(body) <= maxReused {
		bodies.Put(&body)
	}
	resp.tape, resp.body = nil, nil
}
