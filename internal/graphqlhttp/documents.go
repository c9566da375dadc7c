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
	// maxCachedDocument is the largest document, in bytes, that is kept.
	maxCachedDocument = 16 << 10
	// cachedDocuments is how many documents are kept.
	cachedDocuments = 1000
)

// documents parses and validates documents, and keeps those that are good: a known one is not looked at again, and can be
// named by its hash alone (automatic persisted queries).
type documents struct {
	schema   *ast.Schema
	inputs   *projection.Schema
	checkers []Checker
	known    *lru.Cache[string, knownDocument] // by SHA-256 in hexadecimal digits
}

// knownDocument is a document that is valid.
type knownDocument struct {
	text       string
	operations []operation
}

// operation is one of a document's, and what is left to check of it once its variables are known.
type operation struct {
	*ast.OperationDefinition
	document *ast.QueryDocument
	checks   []Check
}

// named is the operation of a name, or the only one where none is named; nil where there is none.
func (d knownDocument) named(name string) *operation {
	for i := range d.operations {
		if op := &d.operations[i]; op.Name == name || name == "" && len(d.operations) == 1 {
			return op
		}
	}
	return nil
}

// newDocuments returns an empty cache of documents. Checkers make the checks of each operation.
func newDocuments(schema *ast.Schema, inputs *projection.Schema, checkers ...Checker) *documents {
	known, _ := lru.New[string, knownDocument](cachedDocuments) // fails for a size of 0 alone
	return &documents{schema, inputs, checkers, known}
}

// hashOf is a document's SHA-256, in hexadecimal digits.
func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// get is the document of a text.
func (d *documents) get(text, hash string) (knownDocument, gqlerror.List) {
	if known, ok := d.known.Get(hash); ok {
		return known, nil
	}
	parsed, list := d.parse(text)
	if list != nil {
		return knownDocument{}, list
	}
	known := knownDocument{text: text}
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
	return known, nil
}

// parse parses a document and holds it to the limits and to the schema, in this order: validation compares
// selections with one another, and follows fragments as often as they are spread.
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

// literals lets whole numbers in a document be what their type is, where gqlparser would make 64 bits of them: an ID may have
// more digits, and a Float is larger, or -0.
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

// find finds the document that a request means.
func (e *endpoint) find(q *request) *refusal {
	if e.persisted != nil {
		return e.persisted.find(q)
	}
	switch {
	case q.query == "" && q.persisted != "":
		hash := strings.ToLower(q.persisted)
		known, ok := e.documents.known.Get(hash)
		if !ok {
			// 200 and these very words are what clients wait for to send the whole document.
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
