package sandbox

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"profileql/internal/sandbox/faults"
)

// answer is the response to a request.
type answer struct {
	status int
	header http.Header
	body   []byte

	lost bool       // close the connection instead of sending a response
	cut  faults.Cut // what happens to the second half of the body
}

// requestID is the request id of the server and that of the client.
type requestID struct{ server, client string }

func newRequestID(r *http.Request) requestID {
	id := uuid.NewString()
	if given := r.Header.Get("client-request-id"); given != "" {
		return requestID{id, given}
	}
	return requestID{id, id}
}

// identify adds the headers that every response has.
func (a *answer) identify(id requestID) {
	if a.header == nil {
		a.header = make(http.Header)
	}
	// Set would change the case of the names, which is visible in the body of a batch response.
	a.header["request-id"] = []string{id.server}
	a.header["client-request-id"] = []string{id.client}
	a.header["x-ms-ags-diagnostic"] = []string{diagnostic}
	a.header["OData-Version"] = []string{"4.0"}
	a.header["Cache-Control"] = []string{"no-cache"}
}

// send sends the response, or the part of it that is to arrive.
func (a answer) send(w http.ResponseWriter, r *http.Request) {
	if a.lost {
		disconnect(w)
		return
	}
	body := a.body
	switch a.cut {
	case faults.Stalled, faults.Truncated:
		body = body[:len(body)/2]
	case faults.Replaced:
		a.body = slices.Concat(body[:len(body)/2], appended)
		body = a.body
	}
	maps.Copy(w.Header(), a.header)
	if a.status != http.StatusNoContent {
		// The length of the whole body: if the response is cut, the server closes the connection.
		w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(body) // fails if the client has disconnected
	if a.cut == faults.Stalled && len(a.body) > 0 {
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}
}

// appended is what the service once sent in the middle of a response (microsoft-graph-docs#8937).
var appended = []byte(`{"error":{"code":"InternalServerError","message":"The property 'lastModifiedBy[Nullable=False]' of type ` +
	`'microsoft.graph.identitySet' has a null value, which is not allowed."}}`)

// disconnect closes the connection without a response.
func disconnect(w http.ResponseWriter) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		// HTTP/2 or a response recorder. The sandbox is not served over either.
		http.Error(w, "a connection cannot be lost here", http.StatusInternalServerError)
		return
	}
	_ = connection.Close()
}

// interrupt delays a request as the plan says. It reports whether the returned answer, an error or a lost connection,
// is the outcome of the request.
func interrupt(ctx context.Context, i faults.Interruption, id requestID, at time.Time) (answer, bool) {
	if i.Delay > 0 {
		timer := time.NewTimer(i.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return answer{lost: true}, true
		}
	}
	switch {
	case i.Drop:
		return answer{lost: true}, true
	case i.Error != nil:
		return unlucky(i.Error).answer(id, at), true
	}
	return answer{}, false
}
