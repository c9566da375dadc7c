package profileapi

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"profileql/internal/jsontape"
	"profileql/internal/profile"
)

// Collection is one facet at one source. Items and bodies are the source's JSON, of which only the id and the instant that
// orders a list are read here.
type Collection struct {
	client     *Client
	facet      string
	properties []string
}

// NewCollection returns the facet with a path segment, such as "interests". Properties are those of its items besides the
// id: a response without any of them is not an item.
func NewCollection(c *Client, facet string, properties []string) *Collection {
	return &Collection{client: c, facet: facet, properties: properties}
}

// capability is the key of a query option of this facet in [capabilities].
func (c *Collection) capability(option string) string { return c.facet + " " + option }

// All methods return a *[profile.Error], or the context's error if the caller has canceled.

// Get reads one item with these properties; empty for all.
func (c *Collection) Get(ctx context.Context, ref profile.Ref, properties []string) (profile.Item, error) {
	ctx, cancel := context.WithTimeout(ctx, c.client.timeout)
	defer cancel()
	address, err := c.client.itemURL(ref, c.facet)
	if err != nil {
		return profile.Item{}, err
	}
	useSelect := len(properties) > 0 && !c.client.capabilities.isUnsupported(c.capability("$select"))
	if !useSelect {
		return c.get(ctx, ref, address)
	}
	item, err := c.get(ctx, ref, address+"?"+selectOption(properties))
	if isBadRequest(err) {
		ctx = profile.WithReason(ctx, profile.Fallback)
		if item, err = c.get(ctx, ref, address); err == nil {
			c.client.learn(ctx, c.capability("$select"))
		}
	}
	return item, err
}

func (c *Collection) get(ctx context.Context, ref profile.Ref, address string) (profile.Item, error) {
	resp, terr := c.client.read(ctx, address, 0)
	if terr != nil || resp.status != http.StatusOK {
		return profile.Item{}, c.requestError(resp, terr)
	}
	return c.item(resp, ref.ID)
}

// Create creates an item and returns it as the source has stored it.
func (c *Collection) Create(ctx context.Context, _, user string, body []byte) (profile.Item, error) {
	deadline := time.Now().Add(c.client.timeout)
	address, err := c.client.listURL(user, c.facet)
	if err != nil {
		return profile.Item{}, err
	}
	resp, terr := c.client.write(ctx, http.MethodPost, address, body)
	if terr != nil || resp.status/100 != 2 {
		return profile.Item{}, c.requestError(resp, terr)
	}
	if id := c.createdID(resp, user); id != "" {
		return c.readBack(ctx, deadline, profile.Ref{User: user, ID: id}, resp)
	}
	return c.item(resp, "")
}

// createdID returns the id from the Location or OData-EntityId of a response without a body (OData Protocol 4.01, section
// 11.4.2); empty for other responses.
func (c *Collection) createdID(resp *response, user string) string {
	if resp.status != http.StatusCreated && resp.status != http.StatusNoContent || resp.bodyErr != nil || len(resp.body) > 0 {
		return ""
	}
	var id string
	for _, address := range slices.Concat(resp.header.Values("Location"), resp.header.Values("OData-EntityId")) {
		at, err := c.client.resolveLink(user, c.facet, address)
		switch {
		case err != nil || at.key == "":
		case id != "" && id != at.key: // contradictory
			return ""
		default:
			id = at.key
		}
	}
	return id
}

// Update sends a PATCH with the body, and returns the updated item.
func (c *Collection) Update(ctx context.Context, ref profile.Ref, body []byte) (profile.Item, error) {
	deadline := time.Now().Add(c.client.timeout)
	address, err := c.client.itemURL(ref, c.facet)
	if err != nil {
		return profile.Item{}, err
	}
	if string(body) == "{}" {
		return profile.Item{}, profile.BadInput("The patch is empty: name at least one property to change.")
	}
	resp, terr := c.client.write(ctx, http.MethodPatch, address, body)
	if terr != nil || resp.status/100 != 2 {
		return profile.Item{}, c.requestError(resp, terr)
	}
	if resp.bodyErr == nil && len(resp.body) == 0 {
		return c.readBack(ctx, deadline, ref, resp)
	}
	return c.item(resp, ref.ID)
}

// readBack reads the item after a successful write whose response has no body, such as 204. Both share the deadline.
func (c *Collection) readBack(ctx context.Context, deadline time.Time, ref profile.Ref, write *response) (profile.Item, error) {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	item, err := c.Get(profile.WithReason(ctx, profile.ReadBack), ref, nil)
	if err != nil {
		return profile.Item{}, c.client.invalidResponse(write, err)
	}
	return item, nil
}

// Delete deletes one item.
func (c *Collection) Delete(ctx context.Context, ref profile.Ref) error {
	address, err := c.client.itemURL(ref, c.facet)
	if err != nil {
		return err
	}
	resp, terr := c.client.write(ctx, http.MethodDelete, address, nil)
	if terr != nil || resp.status/100 != 2 {
		return c.requestError(resp, terr)
	}
	return nil
}

// item parses the response's item. A missing id is filled in with the one that was requested; a response without any
// property of an item is an error.
func (c *Collection) item(resp *response, id string) (profile.Item, error) {
	if err := checkJSON(resp); err != nil {
		return profile.Item{}, c.client.invalidResponse(resp, err)
	}
	root, err := resp.json()
	if err != nil {
		return profile.Item{}, c.client.invalidResponse(resp, err)
	}
	item := profile.Item{JSON: root}
	if len(errorsIn(item.JSON)) > 0 {
		return profile.Item{}, c.client.invalidResponse(resp, errors.New("the response has an error despite its status"))
	}
	if item.ID, _ = item.JSON.Member("id").Text(); profile.IsSegment(item.ID) {
		return item, nil
	}
	if id == "" || !c.hasProperties(item.JSON) {
		return profile.Item{}, c.client.invalidResponse(resp, errors.New("the response is not an item"))
	}
	item.ID = id
	return item, nil
}

// hasProperties reports whether a value is an object with at least one non-null property of an item.
func (c *Collection) hasProperties(v jsontape.Value) bool {
	return slices.ContainsFunc(c.properties, func(name string) bool { return !isNull(v.Member(name)) })
}

func selectOption(properties []string) string {
	return option("$select", strings.Join(properties, ","))
}

func isBadRequest(err error) bool {
	var e *profile.Error
	return errors.As(err, &e) && e.Status == http.StatusBadRequest
}
