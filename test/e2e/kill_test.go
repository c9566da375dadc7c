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

// kills returns how often the sandbox is killed. With the race detector, it takes several times as long to start.
func kills() int {
	if raceEnabled {
		return 50
	}
	return 200
}

// killFewest returns the number of acknowledged writes that the test requires to be meaningful. It is reached on the
// slowest machine: in most rounds, the kill waits for a write.
func killFewest() int { return kills() / 2 }

const killList = "/beta/me/profile/interests"

// killItem is an item as it was returned. It is compared as a whole.
type killItem = map[string]any

// survivors is what must be in the sandbox after it has been killed.
type survivors struct {
	t            *testing.T
	base         string
	http         *http.Client
	items        map[string]killItem // by id, as acknowledged before the last start of the sandbox, including seed data
	writers      [killWriters]*killWriter
	marks        atomic.Int64
	answered     chan struct{} // receives a value when a write is acknowledged
	acknowledged int
}

// killWriter is a client that sends writes one after the other. It does not share its items, so that at most one
// write of each is in progress when the sandbox is killed.
type killWriter struct {
	*survivors
	items    map[string]killItem // as acknowledged
	order    []string            // their ids, the oldest first
	underWay killWrite
	done     int
}

// killWrite is a write without a response: to an item, or a create, whose id is not known.
type killWrite struct{ method, id, mark string }

// markedBody returns a body that has the mark in every property.
func markedBody(mark string) string {
	return fmt.Sprintf(`{"displayName": %q, "description": %q, "categories": [%[1]q, %[1]q], "webUrl": %[1]q,
		"inference": {"confidenceScore": %[1]s}}`, mark, long(mark))
}

// long returns a mark that fills many pages of the file, which are not written all at once.
func long(mark string) string { return strings.Repeat(mark+" ", 3000) }

// hasMark reports whether all properties are of the body with the mark.
func hasMark(item killItem, mark string) bool {
	inference, _ := item["inference"].(map[string]any)
	return item["displayName"] == mark && item["description"] == long(mark) && item["webUrl"] == mark &&
		fmt.Sprint(item["categories"]) == fmt.Sprintf("[%s %[1]s]", mark) && fmt.Sprint(inference["confidenceScore"]) == mark
}

// try sends a request. It returns false, without an error, if the sandbox is killed before it has responded.
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
	// The status alone acknowledges a write, but without the body, the state of the item is unknown.
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

// decodeKilled decodes a JSON object. Numbers keep their text.
func decodeKilled(t *testing.T, text []byte) (object map[string]any) {
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	if err := d.Decode(&object); err != nil {
		t.Errorf("%.300s: %v", text, err)
	}
	return object
}

// write creates items, changes them, and deletes the oldest one if there are several, until there is no response.
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

// settle checks the writer's items among those found, removes them from found, and updates the writer's state.
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

// read returns all items by id.
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

// check compares the items after a restart with the acknowledged ones.
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

// begin starts the sandbox and checks its items.
func (s *survivors) begin(file string) *process {
	p := start(s.t, "sandbox", "--listen", "127.0.0.1:0", "--data", file)
	s.base, s.answered = p.url(), make(chan struct{}, 1)
	s.http = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: killWriters}, Timeout: scene.Patience}
	s.check()
	return p
}

// live starts the sandbox, and kills it after some time of writing.
func (s *survivors) live(file string, writing time.Duration) {
	p := s.begin(file)
	defer s.http.CloseIdleConnections()
	var writers sync.WaitGroup
	for _, w := range s.writers {
		writers.Go(w.write)
	}
	s.awaitAnswer()
	time.Sleep(writing) // the kill must happen at any moment, independent of the writes
	if err := p.cmd.Process.Kill(); err != nil {
		s.t.Error(err)
	}
	writers.Wait()
	_ = p.wait() // the error says that it was killed
	for _, w := range s.writers {
		s.acknowledged += w.done
		w.done = 0
	}
}

// awaitAnswer waits for a write in most rounds, so that a busy machine does not kill a sandbox that has hardly
// started; not in all, since that must work too.
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

// TestKilled kills the sandbox repeatedly while it writes. After a restart, every acknowledged write is there, and no
// partial write.
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

// checkIntegrity checks the file and every document in it by means of SQLite.
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
