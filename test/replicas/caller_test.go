package replicas

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"
)

const (
	create = `mutation Create($input: CreatePersonInterestInput!) { createPersonInterest(input: $input) { personInterest { id itemId displayName description } } }`
	update = `mutation Update($input: UpdatePersonInterestInput!) { updatePersonInterest(input: $input) { personInterest { id itemId displayName description } } }`
	remove = `mutation Delete($input: DeleteProfileItemInput!) { deleteProfileItem(input: $input) { deletedId } }`
	node   = `query Node($id: ID!) { node(id: $id) { id ... on PersonInterest { itemId displayName description } } }`
	list   = `query List($after: String) { me { interests(first: 20, after: $after) { nodes { id itemId displayName description } pageInfo { hasNextPage endCursor } failedSources { code } } } }`
)

// item is an interest of a caller, in its expected state.
type item struct {
	ID          string // global
	ItemID      string // the source's
	DisplayName string
	Description *string
	operation   string // that wrote it last
}

func (i item) equal(other item) bool {
	return i.ItemID == other.ItemID && i.DisplayName == other.DisplayName && (i.Description == nil) == (other.Description == nil) &&
		(i.Description == nil || *i.Description == *other.Description)
}

// caller sends requests to nginx one after the other. It does not share its items.
type caller struct {
	number  int
	address string
	apq     bool // names documents by their hashes
	client  *http.Client
	random  *rand.Rand
	report  *report

	items        []item
	acknowledged []string            // writes, as source counts them
	unknown      []string            // writes without a response
	uncertain    map[string]struct{} // ids of the source of items that these writes are to
	sent         int
}

func newCaller(number int, address string, r *report) *caller {
	return &caller{
		number: number, address: address, apq: number%6 == 0, report: r,
		client: &http.Client{Transport: &http.Transport{}}, random: rand.New(rand.NewPCG(17, uint64(number))),
		uncertain: make(map[string]struct{}),
	}
}

func (c *caller) run(ctx context.Context) {
	defer c.client.CloseIdleConnections()
	for ctx.Err() == nil {
		switch n := c.random.IntN(20); {
		case len(c.items) < 3 || n == 0 && len(c.items) < 6:
			c.create()
		case n < 3:
			c.delete(c.random.IntN(len(c.items)))
		case n < 12:
			c.update(c.random.IntN(len(c.items)))
		case n < 18:
			c.read(c.items[c.random.IntN(len(c.items))])
		default:
			c.list()
		}
		// A person at a form, not a load test: the two processors are for the replicas.
		time.Sleep(time.Duration(c.random.IntN(300)) * time.Millisecond)
	}
}

// next returns the name of the next operation. A write uses it as the text that it writes.
func (c *caller) next() string {
	c.sent++
	return fmt.Sprintf("caller %d, operation %d", c.number, c.sent)
}

func (c *caller) create() {
	name := c.next()
	var data struct {
		CreatePersonInterest struct{ PersonInterest item }
	}
	input := map[string]any{"item": map[string]any{"displayName": name}}
	if !c.write("POST "+name, name, create, input, &data) {
		return
	}
	got := data.CreatePersonInterest.PersonInterest
	if got.DisplayName != name || got.ID == "" || got.ItemID == "" || got.Description != nil {
		c.report.wrong("create of %q: %+v", name, got)
	}
	got.operation = name
	c.items = append(c.items, got)
}

func (c *caller) update(i int) {
	name := c.next()
	want := c.items[i]
	want.DisplayName, want.Description = name, &name
	if c.random.IntN(2) == 0 {
		want.Description = nil
	}
	var data struct {
		UpdatePersonInterest struct{ PersonInterest item }
	}
	patch := map[string]any{"displayName": name, "description": want.Description}
	if !c.write("PATCH "+name, name, update, map[string]any{"id": want.ID, "patch": patch}, &data) {
		c.forget(i)
		return
	}
	if got := data.UpdatePersonInterest.PersonInterest; !got.equal(want) {
		c.report.wrong("update of %+v: %+v", want, got)
	}
	c.report.used(want.operation, name)
	want.operation = name
	c.items[i] = want
}

func (c *caller) delete(i int) {
	name, it := c.next(), c.items[i]
	var data struct {
		DeleteProfileItem struct{ DeletedID string }
	}
	if !c.write("DELETE "+it.ItemID, name, remove, map[string]any{"id": it.ID}, &data) {
		c.forget(i)
		return
	}
	if data.DeleteProfileItem.DeletedID != it.ID {
		c.report.wrong("delete of %+v: %+v", it, data)
	}
	c.report.used(it.operation, name)
	c.items = slices.Delete(c.items, i, i+1)
}

// forget removes an item whose state is not known.
func (c *caller) forget(i int) {
	c.uncertain[c.items[i].ItemID] = struct{}{}
	c.items = slices.Delete(c.items, i, i+1)
}

func (c *caller) read(want item) {
	name := c.next()
	var data struct{ Node item }
	if !c.ask(name, node, map[string]any{"id": want.ID}, &data) {
		return
	}
	if !data.Node.equal(want) {
		c.report.wrong("node of %+v: %+v", want, data.Node)
	}
	c.report.used(want.operation, name)
}

// list reads the whole list. Each item is in it once, and the items of the caller as they are.
func (c *caller) list() {
	seen := make(map[string]item)
	var pages []string
	for variables := map[string]any{}; ; {
		var data struct {
			Me struct {
				Interests struct {
					Nodes    []item
					PageInfo struct {
						HasNextPage bool
						EndCursor   string
					}
					FailedSources []struct{ Code string }
				}
			}
		}
		name := c.next()
		if !c.ask(name, list, variables, &data) {
			return
		}
		pages = append(pages, name)
		page := data.Me.Interests
		for _, got := range page.Nodes {
			if _, twice := seen[got.ID]; twice {
				c.report.wrong("%s is twice in a list", got.ID)
			}
			seen[got.ID] = got
		}
		if !page.PageInfo.HasNextPage {
			break
		}
		variables["after"] = page.PageInfo.EndCursor
	}
	for _, want := range c.items {
		if got := seen[want.ID]; !got.equal(want) {
			c.report.wrong("of %+v, a list has %+v", want, got)
		}
	}
	c.report.listed(pages)
}

// write sends a mutation, and records whether it was acknowledged.
func (c *caller) write(key, name, document string, input map[string]any, data any) bool {
	if !c.ask(name, document, map[string]any{"input": input}, data) {
		c.unknown = append(c.unknown, key)
		return false
	}
	c.acknowledged = append(c.acknowledged, key)
	return true
}

// ask sends an operation, and returns false if there is no response.
func (c *caller) ask(name, document string, variables map[string]any, data any) bool {
	body := map[string]any{"query": document, "variables": variables}
	if !c.apq {
		return c.post(name, body, data) == answered
	}
	document = "# with automatic persisted queries\n" + document // not known from other callers
	body["extensions"] = map[string]any{"persistedQuery": map[string]any{
		"version": 1, "sha256Hash": fmt.Sprintf("%x", sha256.Sum256([]byte(document))),
	}}
	delete(body, "query")
	outcome := c.post(name+", by hash", body, data)
	if outcome == missed {
		c.report.missed(name + ", by hash")
		body["query"] = document
		outcome = c.post(name, body, data)
	}
	return outcome == answered
}

type outcome int

const (
	broken   outcome = iota // there is no response, or nginx had none
	answered                // without errors
	missed                  // the document is not known by its hash
)

func (c *caller) post(name string, body map[string]any, data any) outcome {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // it is made of strings
	}
	r, err := http.NewRequest(http.MethodPost, c.address+"/graphql", bytes.NewReader(text))
	if err != nil {
		panic(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", fmt.Sprintf("Bearer %d", c.number)) // a caller of its own for the limits
	r.Header.Set("Operation", name)
	began := time.Now()
	status, text, err := exchange(c.client, r)
	if err != nil || status == http.StatusBadGateway {
		c.report.failed(failure{operation: name, began: began, ended: time.Now(), status: status, err: err})
		return broken
	}
	answer := struct {
		Data   any
		Errors []struct{ Extensions struct{ Code string } }
	}{Data: data}
	if err := json.Unmarshal(text, &answer); err != nil {
		c.report.wrong("%s: %d %.300s", name, status, text)
		return broken
	}
	c.report.took(time.Since(began))
	switch {
	case len(answer.Errors) == 0:
		return answered
	case answer.Errors[0].Extensions.Code == "PERSISTED_QUERY_NOT_FOUND" && body["query"] == nil:
		return missed
	}
	c.report.wrong("%s: %.300s", name, text)
	return broken
}

func exchange(client *http.Client, r *http.Request) (status int, body []byte, err error) {
	resp, err := client.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err = io.ReadAll(resp.Body)
	return resp.StatusCode, body, err
}
