package profileapi

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"profileql/internal/profile"
)

// batchSource serves single reads, and answers batches with a function. A function that returns nil leaves the batch
// without a response until the request is canceled.
type batchSource struct {
	batch func(ids []string) *http.Response

	mu      sync.Mutex
	batches []int // number of requests in each
	singles int
	sent    []string // bodies of the batches
}

func (s *batchSource) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Method == http.MethodGet {
		s.singles++
		return newResponse(200, `{"id": "single"}`), nil
	}
	text, _ := io.ReadAll(r.Body)
	var body struct{ Requests []struct{ ID string } }
	if err := json.Unmarshal(text, &body); err != nil || !strings.HasSuffix(r.URL.Path, "/beta/$batch") {
		return newResponse(500, ""), nil
	}
	var ids []string
	for _, one := range body.Requests {
		ids = append(ids, one.ID)
	}
	s.batches, s.sent = append(s.batches, len(ids)), append(s.sent, string(text))
	resp := s.batch(ids)
	if resp == nil {
		s.mu.Unlock()
		<-r.Context().Done()
		s.mu.Lock()
		return nil, r.Context().Err()
	}
	return resp, nil
}

// partOf returns one response in a batch.
func partOf(id, rest string) string { return fmt.Sprintf(`{"id": %q, %s}`, id, rest) }

// answered returns a batch's response in which each request has the same response.
func answered(rest string) func([]string) *http.Response {
	return func(ids []string) *http.Response {
		var all []string
		for _, id := range slices.Backward(ids) { // the order is not that of the requests
			all = append(all, partOf(id, rest))
		}
		return newResponse(200, `{"responses": [`+strings.Join(all, ", ")+`]}`)
	}
}

func batching(t *testing.T, source http.RoundTripper, observe func(int)) *Client {
	t.Helper()
	o := Options{Name: "test", BaseURL: "https://source.example/beta", Transport: source, Batch: true, Log: slog.New(slog.DiscardHandler)}
	o.Observe = func(_ context.Context, status int, _ http.Header) { observe(status) }
	client, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// readTogether gets items concurrently as the resolvers of one operation do, and returns their ids or errors.
func readTogether(t *testing.T, c *Client, n int) (got []string) {
	ctx := profile.WithDispatcher(t.Context(), n)
	got = make([]string, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			defer profile.DispatcherOf(ctx).End()
			item, err := NewCollection(c, "things", nil).Get(ctx, profile.Ref{ID: fmt.Sprint("a", i)}, nil)
			if got[i] = item.ID; err != nil {
				got[i] = err.Error()
			}
		})
	}
	all.Wait()
	return got
}

const goodPart = `"status": 200, "headers": {"Content-Type": "application/json"}, "body": {"id": "part"}`

// TestBatches tests what reads get for each response to a batch, and which requests are sent.
func TestBatches(t *testing.T) {
	t.Parallel()
	whole := func(status int, body string, header ...string) func([]string) *http.Response {
		return func([]string) *http.Response { return newResponse(status, body, header...) }
	}
	for name, test := range map[string]struct {
		batch    func(ids []string) *http.Response
		want     string // each read's id, or the start of its error
		batches  int
		singles  int // of three reads
		remember bool
	}{
		"good":                 {batch: answered(goodPart), want: "part", batches: 1},
		"no headers":           {batch: answered(`"status": 200, "body": {"id": "part"}`), want: "part", batches: 1},
		"not found":            {batch: answered(`"status": 404, "body": {"error": {"code": "UnknownError", "message": ""}}`), want: "NOT_FOUND", batches: 1},
		"throttled for long":   {batch: answered(`"status": 429, "headers": {"retry-after": "60"}`), want: "THROTTLED", batches: 1},
		"failing":              {batch: answered(`"status": 500`), want: "SOURCE_UNAVAILABLE", batches: 1},
		"busy, then not":       {batch: answered(`"status": 503, "headers": {"Retry-After": "1"}`), want: "single", batches: 1, singles: 3},
		"not JSON":             {batch: answered(`"status": 200, "headers": {"Content-Type": "text/html"}, "body": "<html>"`), want: "SOURCE_INVALID_RESPONSE", batches: 1},
		"an item without body": {batch: answered(`"status": 200`), want: "SOURCE_INVALID_RESPONSE", batches: 1},
		"the token is refused": {batch: whole(401, `{"error": {"code": "InvalidAuthenticationToken"}}`), want: "UNAUTHENTICATED", batches: 1},
		"throttled as a whole": {batch: whole(429, "", "Retry-After", "60"), want: "THROTTLED", batches: 1},

		"not there":            {batch: whole(404, ""), want: "single", batches: 1, singles: 3, remember: true},
		"not allowed":          {batch: whole(405, ""), want: "single", batches: 1, singles: 3, remember: true},
		"not understood":       {batch: whole(400, ""), want: "single", batches: 1, singles: 3, remember: true},
		"not implemented":      {batch: whole(501, ""), want: "single", batches: 1, singles: 3, remember: true},
		"failing as a whole":   {batch: whole(500, ""), want: "single", batches: 1, singles: 3},
		"forbidden as a whole": {batch: whole(403, ""), want: "single", batches: 1, singles: 3},
		"a redirect":           {batch: whole(302, ""), want: "single", batches: 1, singles: 3},
		"something else":       {batch: whole(200, `{"value": []}`), want: "single", batches: 1, singles: 3},
		"cut short":            {batch: whole(200, `{"responses": [{"id": "0", "sta`), want: "single", batches: 1, singles: 3},
		"a page of HTML":       {batch: whole(200, `<html>`, "Content-Type", "text/html"), want: "single", batches: 1, singles: 3},
		"strange parts": {batch: whole(200, `{"responses": [null, 5, {"id": 0}, {"id": "0"}, {"id": "1", "status": "200"}, {"id": "2", "status": 7}, {"id": "9", "status": 200}, {"id": "-1", "status": 200}]}`),
			want: "single", batches: 1, singles: 3},
		"too large": {batch: whole(200, `{"responses": ["`+strings.Repeat("x", maxResponseBytes)+`"]}`), want: "single", batches: 1, singles: 3},
		"no answer": {batch: func([]string) *http.Response { return nil }, want: "single", batches: 1, singles: 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				source := &batchSource{batch: test.batch}
				c := batching(t, source, func(int) {})
				for _, got := range readTogether(t, c, 3) {
					if !strings.HasPrefix(got, test.want) {
						t.Errorf("%s, want %s", got, test.want)
					}
				}
				if len(source.batches) != test.batches || source.batches[0] != 3 || source.singles != test.singles {
					t.Errorf("batches of %d and %d singles, want %d and %d", source.batches, source.singles, test.batches, test.singles)
				}
				readTogether(t, c, 3)
				if again := len(source.batches) > test.batches; again == test.remember {
					t.Errorf("another batch: %v", again)
				}
				time.Sleep(time.Hour)
				source.batch = answered(goodPart)
				if got := readTogether(t, c, 3); got[0] != "part" {
					t.Errorf("after an hour: %s", got)
				}
			})
		})
	}
}

// TestMissingParts tests that only the reads without a response are sent again.
func TestMissingParts(t *testing.T) {
	t.Parallel()
	source := &batchSource{batch: func(ids []string) *http.Response {
		return newResponse(200, `{"responses": [`+partOf(ids[1], goodPart)+`, `+partOf(ids[1], `"status": 500`)+`]}`)
	}}
	var observed []int
	got := readTogether(t, batching(t, source, func(status int) { observed = append(observed, status) }), 3)
	slices.Sort(got)
	if want := []string{"part", "single", "single"}; !slices.Equal(got, want) || source.singles != 2 || !slices.Equal(observed, []int{200}) {
		t.Errorf("%s after %d singles, observed %d", got, source.singles, observed)
	}
}

var batchPattern = regexp.MustCompile(`^\{"requests":\[\{"id":"0","method":"GET","url":"/me/profile/things/a[01]","headers":\{"Accept":"application/json","client-request-id":"[-0-9a-f]{36}"\}\},` +
	`\{"id":"1","method":"GET","url":"/me/profile/things/a[01]","headers":\{"Accept":"application/json","client-request-id":"[-0-9a-f]{36}"\}\}\]\}$`)

// TestBatchSizes tests that at most 20 reads are sent in one batch, one read in none, and what is sent.
func TestBatchSizes(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]struct {
		batches []int
		singles int
	}{1: {nil, 1}, 2: {[]int{2}, 0}, 19: {[]int{19}, 0}, 20: {[]int{20}, 0}, 21: {[]int{20}, 1}, 100: {[]int{20, 20, 20, 20, 20}, 0}} {
		source := &batchSource{batch: answered(goodPart)}
		readTogether(t, batching(t, source, func(int) {}), n)
		if !slices.Equal(source.batches, want.batches) || source.singles != want.singles {
			t.Errorf("%d reads: batches of %d and %d singles", n, source.batches, source.singles)
		}
		if n == 2 && !batchPattern.MatchString(source.sent[0]) {
			t.Errorf("sent %s", source.sent[0])
		}
	}
}

// TestRequestIDs tests that generated ids are UUIDs of version 4, and differ.
func TestRequestIDs(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for range 1000 {
		id := clientRequestID(t.Context())
		parsed, err := uuid.Parse(id)
		if err != nil || parsed.Version() != 4 || parsed.Variant() != uuid.RFC4122 || seen[id] {
			t.Fatalf("%q: %v", id, err)
		}
		seen[id] = true
	}
}

// TestBatchRounds tests that the next reads of the same tasks are sent together too.
func TestBatchRounds(t *testing.T) {
	t.Parallel()
	source := &batchSource{batch: answered(goodPart)}
	c := batching(t, source, func(int) {})
	ctx := profile.WithDispatcher(t.Context(), 3)
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			defer profile.DispatcherOf(ctx).End()
			for range 2 {
				if _, err := NewCollection(c, "things", nil).Get(ctx, profile.Ref{ID: "a"}, nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if !slices.Equal(source.batches, []int{3, 3}) || source.singles != 0 {
		t.Errorf("batches of %d and %d singles", source.batches, source.singles)
	}
}
