package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/google/uuid"
	"pgregory.net/rapid"
)

// The rules of this file are written from the API's documentation, independently of this package, so that an error
// must be made twice to go unnoticed.

// modelItem is an item as it must be returned.
type modelItem = map[string]any

// modelRule returns the new value when v, which is not null, is sent for old; false if v is refused.
type modelRule func(old, v any) (any, bool)

// modelType describes what a client may write to a type.
type modelType struct {
	name     string
	members  map[string]modelRule
	open     bool           // whether it accepts members of any other name
	readOnly []string       // ignored, whatever the value
	required string         // the member that cannot be null
	fresh    map[string]any // a new value before any member has been set
}

func modelText(_, v any) (any, bool)  { _, ok := v.(string); return v, ok }
func modelTruth(_, v any) (any, bool) { _, ok := v.(bool); return v, ok }

// modelScore is the rule of an Edm.Double. Three of its values are not JSON numbers.
func modelScore(_, v any) (any, bool) {
	_, ok := v.(float64)
	return v, ok || v == "INF" || v == "-INF" || v == "NaN"
}

func modelTexts(_, v any) (any, bool) {
	entries, ok := v.([]any)
	for _, entry := range entries {
		_, isText := entry.(string)
		ok = ok && isText
	}
	return v, ok
}

// modelAudiences keeps each audience once, in the order of the type. The first one cannot be combined with others.
func modelAudiences(_, v any) (any, bool) {
	text, ok := v.(string)
	audiences := []string{"me", "family", "contacts", "groupMembers", "organization", "federatedOrganizations", "everyone"}
	given := make(map[string]bool)
	for name := range strings.SplitSeq(text, ",") {
		ok = ok && slices.Contains(audiences, strings.TrimSpace(name))
		given[strings.TrimSpace(name)] = true
	}
	kept := slices.DeleteFunc(audiences, func(name string) bool { return !given[name] || name == "me" && len(given) > 1 })
	return strings.Join(kept, ","), ok
}

// complexly merges member by member, into a fresh value if there is no old one.
func (t modelType) complexly(old, v any) (any, bool) {
	body, ok := v.(map[string]any)
	if !ok {
		return nil, false
	}
	into, ok := old.(map[string]any)
	if !ok {
		into = t.fresh
	}
	return t.merge(into, body)
}

// merge returns a merged copy, since a body with a refused member must not change anything.
func (t modelType) merge(old, body map[string]any) (map[string]any, bool) {
	merged := maps.Clone(old)
	for name, v := range body {
		take, known := t.members[name]
		switch {
		case name == "@odata.type":
			if v != t.name && v != "#"+t.name {
				return nil, false
			}
		case strings.Contains(name, "@") || slices.Contains(t.readOnly, name):
		case v == nil && known && name != t.required || !known && t.open:
			merged[name] = v
		case v == nil || !known:
			return nil, false
		default:
			taken, ok := take(old[name], v)
			if !ok {
				return nil, false
			}
			merged[name] = taken
		}
	}
	return merged, true
}

var modelInference = modelType{
	name:    "microsoft.graph.inferenceData",
	members: map[string]modelRule{"confidenceScore": modelScore, "userHasVerifiedAccuracy": modelTruth},
	fresh:   map[string]any{"confidenceScore": nil, "userHasVerifiedAccuracy": nil},
}

var modelIdentity = modelType{
	name: "microsoft.graph.identity", open: true,
	members: map[string]modelRule{"id": modelText, "displayName": modelText},
	fresh:   map[string]any{"id": nil, "displayName": nil},
}

var modelIdentities = modelType{
	name: "microsoft.graph.identitySet", open: true,
	members: map[string]modelRule{
		"application": modelIdentity.complexly, "device": modelIdentity.complexly, "user": modelIdentity.complexly,
	},
	fresh: map[string]any{"application": nil, "device": nil, "user": nil},
}

var modelSources = modelType{
	name:    "microsoft.graph.personDataSources",
	members: map[string]modelRule{"type": modelTexts},
	fresh:   map[string]any{"type": []any{}},
}

var modelInterest = modelType{
	name: "microsoft.graph.personInterest", required: "displayName",
	readOnly: []string{"id", "createdDateTime", "lastModifiedDateTime", "lastModifiedBy", "sources"},
	members: map[string]modelRule{
		"allowedAudiences": modelAudiences, "isSearchable": modelTruth, "inference": modelInference.complexly,
		"createdBy": modelIdentities.complexly, "source": modelSources.complexly, "categories": modelTexts,
		"collaborationTags": modelTexts, "description": modelText, "displayName": modelText, "thumbnailUrl": modelText,
		"webUrl": modelText,
	},
}

// newModelItem returns a created item with its default values. Its source and createdBy are set only if the client
// did not send them.
func newModelItem(id string, by Person, at time.Time) modelItem {
	return modelItem{
		"id": id, "allowedAudiences": "organization", "isSearchable": false, "inference": nil, "categories": []any{},
		"collaborationTags": []any{}, "description": nil, "thumbnailUrl": nil, "webUrl": nil,
		"createdDateTime": modelInstant(at), "lastModifiedDateTime": modelInstant(at),
		"createdBy": modelPerson(by), "lastModifiedBy": modelPerson(by),
		"source": map[string]any{"type": []any{"User"}},
		"sources": []any{map[string]any{
			"sourceId": "46a57efc-33f8-4eec-a512-b90039ad6187", "isDefaultSource": true, "properties": []any{},
		}},
	}
}

func modelInstant(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.0000000Z") }

func modelPerson(p Person) map[string]any {
	return map[string]any{
		"application": nil, "device": nil, "user": map[string]any{"id": p.ID, "displayName": p.DisplayName},
	}
}

// created returns the item that a body creates; false if the body is refused.
func created(body map[string]any, id string, by Person, at time.Time) (modelItem, bool) {
	item := newModelItem(id, by, at)
	for _, name := range []string{"source", "createdBy"} {
		if body[name] != nil {
			item[name] = nil // a value that the client sends is not merged with the default
		}
	}
	item, ok := modelInterest.merge(item, body)
	return item, ok && item["displayName"] != nil
}

// patched returns the item after an update; false if the body is refused.
func patched(old modelItem, body map[string]any, by Person, at time.Time) (modelItem, bool) {
	body = maps.Clone(body)
	delete(body, "source") // accepted on create only
	item, ok := modelInterest.merge(old, body)
	if ok {
		item["lastModifiedDateTime"], item["lastModifiedBy"] = modelInstant(at), modelPerson(by)
	}
	return item, ok
}

// foreign reports whether another system owns the item: it has sources, and none of them is this API.
func foreign(item modelItem) bool {
	sources, _ := item["sources"].([]any)
	return len(sources) > 0 && !strings.Contains(fmt.Sprint(sources), "46a57efc-33f8-4eec-a512-b90039ad6187")
}

// model is a sandbox and its expected content.
type model struct {
	client
	people []Person
	items  map[string]map[string]modelItem // by the person's id and the item's id
	made   []string                        // ids of created items, including deleted ones
	clock  atomic.Int64                    // nanoseconds since the epoch
	ids    atomic.Int64
}

func newModel(t *testing.T, r *rapid.T) *model {
	m := &model{items: make(map[string]map[string]modelItem)}
	m.clock.Store(now.UnixNano())
	box, err := Open(context.Background(), Options{Now: m.now, NewID: func() string { return modelID(m.ids.Add(1)) }})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(box.Handler())
	r.Cleanup(func() {
		server.Close()
		if err := box.Close(); err != nil {
			t.Error(err)
		}
	})
	m.client, m.people = client{t, server.URL + "/beta"}, box.People()
	for _, p := range m.people {
		m.items[p.ID] = make(map[string]modelItem)
		for _, entry := range m.do("GET", "/users/"+p.ID+"/profile/interests?$top=1000", "").body["value"].([]any) {
			item := entry.(modelItem)
			m.items[p.ID][item["id"].(string)] = item
		}
	}
	return m
}

func (m *model) now() time.Time { return time.Unix(0, m.clock.Load()).UTC() }

// modelID returns the nth id. The order of ids differs from the order of creation, so that the order of items with
// equal values is tested.
func modelID(n int64) string { return uuid.NewSHA1(uuid.Nil, []byte(fmt.Sprint(n))).String() }

// exchange is a request: its caller, and the owner of the profile.
type exchange struct {
	caller, owner Person
	path          string
	at            time.Time
}

// next draws the caller and the owner, and whether time passes.
func (m *model) next(r *rapid.T) exchange {
	step := rapid.SampledFrom([]time.Duration{0, 0, 1, 100, time.Microsecond, time.Second, 25 * time.Hour}).Draw(r, "step")
	m.clock.Add(int64(step))
	x := exchange{at: m.now()}
	x.caller = rapid.SampledFrom(m.people).Draw(r, "caller")
	x.owner, x.path = x.caller, "/me"
	if rapid.Bool().Draw(r, "by address") {
		x.owner = rapid.SampledFrom(m.people).Draw(r, "owner")
		x.path = "/users/" + rapid.SampledFrom([]string{x.owner.ID, x.owner.UserPrincipalName}).Draw(r, "address")
	}
	x.path += "/profile/interests"
	return x
}

// check sends a request and compares the status and the whole body, except for the parts of an error that are for
// support only.
func (m *model) check(r *rapid.T, x exchange, method, path, body string, status int, want any) (nextLink string) {
	r.Helper()
	a := m.do(method, path, body, "Authorization", "Bearer "+x.caller.UserPrincipalName)
	nextLink, _ = a.body["@odata.nextLink"].(string)
	delete(a.body, "@odata.context")
	delete(a.body, "@odata.nextLink")
	if status >= 400 {
		want = modelError(status, x.at, a)
	}
	var got any
	if a.text != "" {
		got = a.body
	}
	if a.status != status || !reflect.DeepEqual(got, want) {
		wanted, _ := json.Marshal(want)
		r.Fatalf("%s %s %s as %s: got\n%d %s, want\n%d %s",
			method, path, body, x.caller.DisplayName, a.status, a.text, status, wanted)
	}
	return nextLink
}

// modelError returns the body of an error. For bad requests, only the presence of a message is checked.
func modelError(status int, at time.Time, a reply) any {
	code, message := "UnknownError", ""
	if status == 400 {
		code = "BadRequest"
		if failure, _ := a.body["error"].(map[string]any); failure["message"] != "" {
			message, _ = failure["message"].(string)
		} else {
			message = "(some message)"
		}
	}
	return map[string]any{"error": map[string]any{"code": code, "message": message, "innerError": map[string]any{
		"date":       at.Format("2006-01-02T15:04:05"),
		"request-id": a.header.Get("request-id"), "client-request-id": a.header.Get("client-request-id"),
	}}}
}

// checkItem reads one item back.
func (m *model) checkItem(r *rapid.T, x exchange, id string) {
	r.Helper()
	if item, there := m.items[x.owner.ID][id]; there {
		m.check(r, x, "GET", x.path+"/"+id, "", 200, item)
	} else {
		m.check(r, x, "GET", x.path+"/"+id, "", 404, nil)
	}
}

func (m *model) create(r *rapid.T) {
	x := m.next(r)
	text, body := drawBody(r, m.names(x.owner), 9)
	item, ok := created(body, modelID(m.ids.Load()+1), x.caller, x.at)
	if body == nil || !ok {
		m.check(r, x, "POST", x.path, text, 400, nil)
		return
	}
	m.check(r, x, "POST", x.path, text, 201, item)
	id := item["id"].(string)
	m.items[x.owner.ID][id] = item
	m.made = append(m.made, id)
	m.checkItem(r, x, id)
}

func (m *model) patch(r *rapid.T) {
	x := m.next(r)
	id := m.drawID(r, x.owner)
	text, body := drawBody(r, m.names(x.owner), 3)
	old, there := m.items[x.owner.ID][id]
	switch {
	case body == nil:
		m.check(r, x, "PATCH", x.path+"/"+id, text, 400, nil)
	case !there || foreign(old):
		m.check(r, x, "PATCH", x.path+"/"+id, text, 404, nil)
	default:
		item, ok := patched(old, body, x.caller, x.at)
		if !ok {
			m.check(r, x, "PATCH", x.path+"/"+id, text, 400, nil)
			break
		}
		m.check(r, x, "PATCH", x.path+"/"+id, text, 200, item)
		m.items[x.owner.ID][id] = item
	}
	m.checkItem(r, x, id)
}

func (m *model) remove(r *rapid.T) {
	x := m.next(r)
	id := m.drawID(r, x.owner)
	if old, there := m.items[x.owner.ID][id]; !there || foreign(old) {
		m.check(r, x, "DELETE", x.path+"/"+id, "", 404, nil)
	} else {
		m.check(r, x, "DELETE", x.path+"/"+id, "", 204, nil)
		delete(m.items[x.owner.ID], id)
	}
	m.checkItem(r, x, id)
}

func (m *model) get(r *rapid.T) {
	x := m.next(r)
	m.checkItem(r, x, m.drawID(r, x.owner))
}

// drawID prefers created items, so that sequences of changes affect the same item.
func (m *model) drawID(r *rapid.T, owner Person) string {
	kind := rapid.SampledFrom([]string{"made", "made", "made", "owned", "anybody's"}).Draw(r, "kind of id")
	ids := []string{"unknown", SampleInterest, LockedInterest}
	switch {
	case kind == "made" && len(m.made) > 0:
		ids = m.made
	case kind == "owned":
		ids = slices.Sorted(maps.Keys(m.items[owner.ID]))
	default:
		for _, p := range m.people {
			ids = slices.AppendSeq(ids, maps.Keys(m.items[p.ID]))
		}
		slices.Sort(ids)
	}
	return rapid.SampledFrom(ids).Draw(r, "id")
}

// modelOrders are values of $orderby with their comparisons, which precede that of the id.
var modelOrders = []struct {
	text    string
	compare func(a, b modelItem) int
}{
	{"", compareCreated},
	{"createdDateTime", compareCreated},
	{"createdDateTime desc", func(a, b modelItem) int { return compareCreated(b, a) }},
	{"displayName", compareNames},
	{"displayName asc", compareNames},
	{"displayName desc", func(a, b modelItem) int { return compareNames(b, a) }},
}

func compareNames(a, b modelItem) int {
	return strings.Compare(a["displayName"].(string), b["displayName"].(string))
}

// compareCreated orders null first.
func compareCreated(a, b modelItem) int { return createdAt(a).Compare(createdAt(b)) }

func createdAt(item modelItem) time.Time {
	text, isText := item["createdDateTime"].(string)
	t, err := time.Parse(time.RFC3339Nano, text)
	if isText != (err == nil) {
		panic(err)
	}
	if !isText {
		return time.Time{}.Add(-1) // the zero time is used for items without a creation time
	}
	return t
}

func (m *model) list(r *rapid.T) {
	x := m.next(r)
	options := url.Values{}
	keep := m.drawFilter(r, x.owner, options)
	order := rapid.SampledFrom(modelOrders).Draw(r, "order")
	if order.text != "" {
		options.Set("$orderby", order.text)
	}
	const most = 100 // maximum page size without $top
	top, skip := rapid.IntRange(-1, 60).Draw(r, "top"), rapid.IntRange(-1, 60).Draw(r, "skip")
	if top >= 0 {
		options.Set("$top", fmt.Sprint(top))
	} else {
		top = most
	}
	if skip >= 0 {
		options.Set("$skip", fmt.Sprint(skip))
	}
	all := m.sorted(x.owner, keep, order.compare)
	rest := all[min(len(all), max(skip, 0)):]
	count := rapid.Bool().Draw(r, "count")
	if count {
		options.Set("$count", "true")
	}
	for path := x.path + "?" + options.Encode(); path != ""; {
		page := rest[:min(len(rest), top)]
		want := map[string]any{"value": page}
		if count {
			want["@odata.count"] = float64(len(all))
		}
		rest = rest[len(page):]
		path = m.check(r, x, "GET", path, "", 200, want)
		if more := len(page) > 0 && len(rest) > 0; more != (path != "") {
			r.Fatalf("%d items are left, and the link is %q", len(rest), path)
		}
		if len(rest) > 3*top {
			return // a few links are enough
		}
	}
}

// sorted returns a person's items in the order of a list. Items with equal values are ordered by id.
func (m *model) sorted(owner Person, keep func(modelItem) bool, compare func(a, b modelItem) int) []any {
	items := slices.SortedFunc(maps.Values(m.items[owner.ID]), func(a, b modelItem) int {
		if c := compare(a, b); c != 0 {
			return c
		}
		return strings.Compare(a["id"].(string), b["id"].(string))
	})
	kept := make([]any, 0, len(items))
	for _, item := range items {
		if keep(item) {
			kept = append(kept, item)
		}
	}
	return kept
}

func (m *model) drawFilter(r *rapid.T, owner Person, options url.Values) (keep func(modelItem) bool) {
	name := rapid.OneOf(rapid.SampledFrom(m.names(owner)), nastyText).Draw(r, "name")
	quote := func(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
	switch rapid.IntRange(0, 5).Draw(r, "filter") {
	case 0:
		options.Set("$filter", "displayName eq "+quote(name))
		return func(i modelItem) bool { return i["displayName"] == name }
	case 1:
		letters := []rune(name)
		start := string(letters[:rapid.IntRange(0, min(3, len(letters))).Draw(r, "letters")])
		options.Set("$filter", "startswith(displayName,"+quote(start)+")")
		return func(i modelItem) bool { return strings.HasPrefix(i["displayName"].(string), start) }
	case 2:
		options.Set("$filter", "description ne null and not (displayName gt "+quote(name)+")")
		return func(i modelItem) bool { return i["description"] != nil && i["displayName"].(string) <= name }
	case 3:
		options.Set("$filter", "createdDateTime eq "+modelInstant(m.now()))
		return func(i modelItem) bool { return i["createdDateTime"] == modelInstant(m.now()) }
	}
	return func(modelItem) bool { return true }
}

// names returns the names of a person's items, since a random name hardly ever matches.
func (m *model) names(owner Person) []string {
	names := make([]string, 0, len(m.items[owner.ID]))
	for _, item := range m.items[owner.ID] {
		names = append(names, item["displayName"].(string))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

var nastyWords = []string{
	"", " ", "chess", "折り紙", "خط عربي", "👩‍👩‍👧‍👦", "O'Brien", "''", `"quoted"`, `back\slash \u0041`,
	"<b>&amp;</b>", "\t\r\n", "\x00", "a\x00b", "\x01\x1f\x7f\u0085", "\u2028\u2029", "\ufeff", "e\u0301", "é", "\ufffd", "\U0010ffff", "null",
	"%00+%27", "1 eq 1) or (", "ß ẞ İ ı",
}

// nastyText draws text of up to 2 kB with special meanings in URLs, JSON or SQL.
var nastyText = rapid.OneOf(
	rapid.SampledFrom(nastyWords),
	rapid.StringN(0, 20, -1),
	rapid.Custom(func(r *rapid.T) string {
		word := rapid.SampledFrom(nastyWords[2:]).Draw(r, "word")
		return strings.Repeat(word, rapid.IntRange(1, 2048/len(word)).Draw(r, "times"))
	}),
)

// wrongValues draws values that are invalid for most properties.
var wrongValues = rapid.SampledFrom([]any{
	nil, true, 5, "", "x", []any{}, []any{nil}, []any{"x", 5}, []any{[]any{}}, map[string]any{}, map[string]any{"x": 1},
})

// modelValues draws values that are mostly valid for the property.
var modelValues = map[string]*rapid.Generator[any]{
	"displayName": nastyText.AsAny(), "description": nastyText.AsAny(),
	"webUrl": nastyText.AsAny(), "thumbnailUrl": nastyText.AsAny(),
	"categories": rapid.SliceOfN(nastyText, 0, 4).AsAny(), "collaborationTags": rapid.SliceOfN(nastyText, 0, 4).AsAny(),
	"allowedAudiences": rapid.SampledFrom([]any{
		"me", "family", "organization", "everyone", "family, contacts", "groupMembers,contacts", "me,everyone", "family,family", "me,me", "nobody", "Family", "8",
		"unknownFutureValue", "family,", "family, unknownFutureValue",
	}),
	"isSearchable": rapid.Bool().AsAny(),
	"inference": drawObject(map[string]*rapid.Generator[any]{
		"confidenceScore": rapid.SampledFrom([]any{
			0, 1, 0.5, -2.25, 1e-7, 1e300, "INF", "-INF", "NaN", "0.5", "inf", nil,
		}),
		"userHasVerifiedAccuracy": rapid.SampledFrom([]any{true, false, nil}),
		"@odata.type":             drawType(modelInference),
	}),
	"createdBy": drawObject(map[string]*rapid.Generator[any]{
		"application": identityValue, "device": identityValue, "user": identityValue,
		"tenant": nastyText.AsAny(), "@odata.type": drawType(modelIdentities),
	}),
	"source": drawObject(map[string]*rapid.Generator[any]{"type": rapid.SliceOfN(nastyText, 0, 2).AsAny()}),
	// Values of these properties are ignored.
	"id": wrongValues, "createdDateTime": wrongValues, "lastModifiedDateTime": wrongValues, "lastModifiedBy": wrongValues,
	"sources": wrongValues, "@odata.context": nastyText.AsAny(), "categories@odata.type": nastyText.AsAny(),
	"@odata.type": drawType(modelInterest),
}

var identityValue = rapid.OneOf(rapid.Just[any](nil), drawObject(map[string]*rapid.Generator[any]{
	"id": nastyText.AsAny(), "displayName": nastyText.AsAny(), "email": nastyText.AsAny(),
	"user@odata.type": nastyText.AsAny(),
}))

func drawType(t modelType) *rapid.Generator[any] {
	return rapid.SampledFrom([]any{t.name, "#" + t.name, "#" + t.name, "#microsoft.graph.entity"})
}

// drawObject draws some of the members, and sometimes a member of the wrong type or an unknown one.
func drawObject(members map[string]*rapid.Generator[any]) *rapid.Generator[any] {
	names := slices.Sorted(maps.Keys(members))
	return rapid.Custom(func(r *rapid.T) any {
		object := make(map[string]any)
		for range rapid.IntRange(0, 4).Draw(r, "members") {
			name := rapid.SampledFrom(names).Draw(r, "member")
			object[name] = members[name].Draw(r, name)
			switch rapid.IntRange(0, 24).Draw(r, "odd") {
			case 1, 2, 3:
				object[name] = nil
			case 4:
				object[name] = wrongValues.Draw(r, "wrong")
			case 5:
				object[rapid.SampledFrom([]string{"nonsense", "DisplayName", "", "a\x00"}).Draw(r, "unknown")] = "x"
			}
		}
		return object
	})
}

var bodyValue = drawObject(modelValues)

// malformed are bodies that are not JSON objects.
var malformed = []string{
	`[]`, `null`, `"x"`, `{`, `{"displayName": "x"} {}`, `{"displayName": "x", "displayName": "y"}`, `{"displayName": "x",}`,
	"{\"displayName\": \"\xff\"}", " ",
}

// drawBody draws a body and its content, which is nil if it is not a JSON object. With probability named/10 it has a
// displayName, which is sometimes that of an existing item.
func drawBody(r *rapid.T, names []string, named int) (text string, body map[string]any) {
	if rapid.IntRange(0, 24).Draw(r, "malformed") == 24 {
		return rapid.SampledFrom(malformed).Draw(r, "body"), nil
	}
	object := bodyValue.Draw(r, "body").(map[string]any)
	if _, has := object["displayName"]; !has && rapid.IntRange(1, 10).Draw(r, "named") <= named {
		object["displayName"] = rapid.OneOf(nastyText, rapid.SampledFrom(names)).Draw(r, "displayName")
	}
	text = spell(object, rapid.Bool().Draw(r, "ASCII"))
	if err := json.Unmarshal([]byte(text), &body); err != nil {
		r.Fatal(err)
	}
	if len(object) > 0 && rapid.IntRange(1, 10).Draw(r, "repeated") == 10 {
		text = strings.TrimSuffix(strings.TrimSpace(text), "}") + "," + text[1:] // repeats every member
	}
	return text, body
}

// spell encodes JSON with as few escapes as possible, or with everything escaped.
func spell(v any, escaped bool) string {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(escaped)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	if !escaped {
		return text.String()
	}
	var ascii strings.Builder
	for _, letter := range text.String() {
		if letter < 0x7f {
			ascii.WriteRune(letter)
			continue
		}
		for _, unit := range utf16.Encode([]rune{letter}) {
			fmt.Fprintf(&ascii, `\u%04X`, unit)
		}
	}
	return ascii.String()
}

// TestModel executes random requests for two people, and compares every response with that of a model.
func TestModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		m := newModel(t, r)
		r.Repeat(map[string]func(*rapid.T){
			"create": m.create, "patch": m.patch, "patch again": m.patch, "delete": m.remove, "get": m.get, "list": m.list,
		})
		for _, p := range m.people {
			all := m.sorted(p, func(modelItem) bool { return true }, compareCreated)
			x := exchange{caller: p, at: m.now()}
			m.check(r, x, "GET", listing("$top", "1000"), "", 200, map[string]any{"value": all})
		}
	})
}
