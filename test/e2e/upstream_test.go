package e2e

import (
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"profileql/test/scene"
)

// newScene returns a scene with an upstream that listens.
func newScene(t testing.TB, untold ...string) *scene.Scene {
	t.Helper()
	u := scene.NewUpstream(t)
	return newSceneAt(t, u, u.Listen(t, scene.AnyPort), untold...)
}

func newSceneAt(t testing.TB, u *scene.Upstream, address string, untold ...string) *scene.Scene {
	t.Helper()
	f := newFacadeAt(t, "http://"+address+"/beta")
	return &scene.Scene{Upstream: u, Log: f.wholeLog, Untold: append(untold, address), Do: func(op scene.Operation, token string) scene.Reply {
		return f.do(op.Text, op.Variables, "Authorization", "Bearer "+token)
	}}
}

// TestUpstreamUnread has connections end before anything was read from them. A write may have been sent.
func TestUpstreamUnread(t *testing.T) {
	t.Parallel()
	want := scene.Split("SOURCE_UNAVAILABLE", "OUTCOME_UNKNOWN")
	for i := range want {
		want[i].Sent = scene.Unread
	}
	want[0].Sent = "unread unread"
	for name, unread := range map[string]func(net.Conn){
		"closed": func(net.Conn) {},
		"reset": func(c net.Conn) {
			_, _ = c.Read(make([]byte, 1)) // reads only a part
			scene.Resets(c, nil)
		},
		"talks": func(c net.Conn) { scene.Write(c, "220 "+scene.Marker+"\r\n") },
	} {
		t.Run(name, func(t *testing.T) {
			for i, op := range scene.FaultCases {
				s := newScene(t) // a new one, since a reused connection behaves differently
				s.Meets(unread)
				s.Check(t, op, want[i])
				s.CheckGoesOn(t, op)
			}
		})
	}
}

// TestUpstreamResetsAtOnce has connections reset so early that the client may or may not have seen them open. A write
// was possibly or certainly not sent; it is not sent again in either case.
func TestUpstreamResetsAtOnce(t *testing.T) {
	t.Parallel()
	for range 20 {
		s := newScene(t)
		s.Meets(func(c net.Conn) { scene.Resets(c, nil) })
		for _, op := range scene.FaultCases[1:] {
			r := s.Do(op, "s3cret-token")
			code := r.Code(t)
			if requests := s.Take(); code != "OUTCOME_UNKNOWN" && code != "SOURCE_UNAVAILABLE" || len(requests) != 1 {
				t.Errorf("%s: %d connections: %s", op.Name, len(requests), r.Body)
			}
			s.CheckReply(t, op, r, code)
		}
		s.CheckGoesOn(t, scene.FaultCases[1])
	}
}

// TestStallsOnSockets tests a few timeouts in real time and on sockets, in addition to the tests with a fake clock.
func TestStallsOnSockets(t *testing.T) {
	t.Parallel()
	throttled := func(seconds string) scene.Fault {
		return scene.AnswersWith(429, scene.ErrorBody, "Retry-After: "+seconds)
	}
	var together sync.WaitGroup
	defer together.Wait() // before the scenes end
	for _, test := range []struct {
		fault scene.Fault
		code  [2]string
		least time.Duration
	}{
		{scene.StallsAfter(""), [2]string{"SOURCE_TIMEOUT", "OUTCOME_UNKNOWN"}, scene.Timeout},
		{scene.StallsAfter("HTTP/1.1 200 OK\r\nX-Ins"), [2]string{"SOURCE_TIMEOUT", "OUTCOME_UNKNOWN"}, scene.Timeout},
		{scene.StallsAfter(scene.Chunked(scene.GoodBody)), [2]string{"SOURCE_TIMEOUT", "OUTCOME_UNKNOWN"}, scene.Timeout},
		{scene.Trickles(scene.WellFormed(200, scene.GoodBody)), [2]string{}, time.Second},
		{throttled("1"), [2]string{"THROTTLED", "THROTTLED"}, time.Second},
		{throttled("2.128"), [2]string{"THROTTLED", "THROTTLED"}, 2128 * time.Millisecond},
	} {
		for i, code := range test.code {
			s := newScene(t)
			s.Does(test.fault)
			together.Go(func() {
				began := time.Now()
				r := s.Do(scene.FaultCases[i], "s3cret-token")
				// The upper limit is for a busy machine.
				if took := time.Since(began); took < test.least || took > test.least+8*time.Second {
					t.Errorf("%s: %v, want %v", r.Body, took, test.least)
				}
				s.CheckReply(t, scene.FaultCases[i], r, code)
				s.CheckGoesOn(t, scene.FaultCases[i])
			})
		}
	}
}

// TestUpstreamClosesIdle has an idle connection end that was used before. A request that was not sent on the closed
// connection is sent on a new one, even a write; a write that may have been read is not.
func TestUpstreamClosesIdle(t *testing.T) {
	t.Parallel()
	for _, op := range scene.FaultCases {
		t.Run(op.Name+", closed and noticed, on sockets", func(t *testing.T) {
			s := newScene(t)
			noticed := make(chan struct{}, 3)
			s.Does(scene.AnswersThen(func(c net.Conn, _ *http.Request) bool {
				_ = c.(*net.TCPConn).CloseWrite()
				_, _ = c.Read(make([]byte, 1)) // the other side closes too when it has noticed
				noticed <- struct{}{}
				return false
			}))
			for range 3 {
				s.Check(t, op, scene.Expected{Code: "", Sent: op.Method})
				<-noticed
			}
		})
		t.Run(op.Name+", reset under it", func(t *testing.T) {
			s := newScene(t)
			s.Does(scene.AnswersThen(func(c net.Conn, r *http.Request) bool {
				_, _ = c.Read(make([]byte, 1)) // the next request has begun
				return scene.Resets(c, r)
			}))
			s.Check(t, op, scene.Expected{Code: "", Sent: op.Method})
			if op.Method == http.MethodGet { // retried on a new connection
				s.Check(t, op, scene.Expected{Code: "", Sent: op.Method})
			} else {
				s.Check(t, op, scene.Expected{Code: "OUTCOME_UNKNOWN", Sent: ""})
			}
			s.CheckGoesOn(t, op)
		})
	}
}

// TestUpstreamClosesAtOnce has connections end while the next write is being sent on them. A write that is reported
// as done was executed once, and a write with an unknown outcome was not sent again.
func TestUpstreamClosesAtOnce(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.Does(func(c net.Conn, r *http.Request) bool { scene.Behaves(c, r); return false })
	unknown := 0
	for range 200 {
		r := s.Do(scene.FaultCases[1], "s3cret-token")
		requests := s.Take()
		if len(r.Errors) == 0 && len(requests) == 1 {
			continue
		}
		unknown++
		if code := r.Code(t); code != "OUTCOME_UNKNOWN" || len(requests) > 1 {
			t.Errorf("%d requests: %s", len(requests), r.Body)
		}
	}
	t.Logf("%d of 200 are not known to be done", unknown)
}

// TestUpstreamRefuses has an upstream that does not listen at first. Nothing is sent, so a write has certainly not
// been executed.
func TestUpstreamRefuses(t *testing.T) {
	t.Parallel()
	free, err := net.Listen("tcp", scene.AnyPort)
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	_ = free.Close()
	u := scene.NewUpstream(t)
	s := newSceneAt(t, u, address)
	for _, op := range scene.FaultCases {
		s.Check(t, op, scene.Expected{Code: "SOURCE_UNAVAILABLE"})
	}
	u.Listen(t, address)
	for _, op := range scene.FaultCases {
		s.CheckGoesOn(t, op)
	}
}

// TestUpstreamIsNotOnStderr has an upstream that sends more than its Content-Length, which net/http would log with
// the first bytes by the standard logger.
func TestUpstreamIsNotOnStderr(t *testing.T) {
	t.Parallel()
	u := scene.NewUpstream(t)
	p := start(t, "--listen", scene.AnyPort, "--upstream", "http://"+u.Listen(t, scene.AnyPort)+"/beta")
	closed := make(chan struct{}, len(scene.FaultCases))
	u.Does(func(c net.Conn, _ *http.Request) bool {
		scene.Write(c, scene.Announced(20))
		_, _ = io.Copy(io.Discard, c) // until the connection is discarded
		closed <- struct{}{}
		return false
	})
	for _, op := range scene.FaultCases {
		p.graphQL(t, op.Text, op.Variables)
		<-closed
	}
	if err := p.stop(t); err != nil || strings.Contains(p.stderr.String(), scene.Marker) {
		t.Errorf("%v: %s", err, p.stderr)
	}
}
