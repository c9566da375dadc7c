package edge

import (
	"net/http"
	"sync/atomic"
)

// Health is whether the service is there (/healthz), and whether new requests should be sent to it (/readyz). The
// answers have a status and no content. Sources do not count: if one fails, no other replica would do better.
type Health struct{ stopping atomic.Bool }

// Stop makes the service not ready, for good.
func (h *Health) Stop() { h.stopping.Store(true) }

func (h *Health) live(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }

func (h *Health) ready(w http.ResponseWriter, _ *http.Request) {
	if h.stopping.Load() {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
