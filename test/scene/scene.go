// Package scene is shared by tests that run in different places, most of them against the binary and some inside the
// process. It has GraphQL operations, their responses, an upstream that misbehaves at the byte level, and checks of
// what may be disclosed.
package scene

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// Patience is the time to wait for an expected event: much longer than a busy machine needs.
const Patience = 2 * time.Minute

// UpdateMutation selects nearly all fields of the result of an update.
const UpdateMutation = `mutation Update($input: UpdatePersonInterestInput!) {
  updatePersonInterest(input: $input) {
    personInterest {
      id itemId displayName description categories collaborationTags webUrl thumbnailUrl
      allowedAudiences inference { confidenceScore userHasVerifiedAccuracy }
      createdDateTime createdBy { application { id displayName } device { id displayName } user { id displayName } }
      lastModifiedDateTime lastModifiedBy { user { id displayName } }
      profileSource { name }
    }
  }
}`

// MineQuery queries a list with its length.
const MineQuery = `query Mine($first: Int!, $after: String) {
  me {
    id
    interests(first: $first, after: $after, orderBy: {field: CREATED_DATE_TIME, direction: DESC}) {
      edges { cursor node { id displayName } }
      nodes { id displayName profileSource { name } }
      pageInfo { hasNextPage endCursor }
      totalCount
      failedSources { source { name } code message }
    }
  }
}`

// Other operations.
const (
	CreateMutation = `mutation Create($input: CreatePersonInterestInput!) { createPersonInterest(input: $input) { personInterest { id displayName } } }`
	DeleteMutation = `mutation($id: ID!) { deleteProfileItem(input: {id: $id}) { deletedId } }`
	NodeQuery      = `query One($id: ID!) { node(id: $id) { __typename id ... on PersonInterest { displayName } } }`
)

// GlobalID returns a global id as package graph does, without validating its parts.
func GlobalID(source, user, facet, item string) string {
	return "pq1." + base64.RawURLEncoding.EncodeToString([]byte(strings.Join([]string{source, user, facet, item}, "\x00")))
}

// Operation is an operation with its variables in JSON, and the method of its request to a source.
type Operation struct{ Name, Method, Text, Variables string }

// Operations has one operation of each kind.
var Operations = []Operation{
	{"list", "GET", `{ me { interests(first: 1) { nodes { id } } } }`, `{}`},
	{"node", "GET", NodeQuery, `{"id": "` + GlobalID("upstream", "", "interests", "abc") + `"}`},
	{"update", "PATCH", UpdateMutation, `{"input": {"id": "abc", "patch": {"displayName": "the-text-of-the-caller"}}}`},
	{"create", "POST", CreateMutation, `{"input": {"item": {"displayName": "the-text-of-the-caller"}}}`},
	{"delete", "DELETE", DeleteMutation, `{"id": "` + GlobalID("upstream", "", "interests", "abc") + `"}`},
}

// Body returns the body of a GraphQL request. Variables may be nil, a Go value, or JSON text as a string.
func Body(t testing.TB, operation string, variables any) []byte {
	t.Helper()
	if text, ok := variables.(string); ok {
		variables = json.RawMessage(text)
	}
	body, err := json.Marshal(map[string]any{"query": operation, "variables": variables})
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// Reply is a GraphQL response.
type Reply struct {
	Status int             `json:"-"`
	Header http.Header     `json:"-"`
	Body   string          `json:"-"` // as received
	Data   json.RawMessage `json:"data"`
	Errors []ReplyError    `json:"errors"`
}

// ReplyError is an error of a [Reply].
type ReplyError struct {
	Message    string         `json:"message"`
	Path       []any          `json:"path"`
	Extensions map[string]any `json:"extensions"`
}

// ReadReply decodes a response. It fails the test if the body is not a GraphQL response.
func ReadReply(t testing.TB, status int, header http.Header, body []byte) Reply {
	t.Helper()
	r := Reply{Status: status, Header: header, Body: string(body)}
	if err := json.Unmarshal(body, &r); err != nil {
		t.Fatalf("not a GraphQL answer: %v: %s", err, body)
	}
	return r
}

// Code returns the code of the only error. It fails the test if there is not exactly one error.
func (r Reply) Code(t testing.TB) string {
	t.Helper()
	if len(r.Errors) != 1 {
		t.Fatalf("want one error, got %s", r.Body)
	}
	code, _ := r.Errors[0].Extensions["code"].(string)
	return code
}

// Into decodes the data. It fails the test if there are errors.
func (r Reply) Into(t testing.TB, data any) {
	t.Helper()
	if len(r.Errors) > 0 {
		t.Fatalf("unexpected errors: %s", r.Body)
	}
	if err := json.Unmarshal(r.Data, data); err != nil {
		t.Fatalf("%v: %s", err, r.Body)
	}
}

// Recorded is a request as a source received it.
type Recorded struct {
	Method string
	Target string // raw request target: escaped path and query
	Header http.Header
	Body   string
}

// Log is a log that can be read while it is written.
type Log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements [io.Writer].
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// String returns what has been written so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
