package sandbox

import (
	"sync"
	"time"

	"profileql/internal/sandbox/store"
)

// lag carries the fault of that name out: a write takes effect at once, and reads get what was there before until its
// time is over, as from a replica that lags behind.
type lag struct {
	mu     sync.Mutex
	behind map[store.Key][]past
}

// past is what an item was until a time; nil where it was not there.
type past struct {
	doc   []byte
	until time.Time
}

// hide is called before a write takes effect, with what is there until then. Without a lag, the write shows itself,
// and all before it.
func (l *lag) hide(x *request, old []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := x.key()
	if x.plan.Lag <= 0 {
		delete(l.behind, k)
		return
	}
	if l.behind == nil {
		l.behind = make(map[store.Key][]past)
	}
	l.behind[k] = append(l.behind[k], past{old, x.at.Add(x.plan.Lag)})
}

// documents are those of a person's facet that reads still get, by id.
func (l *lag) documents(person, facet string, at time.Time) map[string][]byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	var docs map[string][]byte
	for k := range l.behind {
		if k.Person != person || k.Facet != facet {
			continue
		}
		if doc, lags := l.at(k, at); lags {
			if docs == nil {
				docs = make(map[string][]byte)
			}
			docs[k.ID] = doc
		}
	}
	return docs
}

// document is what a read gets of an item, if it lags behind.
func (l *lag) document(k store.Key, at time.Time) (doc []byte, lags bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.at(k, at)
}

// at takes away what is over, and returns the oldest version that is not.
func (l *lag) at(k store.Key, at time.Time) (doc []byte, lags bool) {
	for _, was := range l.behind[k] {
		if at.Before(was.until) {
			return was.doc, true
		}
	}
	delete(l.behind, k)
	return nil, false
}
