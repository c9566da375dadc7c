package sandbox

import (
	"sync"
	"time"

	"profileql/internal/sandbox/store"
)

// lag implements the fault of that name: a write takes effect immediately, but reads return the previous version
// until the lag is over, as from a replica that is behind.
type lag struct {
	mu     sync.Mutex
	behind map[store.Key][]past
}

// past is the version of an item until a time; nil if the item did not exist.
type past struct {
	doc   []byte
	until time.Time
}

// hide must be called before a write takes effect, with the version until then. If the request has no lag, the write
// and all writes before it become visible.
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

// documents returns the previous versions that reads of a person's facet still return, by id.
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

// document returns the previous version of an item. lags reports whether reads still return it.
func (l *lag) document(k store.Key, at time.Time) (doc []byte, lags bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.at(k, at)
}

// at removes expired versions, and returns the oldest one that is not expired.
func (l *lag) at(k store.Key, at time.Time) (doc []byte, lags bool) {
	for _, was := range l.behind[k] {
		if at.Before(was.until) {
			return was.doc, true
		}
	}
	delete(l.behind, k)
	return nil, false
}
