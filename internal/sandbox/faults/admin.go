package faults

import (
	"encoding/json"
	"io"
	"net/http"
)

// maxBody is the maximum size of a PUT body in bytes.
const maxBody = 1 << 20

// ServeHTTP serves the admin resource: GET returns the active rules with their counts, PUT replaces them by a
// [Config], DELETE removes them.
func (s *Set) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodGet:
		s.show(w)
	case http.MethodDelete:
		s.replace(Config{})
		w.WriteHeader(http.StatusNoContent)
	case http.MethodPut:
		s.put(w, r)
	default:
		w.Header().Set("Allow", "GET, PUT, DELETE")
		http.Error(w, "this resource knows GET, PUT and DELETE", http.StatusMethodNotAllowed)
	}
}

func (s *Set) put(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "the body cannot be read, or is larger than 1 MiB", http.StatusBadRequest)
		return
	}
	c, err := Parse(text)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.replace(c)
	s.show(w)
}

func (s *Set) show(w http.ResponseWriter) {
	s.mu.Lock()
	text, err := json.MarshalIndent(struct {
		Seed  uint64    `json:"seed"`
		Rules []*active `json:"rules"`
	}{s.seed, s.rules}, "", "  ")
	s.mu.Unlock()
	if err != nil { // such as an infinite share, which Parse rejects
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(text, '\n')) // fails if the client has disconnected
}
