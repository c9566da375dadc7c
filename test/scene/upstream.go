package scene

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Marker is in all that a faulty upstream says, and neither a caller nor the log may ever see it.
const Marker = "marker-of-the-upstream"

// GoodBody answers a read of the list and a write of an item alike.
const GoodBody = `{"id": "abc", "displayName": "Chess", "note": "` + Marker + `", "value": [{"id": "abc"}]}`

// ErrorBody is an error whose message may not be shown.
const ErrorBody = `{"error": {"code": "generalException", "message": "` + Marker + `"}}`

// Fault is what an upstream does about a request that it has read. It tells whether the connection goes on.
type Fault func(c net.Conn, r *http.Request) (goesOn bool)

// Upstream is a source that speaks HTTP by hand, because net/http's server would not do what this one does.
type Upstream struct {
	mu          sync.Mutex
	fault       Fault          // nil where it behaves
	unread      func(net.Conn) // what it does with a connection before it reads; nil for nothing
	requests    []Recorded
	connections sync.WaitGroup
}

// NewUpstream is an upstream that does not listen yet. It is there before what connects to it, and so ends after it.
func NewUpstream(t testing.TB) *Upstream {
	t.Helper()
	u := new(Upstream)
	t.Cleanup(func() { u.end(t) })
	return u
}

// end waits for all connections to end. They end with their other side: one that does not was leaked.
func (u *Upstream) end(t testing.TB) {
	t.Helper()
	ended := make(chan struct{})
	go func() { u.connections.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(Patience):
		t.Error("there are connections that were not closed")
	}
}

// Listen has the upstream be on a socket. It returns the address.
func (u *Upstream) Listen(t testing.TB, address string) string {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	u.connections.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			u.connections.Go(func() { u.serve(c) })
		}
	})
	return listener.Addr().String()
}

// Dial gives a connection to an upstream without a socket, so that it can be on a test's own clock.
func (u *Upstream) Dial(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	u.connections.Go(func() { u.serve(theirs) })
	return ours, nil
}

// Does sets the fault.
func (u *Upstream) Does(f Fault) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.fault = f
}

// Meets sets what happens to connections before anything is read from them.
func (u *Upstream) Meets(unread func(net.Conn)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.unread = unread
}

// Take returns what was asked since the last take.
func (u *Upstream) Take() []Recorded {
	u.mu.Lock()
	defer u.mu.Unlock()
	taken := u.requests
	u.requests = nil
	return taken
}

func (u *Upstream) record(r Recorded) (Fault, func(net.Conn)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if r.Method != Unread || u.unread != nil {
		u.requests = append(u.requests, r)
	}
	return u.fault, u.unread
}

// Unread is recorded for a connection of which nothing is read.
const Unread = "unread"

func (u *Upstream) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	if _, unread := u.record(Recorded{Method: Unread}); unread != nil {
		unread(c)
		return
	}
	for in := bufio.NewReader(c); ; {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		does, _ := u.record(Recorded{r.Method, r.RequestURI, r.Header, string(body)})
		if does == nil {
			does = Behaves
		}
		if !does(c, r) {
			return
		}
	}
}

// Behaves does what it is asked to.
var Behaves = Answers200(GoodBody)

// Write writes and tells whether all of it could be written.
func Write(c net.Conn, text string) bool {
	_, err := io.WriteString(c, text)
	return err == nil
}

// Says answers with the text as it is, and hangs up.
func Says(text string) Fault {
	return func(c net.Conn, _ *http.Request) bool {
		Write(c, text)
		return false
	}
}

// SaysAndStays answers with the text as it is.
func SaysAndStays(text string) Fault {
	return func(c net.Conn, _ *http.Request) bool { return Write(c, text) }
}

// Head is the beginning of an answer; lines are further lines of it. Each answer has the marker in a header.
func Head(status int, lines ...string) string {
	text := fmt.Sprintf("HTTP/1.1 %03d %s\r\nX-Inside: %s\r\n", status, Marker, Marker)
	for _, line := range lines {
		text += line + "\r\n"
	}
	return text + "\r\n"
}

// IsJSON is a line of a header.
const IsJSON = "Content-Type: application/json"

// WellFormed is an answer with a body in JSON.
func WellFormed(status int, body string, lines ...string) string {
	return Head(status, append(lines, IsJSON, "Content-Length: "+strconv.Itoa(len(body)))...) + body
}

// AnswersWith answers with a body in JSON.
func AnswersWith(status int, body string, lines ...string) Fault {
	return SaysAndStays(WellFormed(status, body, lines...))
}

// Answers200 answers with a body in JSON.
func Answers200(body string) Fault { return AnswersWith(200, body) }

// Announced is an answer whose length is not the one that it announces.
func Announced(length int) string {
	return Head(200, IsJSON, "Content-Length: "+strconv.Itoa(length)) + GoodBody
}

// Chunked is an answer in chunks without the last, empty one.
func Chunked(body string) string {
	return Head(200, IsJSON, "Transfer-Encoding: chunked") + fmt.Sprintf("%x\r\n%s\r\n", len(body), body)
}

// Closes hangs up without an answer.
func Closes(net.Conn, *http.Request) bool { return false }

// Resets breaks the connection off: the other side reads an error, not an end.
func Resets(c net.Conn, _ *http.Request) bool {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	return false
}

// StallsAfter answers with a text and then nothing more, until the other side has had enough.
func StallsAfter(text string) Fault {
	return func(c net.Conn, _ *http.Request) bool {
		Write(c, text)
		_, _ = io.Copy(io.Discard, c)
		return false
	}
}

const betweenBytes = 5 * time.Millisecond

// Trickles answers a byte at a time.
func Trickles(text string) Fault {
	return func(c net.Conn, _ *http.Request) bool {
		for i := range len(text) {
			time.Sleep(betweenBytes)
			if !Write(c, text[i:i+1]) {
				return false
			}
		}
		return true
	}
}

// Trickling is how long it takes to trickle.
func Trickling(text string) time.Duration { return time.Duration(len(text)) * betweenBytes }

// Repeats writes a beginning, and a part again and again: n times, or for ever where n is negative.
func Repeats(beginning, part string, n int) Fault {
	return func(c net.Conn, _ *http.Request) bool {
		well := Write(c, beginning)
		for i := 0; well && i != n; i++ {
			well = Write(c, part)
		}
		return well
	}
}

// blank is 64 KiB that mean nothing in JSON.
var blank = strings.Repeat(" ", 1<<16)

// Answers that are larger than any may be.
var (
	FiftyMB    = Repeats(Head(200, IsJSON, "Content-Length: 52428800"), blank, 800)
	ManyChunks = Repeats(Chunked(GoodBody), fmt.Sprintf("%x\r\n%s\r\n", len(blank), blank), 800)
)

// BombText is the gzip of an item of 64 MB.
var BombText = sync.OnceValue(func() string {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = io.WriteString(z, `{"id": "abc", "x": "`)
	for range 1 << 10 {
		_, _ = io.WriteString(z, blank)
	}
	_ = z.Close() // a buffer takes everything
	return packed.String()
})

// Nested is an item with lists in lists around a value.
func Nested(depth int, value string) string {
	lists := strings.Repeat("[", depth) + value + strings.Repeat("]", depth)
	return strings.TrimSuffix(GoodBody, "}") + `, "deep": ` + lists + `}`
}

// OnTheWay is what can be said before an answer (RFC 9110, section 15.2).
func OnTheWay(statuses ...int) string {
	var text strings.Builder
	for _, status := range statuses {
		text.WriteString(Head(status, "Link: </"+Marker+">; rel=preload"))
	}
	return text.String()
}
