package graphqlhttp

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// persisted is the persisted operations (trusted documents). If there are any, only these are run. A request refers to
// one by its id in the manifest, by its hash, or by its exact text.
type persisted struct {
	listed map[string]listedDocument // by id and by hash
}

type listedDocument struct{ text, hash string }

// apolloFormat is the format in a manifest of Apollo's generate-persisted-query-manifest.
const apolloFormat = "apollo-persisted-query-manifest"

// newPersisted parses a manifest of Apollo, or of the Relay compiler, which is an object of texts by id. It validates
// each document. The error names the first that is invalid.
func newPersisted(manifest []byte, documents *documents) (*persisted, error) {
	texts, err := parseManifest(manifest)
	if err != nil {
		return nil, err
	}
	d := &persisted{listed: make(map[string]listedDocument, 2*len(texts))}
	for _, id := range slices.Sorted(maps.Keys(texts)) {
		if _, list := documents.parse(texts[id]); list != nil {
			return nil, fmt.Errorf("document %q: %w", id, list[0])
		}
		hash := hashOf(texts[id])
		document := listedDocument{texts[id], hash}
		d.listed[id], d.listed[hash] = document, document
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

// hashPrefix is the prefix of a document id that is a hash (GraphQL over HTTP, appendix on persisted documents).
const hashPrefix = "sha256:"

// find sets the document and the hash of a request to those of a persisted operation.
func (d *persisted) find(q *request) *refusal {
	id := strings.TrimPrefix(q.documentID, hashPrefix)
	if id == "" {
		id = q.persisted
	}
	if id == "" && q.query != "" {
		id = hashOf(q.query)
	}
	known, listed := d.listed[id]
	switch {
	case !listed && q.query == "" && q.persisted != "":
		// After PersistedQueryNotFound, clients would send the document too, for this and for each later operation.
		return refuse(http.StatusOK, codePersistedQueryNotSupported, "PersistedQueryNotSupported")
	case !listed || q.query != "" && q.query != known.text:
		return refuse(http.StatusBadRequest, codeOperationNotListed, "Only persisted operations are allowed, and this is not one of them.")
	}
	q.query, q.hash = known.text, known.hash
	return nil
}
