package graph

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"
)

// parsedRequest is a request as its body says it.
type parsedRequest struct {
	params     graphql.RawParams
	documentID string // of a listed document, in the member documentId or id
	hash       string // of a document: extensions.persistedQuery.sha256Hash
}

// parseRequest reads the body of a request (GraphQL over HTTP, section 5.1). The body itself never comes back in a
// message: it may hold secrets.
func parseRequest(body []byte) (q parsedRequest, f *refusal) {
	if !utf8.Valid(body) {
		return q, badRequest("The body is not UTF-8.")
	}
	if bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("[")) {
		return q, badRequest("Several requests in one array are not taken; send one at a time.")
	}
	if f := checkJSON(body); f != nil {
		return q, f
	}
	// A map, because names of members are matched without case in a struct.
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil || members == nil {
		return q, badRequest("The body is not one JSON object.")
	}
	for _, member := range []struct {
		name, kind string
		into       any
	}{
		{"query", "a text", &q.params.Query},
		{"operationName", "a text", &q.params.OperationName},
		{"variables", "an object", &q.params.Variables},
		{"extensions", "an object", &q.params.Extensions},
		{"documentId", "a text", &q.documentID},
	} {
		if raw, given := members[member.name]; given && !decodeMember(raw, member.into) {
			return q, badRequest("The member " + member.name + " must be " + member.kind + ".")
		}
	}
	if q.documentID == "" {
		// Some clients call it so. Others mean something else by it, and are not to fail for it.
		_ = json.Unmarshal(members["id"], &q.documentID)
	}
	persisted, _ := q.params.Extensions["persistedQuery"].(map[string]any)
	q.hash, _ = persisted["sha256Hash"].(string)
	return q, nil
}

func decodeMember(raw json.RawMessage, into any) bool {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber() // an Int of 2^53+1 must not become another
	return d.Decode(into) == nil
}
