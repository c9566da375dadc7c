package profileapi

import (
	"sync"
	"time"
)

// denials remembers for an hour what a source has shown that it cannot do, so that it is not asked for it each time.
type denials struct {
	mu    sync.Mutex
	until map[string]time.Time
}

func (d *denials) add(ability string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.until == nil {
		d.until = make(map[string]time.Time)
	}
	d.until[ability] = time.Now().Add(time.Hour)
}

func (d *denials) has(ability string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return time.Now().Before(d.until[ability])
}
