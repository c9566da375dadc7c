package sandbox

import (
	"strings"
	"time"

	"profileql/internal/sandbox/edm"
)

// writtenHere is the id of the source for items written through the profile API ("Manage people data sources", table
// of source ids).
const writtenHere = "46a57efc-33f8-4eec-a512-b90039ad6187"

// stamp sets the server's properties of a new item that the document does not have. Clients may send createdBy, as an
// example in the API's documentation does, and seed data has its own values.
func stamp(doc map[string]any, id string, by Person, at time.Time) {
	now := edm.FormatDateTimeOffset(at)
	for name, v := range map[string]any{
		"id":                   id,
		"createdDateTime":      now,
		"createdBy":            identitySet(by),
		"lastModifiedDateTime": now,
		"lastModifiedBy":       identitySet(by),
		"source":               map[string]any{"type": []any{"User"}},
		"sources":              []any{map[string]any{"sourceId": writtenHere, "isDefaultSource": true}},
	} {
		if _, given := doc[name]; !given {
			doc[name] = v
		}
	}
}

// touch sets who changed an item, and when.
func touch(doc map[string]any, by Person, at time.Time) {
	doc["lastModifiedDateTime"] = edm.FormatDateTimeOffset(at)
	doc["lastModifiedBy"] = identitySet(by)
}

func identitySet(p Person) map[string]any {
	return map[string]any{
		"application": nil,
		"device":      nil,
		"user":        map[string]any{"displayName": p.DisplayName, "id": p.ID},
	}
}

// locked reports whether the item belongs to another system: it has sources, and none of them is this API. Such items
// are listed, but cannot be changed (microsoft-graph-docs#19704). createdBy is not used for this, since clients can
// set it.
func locked(doc map[string]any) bool {
	sources, _ := doc["sources"].([]any)
	for _, s := range sources {
		annotation, _ := s.(map[string]any)
		if id, _ := annotation["sourceId"].(string); strings.EqualFold(id, writtenHere) {
			return false
		}
	}
	return len(sources) > 0
}
