package sandbox

import (
	"sync"
	"time"
)

// veil hides writes until they may be seen, for the fault of that name: reads get what was there before.
type veil struct {
	mu     sync.Mutex
	hidden map[key][]past
}

// past is what an item was until a time; nil where it was not there.
type past struct {
	doc   []byte
	until time.Time
}

// cover is called before a write takes effect. Without a lag, the write shows itself, and all before it.
func (v *veil) cover(x *request, old []byte) {
	v.mu.Lock()
	defer v.mu.Unlock()
	k := x.key()
	if x.plan.Lag <= 0 {
		delete(v.hidden, k)
		return
	}
	if v.hidden == nil {
		v.hidden = make(map[key][]past)
	}
	v.hidden[k] = append(v.hidden[k], past{old, x.at.Add(x.plan.Lag)})
}

// documents are those of a person's facet that are covered, by id.
func (v *veil) documents(person, facet string, at time.Time) map[string][]byte {
	v.mu.Lock()
	defer v.mu.Unlock()
	var docs map[string][]byte
	for k := range v.hidden {
		if k.person != person || k.facet != facet {
			continue
		}
		if doc, covered := v.at(k, at); covered {
			if docs == nil {
				docs = make(map[string][]byte)
			}
			docs[k.id] = doc
		}
	}
	return docs
}

// document is what an item is said to be, if it is covered.
func (v *veil) document(k key, at time.Time) (doc []byte, covered bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.at(k, at)
}

// at takes away what is past, and returns the oldest version that is not.
func (v *veil) at(k key, at time.Time) (doc []byte, covered bool) {
	for _, was := range v.hidden[k] {
		if at.Before(was.until) {
			return was.doc, true
		}
	}
	delete(v.hidden, k)
	return nil, false
}
