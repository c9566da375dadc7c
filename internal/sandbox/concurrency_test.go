package sandbox

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	crowdWriters  = 120
	crowdCreators = 20
	crowdReaders  = 50 // of single items
	crowdListers  = 10
	crowdItems    = 10
	crowdWrites   = 3 // of each writer, to as many items, and of each creator
)

// crowd is a number of concurrent clients of one profile.
type crowd struct {
	t     *testing.T
	ctx   context.Context
	http  *http.Client
	base  string
	items []string

	mu     sync.Mutex
	writes map[string][]markedWrite // by item
	made   map[string]string        // marks of created items, by id
}

// markedWrite is an acknowledged PATCH. Its mark is in several properties of one body.
type markedWrite struct {
	by, mark    string
	sent, ended time.Time
}

func newCrowd(t *testing.T, data string) *crowd {
	c := serve(t, Options{Data: data})
	// A deadlock must be distinguishable from a busy machine.
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	transport := &http.Transport{MaxIdleConnsPerHost: 200}
	t.Cleanup(func() { cancel(); transport.CloseIdleConnections() })
	crowd := &crowd{
		t: t, ctx: ctx, http: &http.Client{Transport: transport}, base: c.base + list,
		writes: make(map[string][]markedWrite), made: make(map[string]string),
	}
	for i := range crowdItems {
		mark := fmt.Sprintf("mark of item %d", i)
		id := c.create(marked("nobody", mark))
		crowd.items = append(crowd.items, id)
		crowd.writes[id] = []markedWrite{{by: "nobody", mark: mark}}
	}
	return crowd
}

// marked returns a body that has the mark in every property. One member of the open type in createdBy is sent by this
// writer only: the writes of all writers are merged there, so that a lost write shows.
func marked(by, mark string) string {
	return fmt.Sprintf(`{"displayName": %q, "description": %[1]q, "categories": [%[1]q, %[1]q], "webUrl": %[1]q,
		"inference": {"confidenceScore": %d}, "createdBy": {"application": {"id": %[1]q}, %[3]q: %[1]q}}`,
		mark, score(mark), by)
}

// score returns a mark as a number, for properties that are not text.
func score(mark string) (n int) {
	for _, letter := range mark {
		n = (n*31 + int(letter)) % 1_000_003
	}
	return n
}

// markedItem is an item as it was read.
type markedItem struct {
	ID, DisplayName, Description, WebURL string
	Categories                           []string
	Inference                            struct{ ConfidenceScore int }
	CreatedBy                            map[string]any
}

// mark returns the mark of the item, and reports whether all of its properties come from the same body.
func (i markedItem) mark() (mark string, whole bool) {
	mark = i.DisplayName
	application, _ := i.CreatedBy["application"].(map[string]any)
	return mark, i.Description == mark && i.WebURL == mark && application["id"] == mark &&
		slices.Equal(i.Categories, []string{mark, mark}) && i.Inference.ConfidenceScore == score(mark)
}

// do sends a request, and reports as a test error any status but success.
func (c *crowd) do(method, path, body string, into any) bool {
	r, err := http.NewRequestWithContext(c.ctx, method, c.base+path, strings.NewReader(body))
	if err != nil {
		c.t.Error(err)
		return false
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(r)
	if err != nil {
		c.t.Error(err)
		return false
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode < 300 {
		err = json.Unmarshal(text, into)
	}
	if err != nil || resp.StatusCode >= 300 {
		c.t.Errorf("%s %s: %s %.200s, %v", method, path, resp.Status, text, err)
		return false
	}
	return true
}

// checkWhole reports an item that has parts of two writes.
func (c *crowd) checkWhole(i markedItem, want string) {
	if mark, whole := i.mark(); !whole || want != "" && mark != want {
		c.t.Errorf("a mixture, read where %q was to be expected: %+v", want, i)
	}
}

// write updates the items in turn, so that several writers write to the same item at a time.
func (c *crowd) write(who int) {
	for n := range crowdWrites {
		id := c.items[(who+n)%len(c.items)]
		w := markedWrite{by: fmt.Sprintf("writer %d", who), mark: fmt.Sprintf("mark of writer %d's %d", who, n)}
		w.sent = time.Now()
		var after markedItem
		if !c.do("PATCH", "/"+id, marked(w.by, w.mark), &after) {
			return
		}
		w.ended = time.Now()
		c.checkWhole(after, w.mark)
		c.mu.Lock()
		c.writes[id] = append(c.writes[id], w)
		c.mu.Unlock()
	}
}

func (c *crowd) create(who int) {
	for n := range crowdWrites {
		mark := fmt.Sprintf("mark of creator %d's %d", who, n)
		var made markedItem
		if !c.do("POST", "", marked("creator", mark), &made) {
			return
		}
		c.checkWhole(made, mark)
		if !c.do("GET", "/"+made.ID, "", &made) { // an acknowledged item must be readable immediately
			return
		}
		c.checkWhole(made, mark)
		c.mu.Lock()
		c.made[made.ID] = mark
		c.mu.Unlock()
	}
}

func (c *crowd) readItem(turn int) bool {
	var i markedItem
	ok := c.do("GET", "/"+c.items[turn%len(c.items)], "", &i)
	if ok {
		c.checkWhole(i, "")
	}
	return ok
}

// readList returns the marked items of a list by id. The filter excludes the others.
func (c *crowd) readList() (items map[string]markedItem, ok bool) {
	var answer struct{ Value []markedItem }
	ok = c.do("GET", "?$top=1000&$filter=startswith(displayName,'mark')", "", &answer)
	items = make(map[string]markedItem)
	for _, i := range answer.Value {
		c.checkWhole(i, "")
		items[i.ID] = i
	}
	if ok && len(items) < crowdItems {
		c.t.Errorf("a list has only %d of the items", len(items))
	}
	return items, ok
}

// meet starts all clients at once. Readers continue until the last write is done.
func (c *crowd) meet() (reads int) {
	begin, written := make(chan struct{}), make(chan struct{})
	var writers, readers sync.WaitGroup
	for who := range crowdWriters {
		writers.Go(func() { <-begin; c.write(who) })
	}
	for who := range crowdCreators {
		writers.Go(func() { <-begin; c.create(who) })
	}
	counts := make([]int, crowdReaders+crowdListers)
	for who := range counts {
		readers.Go(func() {
			<-begin
			counts[who] = c.readUntil(written, who)
		})
	}
	close(begin)
	writers.Wait()
	close(written)
	readers.Wait()
	for _, n := range counts {
		reads += n
	}
	return reads
}

func (c *crowd) readUntil(written <-chan struct{}, who int) (reads int) {
	for ok := true; ok; reads++ {
		if who < crowdListers {
			_, ok = c.readList()
		} else {
			ok = c.readItem(who + reads)
		}
		select {
		case <-written:
			return reads + 1
		default:
		}
	}
	return reads
}

// TestCrowd has 200 clients that read and write one person's items concurrently. Every request gets a response, no
// response shows a partial write, and no write is lost.
func TestCrowd(t *testing.T) {
	t.Parallel()
	for name, data := range map[string]string{"in memory": "", "in a file": filepath.Join(t.TempDir(), "x.db")} {
		t.Run(name, func(t *testing.T) {
			c := newCrowd(t, data)
			reads := c.meet()
			end, _ := c.readList()
			for _, id := range c.items {
				c.checkLast(end[id], c.writes[id])
			}
			for id, mark := range c.made {
				c.checkWhole(end[id], mark)
			}
			if len(c.made) != crowdCreators*crowdWrites || len(end) != len(c.made)+len(c.items) {
				t.Errorf("%d items have been made; there are %d", len(c.made), len(end))
			}
			if c.ctx.Err() != nil {
				t.Error("not done in time")
			}
			t.Logf("%d writes, %d reads meanwhile", (crowdWriters+crowdCreators)*crowdWrites, reads)
		})
	}
}

// checkLast reports an item whose final state is not that of any last write: the mark is unknown, another write began
// after it was acknowledged, or a member that only one writer sends is missing.
func (c *crowd) checkLast(i markedItem, writes []markedWrite) {
	at := slices.IndexFunc(writes, func(w markedWrite) bool { return w.mark == i.DisplayName })
	if at < 0 {
		c.t.Errorf("nobody wrote %+v", i)
		return
	}
	for _, w := range writes {
		if w.sent.After(writes[at].ended) {
			c.t.Errorf("%q was acknowledged before %q was sent, and is there in the end", writes[at].mark, w.mark)
			return
		}
		if i.CreatedBy[w.by] != w.mark {
			c.t.Errorf("%q is lost: %v", w.mark, i.CreatedBy)
		}
	}
}
