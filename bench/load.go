package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"profileql/test/process"
)

// load sends a request repeatedly, from several concurrent callers, each with a token of its own.
type load struct {
	*process.Process
	method, url, body string
	callers           int
	each              int // requests of each caller in a round; 0 before it is known
	shared            *http.Client
}

// measured is the result of one round.
type measured struct {
	cpu  float64 // of the process, per request, in microseconds
	took []time.Duration
}

// client returns a client that keeps the connections of all callers between rounds.
func (l *load) client() *http.Client {
	if l.shared == nil {
		l.shared = &http.Client{Transport: &http.Transport{MaxIdleConns: 512, MaxIdleConnsPerHost: 512}}
	}
	return l.shared
}

// run runs a round. The first round determines the number of requests of the following ones.
func (l *load) run(ctx context.Context) (m measured, err error) {
	each := l.each
	if each == 0 {
		each = max(4, 2000/l.callers)
	}
	client := l.client()
	before, err := process.CPU(l.PID)
	if err != nil {
		return measured{}, err
	}
	began := time.Now()
	var all sync.WaitGroup
	took, errs := make([][]time.Duration, l.callers), make([]error, l.callers)
	for i := range l.callers {
		all.Go(func() {
			for range each {
				start := time.Now()
				if errs[i] = l.send(ctx, client, i); errs[i] != nil {
					return
				}
				took[i] = append(took[i], time.Since(start))
			}
		})
	}
	all.Wait()
	elapsed := time.Since(began)
	after, err := process.CPU(l.PID)
	if err != nil {
		return measured{}, err
	}
	for i := range l.callers {
		if errs[i] != nil {
			return measured{}, errs[i]
		}
		m.took = append(m.took, took[i]...)
	}
	n := each * l.callers
	if l.each == 0 {
		l.each = max(2, int(float64(each)*roundTime.Seconds()/elapsed.Seconds()))
	}
	m.cpu = float64((after - before).Microseconds()) / float64(n)
	return m, nil
}

// send sends the request of one caller, and reads the whole response.
func (l *load) send(ctx context.Context, client *http.Client, caller int) error {
	r, err := http.NewRequestWithContext(ctx, l.method, l.url, strings.NewReader(l.body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept-Encoding", "identity")
	r.Header.Set("Authorization", fmt.Sprintf("Bearer %01500d", caller+1)) // the length of Microsoft's tokens
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return err
	case resp.StatusCode != http.StatusOK || !bytes.Contains(answer, []byte(`"Chess"`)) || bytes.Contains(answer, []byte(`"errors"`)):
		return fmt.Errorf("%s: %.300s", resp.Status, answer)
	}
	return nil
}
