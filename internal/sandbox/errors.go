package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// apiError is an answer that says no, in the API's words where they are known. Its codes mix those of the gateway,
// of the directory and of the profile service, as the real ones do.
type apiError struct {
	status  int
	code    string
	message string
	allow   string // of status 405
}

func (e *apiError) Error() string { return fmt.Sprintf("%d %s: %s", e.status, e.code, e.message) }

// badRequest is what the gateway says to a request that it cannot understand.
func badRequest(format string, args ...any) error {
	return &apiError{status: http.StatusBadRequest, code: "BadRequest", message: fmt.Sprintf(format, args...)}
}

// noSegment says that the path leads nowhere (msgraph-beta-sdk-python#764).
func noSegment(segment string) error {
	return badRequest("Resource not found for the segment '%s'.", segment)
}

// noProperty is the wording of the OData library that the gateway reads URLs with.
func noProperty(name string, t *structuredType) error {
	return badRequest("Could not find a property named '%s' on type '%s'.", name, t.name)
}

// noUser is what the directory says (msgraph-beta-sdk-dotnet#284).
func noUser(name string) error {
	return &apiError{
		status: http.StatusNotFound, code: "Request_ResourceNotFound",
		message: fmt.Sprintf("Resource '%s' does not exist or one of its queried reference-property objects are not present.", name),
	}
}

// noItem is all that the profile service says of an item that it does not have, and of one that it lists but that
// another system owns (microsoft-graph-docs#19704).
func noItem() error {
	return &apiError{status: http.StatusNotFound, code: "UnknownError"}
}

func wrongMethod(allow string) error {
	return &apiError{
		status: http.StatusMethodNotAllowed, code: "Request_BadRequest", allow: allow,
		message: "Specified HTTP method is not allowed for the request target.",
	}
}

// because puts what was being done in front of the message of a bad request.
func because(doing string, err error) error {
	var e *apiError
	if errors.As(err, &e) {
		return badRequest("%s: %s", doing, e.message)
	}
	return err
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
	Date            string `json:"date"` // UTC, without a zone
	RequestID       string `json:"request-id"`
	ClientRequestID string `json:"client-request-id"`
}

func (e *apiError) body(at time.Time, requestID, clientRequestID string) []byte {
	var b errorBody
	b.Error.Code, b.Error.Message = e.code, e.message
	b.Error.InnerError = innerError{at.UTC().Format("2006-01-02T15:04:05"), requestID, clientRequestID}
	body, _ := json.Marshal(b) // texts only: it cannot fail
	return body
}
