package e2e

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"profileql/test/scene"
)

const killWriters = 4

// kills is how often the sandbox is killed. With the race detector, it takes several times as long to start.
func kills() int {
	if raceEnabled {
		return 50
	}
	return 200
}

// killFewest is how many acknowledged writes there have to be for the test to mean anything. That many come on the
// slowest machine: in most rounds, the kill waits for one.
func killFewest() int { return kills() / 2 }

const killList = "/beta/me/profile/interests"

// killItem is an item as it was answered. It is compared whole.
type killItem = map[string]any

// survivors is what has to be in the sandbox after it has been killed.
type survivors struct {
	t            *testing.T
	base         string
	http         *http.Client
	items        map[string]killItem // by id, as acknowledged before this life of the sandbox; seeds among them
	writers      [killWriters]*killWriter
	marks        atomic.Int64
	answered     chan struct{} // takes one when a write is acknowledged
	acknowledged int
}

// killWriter is a client that sends one write after the other. Its items are nobody else's, so that at most one write
// of each is under way when the sandbox dies.
type killWriter struct {
	*survivors
	items    map[string]killItem // as acknowledged
	order    []string            // their ids, the oldest first
	underWay killWrite
	done     int
}

// killWrite is a write of which no answer has come: to an item, or of a new one, which has no id yet.
type killWrite struct{ method, id, mark string }

// markedBody says the same in every property that it has.
func markedBody(mark string) string {
	return fmt.Sprintf(`{"displayName": %q, "description": %q, "categories": [%[1]q, %[1]q], "webUrl": %[1]q,
		"inference": {"confidenceScore": %[1]s}}`, mark, long(mark))
}

// long is a mark that fills many pages of the file, which are not written all at once.
func long(mark string) string { return strings.Repeat(mark+" ", 3000) }

// hasMark tells whether every property comes from one and the same body.
func hasMark(item killItem, mark string) bool {
	inference, _ := item["inference"].(map[string]any)
	return item["displayName"] == mark && item["description"] == long(mark) && item["webUrl"] == mark &&
		fmt.Sprint(item["categories"]) == fmt.Sprintf("[%s %[1]s]", mark) && fmt.Sprint(inference["confidenceScore"]) == mark
}

// try sends a request. There is no answer, and no error, when the sandbox dies before it has answered.
func (s *survivors) try(method, path, body string) (item killItem, answered bool) {
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.base+path, strings.NewReader(body))
	if err != nil {
		s.t.Error(err)
		return nil, false
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := s.http.Do(r)
	if err != nil {
		return nil, false
	}
	defer resp.Body.Close()
	// The status alone acknowledges a write, but without the rest, nobody knows what has become of the item.
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, false
	}
	if resp.StatusCode >= 300 {
		s.t.Errorf("%s %s: %s %.200s", method, path, resp.Status, text)
		return nil, false
	}
	if resp.StatusCode != http.StatusNoContent {
		item = decodeKilled(s.t, text)
		delete(item, "@odata.context")
	}
	return item, true
}

// decodeKilled keeps numbers as they are written.
func decodeKilled(t *testing.T, text []byte) (object map[string]any) {
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	if err := d.Decode(&object); err != nil {
		t.Errorf("%.300s: %v", text, err)
	}
	return object
}

// write makes items, changes them, and deletes the oldest when there are some, until there is no answer.
func (w *killWriter) write() {
	for turn := 0; ; turn++ {
		id := ""
		if len(w.order) > 0 {
			id = w.order[turn%len(w.order)]
		}
		next := killWrite{method: "PATCH", id: id, mark: fmt.Sprint(w.marks.Add(1))}
		if len(w.order) < 3 || turn%7 == 3 {
			next = killWrite{method: "POST", mark: next.mark}
		} else if len(w.order) > 8 {
			next = killWrite{method: "DELETE", id: w.order[0]}
		}
		if !w.send(next) {
			return
		}
	}
}

func (w *killWriter) send(next killWrite) bool {
	w.underWay = next
	path, body := killList, ""
	if next.id != "" {
		path += "/" + next.id
	}
	if next.mark != "" {
		body = markedBody(next.mark)
	}
	item, answered := w.try(next.method, path, body)
	if !answered {
		return false
	}
	w.underWay = killWrite{}
	w.done++
	select {
	case w.answered <- struct{}{}:
	default:
	}
	if next.method == "DELETE" {
		w.forget(next.id)
		return true
	}
	if !hasMark(item, next.mark) {
		w.t.Errorf("%+v is answered with %v", next, item)
	}
	w.keep(item)
	return true
}

func (w *killWriter) keep(item killItem) {
	id, _ := item["id"].(string)
	if _, old := w.items[id]; !old {
		w.order = append(w.order, id)
	}
	w.items[id] = item
}

func (w *killWriter) forget(id string) {
	delete(w.items, id)
	w.order = slices.DeleteFunc(w.order, func(other string) bool { return other == id })
}

// settle takes from what has been found what the writer has to do with, and reports what should not be like that.
func (w *killWriter) settle(found map[string]killItem) {
	last := w.underWay
	w.underWay = killWrite{}
	for _, id := range slices.Clone(w.order) {
		item, there := found[id]
		delete(found, id)
		switch {
		case there && reflect.DeepEqual(item, w.items[id]):
		case id == last.id && there && last.method == "PATCH" && hasMark(item, last.mark):
			w.items[id] = item
		case id == last.id && !there && last.method == "DELETE":
			w.forget(id)
		default:
			w.t.Errorf("acknowledged was %v; there is %v; under way was %+v", w.items[id], item, last)
			w.forget(id)
		}
	}
	for id, item := range found {
		if last.method == "POST" && hasMark(item, last.mark) {
			w.keep(item)
			delete(found, id)
			return
		}
	}
}

// read are all items, by id.
func (s *survivors) read() map[string]killItem {
	answer, ok := s.try(http.MethodGet, killList+"?$top=1000", "")
	entries, _ := answer["value"].([]any)
	if !ok || answer["@odata.nextLink"] != nil || len(entries) == 0 {
		s.t.Fatalf("the list does not come, or not at once: %v", answer)
	}
	items := make(map[string]killItem)
	for _, entry := range entries {
		item, _ := entry.(map[string]any)
		id, _ := item["id"].(string)
		items[id] = item
	}
	return items
}

// check compares what there is after a restart with what has been acknowledged.
func (s *survivors) check() {
	found := s.read()
	if s.items == nil {
		s.items = maps.Clone(found)
	}
	for id, item := range s.items {
		if !reflect.DeepEqual(item, found[id]) {
			s.t.Errorf("%v was never touched; there is %v", item, found[id])
		}
		delete(found, id)
	}
	for _, w := range s.writers {
		w.settle(found)
	}
	for _, item := range found {
		s.t.Errorf("nobody wrote %v", item)
	}
}

// begin starts the sandbox and checks what is in it.
func (s *survivors) begin(file string) *process {
	p := start(s.t, "sandbox", "--listen", "127.0.0.1:0", "--data", file)
	s.base, s.answered = p.url(), make(chan struct{}, 1)
	s.http = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: killWriters}, Timeout: scene.Patience}
	s.check()
	return p
}

// live is one life of the sandbox, which ends after some time of writing.
func (s *survivors) live(file string, writing time.Duration) {
	p := s.begin(file)
	defer s.http.CloseIdleConnections()
	var writers sync.WaitGroup
	for _, w := range s.writers {
		writers.Go(w.write)
	}
	s.awaitAnswer()
	time.Sleep(writing) // the kill has to come at any moment, and not at one that the writes decide
	if err := p.cmd.Process.Kill(); err != nil {
		s.t.Error(err)
	}
	writers.Wait()
	_ = p.wait() // it says that it was killed
	for _, w := range s.writers {
		s.acknowledged += w.done
		w.done = 0
	}
}

// awaitAnswer has a busy machine not kill a sandbox that has hardly begun; not always, for that has to go well too.
func (s *survivors) awaitAnswer() {
	if rand.N(4) == 0 {
		return
	}
	select {
	case <-s.answered:
	case <-time.After(scene.Patience):
		s.t.Error("no write is acknowledged")
	}
}

// TestKilled kills the sandbox while it writes, again and again, and finds every acknowledged write after the restart,
// and no half of another one.
func TestKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts and kills many processes")
	}
	t.Parallel()
	file := filepath.Join(t.TempDir(), "sandbox.db")
	s := &survivors{t: t}
	for i := range s.writers {
		s.writers[i] = &killWriter{survivors: s, items: make(map[string]killItem)}
	}
	for round := range kills() {
		s.live(file, time.Millisecond+rand.N(14*time.Millisecond))
		if t.Failed() {
			t.Fatalf("after kill %d", round+1)
		}
	}
	if err := s.begin(file).stop(t); err != nil {
		t.Errorf("stopping: %v", err)
	}
	checkIntegrity(t, file)
	t.Logf("%d writes were acknowledged", s.acknowledged)
	if s.acknowledged < killFewest() {
		t.Errorf("only %d writes were acknowledged in %d rounds", s.acknowledged, kills())
	}
}

// checkIntegrity has SQLite check the file and every document in it.
func checkIntegrity(t *testing.T, file string) {
	t.Helper()
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	var verdict string
	var broken int
	err = errors.Join(
		db.QueryRowContext(context.Background(), "PRAGMA integrity_check").Scan(&verdict),
		db.QueryRowContext(context.Background(), "SELECT count(*) FROM item WHERE NOT json_valid(doc)").Scan(&broken),
		db.Close(),
	)
	if err != nil || verdict != "ok" || broken > 0 {
		t.Errorf("integrity check: %q, %d broken documents, %v", verdict, broken, err)
	}
}
