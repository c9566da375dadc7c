package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"pgregory.net/rapid"

	"profileql/test/scene"
)

// listItem is an item of a pagingSource. The instants are empty for null.
type listItem struct{ ID, Created, Modified string }

// pagingSource is a source with one list, whose capabilities are set by its fields. It evaluates exactly the queries
// that ProfileQL sends, independently of the sandbox.
type pagingSource struct {
	NoFilter, NoOrder, NoSelect, NoCount              bool // responds with 400
	IgnoreFilter, IgnoreOrder, IgnoreTop, CountAbsent bool
	Page                                              int    // maximum number of items per page; 0 for no limit
	Link                                              string // "$skip" or "$skiptoken": the option in a next link
	Empty                                             int    // empty pages before each page that is not
	LastLink                                          bool   // the last page has a next link too
	LinkTo                                            string // replaces the address of next links
	Spells                                            *spelling
	OrdersByInstant                                   bool // not by id: items with equal instants are in stored order
	NullIsHigh                                        bool // above every value, as in PostgreSQL

	Collate func(a, b string) int // order of ids; nil for bytes

	mu       sync.Mutex
	items    []listItem
	requests []url.Values
}

// fewest returns the length of the shortest list that shows the source's behavior on the first page: a shorter one
// may be in order by chance.
func (s *pagingSource) fewest() int {
	if s.IgnoreOrder {
		return 9
	}
	return 0
}

func (s *pagingSource) change(change func([]listItem) []listItem) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.items = change(slices.Clone(s.items))
}

func (s *pagingSource) take() []url.Values {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := s.requests
	s.requests = nil
	return taken
}

func (s *pagingSource) ServeHTTP(w http.ResponseWriter, r *http.Request) { scene.Batch(s.serve)(w, r) }

func (s *pagingSource) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := r.URL.Query()
	s.requests = append(s.requests, q)
	if r.URL.Path != "/beta/me/profile/interests" ||
		s.NoFilter && q.Has("$filter") || s.NoOrder && q.Has("$orderby") || s.NoSelect && q.Has("$select") || s.NoCount && q.Has("$count") {
		answerJSON(400, `{"error": {"code": "BadRequest", "message": "not supported"}}`)(w, r)
		return
	}
	items := slices.Clone(s.items)
	if filter := q.Get("$filter"); filter != "" && !s.IgnoreFilter {
		items = slices.DeleteFunc(items, func(i listItem) bool { return !s.matches(filter, i) })
	}
	if order := q.Get("$orderby"); order != "" && !s.IgnoreOrder {
		slices.SortStableFunc(items, s.odataOrder(order))
	}
	all := len(items)
	// The number of items to skip; a token has the same number in another form.
	skip, _ := strconv.Atoi(q.Get("$skip") + strings.TrimPrefix(q.Get("$skiptoken"), "t"))
	empty, _ := strconv.Atoi(q.Get("empty"))
	items = items[min(skip, len(items)):]
	size := len(items)
	if s.Page > 0 {
		size = min(size, s.Page)
	}
	if top, err := strconv.Atoi(q.Get("$top")); err == nil && !s.IgnoreTop {
		size = min(size, top)
	}
	next := skip + size
	answer := map[string]any{}
	spells := s.Spells
	if spells == nil {
		spells = &asGraph
	}
	if q.Get("$count") == "true" && !s.CountAbsent {
		spells.count(answer, all)
	}
	link := func(skip, empty int) {
		values := url.Values{}
		if s.Link == "$skiptoken" {
			values.Set("$skiptoken", "t"+strconv.Itoa(skip))
		} else {
			values.Set("$skip", strconv.Itoa(skip))
		}
		for _, kept := range []string{"$filter", "$orderby", "$select", "$top"} {
			if q.Has(kept) {
				values.Set(kept, q.Get(kept))
			}
		}
		values.Set("empty", strconv.Itoa(empty))
		address := spells.Address
		if s.LinkTo != "" {
			address = s.LinkTo
		}
		for _, name := range spells.Links {
			answer[name] = strings.ReplaceAll(address, "{host}", r.Host) + "?" + values.Encode()
		}
	}
	if spells.NoLink != "" {
		answer[spells.NoLink] = nil
	}
	switch {
	case empty < s.Empty && len(items) > 0:
		items = nil
		link(skip, empty+1)
	default:
		items = items[:size]
		if next < all || s.LastLink && size > 0 {
			link(next, 0)
		}
	}
	value := make([]map[string]any, len(items))
	for i, item := range items {
		value[i] = map[string]any{spells.Prefix + "id": "x", spells.Prefix + "type": "#x", "id": item.ID, "displayName": "item " + item.ID, "createdDateTime": orNull(item.Created), "lastModifiedDateTime": orNull(item.Modified)}
		if names := q.Get("$select"); names != "" {
			for name := range value[i] {
				if !strings.HasPrefix(name, spells.Prefix) && !slices.Contains(strings.Split(names, ","), name) {
					delete(value[i], name)
				}
			}
		}
	}
	answer["value"] = value
	body, err := json.Marshal(answer)
	if err != nil {
		panic(err)
	}
	answerJSON(200, string(body))(w, r)
}

// spelling is the way in which a source writes control information and links.
type spelling struct {
	Prefix  string   // of control information
	Links   []string // names of the next link
	NoLink  string   // a name whose value is null
	Address string   // of the list, in next links
}

var asGraph = spelling{Prefix: "@odata.", Links: []string{"@odata.nextLink"}, Address: "http://{host}/beta/me/profile/interests"}

// innerOrigin is the origin that a source behind a gateway uses for itself.
const innerOrigin = "http://profiles.internal:8080"

var (
	linkNames = [][]string{
		{"@odata.nextLink"}, {"@nextLink"}, {"odata.nextLink"}, {"nextLink"}, {"@odata.nextlink"}, {"@NextLink"}, {"@odata.nextLink", "@nextLink"},
	}
	linkAddresses = []string{
		"http://{host}/beta/me/profile/interests", "HTTP://{host}/Beta/ME/Profile/Interests/", "http://{host}//beta/me//profile/interests", "https://{host}/beta/me/profile/interests",
		"http://{host}/beta/me/%70rofile/inter%65sts", "http://{host}/beta/users('48d31887-5fad-4d73-a9f5-3c356e68a038')/profile/interests",
		"http://{host}/beta/users/ada@example.com/profile/interests", "http://{host}/beta/Users(%27ada@example.com%27)/profile/interests", "//{host}/beta/me/profile/interests",
		innerOrigin + "/me/profile/interests", innerOrigin + "/api/beta/users/ada/profile/interests/", "/beta/me/profile/interests", "interests", "", "me/profile/interests", "users('x')/profile/interests",
	}
)

// drawSpelling draws a random spelling.
func drawSpelling(t *rapid.T) *spelling {
	return &spelling{
		Prefix:  rapid.SampledFrom([]string{"@odata.", "@", "odata."}).Draw(t, "prefix"),
		Links:   rapid.SampledFrom(linkNames).Draw(t, "links"),
		NoLink:  rapid.SampledFrom([]string{"", "@nextlink", "@odata.deltaLink", "next"}).Draw(t, "no link"),
		Address: rapid.SampledFrom(linkAddresses).Draw(t, "address"),
	}
}

// count writes the length of a list. Before version 4.0 of OData, it was a string.
func (s *spelling) count(answer map[string]any, all int) {
	answer[s.Prefix+"count"] = all
	if s.Prefix == "odata." {
		answer[s.Prefix+"count"] = strconv.Itoa(all)
	}
}

func orNull(instant string) any {
	if instant == "" {
		return nil
	}
	return instant
}

func (i listItem) at(property string) string {
	switch property {
	case "createdDateTime":
		return i.Created
	case "lastModifiedDateTime":
		return i.Modified
	}
	panic(property)
}

// odataOrder returns the order of an $orderby as in OData: null is below every value.
func (s *pagingSource) odataOrder(orderBy string) func(a, b listItem) int {
	first, rest, _ := strings.Cut(orderBy, ",")
	property, direction, _ := strings.Cut(first, " ")
	return func(a, b listItem) int {
		if property != "id" {
			c := compareOData(a.at(property), b.at(property))
			if s.NullIsHigh && (a.at(property) == "") != (b.at(property) == "") {
				c = -c
			}
			if direction == "desc" && c != 0 {
				return -c
			} else if c != 0 {
				return c
			}
			if rest != "id" || s.OrdersByInstant {
				return 0
			}
		}
		return s.collate(a.ID, b.ID)
	}
}

func (s *pagingSource) collate(a, b string) int {
	if s.Collate == nil {
		return strings.Compare(a, b)
	}
	return s.Collate(a, b)
}

func compareOData(a, b string) int {
	switch {
	case a == "" && b == "":
		return 0
	case a == "":
		return -1
	case b == "":
		return 1
	}
	return moment(a).Compare(moment(b))
}

// moment parses an instant. One with a question mark after it is readable by the source only.
func moment(text string) time.Time {
	t, err := time.Parse(time.RFC3339, strings.TrimSuffix(text, "?"))
	if err != nil {
		panic(err)
	}
	return t
}

var comparison = regexp.MustCompile(`^(\w+) (eq|ne|lt|gt|le|ge) (null|'(?:[^']|'')*'|\S+)$`)

// matches evaluates the filters that ProfileQL sends: comparisons with "and" in parentheses or alone, joined by "or".
func (s *pagingSource) matches(filter string, item listItem) bool {
	for _, alternative := range strings.Split(filter, " or ") {
		holds := true
		for _, one := range strings.Split(strings.Trim(alternative, "()"), " and ") {
			m := comparison.FindStringSubmatch(one)
			if m == nil {
				panic(fmt.Sprintf("filter %q in %q", one, filter))
			}
			holds = holds && s.compares(m[1], m[2], m[3], item)
		}
		if holds {
			return true
		}
	}
	return false
}

func (s *pagingSource) compares(property, operator, literal string, item listItem) bool {
	if property == "id" {
		c := s.collate(item.ID, strings.ReplaceAll(strings.Trim(literal, "'"), "''", "'"))
		return operator == "gt" && c > 0 || operator == "eq" && c == 0
	}
	value := item.at(property)
	if literal == "null" {
		return (value == "") == (operator == "eq")
	}
	if value == "" {
		return operator == "ne"
	}
	c := moment(value).Compare(moment(literal))
	switch operator {
	case "eq":
		return c == 0
	case "lt":
		return c < 0
	case "gt":
		return c > 0
	case "le":
		return c <= 0
	case "ge":
		return c >= 0
	}
	return c != 0
}
