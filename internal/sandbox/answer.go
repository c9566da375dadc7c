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

// answer is what goes out.
type answer struct {
	status int
	header http.Header
	body   []byte

	lost bool       // it never goes out: the connection ends
	cut  faults.Cut // what becomes of the second half of the body
}

// requestID is what a request is called, by the server and by the client.
type requestID struct{ server, client string }

func newRequestID(r *http.Request) requestID {
	id := uuid.NewString()
	if given := r.Header.Get("client-request-id"); given != "" {
		return requestID{id, given}
	}
	return requestID{id, id}
}

// identify adds the headers that every answer has.
func (a *answer) identify(id requestID) {
	if a.header == nil {
		a.header = make(http.Header)
	}
	// Not by Set, which would spell them in Go's way, and a batch shows how they are spelt.
	a.header["request-id"] = []string{id.server}
	a.header["client-request-id"] = []string{id.client}
	a.header["x-ms-ags-diagnostic"] = []string{diagnostic}
	a.header["OData-Version"] = []string{"4.0"}
	a.header["Cache-Control"] = []string{"no-cache"}
}

// send sends the answer, as far as it is to arrive.
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
		// More than is sent, if the answer is cut: the server then closes the connection behind it.
		w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(body) // the client may have left
	if a.cut == faults.Stalled && len(a.body) > 0 {
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}
}

// appended is what the service once sent in the middle of an answer (microsoft-graph-docs#8937).
var appended = []byte(`{"error":{"code":"InternalServerError","message":"The property 'lastModifiedBy[Nullable=False]' of type ` +
	`'microsoft.graph.identitySet' has a null value, which is not allowed."}}`)

// disconnect ends the connection without an answer.
func disconnect(w http.ResponseWriter) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		// An HTTP/2 stream, or a test's recorder: the sandbox is served over neither.
		http.Error(w, "a connection cannot be lost here", http.StatusInternalServerError)
		return
	}
	_ = connection.Close()
}

// interrupt keeps a request up as the plan has it, and tells whether that is all that becomes of it.
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
