package edge

import (
	"net/http"
	"sync/atomic"
)

// Health serves the liveness (/healthz) and readiness (/readyz) checks. Responses have no body. The state of sources does not
// count: if one fails, another replica would not do better.
type Health struct{ stopping atomic.Bool }

// Stop makes the service not ready, permanently.
func (h *Health) Stop() { h.stopping.Store(true) }

func (h *Health) register(mux *http.ServeMux) {
	mux.HandleFunc("GET /healthz", h.live)
	mux.HandleFunc("GET /readyz", h.ready)
}

func (h *Health) live(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }

func (h *Health) ready(w http.ResponseWriter, _ *http.Request) {
	if h.stopping.Load() {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
