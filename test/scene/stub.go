package scene

// StubAnswer is the response of the stub source to a PATCH: an interest of typical size.
var StubAnswer = []byte(`{
  "@odata.context": "https://graph.example.com/beta/$metadata#users('41a5a8b7')/profile/interests/$entity",
  "id": "db489940-9940-db48-4099-48db409948db",
  "allowedAudiences": "groupMembers,organization",
  "inference": {"confidenceScore": 0.6, "userHasVerifiedAccuracy": true},
  "createdDateTime": "2020-07-06T06:34:12.2294868Z",
  "createdBy": {"application": null, "device": null, "user": {"displayName": "Ada Lindqvist", "id": "41a5a8b7-e1f6-4e1a-9d4e-6b7c5d8e9f00"}},
  "lastModifiedDateTime": "2020-07-06T06:34:12.2294868Z",
  "lastModifiedBy": {"application": null, "device": null, "user": {"displayName": "Ada Lindqvist", "id": "41a5a8b7-e1f6-4e1a-9d4e-6b7c5d8e9f00"}},
  "categories": ["games"],
  "collaborationTags": null,
  "description": "Openings, endgames and everything between",
  "displayName": "Chess",
  "isSearchable": false,
  "webUrl": "https://www.example.com/chess",
  "thumbnailUrl": null,
  "source": {"type": ["User"]},
  "sources": [{"sourceId": "46a57efc-33f8-4eec-a512-b90039ad6187", "isDefaultSource": true}]
}`)

// StubItem is the id of the interest.
const StubItem = "db489940-9940-db48-4099-48db409948db"

// StubPatch is the body of a PATCH of the interest.
var StubPatch = []byte(`{"displayName":"Chess","description":"Openings, endgames and everything between","categories":["games"],"webUrl":"https://www.example.com/chess"}`)
