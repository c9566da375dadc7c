package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"profileql/internal/sandbox/edm"
	"profileql/internal/sandbox/faults"
)

// apiError is an error response, in the API's words where they are known. Its codes mix those of the gateway, the
// directory and the profile service, as in real responses.
type apiError struct {
	status  int
	code    string
	message string

	allow          string // header of status 405
	acceptEncoding string // header of status 415
	challenge      bool   // whether there is a WWW-Authenticate header, of status 401
	retryAfter     string // header of statuses 429 and 503
}

func (e *apiError) Error() string { return fmt.Sprintf("%d %s: %s", e.status, e.code, e.message) }

// badRequest returns the gateway's error for a request that it cannot parse.
func badRequest(format string, args ...any) *apiError {
	return &apiError{status: http.StatusBadRequest, code: "BadRequest", message: fmt.Sprintf(format, args...)}
}

// noSegment returns the error for a path that does not exist (msgraph-beta-sdk-python#764).
func noSegment(segment string) error {
	return badRequest("Resource not found for the segment '%s'.", segment)
}

// noUser returns the directory's error for an unknown user (msgraph-beta-sdk-dotnet#284).
func noUser(name string) error {
	return &apiError{
		status: http.StatusNotFound, code: "Request_ResourceNotFound",
		message: fmt.Sprintf("Resource '%s' does not exist or one of its queried reference-property objects are not present.", name),
	}
}

// noItem returns the profile service's error for a missing item. It is the same for a write to an item that is listed
// but owned by another system (microsoft-graph-docs#19704).
func noItem() *apiError {
	return &apiError{status: http.StatusNotFound, code: "UnknownError"}
}

// noToken returns the gateway's error for a request without a token.
func noToken() error {
	return &apiError{
		status: http.StatusUnauthorized, code: "InvalidAuthenticationToken", message: "Access token is empty.", challenge: true,
	}
}

// unlucky returns an injected error. The code and message default to the usual ones of the status.
func unlucky(f *faults.Error) *apiError {
	e := usual(f.Status)
	if f.Code != nil {
		e.code = *f.Code
	}
	if f.Message != nil {
		e.message = *f.Message
	}
	e.retryAfter = f.RetryAfter
	return e
}

// usual returns the API's usual error for a status. The profile service mostly has no message.
func usual(status int) *apiError {
	e := &apiError{status: status, code: "UnknownError"}
	switch status {
	case http.StatusUnauthorized:
		e.code, e.message, e.challenge = "InvalidAuthenticationToken", "Access token validation failure. Invalid audience.", true
	case http.StatusForbidden:
		e.code, e.message = "Authorization_RequestDenied", "Insufficient privileges to complete the operation."
	case http.StatusConflict:
		e.code, e.message = "resourceModified", "The resource has changed since it was read."
	case http.StatusTooManyRequests:
		e.code, e.message = "TooManyRequests", "Please retry again later."
	case http.StatusInternalServerError:
		e.code, e.message = "InternalServerError", "The server encountered an internal error."
	case http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		e.code, e.message = "serviceNotAvailable", "The service is temporarily unavailable."
	}
	return e
}

func wrongMethod(allow string) error {
	return &apiError{
		status: http.StatusMethodNotAllowed, code: "Request_BadRequest", allow: allow,
		message: "Specified HTTP method is not allowed for the request target.",
	}
}

// wrongCoding returns the error for an unsupported content coding of a body, with the coding that is supported (RFC
// 9110, section 15.5.16).
func wrongCoding(coding, accepted string) error {
	return &apiError{
		status: http.StatusUnsupportedMediaType, code: "BadRequest", acceptEncoding: accepted,
		message: fmt.Sprintf("The content encoding '%s' is not supported here.", edm.Shorten(coding)),
	}
}

// errorBody is the JSON form of an error ("Microsoft Graph error responses and resource types").
type errorBody struct {
	Error struct {
		Code       string     `json:"code"`
		Message    string     `json:"message"`
		InnerError innerError `json:"innerError"`
	} `json:"error"`
}

type innerError struct {
	Code            string `json:"code,omitempty"`
	Status          string `json:"status,omitempty"`
	Date            string `json:"date"` // UTC, without a zone
	RequestID       string `json:"request-id"`
	ClientRequestID string `json:"client-request-id"`
}

// answer returns the error as a response.
func (e *apiError) answer(id requestID, at time.Time) answer {
	var b errorBody
	b.Error.Code, b.Error.Message = e.code, e.message
	b.Error.InnerError = innerError{
		Date: at.UTC().Format("2006-01-02T15:04:05"), RequestID: id.server, ClientRequestID: id.client,
	}
	if e.status == http.StatusTooManyRequests { // as in the sample of "Microsoft Graph throttling guidance"
		b.Error.InnerError.Code, b.Error.InnerError.Status = "429", "429"
	}
	body, _ := json.Marshal(b) // strings only: cannot fail
	a := answer{status: e.status, body: body, header: http.Header{"Content-Type": {"application/json"}}}
	a.identify(id)
	if e.allow != "" {
		a.header.Set("Allow", e.allow)
	}
	if e.acceptEncoding != "" {
		a.header.Set("Accept-Encoding", e.acceptEncoding)
	}
	if e.challenge {
		a.header.Set("WWW-Authenticate", `Bearer realm="sandbox"`)
	}
	if e.retryAfter != "" {
		a.header.Set("Retry-After", e.retryAfter)
	}
	return a
}
