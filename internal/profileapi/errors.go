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

// notNow is the message of a SourceUnavailable where the source refused this request, but not for ever.
const notNow = "The source cannot do this at the moment."

// accepted is the message of an OutcomeUnknown where the source said yes but the item cannot be shown.
const accepted = "The source accepted the write, but what it answered cannot be shown. Read the item again."

// failed makes the error for an exchange that did not go well: either a is not a success, or there is none but no.
func (c *Collection) failed(a *answer, no *noAnswer) error {
	if no != nil {
		return c.client.failedWithout(no)
	}
	inner := innerErrors(a)
	e := c.client.newError(a.request, codeFor(a))
	e.Status = a.status
	e.SourceCode = inner.code()
	e.RequestID = requestID(a, inner)
	if a.status/100 == 4 && e.Code == profile.SourceUnavailable {
		e.Message = notNow
	}
	if seconds, ok := profile.RetryAfter(a.header); ok {
		e.RetryAfter = &seconds
	}
	switch a.status {
	case http.StatusBadRequest, http.StatusConflict, http.StatusPreconditionFailed, http.StatusUnprocessableEntity:
		known := vocabulary{properties: c.properties, body: a.request.body}
		e.SourceMessage, e.SourceTarget = known.redact(inner.message()), known.target(inner)
	}
	return e
}

// failedWithout makes the error for a request that got no answer.
func (c *Client) failedWithout(no *noAnswer) error {
	if no.refusal != nil {
		refusal := *no.refusal
		refusal.ClientRequestID = no.clientID
		return &refusal
	}
	var code profile.Code
	switch {
	case errors.Is(no.err, context.Canceled):
		return no.err // nobody is there to be told
	case no.method != http.MethodGet && no.sent:
		code = profile.OutcomeUnknown
	case errors.Is(no.err, context.DeadlineExceeded):
		code = profile.SourceTimeout
	default:
		code = profile.SourceUnavailable
	}
	e := c.newError(no.request, code)
	e.Cause = no.err
	return e
}

func (c *Client) newError(r request, code profile.Code) *profile.Error {
	return &profile.Error{Code: code, Message: messages[code], Source: c.name, ClientRequestID: r.clientID}
}

// misunderstood makes the error for an answer that is a success by its status, but of no use.
func (c *Client) misunderstood(a *answer, cause error) error {
	if crowded, ok := errors.AsType[*profile.Error](cause); ok && crowded.Code == profile.Overloaded && a.method == http.MethodGet {
		return crowded
	}
	code := profile.SourceInvalidResponse
	switch {
	case a.method != http.MethodGet:
		code = profile.OutcomeUnknown
	case errors.Is(cause, errTooLarge):
		code = profile.LimitExceeded
	case errors.Is(cause, context.Canceled):
		return cause
	case errors.Is(cause, context.DeadlineExceeded):
		code = profile.SourceTimeout
	case a.bodyErr != nil:
		code = profile.SourceUnavailable
	}
	inner := innerErrors(a)
	e := c.newError(a.request, code)
	e.Status, e.SourceCode, e.RequestID, e.Cause = a.status, inner.code(), requestID(a, inner), cause
	switch code {
	case profile.OutcomeUnknown:
		e.Message = accepted
	case profile.LimitExceeded:
		e.Limit, e.LimitValue = "answerBytes", maxAnswer
	}
	return e
}

// codeFor is the table of README.md for an answer whose status is no success.
func codeFor(a *answer) profile.Code {
	switch s := a.status; {
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
	case s < 300 && a.method == http.MethodGet: // a success, but not one that a read can have
		return profile.SourceInvalidResponse
	}
	if a.method == http.MethodGet || saysNothingDone(a) {
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

// saysNothingDone tells whether the source says when to come back, after it gave up a request by a status that leaves
// open whether it was carried out.
func saysNothingDone(a *answer) bool {
	_, told := profile.RetryAfter(a.header)
	return told && (a.status == http.StatusServiceUnavailable || a.status == http.StatusRequestTimeout)
}

// checkJSON fails where the answer's body is cut short or is not said to be JSON, such as a proxy's page.
func checkJSON(a *answer) error {
	if a.bodyErr != nil {
		return a.bodyErr
	}
	mediaType, _, err := mime.ParseMediaType(a.header.Get("Content-Type"))
	// A parameter that is not well formed takes nothing from the type.
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) || mediaType != "application/json" && !strings.HasSuffix(mediaType, "+json") {
		return errors.New("the answer is not JSON")
	}
	return nil
}

// chain is the error of an OData answer (OData JSON Format 4.01, section 21.1) and those inside it, outermost first.
type chain []jsontape.Value

// innerErrors finds the error in an answer's body; nothing where the body holds none.
func innerErrors(a *answer) chain {
	if checkJSON(a) != nil {
		return nil
	}
	tape, err := jsontape.Parse(a.body)
	if err != nil {
		return nil
	}
	return errorsIn(tape.Root())
}

// errorsIn finds the error in what an answer holds.
func errorsIn(v jsontape.Value) (all chain) {
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
	codeForm      = regexp.MustCompile(`^[A-Za-z0-9_\-]{1,100}$`) // no dots: they make hosts and names of types
	onlyDigits    = regexp.MustCompile(`^[0-9]+$`)
	requestIDForm = regexp.MustCompile(`^[A-Za-z0-9\-_.|]{1,128}$`)
)

// code is the most specific one that says something: "429" inside of "TooManyRequests" does not.
func (all chain) code() (code string) {
	for _, e := range all {
		if c := text(e, "code"); codeForm.MatchString(c) && !onlyDigits.MatchString(c) {
			code = c
		}
	}
	return code
}

// message is the most specific one.
func (all chain) message() (message string) {
	for _, e := range all {
		if m := text(e, "message"); m != "" {
			message = m
		}
	}
	return message
}

func requestID(a *answer, inner chain) string {
	candidates := []string{a.header.Get("request-id")}
	for _, e := range inner {
		candidates = append(candidates, text(e, "request-id"), text(e, "requestId"))
	}
	for _, id := range candidates {
		if requestIDForm.MatchString(id) {
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
		Code: profile.LimitExceeded, Source: c.name, Limit: "unorderedItems", LimitValue: maxScan,
		Message: fmt.Sprintf("The source's list has more than the %d items that are read where it cannot be asked for a page of it.", maxScan),
	}
}

// reordered is the error for a list that was begun in its source's order of ids, and has to be gone on with in another.
func (c *Client) reordered() error {
	return &profile.Error{
		Code: profile.SourceInvalidResponse, Source: c.name,
		Message: "The source cannot go on with its list where the page before ended. Begin the list anew.",
	}
}

// endless is the error for a list whose links lead nowhere.
func (c *Client) endless() error {
	return &profile.Error{
		Code: profile.SourceInvalidResponse, Source: c.name,
		Message: "The source's list does not come to an end. Items may be missing.",
	}
}

// nameless is the error for entries of a list that are left out because they have no id.
func (c *Client) nameless(a *answer) error {
	e := c.newError(a.request, profile.SourceInvalidResponse)
	e.Message = "The source sent items without an id. They are left out."
	e.RequestID = requestID(a, nil)
	return e
}
