package graphqlhttp

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"

	"github.com/99designs/gqlgen/graphql/errcode"
	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"

	"profileql/internal/projection"
)

const (
	// maxCachedDocument is the maximum size of a cached document in bytes.
	maxCachedDocument = 16 << 10
	// cachedDocuments is the maximum number of cached documents.
	cachedDocuments = 1000
)

// documents parses and validates documents, and caches the valid ones. A cached document is not parsed again, and a
// request can refer to it by its hash alone (automatic persisted queries).
type documents struct {
	schema   *ast.Schema
	inputs   *projection.Schema
	checkers []Checker
	known    *lru.Cache[string, knownDocument] // by SHA-256 in hexadecimal digits
}

// knownDocument is a valid document.
type knownDocument struct {
	text       string
	operations []operation
}

// operation is an operation of a document, with the checks that depend on its variables.
type operation struct {
	*ast.OperationDefinition
	document *ast.QueryDocument
	checks   []Check
}

// named returns the operation with a name. If the name is empty, it returns the only operation. It returns nil if there
// is no such operation.
func (d knownDocument) named(name string) *operation {
	for i := range d.operations {
		if op := &d.operations[i]; op.Name == name || name == "" && len(d.operations) == 1 {
			return op
		}
	}
	return nil
}

// newDocuments returns an empty cache of documents. The checkers are called for each operation.
func newDocuments(schema *ast.Schema, inputs *projection.Schema, checkers ...Checker) *documents {
	known, _ := lru.New[string, knownDocument](cachedDocuments) // returns an error only for a size of 0
	return &documents{schema, inputs, checkers, known}
}

// hashOf returns the SHA-256 of a document, in hexadecimal digits.
func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// get returns the document with this text and hash, from the cache or parsed.
func (d *documents) get(text, hash string) (known knownDocument, cached bool, list gqlerror.List) {
	if known, cached = d.known.Get(hash); cached {
		return known, true, nil
	}
	parsed, list := d.parse(text)
	if list != nil {
		return knownDocument{}, false, list
	}
	known.text = text
	for _, op := range parsed.Operations {
		var checks []Check
		for _, checker := range d.checkers {
			if check := checker(op); check != nil {
				checks = append(checks, check)
			}
		}
		known.operations = append(known.operations, operation{op, parsed, checks})
	}
	if len(text) <= maxCachedDocument {
		d.known.Add(hash, known)
	}
	return known, false, nil
}

// parse parses a document, checks the limits, and validates it against the schema. The limits come first, because
// validation compares selections with each other and visits a fragment for each spread, which is expensive for large
// documents.
func (d *documents) parse(text string) (*ast.QueryDocument, gqlerror.List) {
	text, err := plainStrings(text)
	if err != nil {
		return nil, gqlerror.List{unparsable(err)}
	}
	document, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: text}, maxTokens.value)
	if err != nil {
		return nil, gqlerror.List{unparsable(err)}
	}
	if err := checkDocument(document); err != nil {
		return nil, gqlerror.List{err}
	}
	if len(document.Operations) == 0 {
		return nil, invalid(nil, "The document contains no operation.")
	}
	if list := validator.ValidateWithRules(d.schema, document, nil); len(list) > 0 {
		for _, err := range list {
			errcode.Set(err, errcode.ValidationFailed)
		}
		return nil, list
	}
	for _, op := range document.Operations {
		for _, variable := range op.VariableDefinitions {
			literal(variable.DefaultValue)
			if err := d.inputs.CheckDefault(variable); err != nil {
				return nil, gqlerror.List{presentVariable(err)}
			}
		}
		literals(op.SelectionSet)
	}
	for _, f := range document.Fragments {
		literals(f.SelectionSet)
	}
	return document, nil
}

// literals changes the kind of integer literals to the expected type, ID or Float. gqlparser would parse them as 64-bit
// integers, but an ID may have more digits, and a Float may be larger, or -0.
func literals(set ast.SelectionSet) {
	for _, selection := range set {
		switch s := selection.(type) {
		case *ast.Field:
			for _, argument := range s.Arguments {
				literal(argument.Value)
			}
			literals(s.SelectionSet)
		case *ast.InlineFragment:
			literals(s.SelectionSet)
		}
	}
}

func literal(v *ast.Value) {
	if v == nil {
		return
	}
	if v.Kind == ast.IntValue && v.ExpectedType != nil {
		switch v.ExpectedType.Name() {
		case "ID":
			v.Kind = ast.StringValue
		case "Float":
			v.Kind = ast.FloatValue
		}
	}
	for _, child := range v.Children {
		literal(child.Value)
	}
}

func unparsable(err error) *gqlerror.Error {
	var located *gqlerror.Error
	if !errors.As(err, &located) {
		located = gqlerror.Wrap(err)
	}
	errcode.Set(located, errcode.ParseFailed)
	return located
}

// find sets the document and the hash of a request.
func (e *endpoint) find(q *request) *refusal {
	if e.persisted != nil {
		return e.persisted.find(q)
	}
	switch {
	case q.query == "" && q.persisted != "":
		hash := strings.ToLower(q.persisted)
		known, ok := e.documents.known.Get(hash)
		if !ok {
			// Clients send the whole document only after this status and message.
			return refuse(http.StatusOK, codePersistedQueryNotFound, "PersistedQueryNotFound")
		}
		q.query, q.hash = known.text, hash
		return nil
	case q.query == "" && q.documentID != "":
		return badRequest("There are no persisted operations here; send the document as query.")
	case q.query == "":
		return badRequest("The member query is missing or empty.")
	}
	q.hash = hashOf(q.query)
	if q.persisted != "" && !strings.EqualFold(q.persisted, q.hash) {
		return badRequest("extensions.persistedQuery.sha256Hash is not the hash of the document.")
	}
	return nil
}
