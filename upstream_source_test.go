package main

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

// marker is in all that a faulty upstream says, and neither a caller nor the log may ever see it.
const marker = "marker-of-the-upstream"

// goodBody answers a read of the list and a write of an item alike.
const goodBody = `{"id": "abc", "displayName": "Chess", "note": "` + marker + `", "value": [{"id": "abc"}]}`

// errorBody is an error whose message may not be shown.
const errorBody = `{"error": {"code": "generalException", "message": "` + marker + `"}}`

// fault is what an upstream does about a request that it has read. It tells whether the connection goes on.
type fault func(c net.Conn, r *http.Request) (goesOn bool)

// upstream is a source that speaks HTTP by hand, because net/http's server would not do what this one does.
type upstream struct {
	mu          sync.Mutex
	fault       fault          // nil where it behaves
	unread      func(net.Conn) // what it does with a connection before it reads; nil for nothing
	requests    []recorded
	connections sync.WaitGroup
}

// newUpstream is an upstream that does not listen yet. It is there before what connects to it, and so ends after it.
func newUpstream(t testing.TB) *upstream {
	t.Helper()
	u := new(upstream)
	t.Cleanup(func() { u.end(t) })
	return u
}

// end waits for all connections to end. They end with their other side: one that does not was leaked.
func (u *upstream) end(t testing.TB) {
	t.Helper()
	ended := make(chan struct{})
	go func() { u.connections.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(patience):
		t.Error("there are connections that were not closed")
	}
}

// listen has the upstream be on a socket. It returns the address.
func (u *upstream) listen(t testing.TB, address string) string {
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

// dial gives a connection to an upstream without a socket, so that it can be on a test's own clock.
func (u *upstream) dial(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	u.connections.Go(func() { u.serve(theirs) })
	return ours, nil
}

// does sets the fault.
func (u *upstream) does(f fault) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.fault = f
}

// meets sets what happens to connections before anything is read from them.
func (u *upstream) meets(unread func(net.Conn)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.unread = unread
}

// take returns what was asked since the last take.
func (u *upstream) take() []recorded {
	u.mu.Lock()
	defer u.mu.Unlock()
	taken := u.requests
	u.requests = nil
	return taken
}

func (u *upstream) record(r recorded) (fault, func(net.Conn)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if r.Method != unreadMethod || u.unread != nil {
		u.requests = append(u.requests, r)
	}
	return u.fault, u.unread
}

// unreadMethod is recorded for a connection of which nothing is read.
const unreadMethod = "unread"

func (u *upstream) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	if _, unread := u.record(recorded{Method: unreadMethod}); unread != nil {
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
		does, _ := u.record(recorded{r.Method, r.RequestURI, r.Header, string(body)})
		if does == nil {
			does = behaves
		}
		if !does(c, r) {
			return
		}
	}
}

var behaves = answers200(goodBody)

// write writes and tells whether all of it could be written.
func write(c net.Conn, text string) bool {
	_, err := io.WriteString(c, text)
	return err == nil
}

// says answers with the text as it is, and hangs up.
func says(text string) fault {
	return func(c net.Conn, _ *http.Request) bool {
		write(c, text)
		return false
	}
}

// saysAndStays answers with the text as it is.
func saysAndStays(text string) fault {
	return func(c net.Conn, _ *http.Request) bool { return write(c, text) }
}

// head is the beginning of an answer; lines are further lines of it. Each answer has the marker in a header.
func head(status int, lines ...string) string {
	text := fmt.Sprintf("HTTP/1.1 %03d %s\r\nX-Inside: %s\r\n", status, marker, marker)
	for _, line := range lines {
		text += line + "\r\n"
	}
	return text + "\r\n"
}

const isJSON = "Content-Type: application/json"

// wellFormed is an answer with a body in JSON.
func wellFormed(status int, body string, lines ...string) string {
	return head(status, append(lines, isJSON, "Content-Length: "+strconv.Itoa(len(body)))...) + body
}

func answersWith(status int, body string, lines ...string) fault {
	return saysAndStays(wellFormed(status, body, lines...))
}

func answers200(body string) fault { return answersWith(200, body) }

// announced is an answer whose length is not the one that it announces.
func announced(length int) string {
	return head(200, isJSON, "Content-Length: "+strconv.Itoa(length)) + goodBody
}

// chunked is an answer in chunks without the last, empty one.
func chunked(body string) string {
	return head(200, isJSON, "Transfer-Encoding: chunked") + fmt.Sprintf("%x\r\n%s\r\n", len(body), body)
}

// closes hangs up without an answer.
func closes(net.Conn, *http.Request) bool { return false }

// resets breaks the connection off: the other side reads an error, not an end.
func resets(c net.Conn, _ *http.Request) bool {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	return false
}

// stallsAfter answers with a text and then nothing more, until the other side has had enough.
func stallsAfter(text string) fault {
	return func(c net.Conn, _ *http.Request) bool {
		write(c, text)
		_, _ = io.Copy(io.Discard, c)
		return false
	}
}

const betweenBytes = 5 * time.Millisecond

// trickles answers a byte at a time.
func trickles(text string) fault {
	return func(c net.Conn, _ *http.Request) bool {
		for i := range len(text) {
			time.Sleep(betweenBytes)
			if !write(c, text[i:i+1]) {
				return false
			}
		}
		return true
	}
}

// trickling is how long it takes to trickle.
func trickling(text string) time.Duration { return time.Duration(len(text)) * betweenBytes }

// repeats writes a beginning, and a part again and again: n times, or for ever where n is negative.
func repeats(beginning, part string, n int) fault {
	return func(c net.Conn, _ *http.Request) bool {
		well := write(c, beginning)
		for i := 0; well && i != n; i++ {
			well = write(c, part)
		}
		return well
	}
}

// blank is 64 KiB that mean nothing in JSON.
var blank = strings.Repeat(" ", 1<<16)

var (
	fiftyMB    = repeats(head(200, isJSON, "Content-Length: 52428800"), blank, 800)
	manyChunks = repeats(chunked(goodBody), fmt.Sprintf("%x\r\n%s\r\n", len(blank), blank), 800)
)

// bombText is the gzip of an item of 64 MB.
var bombText = sync.OnceValue(func() string {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = io.WriteString(z, `{"id": "abc", "x": "`)
	for range 1 << 10 {
		_, _ = io.WriteString(z, blank)
	}
	_ = z.Close() // a buffer takes everything
	return packed.String()
})

// nested is an item with lists in lists around a value.
func nested(depth int, value string) string {
	lists := strings.Repeat("[", depth) + value + strings.Repeat("]", depth)
	return strings.TrimSuffix(goodBody, "}") + `, "deep": ` + lists + `}`
}

// onTheWay is what can be said before an answer (RFC 9110, section 15.2).
func onTheWay(statuses ...int) string {
	var text strings.Builder
	for _, status := range statuses {
		text.WriteString(head(status, "Link: </"+marker+">; rel=preload"))
	}
	return text.String()
}
