package sandbox

import (
	"context"
	"errors"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// diagnostic is the header that support asks for, which says what machine answered.
const diagnostic = `{"ServerInfo":{"DataCenter":"Sandbox","Slice":"E","Ring":"1","ScaleUnit":"000","RoleInstance":"SANDBOX"}}`

// request is what is known of a request once its path has been understood.
type request struct {
	*http.Request
	resource
	caller Person // who is signed in
	owner  Person // whose profile it is
	bare   bool   // without control information
	at     time.Time
}

// answer is what goes out.
type answer struct {
	status      int
	contentType string
	location    string
	allow       string
	body        []byte
}

func (s *Sandbox) serve(w http.ResponseWriter, r *http.Request) {
	requestID := uuid.NewString()
	clientRequestID := r.Header.Get("client-request-id")
	if clientRequestID == "" {
		clientRequestID = requestID
	}
	at := s.now()
	a, err := s.answer(w, r, at)
	if err != nil {
		e := s.explain(err, requestID)
		a = answer{
			status: e.status, contentType: "application/json", allow: e.allow,
			body: e.body(at, requestID, clientRequestID),
		}
	}
	h := w.Header()
	h.Set("request-id", requestID)
	h.Set("client-request-id", clientRequestID)
	h.Set("x-ms-ags-diagnostic", diagnostic)
	h.Set("OData-Version", "4.0")
	h.Set("Cache-Control", "no-cache")
	for name, text := range map[string]string{"Content-Type": a.contentType, "Location": a.location, "Allow": a.allow} {
		if text != "" {
			h.Set(name, text)
		}
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // the client may have left
}

// explain turns an error into one for the client. What went wrong inside stays inside.
func (s *Sandbox) explain(err error, requestID string) *apiError {
	var e *apiError
	if errors.As(err, &e) {
		return e
	}
	if !errors.Is(err, context.Canceled) { // the client left
		s.log.Error("sandbox: a request failed", "request-id", requestID, "error", err)
	}
	return &apiError{
		status: http.StatusInternalServerError, code: "InternalServerError",
		message: "The server encountered an internal error.",
	}
}

func (s *Sandbox) answer(w http.ResponseWriter, r *http.Request, at time.Time) (answer, error) {
	path, err := parsePath(s.facets, r.URL.EscapedPath())
	if err != nil {
		return answer{}, err
	}
	x := &request{Request: r, resource: path, caller: s.caller(r), at: at, bare: wantsNoMetadata(r)}
	if x.owner, err = s.owner(path.user, x.caller); err != nil {
		return answer{}, err
	}
	if methods := path.methods(); !slices.Contains(methods, r.Method) {
		return answer{}, wrongMethod(strings.Join(methods, ", "))
	}
	switch r.Method {
	case http.MethodPost:
		return s.create(w, x)
	case http.MethodPatch:
		return s.patch(w, x)
	case http.MethodDelete:
		return s.delete(x)
	}
	return s.read(x)
}

// caller is the person whose user principal name is the bearer token; the first one when it is nobody's.
func (s *Sandbox) caller(r *http.Request) Person {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") {
		for _, p := range s.people {
			if strings.EqualFold(p.UserPrincipalName, strings.TrimSpace(token)) {
				return p
			}
		}
	}
	return s.people[0]
}

func (s *Sandbox) owner(user string, caller Person) (Person, error) {
	if user == "" {
		return caller, nil
	}
	for _, p := range s.people {
		if strings.EqualFold(p.ID, user) || strings.EqualFold(p.UserPrincipalName, user) {
			return p, nil
		}
	}
	return Person{}, noUser(user)
}

// wantsNoMetadata tells whether the client asks for answers without control information. (Of the levels of OData JSON
// Format 4.01, section 3.1, full is answered like minimal.)
func wantsNoMetadata(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept"), ",") {
		media, parameters, err := mime.ParseMediaType(part)
		if err == nil && media == "application/json" && parameters["odata.metadata"] == "none" {
			return true
		}
	}
	return false
}

// json is a successful answer in JSON.
func (x *request) json(status int, body []byte) answer {
	level := "minimal"
	if x.bare {
		level = "none"
	}
	return answer{
		status:      status,
		contentType: "application/json;odata.metadata=" + level + ";odata.streaming=true;IEEE754Compatible=false;charset=utf-8",
		body:        body,
	}
}

// root is the server's address as the client knows it.
func (x *request) root() string {
	if x.TLS != nil {
		return "https://" + x.Host
	}
	return "http://" + x.Host
}

// address is what was asked for, without the query.
func (x *request) address() string { return x.root() + x.URL.EscapedPath() }

// context is the context URL of the person's profile and what follows (OData Protocol 4.01, section 10). Who is
// addressed as me is named by id, who is addressed by name by name.
func (x *request) context(rest string) string {
	user := x.owner.ID
	if x.user != "" && !strings.EqualFold(x.user, x.owner.ID) {
		user = x.owner.UserPrincipalName
	}
	return x.root() + "/beta/$metadata#" + withKey("users", user) + "/profile" + rest
}
