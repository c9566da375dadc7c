package main

import (
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// newScene has real sockets everywhere.
func newScene(t testing.TB, untold ...string) *scene {
	t.Helper()
	u := newUpstream(t)
	return newSceneAt(t, u, u.listen(t, anyPort), untold...)
}

func newSceneAt(t testing.TB, u *upstream, address string, untold ...string) *scene {
	t.Helper()
	f := newFacadeAt(t, "http://"+address+"/beta")
	return &scene{u, f.log, append(untold, address), false, func(op operationCase, token string) reply {
		return f.do(op.text, op.variables, "Authorization", "Bearer "+token)
	}}
}

// TestUpstreamUnread has connections end before anything was read from them. A write may have been on its way.
func TestUpstreamUnread(t *testing.T) {
	t.Parallel()
	want := failed
	for i := range want {
		want[i].sent = unreadMethod
	}
	want[0].sent = "unread unread"
	for name, unread := range map[string]func(net.Conn){
		"closed": func(net.Conn) {},
		"reset": func(c net.Conn) {
			_, _ = c.Read(make([]byte, 1)) // it is read from, but by far not whole
			resets(c, nil)
		},
		"talks": func(c net.Conn) { write(c, "220 "+marker+"\r\n") },
	} {
		t.Run(name, func(t *testing.T) {
			for i, op := range faultCases {
				s := newScene(t) // for a connection that has served before is another matter
				s.meets(unread)
				s.check(t, op, want[i])
				s.checkGoesOn(t, op)
			}
		})
	}
}

// TestUpstreamResetsAtOnce has connections break so early that the one who connects may or may not have seen them be
// there. A write was perhaps on its way, or certainly not; it is not sent again in either case.
func TestUpstreamResetsAtOnce(t *testing.T) {
	t.Parallel()
	for range 20 {
		s := newScene(t)
		s.meets(func(c net.Conn) { resets(c, nil) })
		for _, op := range faultCases[1:] {
			r := s.do(op, "s3cret-token")
			code := r.code(t)
			if requests := s.take(); code != "OUTCOME_UNKNOWN" && code != "SOURCE_UNAVAILABLE" || len(requests) != 1 {
				t.Errorf("%s: %d connections: %s", op.name, len(requests), r.Body)
			}
			s.checkReply(t, op, r, code)
		}
		s.checkGoesOn(t, faultCases[1])
	}
}

// TestStallsOnSockets holds in real time and on sockets a little of what the tests on a clock of their own hold.
func TestStallsOnSockets(t *testing.T) {
	t.Parallel()
	throttled := func(seconds string) fault { return answersWith(429, errorBody, "Retry-After: "+seconds) }
	var together sync.WaitGroup
	defer together.Wait() // before the scenes are taken down
	for _, test := range []struct {
		fault fault
		code  [2]string
		least time.Duration
	}{
		{stallsAfter(""), [2]string{"SOURCE_TIMEOUT", "OUTCOME_UNKNOWN"}, timeout},
		{stallsAfter("HTTP/1.1 200 OK\r\nX-Ins"), [2]string{"SOURCE_TIMEOUT", "OUTCOME_UNKNOWN"}, timeout},
		{stallsAfter(chunked(goodBody)), [2]string{"SOURCE_TIMEOUT", "OUTCOME_UNKNOWN"}, timeout},
		{trickles(wellFormed(200, goodBody)), [2]string{}, time.Second},
		{throttled("1"), [2]string{"THROTTLED", "THROTTLED"}, time.Second},
		{throttled("2.128"), [2]string{"THROTTLED", "THROTTLED"}, 2128 * time.Millisecond},
	} {
		for i, code := range test.code {
			s := newScene(t)
			s.does(test.fault)
			together.Go(func() {
				began := time.Now()
				r := s.do(faultCases[i], "s3cret-token")
				// The rest is for a machine with much else to do.
				if took := time.Since(began); took < test.least || took > test.least+8*time.Second {
					t.Errorf("%s: %v, want %v", r.Body, took, test.least)
				}
				s.checkReply(t, faultCases[i], r, code)
				s.checkGoesOn(t, faultCases[i])
			})
		}
	}
}

// TestUpstreamClosesIdle has a connection end that served before and has been idle since. What is not sent on a dead
// connection goes to a new one, even if it is a write; what may have been read on it does not.
func TestUpstreamClosesIdle(t *testing.T) {
	t.Parallel()
	answersAnd := func(last fault) fault {
		return func(c net.Conn, r *http.Request) bool {
			behaves(c, r)
			return last(c, r)
		}
	}
	for _, op := range faultCases {
		inBubble(t, op.name+", closed and noticed", func(t *testing.T) {
			s := newTimedScene(t)
			s.does(answersAnd(closes))
			for range 3 {
				s.check(t, op, expected{code: "", sent: op.method})
				synctest.Wait() // until the end of the connection has come through
			}
		})
		t.Run(op.name+", closed and noticed, on sockets", func(t *testing.T) {
			s := newScene(t)
			noticed := make(chan struct{}, 3)
			s.does(answersAnd(func(c net.Conn, _ *http.Request) bool {
				_ = c.(*net.TCPConn).CloseWrite()
				_, _ = c.Read(make([]byte, 1)) // the other side closes too once it has noticed
				noticed <- struct{}{}
				return false
			}))
			for range 3 {
				s.check(t, op, expected{code: "", sent: op.method})
				<-noticed
			}
		})
		t.Run(op.name+", reset under it", func(t *testing.T) {
			s := newScene(t)
			s.does(answersAnd(func(c net.Conn, r *http.Request) bool {
				_, _ = c.Read(make([]byte, 1)) // the next request has begun
				return resets(c, r)
			}))
			s.check(t, op, expected{code: "", sent: op.method})
			if op.method == http.MethodGet { // once more, on a new connection
				s.check(t, op, expected{code: "", sent: op.method})
			} else {
				s.check(t, op, expected{code: "OUTCOME_UNKNOWN", sent: ""})
			}
			s.checkGoesOn(t, op)
		})
	}
}

// TestUpstreamClosesAtOnce has connections end while the next write is on its way to them. Whatever comes of it, what
// is said to be done was done once, and what is not known to be done was not sent again.
func TestUpstreamClosesAtOnce(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.does(func(c net.Conn, r *http.Request) bool { behaves(c, r); return false })
	unknown := 0
	for range 200 {
		r := s.do(faultCases[1], "s3cret-token")
		requests := s.take()
		if len(r.Errors) == 0 && len(requests) == 1 {
			continue
		}
		unknown++
		if code := r.code(t); code != "OUTCOME_UNKNOWN" || len(requests) > 1 {
			t.Errorf("%d requests: %s", len(requests), r.Body)
		}
	}
	t.Logf("%d of 200 are not known to be done", unknown)
}

// TestUpstreamRefuses has nobody listen, and then somebody. Nothing was sent, so a write has certainly not happened.
func TestUpstreamRefuses(t *testing.T) {
	t.Parallel()
	free, err := net.Listen("tcp", anyPort)
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	_ = free.Close()
	u := newUpstream(t)
	s := newSceneAt(t, u, address)
	for _, op := range faultCases {
		s.check(t, op, expected{code: "SOURCE_UNAVAILABLE"})
	}
	u.listen(t, address)
	for _, op := range faultCases {
		s.checkGoesOn(t, op)
	}
}

// TestUpstreamIsNotOnStderr has an upstream say more than it announced, which net/http would tell the standard logger
// with the first bytes of it.
func TestUpstreamIsNotOnStderr(t *testing.T) {
	t.Parallel()
	u := newUpstream(t)
	p := start(t, "--listen", anyPort, "--upstream", "http://"+u.listen(t, anyPort)+"/beta")
	closed := make(chan struct{}, len(faultCases))
	u.does(func(c net.Conn, _ *http.Request) bool {
		write(c, announced(20))
		_, _ = io.Copy(io.Discard, c) // until the connection is found to be of no more use
		closed <- struct{}{}
		return false
	})
	for _, op := range faultCases {
		p.graphQL(t, op.text, op.variables)
		<-closed
	}
	if err := p.stop(t); err != nil || strings.Contains(p.stderr.String(), marker) {
		t.Errorf("%v: %s", err, p.stderr)
	}
}
