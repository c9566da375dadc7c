package telemetry

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// slowReader blocks writes until it is released.
type slowReader struct {
	release chan struct{}
	bytes.Buffer
	writes []int // their lengths
}

func (r *slowReader) Write(p []byte) (int, error) {
	<-r.release
	r.writes = append(r.writes, len(p))
	return r.Buffer.Write(p)
}

// TestQueue holds that a slow reader blocks nobody, that lines that fit are written in order, and that dropped ones are
// counted.
func TestQueue(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ lines, length, kept int }{
		"nothing": {}, "one": {1, 100, 1}, "some": {100, 100, 100}, "all that fit": {maxQueued / 100, 100, maxQueued / 100},
		"too many": {20000, 100, maxQueued / 100}, "long ones": {100, 10000, 100}, "one that is too long": {1, maxQueued + 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				out := &slowReader{release: make(chan struct{})}
				q := NewQueue(out)
				// The first line is taken out of the queue, and waits for the reader.
				_, _ = q.Write([]byte("first\n"))
				synctest.Wait()
				var want strings.Builder
				want.WriteString("first\n")
				for i := range test.lines {
					line := strings.Repeat(strconv.Itoa(i%10), test.length-1) + "\n"
					if n, err := q.Write([]byte(line)); n != len(line) || err != nil {
						t.Fatal(n, err)
					}
					if i < test.kept {
						want.WriteString(line)
					}
				}
				close(out.release)
				q.Close()
				got := out.String()
				if !strings.HasPrefix(got, want.String()) {
					t.Fatalf("%d bytes came, or they are others than those %d", len(got), want.Len())
				}
				complaint := fmt.Sprintf(`"lines":%d}`, test.lines-test.kept)
				if rest := got[want.Len():]; (rest == "") != (test.lines == test.kept) || rest != "" && !strings.Contains(rest, complaint) {
					t.Errorf("of %d lines it says %q", test.lines-test.kept, rest)
				}
				for _, n := range out.writes {
					if n > max(atomicWrite, test.length) {
						t.Errorf("%d bytes were written at once", n)
					}
				}
				_, _ = q.Write([]byte("late\n"))
				if strings.Contains(out.String(), "late") {
					t.Error("a line was written after the end")
				}
			})
		})
	}
}

// TestQueueWithoutReader holds that Close waits for at most a second.
func TestQueueWithoutReader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out := &slowReader{release: make(chan struct{})}
		q := NewQueue(out)
		_, _ = q.Write([]byte("line\n"))
		began := time.Now()
		q.Close()
		if took := time.Since(began); took != flushTimeout {
			t.Errorf("it took %v", took)
		}
		close(out.release) // or the test does not end
	})
}
