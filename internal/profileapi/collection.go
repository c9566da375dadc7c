package profileapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"profileql/internal/profile"
)

// Item is what a [Collection] asks of the type that its items are decoded into.
type Item[T any] interface {
	*T
	// Key returns the source's own id, and the value of the instant property as the source sent it; empty for none, and
	// for what is not readable as an instant.
	Key(property string) (id, instant string, readable bool)
}

// Collection is one facet at one source. Items are decoded into T; I is what creates and changes them, and is sent as
// encoding/json encodes it.
type Collection[T, I any, PT Item[T]] struct {
	client *Client
	facet  string
}

// NewCollection returns the facet whose path segment is facet, such as "interests".
func NewCollection[T, I any, PT Item[T]](c *Client, facet string) *Collection[T, I, PT] {
	return &Collection[T, I, PT]{client: c, facet: facet}
}

// ability names what is remembered of the source for this facet.
func (c *Collection[T, I, PT]) ability(option string) string { return c.facet + " " + option }

// All methods return a *[profile.Error], or the context's error once the caller has left.

// Get reads one item. Properties are those wanted; empty for all.
func (c *Collection[T, I, PT]) Get(ctx context.Context, ref profile.Ref, properties []string) (*T, error) {
	ctx, cancel := context.WithTimeout(ctx, c.client.timeout)
	defer cancel()
	address, err := c.client.itemURL(ref, c.facet)
	if err != nil {
		return nil, err
	}
	selecting := len(properties) > 0 && !c.client.learnt.has(c.ability("$select"))
	if !selecting {
		return c.get(ctx, ref, address)
	}
	item, err := c.get(ctx, ref, address+"?"+selectOption(properties))
	if isBadRequest(err) {
		if item, err = c.get(ctx, ref, address); err == nil {
			c.client.learnt.add(c.ability("$select"))
		}
	}
	return item, err
}

func (c *Collection[T, I, PT]) get(ctx context.Context, ref profile.Ref, address string) (*T, error) {
	a, no := c.client.read(ctx, address)
	if no != nil || a.status != http.StatusOK {
		return nil, c.client.failed(a, no)
	}
	return c.item(a, ref.ID)
}

// Create adds an item and returns it as the source has stored it.
func (c *Collection[T, I, PT]) Create(ctx context.Context, _, user string, item *I) (*T, error) {
	deadline := time.Now().Add(c.client.timeout)
	address, err := c.client.listURL(user, c.facet)
	if err != nil {
		return nil, err
	}
	body, err := encode(item)
	if err != nil {
		return nil, err
	}
	a, no := c.client.write(ctx, http.MethodPost, address, body)
	if no != nil || a.status/100 != 2 {
		return nil, c.client.failed(a, no)
	}
	if id := c.createdID(a, user); id != "" {
		return c.readBack(ctx, deadline, profile.Ref{User: user, ID: id}, a)
	}
	return c.item(a, "")
}

// createdID is the id of the item of an answer that says no more than where it is (OData Protocol 4.01, section 11.4.2);
// empty for other answers.
func (c *Collection[T, I, PT]) createdID(a *answer, user string) string {
	if a.status != http.StatusCreated && a.status != http.StatusNoContent || a.bodyErr != nil || len(a.body) > 0 {
		return ""
	}
	var id string
	for _, address := range slices.Concat(a.header.Values("Location"), a.header.Values("OData-EntityId")) {
		at, err := c.client.locate(user, c.facet, address)
		switch {
		case err != nil || at.key == "":
		case id != "" && id != at.key: // two items
			return ""
		default:
			id = at.key
		}
	}
	return id
}

// Update changes what patch names of one item, and returns the item as the source shows it afterwards.
func (c *Collection[T, I, PT]) Update(ctx context.Context, ref profile.Ref, patch *I) (*T, error) {
	deadline := time.Now().Add(c.client.timeout)
	address, err := c.client.itemURL(ref, c.facet)
	if err != nil {
		return nil, err
	}
	body, err := encode(patch)
	if err != nil {
		return nil, err
	}
	if string(body) == "{}" {
		return nil, profile.BadInput("The patch is empty: name at least one property to change.")
	}
	a, no := c.client.write(ctx, http.MethodPatch, address, body)
	if no != nil || a.status/100 != 2 {
		return nil, c.client.failed(a, no)
	}
	if a.bodyErr == nil && len(a.body) == 0 {
		return c.readBack(ctx, deadline, ref, a)
	}
	return c.item(a, ref.ID)
}

// readBack reads the item after a write that was accepted without showing it, as 204 does. The deadline is that of both.
func (c *Collection[T, I, PT]) readBack(ctx context.Context, deadline time.Time, ref profile.Ref, write *answer) (*T, error) {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	item, err := c.Get(ctx, ref, nil)
	if err != nil {
		return nil, c.client.misunderstood(write, err)
	}
	return item, nil
}

// Delete removes one item.
func (c *Collection[T, I, PT]) Delete(ctx context.Context, ref profile.Ref) error {
	address, err := c.client.itemURL(ref, c.facet)
	if err != nil {
		return err
	}
	a, no := c.client.write(ctx, http.MethodDelete, address, nil)
	if no != nil || a.status/100 != 2 {
		return c.client.failed(a, no)
	}
	return nil
}

// item decodes the answer's item. Where the source left out the id that was asked for, it is put back; an answer
// that holds nothing of the item is none.
func (c *Collection[T, I, PT]) item(a *answer, id string) (*T, error) {
	if err := checkJSON(a); err != nil {
		return nil, c.client.misunderstood(a, err)
	}
	if bytes.Contains(a.body, []byte(`"error"`)) && len(innerErrors(a)) > 0 {
		return nil, c.client.misunderstood(a, errors.New("the answer is an error despite its status"))
	}
	item, err := decode[T](a.body)
	if err != nil {
		return nil, c.client.misunderstood(a, err)
	}
	if own, _, _ := PT(item).Key(""); profile.IsSegment(own) {
		return item, nil
	}
	if id == "" || reflect.ValueOf(item).Elem().IsZero() {
		return nil, c.client.misunderstood(a, errors.New("the answer is not an item"))
	}
	return item, json.Unmarshal(idOnly(id), item)
}

func idOnly(id string) []byte {
	body, _ := json.Marshal(map[string]string{"id": id}) // a text always encodes
	return body
}

// encode writes what the caller said, and nothing else, as a request body.
func encode(input any) ([]byte, error) {
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	if err := e.Encode(input); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

func selectOption(properties []string) string {
	return option("$select", strings.Join(properties, ","))
}

func isBadRequest(err error) bool {
	var e *profile.Error
	return errors.As(err, &e) && e.Status == http.StatusBadRequest
}
