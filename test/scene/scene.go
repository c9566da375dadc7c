// Package scene is what tests of the whole share that run in different places, most against the binary and some inside
// of the process: GraphQL operations and their answers, an upstream that misbehaves byte by byte, and what may be seen
// of that.
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

// Patience is how long is waited for what has to come: far longer than a busy machine takes.
const Patience = 2 * time.Minute

// UpdateMutation shows nearly all that an update can show.
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

// MineQuery asks for a list with its length.
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

// GlobalID writes an id as package graph does, whatever its parts.
func GlobalID(source, user, facet, item string) string {
	return "pq1." + base64.RawURLEncoding.EncodeToString([]byte(strings.Join([]string{source, user, facet, item}, "\x00")))
}

// Operation is an operation with its variables in JSON, and the method that a source sees of it.
type Operation struct{ Name, Method, Text, Variables string }

// Operations are one of each kind.
var Operations = []Operation{
	{"list", "GET", `{ me { interests(first: 1) { nodes { id } } } }`, `{}`},
	{"node", "GET", NodeQuery, `{"id": "` + GlobalID("upstream", "", "interests", "abc") + `"}`},
	{"update", "PATCH", UpdateMutation, `{"input": {"id": "abc", "patch": {"displayName": "the-text-of-the-caller"}}}`},
	{"create", "POST", CreateMutation, `{"input": {"item": {"displayName": "the-text-of-the-caller"}}}`},
	{"delete", "DELETE", DeleteMutation, `{"id": "` + GlobalID("upstream", "", "interests", "abc") + `"}`},
}

// Body is the body of a request for an operation. Variables may be nil, a Go value, or JSON text as a string.
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

// Reply is an answer to a GraphQL request.
type Reply struct {
	Status int             `json:"-"`
	Header http.Header     `json:"-"`
	Body   string          `json:"-"` // as it came
	Data   json.RawMessage `json:"data"`
	Errors []ReplyError    `json:"errors"`
}

// ReplyError is an error of a [Reply].
type ReplyError struct {
	Message    string         `json:"message"`
	Path       []any          `json:"path"`
	Extensions map[string]any `json:"extensions"`
}

// ReadReply fails the test if the body is no answer of GraphQL's.
func ReadReply(t testing.TB, status int, header http.Header, body []byte) Reply {
	t.Helper()
	r := Reply{Status: status, Header: header, Body: string(body)}
	if err := json.Unmarshal(body, &r); err != nil {
		t.Fatalf("not a GraphQL answer: %v: %s", err, body)
	}
	return r
}

// Code is the code of the only error; it fails the test if there is not exactly one.
func (r Reply) Code(t testing.TB) string {
	t.Helper()
	if len(r.Errors) != 1 {
		t.Fatalf("want one error, got %s", r.Body)
	}
	code, _ := r.Errors[0].Extensions["code"].(string)
	return code
}

// Into decodes the data; it fails the test if there is any error.
func (r Reply) Into(t testing.TB, data any) {
	t.Helper()
	if len(r.Errors) > 0 {
		t.Fatalf("unexpected errors: %s", r.Body)
	}
	if err := json.Unmarshal(r.Data, data); err != nil {
		t.Fatalf("%v: %s", err, r.Body)
	}
}

// Recorded is a request as a source saw it.
type Recorded struct {
	Method string
	Target string // request target as it was on the wire: escaped path and query
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

// String is what has been written so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
