package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	create = `mutation Create($input: CreatePersonInterestInput!) { createPersonInterest(input: $input) { personInterest { id displayName } } }`
	update = `mutation Update($input: UpdatePersonInterestInput!) { updatePersonInterest(input: $input) { personInterest { id displayName description } } }`
	remove = `mutation Delete($input: DeleteProfileItemInput!) { deleteProfileItem(input: $input) { deletedId } }`
	node   = `query Node($id: ID!) { node(id: $id) { id ... on PersonInterest { displayName description } } }`
	list   = `query List($after: String) { me { interests(first: 100, after: $after) { nodes { id displayName } pageInfo { hasNextPage endCursor } failedSources { code } } } }`
)

// item is an interest of a caller, in its expected state.
type item struct {
	ID          string  `json:"id"`
	DisplayName string  `json:"displayName"`
	Description *string `json:"description"`
}

// caller sends requests one after the other.
type caller struct {
	name    string
	address string
	tally   *tally
	random  *rand.Rand
	client  *http.Client
	items   []item
	gone    []string // ids to be deleted
	n       int      // number of texts generated
}

func newCaller(i int, address string, t *tally) *caller {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	// The server closes a connection that was dialed and not used after 5 seconds. A request sent at that moment
	// would be lost.
	transport.IdleConnTimeout = 3 * time.Second
	return &caller{
		name: fmt.Sprintf("caller %d", i), address: address, tally: t, random: rand.New(rand.NewPCG(7, uint64(i))),
		client: &http.Client{Transport: transport},
	}
}

func (c *caller) run(ctx context.Context) {
	defer c.client.CloseIdleConnections()
	for ctx.Err() == nil {
		switch n := c.random.IntN(10); {
		case len(c.gone) > 0:
			c.delete(ctx, c.gone[0])
		case len(c.items) < 3:
			c.create(ctx)
		case n < 5:
			c.update(ctx)
		case n < 8:
			c.read(ctx)
		case n < 9:
			c.list(ctx)
		default:
			c.retire(c.random.IntN(len(c.items)))
		}
	}
}

func (c *caller) text() string {
	c.n++
	return fmt.Sprintf("%s, text %d", c.name, c.n)
}

// retire moves an item from the known ones to those to be deleted.
func (c *caller) retire(i int) {
	c.gone = append(c.gone, c.items[i].ID)
	c.items = slices.Delete(c.items, i, i+1)
}

func (c *caller) create(ctx context.Context) {
	name := c.text()
	input := map[string]any{"item": map[string]any{"displayName": name}, "source": sourceNames[c.random.IntN(len(sourceNames))]}
	var data struct {
		CreatePersonInterest struct{ PersonInterest item }
	}
	if outcome := c.ask(ctx, "create", create, map[string]any{"input": input}, &data); outcome == "ok" {
		got := data.CreatePersonInterest.PersonInterest
		if got.DisplayName != name || got.ID == "" {
			c.tally.wrongAnswer("create of %q: %+v", name, got)
		}
		c.items = append(c.items, got)
	}
}

func (c *caller) update(ctx context.Context) {
	i := c.random.IntN(len(c.items))
	name := c.text()
	description := &name
	if c.random.IntN(2) == 0 {
		description = nil
	}
	input := map[string]any{"id": c.items[i].ID, "patch": map[string]any{"displayName": name, "description": description}}
	var data struct {
		UpdatePersonInterest struct{ PersonInterest item }
	}
	switch outcome := c.ask(ctx, "update", update, map[string]any{"input": input}, &data); outcome {
	case "ok":
		c.items[i].DisplayName, c.items[i].Description = name, description
		c.compare("update", c.items[i], data.UpdatePersonInterest.PersonInterest)
	case "left", "OUTCOME_UNKNOWN":
		c.retire(i)
	}
}

func (c *caller) read(ctx context.Context) {
	want := c.items[c.random.IntN(len(c.items))]
	var data struct{ Node item }
	if outcome := c.ask(ctx, "node", node, map[string]any{"id": want.ID}, &data); outcome == "ok" {
		c.compare("node", want, data.Node)
	}
}

func (c *caller) compare(operation string, want, got item) {
	if got.ID != want.ID || got.DisplayName != want.DisplayName || (got.Description == nil) != (want.Description == nil) ||
		got.Description != nil && *got.Description != *want.Description {
		c.tally.wrongAnswer("%s of %+v: %+v", operation, want, got)
	}
}

func (c *caller) delete(ctx context.Context, id string) {
	var data struct {
		DeleteProfileItem struct{ DeletedID string }
	}
	switch outcome := c.ask(ctx, "delete", remove, map[string]any{"input": map[string]any{"id": id}}, &data); outcome {
	case "ok", "NOT_FOUND": // a delete that was not confirmed may have been executed
		c.gone = c.gone[1:]
	}
}

// list reads the whole list. Each item is in it once, and all items known to the caller are in it unless a source has
// failed.
func (c *caller) list(ctx context.Context) {
	seen := make(map[string]string)
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
		if c.ask(ctx, "list", list, variables, &data) != "ok" {
			return
		}
		page := data.Me.Interests
		for _, got := range page.Nodes {
			if _, twice := seen[got.ID]; twice {
				c.tally.wrongAnswer("%s is twice in a list", got.ID)
			}
			seen[got.ID] = got.DisplayName
		}
		if !page.PageInfo.HasNextPage {
			break
		}
		variables["after"] = page.PageInfo.EndCursor
	}
	for id, name := range seen { // items of creates without a response
		isKnown := slices.Contains(c.gone, id) || slices.ContainsFunc(c.items, func(i item) bool { return i.ID == id })
		if strings.HasPrefix(name, c.name+",") && !isKnown {
			c.gone = append(c.gone, id)
		}
	}
	for _, want := range c.items {
		if name, ok := seen[want.ID]; !ok || name != want.DisplayName {
			c.tally.wrongAnswer("of %+v a list says %q, %v", want, name, ok)
		}
	}
}

// ask sends a request, and disconnects from one in ten before the response. The outcome is ok, left, or the code of
// the first error.
func (c *caller) ask(ctx context.Context, name, document string, variables map[string]any, data any) (outcome string) {
	defer func() { c.tally.count(name, outcome) }()
	ctx = context.WithoutCancel(ctx) // at the end of the run, requests in progress are completed
	if c.random.IntN(10) == 0 {
		var leave context.CancelFunc
		ctx, leave = context.WithTimeout(ctx, time.Duration(c.random.IntN(30))*time.Millisecond)
		defer leave()
	}
	body, err := json.Marshal(map[string]any{"query": document, "variables": variables})
	if err != nil {
		return err.Error()
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.address+"/graphql", bytes.NewReader(body))
	if err != nil {
		return err.Error()
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := c.client.Do(r)
	if err != nil {
		return c.failed(ctx, name, err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer := struct {
		Data   any
		Errors []struct {
			Message    string
			Extensions struct{ Code string }
		}
	}{Data: data}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return c.failed(ctx, name, err)
	}
	if len(answer.Errors) > 0 {
		code := answer.Errors[0].Extensions.Code
		if !slices.Contains(expected, code) {
			c.tally.wrongAnswer("%s: %s %s", name, code, answer.Errors[0].Message)
		}
		return code
	}
	return "ok"
}

// failed returns the outcome of a request without a response, which is an error unless the caller has disconnected.
func (c *caller) failed(ctx context.Context, name string, err error) string {
	if ctx.Err() != nil {
		return "left"
	}
	c.tally.wrongAnswer("%s: %v", name, err)
	return "no answer"
}

// expected are the codes that the faults result in.
var expected = []string{
	"THROTTLED", "SOURCE_UNAVAILABLE", "SOURCE_TIMEOUT", "SOURCE_INVALID_RESPONSE", "OUTCOME_UNKNOWN", "OVERLOADED", "NOT_FOUND",
}
