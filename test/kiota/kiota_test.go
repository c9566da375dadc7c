// Package kiota tests a running sandbox with the HTTP client of Microsoft's Go SDKs. It is a separate module, so that
// ProfileQL does not depend on that client.
package kiota

import (
	"cmp"
	"context"
	"net/http"
	"os"
	"slices"
	"testing"

	"github.com/microsoft/kiota-abstractions-go"
	"github.com/microsoft/kiota-abstractions-go/authentication"
	"github.com/microsoft/kiota-abstractions-go/serialization"
	nethttplibrary "github.com/microsoft/kiota-http-go"
	jsonserialization "github.com/microsoft/kiota-serialization-json-go"
)

// interest is a model as Kiota generates it, with the properties that the test uses.
type interest struct {
	id, displayName, description *string
	categories                   []string
}

func newInterest(serialization.ParseNode) (serialization.Parsable, error) { return &interest{}, nil }

func (i *interest) Serialize(w serialization.SerializationWriter) error {
	odataType := "#microsoft.graph.personInterest"
	return cmp.Or(
		w.WriteStringValue("@odata.type", &odataType),
		w.WriteStringValue("displayName", i.displayName),
		w.WriteStringValue("description", i.description),
		w.WriteCollectionOfStringValues("categories", i.categories),
	)
}

func (i *interest) GetFieldDeserializers() map[string]func(serialization.ParseNode) error {
	text := func(into **string) func(serialization.ParseNode) error {
		return func(n serialization.ParseNode) (err error) {
			*into, err = n.GetStringValue()
			return err
		}
	}
	return map[string]func(serialization.ParseNode) error{
		"id": text(&i.id), "displayName": text(&i.displayName), "description": text(&i.description),
		"categories": func(n serialization.ParseNode) error {
			values, err := n.GetCollectionOfPrimitiveValues("string")
			i.categories = nil
			for _, value := range values {
				i.categories = append(i.categories, *value.(*string))
			}
			return err
		},
	}
}

// exchange is a request and its response, as sent over the network.
type exchange struct {
	method, encoding string
	status           int
}

// witness is the transport below the client's middleware. It records exchanges.
type witness struct {
	http.RoundTripper
	seen []exchange
}

func (w *witness) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := w.RoundTripper.RoundTrip(r)
	if err == nil {
		w.seen = append(w.seen, exchange{r.Method, r.Header.Get("Content-Encoding"), resp.StatusCode})
	}
	return resp, err
}

// client is a request adapter with the default middleware of kiota-http-go: compression, retry, redirect, user agent
// and others.
type client struct {
	*testing.T
	*nethttplibrary.NetHttpRequestAdapter
	*witness
}

func connect(t *testing.T) client {
	t.Helper()
	address := os.Getenv("SANDBOX_URL")
	if address == "" {
		t.Fatal("SANDBOX_URL has to be the address of a running sandbox, without /beta")
	}
	auth, err := authentication.NewApiKeyAuthenticationProvider("Bearer yuki@example.com", "Authorization", authentication.HEADER_KEYLOCATION)
	if err != nil {
		t.Fatal(err)
	}
	w := &witness{RoundTripper: nethttplibrary.GetDefaultTransport()}
	defaults := nethttplibrary.GetDefaultClient()
	defaults.Transport = nethttplibrary.NewCustomTransportWithParentTransport(w)
	adapter, err := nethttplibrary.NewNetHttpRequestAdapterWithParseNodeFactoryAndSerializationWriterFactoryAndHttpClient(
		auth, jsonserialization.NewJsonParseNodeFactory(), jsonserialization.NewJsonSerializationWriterFactory(), defaults)
	if err != nil {
		t.Fatal(err)
	}
	adapter.SetBaseUrl(address + "/beta")
	return client{t, adapter, w}
}

// request returns a request for the list of interests, or for one of them.
func (c client) request(method abstractions.HttpMethod, id *string, body *interest) *abstractions.RequestInformation {
	c.Helper()
	r := abstractions.NewRequestInformationWithMethodAndUrlTemplateAndPathParameters(
		method, "{+baseurl}/me/profile/interests{/id}", map[string]string{})
	if id != nil {
		r.PathParameters["id"] = *id
	}
	r.Headers.TryAdd("Accept", "application/json")
	if body != nil {
		if err := r.SetContentFromParsable(c.Context(), c, "application/json", body); err != nil {
			c.Fatal(err)
		}
	}
	return r
}

func (c client) send(method abstractions.HttpMethod, id *string, body *interest) *interest {
	c.Helper()
	answer, err := c.Send(c.Context(), c.request(method, id, body), newInterest, nil)
	if err != nil {
		c.Fatalf("%s: %v, after %v", method, err, c.seen)
	}
	return answer.(*interest)
}

// TestUpdate changes an interest and reads it back. The client compresses request bodies; only after a 415 does it
// retry without compression.
func TestUpdate(t *testing.T) {
	c := connect(t)
	made := c.send(abstractions.POST, nil, &interest{displayName: new("Kites"), description: new("with two lines")})
	t.Cleanup(func() {
		// The test's own context is canceled by now.
		if err := c.SendNoContent(context.Background(), c.request(abstractions.DELETE, made.id, nil), nil); err != nil {
			t.Error(err)
		}
	})

	change := &interest{displayName: new("凧"), categories: []string{"outdoors", "風"}}
	for _, got := range []*interest{c.send(abstractions.PATCH, made.id, change), c.send(abstractions.GET, made.id, nil)} {
		if *got.id != *made.id || *got.displayName != *change.displayName || *got.description != "with two lines" || !slices.Equal(got.categories, change.categories) {
			t.Errorf("got %s, %s, %s, %s", *got.id, *got.displayName, *got.description, got.categories)
		}
	}
	want := []exchange{{"POST", "gzip", 201}, {"PATCH", "gzip", 200}, {"GET", "", 200}}
	if !slices.Equal(c.seen, want) {
		t.Errorf("what went over the network is %v, want %v", c.seen, want)
	}
}
