package scene

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
)

// Batch serves the requests of a $batch one by one with next, which also serves all other requests. The URLs of the
// requests are relative to the path of the batch.
func Batch(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		root, isBatch := strings.CutSuffix(r.URL.Path, "/$batch")
		if !isBatch {
			next(w, r)
			return
		}
		var batch struct {
			Requests []struct {
				ID, Method, URL string
				Headers         map[string]string
			}
		}
		if err := json.NewDecoder(r.Body).Decode(&batch); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		type response struct {
			ID      string            `json:"id"`
			Status  int               `json:"status"`
			Headers map[string]string `json:"headers"`
			Body    json.RawMessage   `json:"body,omitempty"`
		}
		var responses []response
		for _, part := range batch.Requests {
			single := httptest.NewRequestWithContext(r.Context(), part.Method, path.Clean(root+"/")+part.URL, nil)
			single.Host = r.Host
			single.Header.Set("Authorization", r.Header.Get("Authorization"))
			for name, value := range part.Headers {
				single.Header.Set(name, value)
			}
			recorded := httptest.NewRecorder()
			next(recorded, single)
			one := response{ID: part.ID, Status: recorded.Code, Headers: make(map[string]string), Body: recorded.Body.Bytes()}
			for name := range recorded.Header() {
				one.Headers[name] = recorded.Header().Get(name)
			}
			responses = append(responses, one)
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"responses": responses})
	}
}
