package profileapi

import (
	"sync"
	"time"
)

// capabilities remembers for an hour which query options a source does not support, so that they are not tried each time.
type capabilities struct {
	mu    sync.Mutex
	until map[string]time.Time
}

func (c *capabilities) markUnsupported(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.until == nil {
		c.until = make(map[string]time.Time)
	}
	c.until[name] = time.Now().Add(time.Hour)
}

func (c *capabilities) isUnsupported(name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Before(c.until[name])
}
