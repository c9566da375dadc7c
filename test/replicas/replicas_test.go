// Package replicas tests several processes of the binary behind nginx: they share nothing but the source, and none is
// missed while it restarts.
package replicas

import (
	"context"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"profileql/test/process"
	"profileql/test/scene"
)

const (
	replicas = 3
	callers  = 60
	restarts = 3 // of each replica
	// perRestart is how many requests each replica sends to the source before the next one is restarted.
	perRestart = 50
	// underWay is how many writes of a replica the source keeps waiting when the replica is killed.
	underWay = 3
)

// eventually waits for an effect in another process.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(scene.Patience); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it does not come that %s", what)
		}
	}
}

// freeAddress returns a free loopback address. Its port is not one of those that the system gives to outgoing
// connections: a replica that restarts must find it free.
func freeAddress(t *testing.T) string {
	t.Helper()
	for port := 20000 + os.Getpid()%5000; port < 30000; port++ {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			_ = l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("no port is free")
	return ""
}

// fleet is the replicas.
type fleet struct {
	t         *testing.T
	source    *source
	binary    string
	addresses []string
	configs   []string
	running   []*process.Process
	drains    []time.Duration
}

func startFleet(t *testing.T, s *source) *fleet {
	t.Helper()
	binary, err := process.Build(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	f := &fleet{t: t, source: s, binary: binary, running: make([]*process.Process, replicas)}
	for i, server := range s.servers {
		file := filepath.Join(t.TempDir(), "sources.yaml")
		text := fmt.Sprintf("sources:\n  - {name: shared, kind: profile, url: %s/beta, token: {from: caller}}\n", server.URL)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		f.configs = append(f.configs, file)
		f.addresses = append(f.addresses, freeAddress(t))
		f.start(i)
	}
	t.Cleanup(func() {
		for _, p := range f.running {
			p.Stop()
		}
	})
	return f
}

func (f *fleet) start(i int) {
	f.t.Helper()
	p, err := process.Start(context.Background(), nil, f.binary, "--listen", f.addresses[i], "--config", f.configs[i])
	if err != nil {
		f.t.Fatal(err)
	}
	f.running[i] = p
}

// awaitWork waits until each replica has sent some more requests to the source: nginx uses all of them.
func (f *fleet) awaitWork() {
	f.t.Helper()
	for i := range replicas {
		want := f.source.served[i].Load() + perRestart
		eventually(f.t, fmt.Sprintf("replica %d has work", i), func() bool { return f.source.served[i].Load() >= want })
	}
}

// restart ends a replica by SIGTERM, which must succeed, and starts it again.
func (f *fleet) restart(i int) {
	f.t.Helper()
	began := time.Now()
	if err := f.running[i].End(syscall.SIGTERM); err != nil {
		f.t.Errorf("replica %d ended with %v", i, err)
	}
	f.drains = append(f.drains, time.Since(began))
	f.start(i)
}

// loss is the end of a replica without a warning.
type loss struct {
	address          string
	killed, replaced time.Time // from the signal to the new start
}

func (l loss) String() string {
	return fmt.Sprintf("of %s from %s to %s", l.address, l.killed.Format(stamp), l.replaced.Format(stamp))
}

// explains reports whether a request failed because the replica was gone.
func (l loss) explains(f failure, entry line) bool {
	return entry.replica() == l.address && f.ended.After(l.killed) && f.began.Before(l.replaced)
}

// kill kills a replica with writes under way, and starts it again when the others have done some more work.
func (f *fleet) kill(i int) loss {
	f.t.Helper()
	release := f.source.hold(i, underWay)
	l := loss{address: f.addresses[i], killed: time.Now()}
	if err := f.running[i].End(os.Kill); err == nil {
		f.t.Error("the killed replica has ended with success")
	}
	release()
	other := (i + 1) % replicas
	want := f.source.served[other].Load() + perRestart
	eventually(f.t, "another replica goes on", func() bool { return f.source.served[other].Load() >= want })
	l.replaced = time.Now()
	f.start(i)
	return l
}

// TestReplicas has 60 callers of three replicas, of which each is restarted three times, and then killed. No request
// fails in a restart. When a replica is killed, the requests fail that it had, and no others. Every acknowledged
// write was executed once, and every other one at most once.
func TestReplicas(t *testing.T) {
	if testing.Short() {
		t.Skip("it restarts many processes under load")
	}
	t.Chdir("../..") // the module's root
	nginxBinary(t)
	s := newSource(t, replicas)
	f := startFleet(t, s)
	n := startNginx(t, f.addresses)
	r := new(report)
	crowd := make([]*caller, callers)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var group sync.WaitGroup
	for i := range crowd {
		crowd[i] = newCaller(i, "http://"+n.address, r)
		group.Go(func() { crowd[i].run(ctx) })
	}
	for range restarts {
		for i := range replicas {
			f.awaitWork()
			f.restart(i)
		}
	}
	var losses []loss
	for i := range replicas {
		f.awaitWork()
		losses = append(losses, f.kill(i))
	}
	f.awaitWork()
	cancel()
	group.Wait()
	lines := n.stop(t)
	checkFailures(t, lines, r, losses)
	checkSpread(t, lines, r, f.addresses)
	checkWrites(t, s, crowd)
	slices.Sort(r.durations)
	slices.Sort(f.drains)
	t.Logf("%d responses, the slowest after %v, 99 %% within %v; replicas ended within %v to %v", len(r.durations),
		r.durations[len(r.durations)-1], r.durations[len(r.durations)*99/100], f.drains[0], f.drains[len(f.drains)-1])
}

// checkFailures checks that requests failed only at a replica that was killed, and while it was gone.
func checkFailures(t *testing.T, lines map[string]line, r *report, losses []loss) {
	t.Helper()
	for _, mistake := range r.mistakes[:min(10, len(r.mistakes))] {
		t.Error(mistake)
	}
	failed := make(map[string]bool)
	for _, failure := range r.failures {
		failed[failure.operation] = true
		explained := func(l loss) bool { return l.explains(failure, lines[failure.operation]) }
		if !slices.ContainsFunc(losses, explained) {
			t.Errorf("%s, in the log %+v, is not due to the losses %v", failure, lines[failure.operation], losses)
		}
	}
	if len(r.failures) < underWay*len(losses) {
		t.Errorf("%d requests failed; at least %d were under way when %d replicas were killed", len(r.failures), underWay*len(losses), len(losses))
	}
	for operation, l := range lines {
		if l.status != "200" && !failed[operation] {
			t.Errorf("%s: %+v", operation, l)
		}
	}
}

// checkSpread checks that callers went from replica to replica: with cursors, with ids, and with hashes of documents,
// which each replica has to learn.
func checkSpread(t *testing.T, lines map[string]line, r *report, addresses []string) {
	t.Helper()
	elsewhere := func(a, b string) bool { return lines[a].replica() != lines[b].replica() }
	pages, used := 0, 0
	for _, list := range r.lists {
		for i := range len(list) - 1 {
			if elsewhere(list[i], list[i+1]) {
				pages++
			}
		}
	}
	for _, use := range r.uses {
		if elsewhere(use[0], use[1]) {
			used++
		}
	}
	missed, served, passedOn := make(map[string]int), make(map[string]int), 0
	for _, operation := range r.misses {
		missed[lines[operation].replica()]++
	}
	for _, l := range lines {
		served[l.replica()]++
		if len(l.upstreams) > 1 {
			passedOn++
		}
	}
	for _, address := range addresses {
		if missed[address] == 0 {
			t.Errorf("replica %s knew the documents of others by their hashes", address)
		}
	}
	if pages == 0 || used == 0 {
		t.Errorf("%d pages were read from another replica than the page before, %d items used", pages, used)
	}
	t.Logf("requests of the replicas: %v; %d failed, %d were passed on", served, len(r.failures), passedOn)
	t.Logf("to another replica than the operation before: %d pages, %d items; unknown hashes: %v", pages, used, missed)
}

// checkWrites checks what the source has executed, and what it has in the end, against what callers were told.
func checkWrites(t *testing.T, s *source, crowd []*caller) {
	t.Helper()
	counted, found := maps.Clone(s.writes), s.items(t)
	acknowledged, unknown, executed := 0, 0, 0
	for _, c := range crowd {
		for _, key := range c.acknowledged {
			if counted[key] != 1 {
				t.Errorf("%s was acknowledged, and executed %d times", key, counted[key])
			}
			delete(counted, key)
		}
		for _, key := range c.unknown {
			if counted[key] > 1 {
				t.Errorf("%s was executed %d times", key, counted[key])
			}
			executed += counted[key]
			delete(counted, key)
		}
		acknowledged, unknown = acknowledged+len(c.acknowledged), unknown+len(c.unknown)
		c.checkItems(t, found)
	}
	for key, n := range counted {
		t.Errorf("%s was executed %d times, and nobody sent it", key, n)
	}
	for _, i := range found {
		if strings.HasPrefix(i.DisplayName, "caller ") {
			t.Errorf("nobody knows of %+v", i)
		}
	}
	if executed == 0 {
		t.Error("no write was under way when a replica was killed")
	}
	t.Logf("%d writes acknowledged; %d without a response, of which %d were executed", acknowledged, unknown, executed)
}

// checkItems checks the items of a caller among those found, and removes them from found.
func (c *caller) checkItems(t *testing.T, found map[string]item) {
	t.Helper()
	for _, want := range c.items {
		if got := found[want.ItemID]; !got.equal(want) {
			t.Errorf("of %+v, the source has %+v", want, got)
		}
		delete(found, want.ItemID)
	}
	maps.DeleteFunc(found, func(id string, i item) bool {
		_, uncertain := c.uncertain[id]
		return uncertain || slices.Contains(c.unknown, "POST "+i.DisplayName)
	})
}
