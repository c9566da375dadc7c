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

// Marker is in every response of a faulty upstream. It must never be in a response to a caller or in the log.
const Marker = "marker-of-the-upstream"

// GoodBody is a valid response both to a read of the list and to a write of an item.
const GoodBody = `{"id": "abc", "displayName": "Chess", "note": "` + Marker + `", "value": [{"id": "abc"}]}`

// ErrorBody is an error whose message must not be disclosed.
const ErrorBody = `{"error": {"code": "generalException", "message": "` + Marker + `"}}`

// Fault handles a request that was read. It reports whether the connection stays open.
type Fault func(c net.Conn, r *http.Request) (goesOn bool)

// Upstream is a source that writes HTTP to the connection itself, since net/http's server does not send invalid
// responses.
type Upstream struct {
	mu          sync.Mutex
	fault       Fault          // nil for none
	unread      func(net.Conn) // handles a connection before it is read; nil for none
	requests    []Recorded
	connections sync.WaitGroup
}

// NewUpstream returns an upstream that does not listen yet. It must be created before its clients, so that its
// cleanup runs after theirs.
func NewUpstream(t testing.TB) *Upstream {
	t.Helper()
	u := new(Upstream)
	t.Cleanup(func() { u.end(t) })
	return u
}

// end waits for all connections to end. They end when the client closes them: one that does not was leaked.
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

// Listen listens on an address, and returns the actual one.
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

// Dial returns a connection to the upstream without a socket, for tests with a fake clock.
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

// Meets sets a function that is called with each connection before anything is read from it.
func (u *Upstream) Meets(unread func(net.Conn)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.unread = unread
}

// Take returns the requests since the last take.
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

// Behaves responds without a fault.
var Behaves = Answers200(GoodBody)

// Write writes text, and reports whether all of it was written.
func Write(c net.Conn, text string) bool {
	_, err := io.WriteString(c, text)
	return err == nil
}

// Says responds with the text as is, and closes the connection.
func Says(text string) Fault {
	return func(c net.Conn, _ *http.Request) bool {
		Write(c, text)
		return false
	}
}

// SaysAndStays responds with the text as is, and keeps the connection open.
func SaysAndStays(text string) Fault {
	return func(c net.Conn, _ *http.Request) bool { return Write(c, text) }
}

// Head returns the status line and the headers of a response, with further lines. Each response has the marker in a
// header.
func Head(status int, lines ...string) string {
	text := fmt.Sprintf("HTTP/1.1 %03d %s\r\nX-Inside: %s\r\n", status, Marker, Marker)
	for _, line := range lines {
		text += line + "\r\n"
	}
	return text + "\r\n"
}

// IsJSON is a header line.
const IsJSON = "Content-Type: application/json"

// WellFormed returns a response with a body in JSON.
func WellFormed(status int, body string, lines ...string) string {
	return Head(status, append(lines, IsJSON, "Content-Length: "+strconv.Itoa(len(body)))...) + body
}

// AnswersWith responds with a body in JSON.
func AnswersWith(status int, body string, lines ...string) Fault {
	return SaysAndStays(WellFormed(status, body, lines...))
}

// Answers200 responds with status 200 and a body in JSON.
func Answers200(body string) Fault { return AnswersWith(200, body) }

// AnswersThen answers as a source does, and then does something else to the connection.
func AnswersThen(last Fault) Fault {
	return func(c net.Conn, r *http.Request) bool {
		Behaves(c, r)
		return last(c, r)
	}
}

// Announced returns a response with a Content-Length that may differ from the length of its body.
func Announced(length int) string {
	return Head(200, IsJSON, "Content-Length: "+strconv.Itoa(length)) + GoodBody
}

// Chunked returns a chunked response without the last, empty chunk.
func Chunked(body string) string {
	return Head(200, IsJSON, "Transfer-Encoding: chunked") + fmt.Sprintf("%x\r\n%s\r\n", len(body), body)
}

// Closes closes the connection without a response.
func Closes(net.Conn, *http.Request) bool { return false }

// Resets resets the connection: the other side reads an error instead of EOF.
func Resets(c net.Conn, _ *http.Request) bool {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	return false
}

// StallsAfter responds with a text and then nothing more, until the other side closes the connection.
func StallsAfter(text string) Fault {
	return func(c net.Conn, _ *http.Request) bool {
		Write(c, text)
		_, _ = io.Copy(io.Discard, c)
		return false
	}
}

const betweenBytes = 5 * time.Millisecond

// Trickles responds with one byte at a time.
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

// Trickling returns the time that Trickles takes.
func Trickling(text string) time.Duration { return time.Duration(len(text)) * betweenBytes }

// Repeats writes a beginning, and then a part n times, or forever if n is negative.
func Repeats(beginning, part string, n int) Fault {
	return func(c net.Conn, _ *http.Request) bool {
		well := Write(c, beginning)
		for i := 0; well && i != n; i++ {
			well = Write(c, part)
		}
		return well
	}
}

// blank is 64 KiB of white space.
var blank = strings.Repeat(" ", 1<<16)

// Responses that exceed the maximum size.
var (
	FiftyMB    = Repeats(Head(200, IsJSON, "Content-Length: 52428800"), blank, 800)
	ManyChunks = Repeats(Chunked(GoodBody), fmt.Sprintf("%x\r\n%s\r\n", len(blank), blank), 800)
)

// BombText returns the gzip of an item of 64 MB.
var BombText = sync.OnceValue(func() string {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = io.WriteString(z, `{"id": "abc", "x": "`)
	for range 1 << 10 {
		_, _ = io.WriteString(z, blank)
	}
	_ = z.Close() // cannot fail: writes to a buffer
	return packed.String()
})

// Nested returns an item with a value nested in lists.
func Nested(depth int, value string) string {
	lists := strings.Repeat("[", depth) + value + strings.Repeat("]", depth)
	return strings.TrimSuffix(GoodBody, "}") + `, "deep": ` + lists + `}`
}

// OnTheWay returns informational responses (RFC 9110, section 15.2).
func OnTheWay(statuses ...int) string {
	var text strings.Builder
	for _, status := range statuses {
		text.WriteString(Head(status, "Link: </"+Marker+">; rel=preload"))
	}
	return text.String()
}
