package sandbox

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"profileql/internal/sandbox/edm"
	"profileql/internal/sandbox/faults"
	"profileql/internal/sandbox/odata"
	"profileql/internal/sandbox/store"
)

// FaultsPath is the path of the admin resource of the faults, outside of the API.
const FaultsPath = "/faults"

// diagnostic is the value of the x-ms-ags-diagnostic header, which names the machine that responded.
const diagnostic = `{"ServerInfo":{"DataCenter":"Sandbox","Slice":"E","Ring":"1","ScaleUnit":"000","RoleInstance":"SANDBOX"}}`

// request is a request whose path has been parsed.
type request struct {
	*http.Request
	resource
	caller Person // the signed-in user
	owner  Person // the user whose profile it is
	level  metadataLevel
	plan   faults.Plan
	at     time.Time
}

func (s *Sandbox) serve(w http.ResponseWriter, r *http.Request) {
	if strings.TrimSuffix(r.URL.Path, "/") == FaultsPath {
		s.faults.ServeHTTP(w, r)
		return
	}
	s.exchange(w, r).send(w, r)
}

// exchange returns the response to a request, or to a part of a batch, for which w is nil.
func (s *Sandbox) exchange(w http.ResponseWriter, r *http.Request) answer {
	id := newRequestID(r)
	at := s.now()
	plan, err := s.faults.Plan(r, at)
	if err != nil {
		return badRequest("%s", err).answer(id, at)
	}
	a, interrupted := interrupt(r.Context(), plan.Before, id, at)
	if interrupted {
		return a
	}
	if a, err = s.answer(w, r, plan, at); err != nil {
		a = s.explain(err, id).answer(id, at)
	}
	if other, interrupted := interrupt(r.Context(), plan.After, id, at); interrupted {
		return other
	}
	if plan.NoContent && r.Method == http.MethodPatch && a.status == http.StatusOK {
		a = answer{status: http.StatusNoContent}
	}
	a.identify(id)
	a.cut = plan.Cut
	return a
}

// explain returns the error response for an error. Internal errors are logged, and not shown to the client. An
// *edm.Error, from packages that do not depend on HTTP, becomes the gateway's error for a bad request.
func (s *Sandbox) explain(err error, id requestID) *apiError {
	var e *apiError
	var mistake *edm.Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.As(err, &mistake):
		return badRequest("%s", mistake.Message)
	case errors.Is(err, store.ErrNotFound):
		return noItem()
	case store.IsBusy(err):
		return &apiError{
			status: http.StatusServiceUnavailable, code: "serviceNotAvailable", retryAfter: "1",
			message: "The service is temporarily unavailable.",
		}
	case !errors.Is(err, context.Canceled): // else the client has disconnected
		s.log.Error("sandbox: a request failed", "request-id", id.server, "error", err)
	}
	return &apiError{
		status: http.StatusInternalServerError, code: "InternalServerError",
		message: "The server encountered an internal error.",
	}
}

func (s *Sandbox) answer(w http.ResponseWriter, r *http.Request, plan faults.Plan, at time.Time) (answer, error) {
	path, err := parsePath(s.profile.Navigation, r.URL.EscapedPath())
	if err != nil {
		return answer{}, err
	}
	x := &request{Request: r, resource: path, level: wantedLevel(r), plan: plan, at: at}
	if x.caller, err = s.caller(r, path.kind); err != nil {
		return answer{}, err
	}
	if x.owner, err = s.owner(path.user, x.caller); err != nil {
		return answer{}, err
	}
	if methods := path.methods(); !slices.Contains(methods, r.Method) {
		return answer{}, wrongMethod(strings.Join(methods, ", "))
	}
	switch {
	case path.kind == batchResource:
		return s.batch(w, x)
	case r.Method == http.MethodPost:
		return s.create(w, x)
	case r.Method == http.MethodPatch:
		return s.patch(w, x)
	case r.Method == http.MethodDelete:
		return s.delete(x)
	}
	return s.read(x)
}

// caller returns the person whose user principal name is the bearer token, or the first person if there is none. If
// tokens are required, a missing one is an error, except for $metadata, which is public.
func (s *Sandbox) caller(r *http.Request, kind resourceKind) (Person, error) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "Bearer") {
		token = ""
	}
	if token == "" && s.requireToken && kind != metadataResource {
		return Person{}, noToken()
	}
	if p, ok := s.person(token); ok && strings.EqualFold(p.UserPrincipalName, token) {
		return p, nil
	}
	return s.people[0], nil
}

func (s *Sandbox) owner(user string, caller Person) (Person, error) {
	if user == "" {
		return caller, nil
	}
	if p, ok := s.person(user); ok {
		return p, nil
	}
	return Person{}, noUser(user)
}

// person returns the person with an id or user principal name.
func (s *Sandbox) person(name string) (Person, bool) {
	for _, p := range s.people {
		if strings.EqualFold(p.ID, name) || strings.EqualFold(p.UserPrincipalName, name) {
			return p, true
		}
	}
	return Person{}, false
}

// json returns a successful response in JSON.
func (x *request) json(status int, body []byte) answer {
	return answer{status: status, body: body, header: http.Header{
		"Content-Type": {"application/json;odata.metadata=" + string(x.level) + ";odata.streaming=true;IEEE754Compatible=false;charset=utf-8"},
	}}
}

// root returns the URL of the server as the client addressed it.
func (x *request) root() string {
	if x.TLS != nil {
		return "https://" + x.Host
	}
	return "http://" + x.Host
}

// address returns the URL of the request without the query and a trailing slash.
func (x *request) address() string { return x.root() + strings.TrimSuffix(x.URL.EscapedPath(), "/") }

// context returns the context URL of the person's profile, followed by rest (OData Protocol 4.01, section 10).
func (x *request) context(rest string) string {
	return x.root() + "/beta/$metadata#" + x.profile() + rest
}

// profile returns the path of the person's profile, relative to the API. It contains the id if the request used me or
// the id, and otherwise the user principal name.
func (x *request) profile() string {
	user := x.owner.ID
	if x.user != "" && !strings.EqualFold(x.user, x.owner.ID) {
		user = x.owner.UserPrincipalName
	}
	return odata.FormatKey("users", user) + "/profile"
}
