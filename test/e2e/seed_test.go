package e2e

import (
	"encoding/json"
	"os"
	"testing"

	"profileql/test/scene"
)

func testdata(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("test/e2e/testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// withoutControl removes OData control information, which ProfileQL does not send.
func withoutControl(v any) any {
	if object, ok := v.(map[string]any); ok {
		delete(object, "@odata.type")
		for name, member := range object {
			object[name] = withoutControl(member)
		}
	}
	return v
}

// edit changes a JSON object.
func edit(t *testing.T, text string, change func(map[string]any)) string {
	t.Helper()
	var object map[string]any
	if err := json.Unmarshal([]byte(text), &object); err != nil {
		t.Fatal(err)
	}
	change(object)
	edited, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return string(edited)
}

func realValues(object map[string]any) {
	object["allowedAudiences"] = "organization"
	object["inference"].(map[string]any)["confidenceScore"] = 0.5
}

// TestExampleOfTheAPI tests the example of the page "Update personInterest", with values for its placeholders: what
// is sent, and what is returned.
func TestExampleOfTheAPI(t *testing.T) {
	t.Parallel()
	answer := edit(t, testdata(t, "update-personinterest-response.json"), realValues)
	rec := &recorder{Answer: answerJSON(200, answer)}
	r := newFacade(t, rec).do(scene.UpdateMutation, `{"input": {"id": "db489940-9940-db48-4099-48db409948db", "patch": {
		"allowedAudiences": ["ORGANIZATION"],
		"inference": {"confidenceScore": 0.5, "userHasVerifiedAccuracy": true},
		"createdBy": {"application": {"id": "Id value", "displayName": "Display Name value"}, "device": {}, "user": {}},
		"categories": ["Categories value"],
		"description": "Description value",
		"displayName": "Display Name value",
		"webUrl": "https://example.com/webUrl/"
	}}}`)
	request := edit(t, testdata(t, "update-personinterest-request.json"), func(object map[string]any) {
		realValues(object)
		withoutControl(object)
	})
	sent := rec.take()
	if len(sent) != 1 || sent[0].Method != "PATCH" || sent[0].Target != "/beta/me/profile/interests/db489940-9940-db48-4099-48db409948db" {
		t.Fatalf("sent %+v", sent)
	}
	equalJSON(t, request, sent[0].Body)
	equalJSON(t, mapped(`["ORGANIZATION"]`, "0.5"), string(r.Data))
}

// TestPlaceholdersOfTheAPI tests the unmodified response of that page. An invalid audience and an invalid number
// become visible as such, and nothing else is lost.
func TestPlaceholdersOfTheAPI(t *testing.T) {
	t.Parallel()
	f := newFacade(t, answerJSON(200, testdata(t, "update-personinterest-response.json")))
	r := f.do(scene.UpdateMutation, `{"input": {"id": "x", "patch": {"displayName": "x"}}}`)
	if len(r.Errors) > 0 {
		t.Fatal(r.Body)
	}
	equalJSON(t, mapped(`["UNKNOWN_FUTURE_VALUE"]`, "null"), string(r.Data))
}

// mapped is the result of updateMutation for the page's response.
func mapped(audiences, score string) string {
	return `{"updatePersonInterest": {"personInterest": {
		"id": "` + scene.GlobalID("upstream", "", "interests", "db489940-9940-db48-4099-48db409948db") + `",
		"itemId": "db489940-9940-db48-4099-48db409948db",
		"displayName": "Display Name value", "description": "Description value", "categories": ["Categories value"],
		"collaborationTags": null, "webUrl": "https://example.com/webUrl/", "thumbnailUrl": null,
		"allowedAudiences": ` + audiences + `,
		"inference": {"confidenceScore": ` + score + `, "userHasVerifiedAccuracy": true},
		"createdDateTime": "2017-01-01T00:00:46.1697867+03:00",
		"createdBy": {"application": {"id": "Id value", "displayName": "Display Name value"},
			"device": {"id": null, "displayName": null}, "user": {"id": null, "displayName": null}},
		"lastModifiedDateTime": "2016-12-31T23:58:46.8102575+03:00", "lastModifiedBy": {"user": null},
		"profileSource": {"name": "upstream"}
	}}}`
}
