package profileapi

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"regexp"
	"strings"

	"profileql/internal/jsontape"
	"profileql/internal/profile"
)

// messages are the error messages for the caller. A source's own messages may reveal internals.
var messages = map[profile.Code]string{
	profile.Unauthenticated:       "The source did not accept the token: it is missing, expired, or issued for another audience.",
	profile.Forbidden:             "The source denied access: the token lacks the required permission.",
	profile.NotFound:              "The source has no such item or user, or does not allow access to it.",
	profile.BadUserInput:          "The source rejected the input.",
	profile.Conflict:              "The item was changed at the source in the meantime, or its state does not allow this.",
	profile.Throttled:             "The source is throttling requests.",
	profile.SourceRefused:         "The source refused the request.",
	profile.SourceTimeout:         "The source did not answer in time.",
	profile.SourceUnavailable:     "The source cannot be reached or is failing.",
	profile.SourceInvalidResponse: "The source's response is invalid.",
	profile.OutcomeUnknown:        "It is not known whether the source carried out the write. Read the data again before retrying.",
	profile.LimitExceeded:         "The source's response exceeds the size limit.",
}

// messageTemporary is the message of SourceUnavailable for a status that refuses a request temporarily.
const messageTemporary = "The source cannot do this at the moment."

// messageAccepted is the message of OutcomeUnknown for a successful write whose item cannot be shown.
const messageAccepted = "The source accepted the write, but its response cannot be shown. Read the item again."

// requestError returns the error for a response without success, or for a transport error.
func (c *Collection) requestError(resp *response, terr *transportError) error {
	if terr != nil {
		return c.client.noResponseError(terr)
	}
	inner := errorsOf(resp)
	e := c.client.newError(resp.request, codeFor(resp))
	e.Status = resp.status
	e.SourceCode = inner.code()
	e.RequestID = requestID(resp, inner)
	if resp.status/100 == 4 && e.Code == profile.SourceUnavailable {
		e.Message = messageTemporary
	}
	if seconds, ok := profile.RetryAfter(resp.header); ok {
		e.RetryAfter = &seconds
	}
	switch resp.status {
	case http.StatusUnauthorized:
		e.Claims = claimsDemanded(resp.header)
	case http.StatusBadRequest, http.StatusConflict, http.StatusPreconditionFailed, http.StatusUnprocessableEntity:
		known := vocabulary{properties: c.properties, body: resp.request.body}
		e.SourceMessage, e.SourceTarget = known.redact(inner.message()), known.target(inner)
	}
	return e
}

// claimsPattern matches the parameter claims of WWW-Authenticate.
var claimsPattern = regexp.MustCompile(`(?i)[\s,]claims="([^"]*)"`)

// claimsDemanded returns what a source demands of a new token, as after a change of the caller's network or password
// (learn.microsoft.com/entra/identity-platform/claims-challenge); empty for nothing.
func claimsDemanded(header http.Header) string {
	for _, challenge := range header.Values("WWW-Authenticate") {
		if found := claimsPattern.FindStringSubmatch(challenge); found != nil {
			return profile.ClaimsChallenge(found[1])
		}
	}
	return ""
}

// noResponseError returns the error for a request without a response.
func (c *Client) noResponseError(terr *transportError) error {
	if terr.rejection != nil {
		rejection := *terr.rejection
		rejection.ClientRequestID = terr.clientID
		return &rejection
	}
	var code profile.Code
	switch {
	case errors.Is(terr.err, context.Canceled):
		return terr.err
	case terr.method != http.MethodGet && terr.sent:
		code = profile.OutcomeUnknown
	case errors.Is(terr.err, context.DeadlineExceeded):
		code = profile.SourceTimeout
	default:
		code = profile.SourceUnavailable
	}
	e := c.newError(terr.request, code)
	e.Cause = terr.err
	return e
}

func (c *Client) newError(r request, code profile.Code) *profile.Error {
	return &profile.Error{Code: code, Message: messages[code], Source: c.name, ClientRequestID: r.clientID}
}

// invalidResponse returns the error for a response with a success status that cannot be used.
func (c *Client) invalidResponse(resp *response, cause error) error {
	if overloaded, ok := errors.AsType[*profile.Error](cause); ok && overloaded.Code == profile.Overloaded && resp.method == http.MethodGet {
		return overloaded
	}
	code := profile.SourceInvalidResponse
	switch {
	case resp.method != http.MethodGet:
		code = profile.OutcomeUnknown
	case errors.Is(cause, errTooLarge):
		code = profile.LimitExceeded
	case errors.Is(cause, context.Canceled):
		return cause
	case errors.Is(cause, context.DeadlineExceeded):
		code = profile.SourceTimeout
	case resp.bodyErr != nil:
		code = profile.SourceUnavailable
	}
	inner := errorsOf(resp)
	e := c.newError(resp.request, code)
	e.Status, e.SourceCode, e.RequestID, e.Cause = resp.status, inner.code(), requestID(resp, inner), cause
	switch code {
	case profile.OutcomeUnknown:
		e.Message = messageAccepted
	case profile.LimitExceeded:
		e.Limit, e.LimitValue = "answerBytes", maxResponseBytes
	}
	return e
}

// codeFor maps the status of a failed request to a code, as the table in README.md does.
func codeFor(resp *response) profile.Code {
	switch s := resp.status; {
	case s == http.StatusUnauthorized:
		return profile.Unauthenticated
	case s == http.StatusForbidden:
		return profile.Forbidden
	case s == http.StatusNotFound:
		return profile.NotFound
	case s == http.StatusBadRequest || s == http.StatusUnprocessableEntity:
		return profile.BadUserInput
	case s == http.StatusConflict || s == http.StatusPreconditionFailed:
		return profile.Conflict
	case s == http.StatusTooManyRequests:
		return profile.Throttled
	case isTemporary(s) && s != http.StatusRequestTimeout: // by their definitions, the request was not processed
		return profile.SourceUnavailable
	case s/100 == 3 || s/100 == 4 && s != http.StatusRequestTimeout:
		return profile.SourceRefused
	case s < 300 && resp.method == http.MethodGet: // a success status that a GET cannot have
		return profile.SourceInvalidResponse
	}
	if resp.method == http.MethodGet || saysNotProcessed(resp) {
		return profile.SourceUnavailable
	}
	return profile.OutcomeUnknown
}

// isTemporary reports whether a 4xx status refuses a request only temporarily (RFC 9110, sections 15.5.9 and 15.5.20; RFC
// 4918, section 11.3; RFC 8470, section 5.2).
func isTemporary(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusMisdirectedRequest, http.StatusLocked, http.StatusTooEarly:
		return true
	}
	return false
}

// saysNotProcessed reports whether a 503 or 408 has a Retry-After. Without it, these statuses leave open whether the request
// was processed.
func saysNotProcessed(resp *response) bool {
	_, ok := profile.RetryAfter(resp.header)
	return ok && (resp.status == http.StatusServiceUnavailable || resp.status == http.StatusRequestTimeout)
}

// checkJSON fails if the response's body is truncated or its Content-Type is not JSON, such as a proxy's error page.
func checkJSON(resp *response) error {
	if resp.bodyErr != nil {
		return resp.bodyErr
	}
	mediaType, _, err := mime.ParseMediaType(resp.header.Get("Content-Type"))
	// A malformed parameter does not matter.
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) || mediaType != "application/json" && !strings.HasSuffix(mediaType, "+json") {
		return errors.New("the response is not JSON")
	}
	return nil
}

// errorChain is an OData error (OData JSON Format 4.01, section 21.1) and its inner errors, outermost first.
type errorChain []jsontape.Value

// errorsOf returns the errors in a response's body; nil if there are none.
func errorsOf(resp *response) errorChain {
	if checkJSON(resp) != nil {
		return nil
	}
	root, err := resp.json()
	if err != nil {
		return nil
	}
	return errorsIn(root)
}

// errorsIn returns the errors in a response's JSON.
func errorsIn(v jsontape.Value) (all errorChain) {
	// The limit is against deep nesting.
	for e := v.Member("error"); e.Kind() == jsontape.Object && len(all) < 10; {
		all = append(all, e)
		inner := e.Member("innerError")
		if inner.Kind() == jsontape.Absent {
			inner = e.Member("innererror") // Microsoft Graph sends innerError, its documentation says innererror
		}
		e = inner
	}
	return all
}

var (
	codePattern      = regexp.MustCompile(`^[A-Za-z0-9_\-]{1,100}$`) // no dots: host names and type names have them
	digitsPattern    = regexp.MustCompile(`^[0-9]+$`)
	requestIDPattern = regexp.MustCompile(`^[A-Za-z0-9\-_.|]{1,128}$`)
)

// code returns the innermost code that is not a number: "429" inside "TooManyRequests" says less.
func (all errorChain) code() (code string) {
	for _, e := range all {
		if c := text(e, "code"); codePattern.MatchString(c) && !digitsPattern.MatchString(c) {
			code = c
		}
	}
	return code
}

// message returns the innermost message.
func (all errorChain) message() (message string) {
	for _, e := range all {
		if m := text(e, "message"); m != "" {
			message = m
		}
	}
	return message
}

func requestID(resp *response, inner errorChain) string {
	candidates := []string{resp.header.Get("request-id")}
	for _, e := range inner {
		candidates = append(candidates, text(e, "request-id"), text(e, "requestId"))
	}
	for _, id := range candidates {
		if requestIDPattern.MatchString(id) {
			return id
		}
	}
	return ""
}

// text returns a string member; empty if it is missing or no string.
func text(e jsontape.Value, member string) string {
	s, _ := e.Member(member).Text()
	return s
}

// listTooLong is the error for a list that has to be sorted here but has too many items.
func (c *Client) listTooLong() error {
	return &profile.Error{
		Code: profile.LimitExceeded, Source: c.name, Limit: "unorderedItems", LimitValue: maxUnorderedItems,
		Message: fmt.Sprintf("The source cannot page its list, and the list has more than %d items, the most that are read as a whole.", maxUnorderedItems),
	}
}

// orderChanged is the error for a list whose first pages were in the source's order of ids, which is not available anymore.
func (c *Client) orderChanged() error {
	return &profile.Error{
		Code: profile.SourceInvalidResponse, Source: c.name,
		Message: "The source cannot continue its list after the previous page. Begin the list anew.",
	}
}

// incompleteList is the warning for a list whose next links do not reach an end.
func (c *Client) incompleteList() error {
	return &profile.Error{
		Code: profile.SourceInvalidResponse, Source: c.name,
		Message: "The next links of the source's list do not reach an end. Items may be missing.",
	}
}

// missingIDs is the warning for items of a list that are left out because they have no id.
func (c *Client) missingIDs(resp *response) error {
	e := c.newError(resp.request, profile.SourceInvalidResponse)
	e.Message = "The source sent items without an id. They are omitted."
	e.RequestID = requestID(resp, nil)
	return e
}
