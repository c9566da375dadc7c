package profileapi_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"profileql/internal/profile"
	"profileql/internal/profileapi"
	"profileql/internal/sandbox"
)

// TestRefusals holds what a caller reads of the sandbox's refusals of an input, likeliest first. Bodies are sent as they
// are: most of these ProfileQL would refuse by itself.
func TestRefusals(t *testing.T) {
	t.Parallel()
	box, err := sandbox.Open(t.Context(), sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = box.Close() })
	server := httptest.NewServer(box.Handler())
	t.Cleanup(server.Close)
	transport := profileapi.NewTransport(4)
	t.Cleanup(transport.CloseIdleConnections)
	client, err := profileapi.New(profileapi.Options{
		Name: "sandbox", BaseURL: server.URL + "/beta", Transport: transport, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	schema, err := os.ReadFile("../../schema.graphqls")
	if err != nil {
		t.Fatal(err)
	}
	var properties []string
	for _, field := range gqlparser.MustLoadSchema(&ast.Source{Input: string(schema)}).Types["PersonInterestInput"].Fields {
		properties = append(properties, field.Name)
	}
	interests := profileapi.NewCollection(client, "interests", properties)
	created, err := interests.Create(t.Context(), "sandbox", "", []byte(`{"displayName": "Chess"}`))
	if err != nil {
		t.Fatal(err)
	}
	create := func(ctx context.Context, body string) error {
		_, err := interests.Create(ctx, "sandbox", "", []byte(body))
		return err
	}
	update := func(ctx context.Context, body string) error {
		_, err := interests.Update(ctx, profile.Ref{ID: created.ID}, []byte(body))
		return err
	}
	for _, test := range []struct {
		do                    func(context.Context, string) error
		body, message, target string
	}{
		{create, `{}`, "The property 'displayName' is required to create a 'microsoft.graph.personInterest'.", "displayName"},
		{create, `{"description": "x"}`, "The property 'displayName' is required to create a 'microsoft.graph.personInterest'.", "displayName"},
		{create, `{"displayName": null}`, "A null value was found for the property named 'displayName', which has the expected type 'Edm.String[Nullable=False]'. The expected type 'Edm.String[Nullable=False]' does not allow null values.", "displayName"},
		{update, `{"displayName": null}`, "A null value was found for the property named 'displayName', which has the expected type 'Edm.String[Nullable=False]'. The expected type 'Edm.String[Nullable=False]' does not allow null values.", "displayName"},
		{update, `{"collaborationTags": ["a", null]}`, "A null value was found for the property named 'collaborationTags', which has the expected type 'Edm.String[Nullable=False]'. The expected type 'Edm.String[Nullable=False]' does not allow null values.", "collaborationTags"},
		{update, `{"allowedAudiences": "everybody"}`, "The property 'allowedAudiences' cannot be read: Cannot convert the literal '\"everybody\"' to the expected type 'microsoft.graph.allowedAudiences'.", "allowedAudiences"},
		{update, `{"displayName": 7}`, "The property 'displayName' cannot be read: Cannot convert the literal '7' to the expected type 'Edm.String'.", "displayName"},
		{update, `{"displayName": true}`, "The property 'displayName' cannot be read: Cannot convert the literal 'true' to the expected type 'Edm.String'.", "displayName"},
		{update, `{"displayName": ["x"]}`, "The property 'displayName' cannot be read: Cannot convert the literal '[\"x\"]' to the expected type 'Edm.String'.", "displayName"},
		{update, `{"webUrl": 7}`, "The property 'webUrl' cannot be read: Cannot convert the literal '7' to the expected type 'Edm.String'.", "webUrl"},
		{update, `{"categories": [7]}`, "The property 'categories' cannot be read: Cannot convert the literal '7' to the expected type 'Edm.String'.", "categories"},
		{update, `{"categories": "games"}`, "The property 'categories' is a collection, and its value is not.", "categories"},
		{update, `{"inference": "x"}`, "The property 'inference' cannot be read: Cannot convert the literal '\"x\"' to the expected type 'microsoft.graph.inferenceData'.", "inference"},
		{update, `{"inference": {"confidenceScore": "high"}}`, "The property 'inference' cannot be read: The property 'confidenceScore' cannot be read: Cannot convert the literal '\"high\"' to the expected type 'Edm.Double'.", "inference"},
		{update, `{"inference": {"confidenceScore": 1e999}}`, "The property 'inference' cannot be read: The property 'confidenceScore' cannot be read: Cannot convert the literal '1e999' to the expected type 'Edm.Double'.", "inference"},
		{update, `{"inference": {"score": 1}}`, "The property 'inference' cannot be read: The property 'score' does not exist on type 'microsoft.graph.inferenceData'. Make sure to only use property names that are defined by the type.", "inference"},
		{update, `{"nickname": "x"}`, "The property 'nickname' does not exist on type 'microsoft.graph.personInterest'. Make sure to only use property names that are defined by the type.", "nickname"},
		{update, `{"@odata.type": "#microsoft.graph.personSkill"}`, "The type \"#microsoft.graph.personSkill\" could not be resolved to 'microsoft.graph.personInterest', which is expected here.", ""},
		{update, `{"displayName": "a", "displayName": "b"}`, "The member 'displayName' occurs more than once, with different values.", ""},
		{update, `{"displayName": `, "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.", ""},
		{update, `[]`, "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.", ""},
		{update, `"x"`, "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.", ""},
	} {
		err := test.do(t.Context(), test.body)
		var e *profile.Error
		if !errors.As(err, &e) || e.Code != profile.BadUserInput || e.SourceMessage != test.message || e.SourceTarget != test.target {
			t.Errorf("%s: %#v", test.body, e)
		}
	}
}
