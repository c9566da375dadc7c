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

// messages are what the caller reads, in our own words: a source's may tell of its inside.
var messages = map[profile.Code]string{
	profile.Unauthenticated:       "The source does not know who is asking: the token is missing, has expired, or is not meant for it.",
	profile.Forbidden:             "The source does not allow this to whoever is asking.",
	profile.NotFound:              "The source has no such item or person, or does not let it be touched.",
	profile.BadUserInput:          "The source does not accept the input.",
	profile.Conflict:              "The item has changed at the source meanwhile, or is in a state that does not allow this.",
	profile.Throttled:             "The source asks for fewer requests.",
	profile.SourceRefused:         "The source refused the request.",
	profile.SourceTimeout:         "The source did not answer in time.",
	profile.SourceUnavailable:     "The source cannot be reached or is out of order.",
	profile.SourceInvalidResponse: "The source's answer cannot be understood.",
	profile.OutcomeUnknown:        "Whether the source did this is not known. Read again before trying again.",
	profile.LimitExceeded:         "The source's answer is larger than allowed.",
}

// messageTemporary is the message of a SourceUnavailable where the source refused this request, but not for ever.
const messageTemporary = "The source cannot do this at the moment."

// messageAccepted is the message of an OutcomeUnknown where the source said yes but the item cannot be shown.
const messageAccepted = "The source accepted the write, but what it answered cannot be shown. Read the item again."

// requestError makes the error for an exchange that did not go well: either a is not a success, or there is none but no.
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
	case http.StatusBadRequest, http.StatusConflict, http.StatusPreconditionFailed, http.StatusUnprocessableEntity:
		known := vocabulary{properties: c.properties, body: resp.request.body}
		e.SourceMessage, e.SourceTarget = known.redact(inner.message()), known.target(inner)
	}
	return e
}

// noResponseError makes the error for a request that got no answer.
func (c *Client) noResponseError(terr *transportError) error {
	if terr.rejected != nil {
		refusal := *terr.rejected
		refusal.ClientRequestID = terr.clientID
		return &refusal
	}
	var code profile.Code
	switch {
	case errors.Is(terr.err, context.Canceled):
		return terr.err // nobody is there to be told
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

// invalidResponse makes the error for an answer that is a success by its status, but of no use.
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

// codeFor is the table of README.md for an answer whose status is no success.
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
	case isTemporary(s) && s != http.StatusRequestTimeout: // by their definitions, nothing was done
		return profile.SourceUnavailable
	case s/100 == 3 || s/100 == 4 && s != http.StatusRequestTimeout:
		return profile.SourceRefused
	case s < 300 && resp.method == http.MethodGet: // a success, but not one that a read can have
		return profile.SourceInvalidResponse
	}
	if resp.method == http.MethodGet || saysNotProcessed(resp) {
		return profile.SourceUnavailable
	}
	return profile.OutcomeUnknown
}

// isTemporary tells whether a status refuses a request, but not for ever (RFC 9110, sections 15.5.9 and 15.5.20; RFC 4918,
// section 11.3; RFC 8470, section 5.2).
func isTemporary(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusMisdirectedRequest, http.StatusLocked, http.StatusTooEarly:
		return true
	}
	return false
}

// saysNotProcessed tells whether the source says when to come back, after it gave up a request by a status that leaves
// open whether it was carried out.
func saysNotProcessed(resp *response) bool {
	_, ok := profile.RetryAfter(resp.header)
	return ok && (resp.status == http.StatusServiceUnavailable || resp.status == http.StatusRequestTimeout)
}

// checkJSON fails where the answer's body is cut short or is not said to be JSON, such as a proxy's page.
func checkJSON(resp *response) error {
	if resp.bodyErr != nil {
		return resp.bodyErr
	}
	mediaType, _, err := mime.ParseMediaType(resp.header.Get("Content-Type"))
	// A parameter that is not well formed takes nothing from the type.
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) || mediaType != "application/json" && !strings.HasSuffix(mediaType, "+json") {
		return errors.New("the answer is not JSON")
	}
	return nil
}

// errorChain is the error of an OData answer (OData JSON Format 4.01, section 21.1) and those inside it, outermost first.
type errorChain []jsontape.Value

// errorsOf finds the error in an answer's body; nothing where the body holds none.
func errorsOf(resp *response) errorChain {
	if checkJSON(resp) != nil {
		return nil
	}
	tape, err := jsontape.Parse(resp.body)
	if err != nil {
		return nil
	}
	return errorsIn(tape.Root())
}

// errorsIn finds the error in what an answer holds.
func errorsIn(v jsontape.Value) (all errorChain) {
	// The bound is against an answer that nests without end.
	for e := v.Member("error"); e.Kind() == jsontape.Object && len(all) < 10; {
		all = append(all, e)
		inner := e.Member("innerError")
		if inner.Kind() == jsontape.Absent {
			inner = e.Member("innererror") // Microsoft Graph spells it the other way, its documentation this one
		}
		e = inner
	}
	return all
}

var (
	codePattern      = regexp.MustCompile(`^[A-Za-z0-9_\-]{1,100}$`) // no dots: they make hosts and names of types
	digitsPattern    = regexp.MustCompile(`^[0-9]+$`)
	requestIDPattern = regexp.MustCompile(`^[A-Za-z0-9\-_.|]{1,128}$`)
)

// code is the most specific one that says something: "429" inside of "TooManyRequests" does not.
func (all errorChain) code() (code string) {
	for _, e := range all {
		if c := text(e, "code"); codePattern.MatchString(c) && !digitsPattern.MatchString(c) {
			code = c
		}
	}
	return code
}

// message is the most specific one.
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

// text is a member that is a text; empty where it is none.
func text(e jsontape.Value, member string) string {
	s, _ := e.Member(member).Text()
	return s
}

// listTooLong is the error for a list that has to be ordered here but is longer than is read.
func (c *Client) listTooLong() error {
	return &profile.Error{
		Code: profile.LimitExceeded, Source: c.name, Limit: "unorderedItems", LimitValue: maxUnorderedItems,
		Message: fmt.Sprintf("The source's list has more than the %d items that are read where it cannot be asked for a page of it.", maxUnorderedItems),
	}
}

// orderChanged is the error for a list that was begun in its source's order of ids, and has to be gone on with in another.
func (c *Client) orderChanged() error {
	return &profile.Error{
		Code: profile.SourceInvalidResponse, Source: c.name,
		Message: "The source cannot go on with its list where the page before ended. Begin the list anew.",
	}
}

// incompleteList is the error for a list whose links lead nowhere.
func (c *Client) incompleteList() error {
	return &profile.Error{
		Code: profile.SourceInvalidResponse, Source: c.name,
		Message: "The source's list does not come to an end. Items may be missing.",
	}
}

// missingIDs is the error for entries of a list that are left out because they have no id.
func (c *Client) missingIDs(resp *response) error {
	e := c.newError(resp.request, profile.SourceInvalidResponse)
	e.Message = "The source sent items without an id. They are left out."
	e.RequestID = requestID(resp, nil)
	return e
}
