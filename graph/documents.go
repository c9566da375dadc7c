package graph

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
)

// documents are the trusted ones: where there are any, nothing else is run. A client names one by its id in the
// manifest, by its hash, or sends its very text.
type documents struct {
	texts map[string]string // by id and by SHA-256 in hexadecimal digits
}

// hashOf is a document's SHA-256, in hexadecimal digits.
func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// apolloFormat is what a manifest of Apollo's generate-persisted-query-manifest calls itself.
const apolloFormat = "apollo-persisted-query-manifest"

// newDocuments reads a manifest: Apollo's, or that of Relay's compiler, which is texts by id. Each document is
// validated; the error names the first that is no good.
func newDocuments(manifest []byte, schema *ast.Schema) (*documents, error) {
	texts, err := parseManifest(manifest)
	if err != nil {
		return nil, err
	}
	d := &documents{texts: make(map[string]string, 2*len(texts))}
	for _, id := range slices.Sorted(maps.Keys(texts)) {
		if err := checkTrusted(texts[id], schema); err != nil {
			return nil, fmt.Errorf("document %q: %w", id, err)
		}
		d.texts[id], d.texts[hashOf(texts[id])] = texts[id], texts[id]
	}
	return d, nil
}

func parseManifest(manifest []byte) (map[string]string, error) {
	var apollo struct {
		Format     string
		Version    int
		Operations []struct{ ID, Name, Body string }
	}
	texts := make(map[string]string)
	if json.Unmarshal(manifest, &apollo) != nil || apollo.Format == "" {
		if err := json.Unmarshal(manifest, &texts); err != nil {
			return nil, errors.New("neither a manifest of Apollo's nor one of Relay's, which is an object of texts by id")
		}
		return texts, nil
	}
	if apollo.Format != apolloFormat || apollo.Version != 1 {
		return nil, fmt.Errorf("a manifest of the format %q, version %d; %s 1 is known", apollo.Format, apollo.Version, apolloFormat)
	}
	for _, op := range apollo.Operations {
		if _, twice := texts[op.ID]; twice || op.ID == "" {
			return nil, fmt.Errorf("operation %q has no id of its own", op.Name)
		}
		texts[op.ID] = op.Body
	}
	return texts, nil
}

// checkTrusted holds a document to everything that it would be held to if a client sent it.
func checkTrusted(text string, schema *ast.Schema) error {
	document, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: text}, maxTokens.value)
	if err != nil {
		return err
	}
	if err := checkDocument(document); err != nil {
		return err
	}
	if list := validator.ValidateWithRules(schema, document, nil); len(list) > 0 {
		return list[0]
	}
	if len(document.Operations) == 0 {
		return errors.New("there is no operation in it")
	}
	return nil
}

// find is the text of the document that a request means.
func (d *documents) find(q parsedRequest) (string, *refusal) {
	id := q.documentID
	if id == "" {
		id = q.hash
	}
	switch {
	case d != nil:
		return d.listed(q.params.Query, id)
	case q.params.Query != "":
		return q.params.Query, nil
	case q.hash != "":
		// 200 and these very words are what clients wait for to send the whole document.
		return "", refuse(http.StatusOK, codePersistedQueryNotFound, "PersistedQueryNotFound")
	case id != "":
		return "", badRequest("No documents are listed here; send the text as the member query.")
	}
	return "", badRequest("The member query is missing or empty.")
}

func (d *documents) listed(text, id string) (string, *refusal) {
	if id == "" {
		id = hashOf(text)
	}
	known, listed := d.texts[id]
	if !listed || text != "" && text != known {
		return "", refuse(http.StatusBadRequest, codeOperationNotListed, "Only listed documents are run here, and this is none of them.")
	}
	return known, nil
}
