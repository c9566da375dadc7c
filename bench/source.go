package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"profileql/test/process"
)

const itemID = "db489940-9940-db48-4099-48db409948db"

// item is the properties of an interest of typical size.
var item = []struct{ name, json string }{
	{"id", `"` + itemID + `"`},
	{"allowedAudiences", `"groupMembers,organization"`},
	{"inference", `{"confidenceScore": 0.6, "userHasVerifiedAccuracy": true}`},
	{"createdDateTime", `"2020-07-06T06:34:12.2294868Z"`},
	{"createdBy", `{"application": null, "device": null, "user": {"displayName": "Ada Lindqvist", "id": "41a5a8b7-e1f6-4e1a-9d4e-6b7c5d8e9f00"}}`},
	{"lastModifiedDateTime", `"2020-07-06T06:34:12.2294868Z"`},
	{"lastModifiedBy", `{"application": null, "device": null, "user": {"displayName": "Ada Lindqvist", "id": "41a5a8b7-e1f6-4e1a-9d4e-6b7c5d8e9f00"}}`},
	{"categories", `["games"]`},
	{"collaborationTags", `["askMeAbout", "ableToMentor"]`},
	{"description", `"Openings, endgames and everything between"`},
	{"displayName", `"Chess"`},
	{"isSearchable", `false`},
	{"webUrl", `"https://www.example.com/chess"`},
	{"thumbnailUrl", `null`},
	{"source", `{"type": ["User"]}`},
	{"sources", `[{"sourceId": "46a57efc-33f8-4eec-a512-b90039ad6187", "isDefaultSource": true}]`},
}

// write writes an item with the selected properties, or with all of them if none are selected.
func write(b *strings.Builder, selected, id string, created time.Time) {
	b.WriteString("{")
	separator := ""
	for _, p := range item {
		if selected != "" && !strings.Contains(","+selected+",", ","+p.name+",") {
			continue
		}
		value := p.json
		switch p.name {
		case "id":
			value = strconv.Quote(id)
		case "createdDateTime":
			value = strconv.Quote(created.Format("2006-01-02T15:04:05.0000000Z"))
		}
		_, _ = fmt.Fprintf(b, `%s"%s":%s`, separator, p.name, value)
		separator = ","
	}
	b.WriteString("}")
}

// sourceRequest is a request that the source received.
type sourceRequest struct{ Method, URI, Body string }

// source responds immediately, so that the measurement is of what is in front of it. It orders, and supports $top and
// $select. Each list has as many items as are requested, or as were set by /hold.
type source struct {
	mu      sync.Mutex
	last    sourceRequest
	items   int
	answers map[string][]byte // by URL
}

func newSource() http.Handler { return &source{answers: make(map[string][]byte)} }

func (s *source) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/last" {
		s.mu.Lock()
		defer s.mu.Unlock()
		_ = json.NewEncoder(w).Encode(s.last)
		return
	}
	if r.URL.Path == "/hold" {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.items, _ = strconv.Atoi(r.URL.Query().Get("items"))
		clear(s.answers)
		return
	}
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	s.last = sourceRequest{r.Method, r.URL.RequestURI(), string(body)}
	s.mu.Unlock()
	var answer []byte
	if root, isBatch := strings.CutSuffix(r.URL.Path, "/$batch"); isBatch {
		answer = s.batch(root, body)
	} else {
		answer = s.answer(r.URL)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
	_, _ = w.Write(answer)
}

// answer returns the response to a request for this URL.
func (s *source) answer(u *url.URL) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	answer, known := s.answers[u.RequestURI()]
	if !known {
		answer = answerTo(u, s.items)
		s.answers[u.RequestURI()] = answer
	}
	return answer
}

// batch returns the response to a $batch.
func (s *source) batch(root string, body []byte) []byte {
	var batch struct {
		Requests []struct{ ID, URL string }
	}
	_ = json.Unmarshal(body, &batch)
	var b bytes.Buffer
	separator := `{"responses":[`
	for _, part := range batch.Requests {
		u, err := url.Parse(root + part.URL)
		if err != nil {
			continue
		}
		_, _ = fmt.Fprintf(&b, `%s{"id":%q,"status":200,"headers":{"Content-Type":"application/json"},"body":%s}`, separator, part.ID, s.answer(u))
		separator = ","
	}
	b.WriteString("]}")
	return b.Bytes()
}

func answerTo(u *url.URL, items int) []byte {
	var b strings.Builder
	query, created := u.Query(), time.Date(2020, 7, 6, 6, 34, 12, 229486800, time.UTC)
	top, err := strconv.Atoi(query.Get("$top"))
	if err != nil {
		write(&b, query.Get("$select"), itemID, created)
		return []byte(b.String())
	}
	if items > 0 {
		top = min(top, items)
	}
	b.WriteString(`{"@odata.context":"https://graph.example.com/beta/$metadata#users('41a5a8b7')/profile/interests","value":[`)
	for i := range top {
		if i > 0 {
			b.WriteString(",")
		}
		write(&b, query.Get("$select"), fmt.Sprintf("%04d%s", i, itemID[4:]), created.Add(-time.Duration(i)*time.Hour))
	}
	b.WriteString("]}")
	return []byte(b.String())
}

// serve serves on a free loopback address, and prints the address, until standard input is closed. So it ends when
// its parent does.
func serve(h http.Handler) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = server.Close()
	}()
	if _, err := fmt.Fprintf(os.Stdout, "serving http://%s\n", l.Addr()); err != nil {
		return err
	}
	if err := server.Serve(l); err != http.ErrServerClosed {
		return err
	}
	return nil
}

// serveProxy serves the baseline: net/http's reverse proxy with the same limits of connections as ProfileQL.
func serveProxy(target string) error {
	u, err := url.Parse(target)
	if err != nil {
		return err
	}
	proxy := &httputil.ReverseProxy{
		Transport: &http.Transport{MaxIdleConns: 256, MaxIdleConnsPerHost: 256, MaxConnsPerHost: 256},
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(u) },
	}
	return serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Otherwise the server may close the body of a POST while the transport checks that it has ended, and a large
		// response is then cut short.
		_ = http.NewResponseController(w).EnableFullDuplex()
		proxy.ServeHTTP(w, r)
	}))
}

// stub is the source as a process.
type stub struct{ *process.Process }

// last returns the last request that the source received.
func (s stub) last(ctx context.Context) (sent sourceRequest, err error) {
	answer, err := s.ask(ctx, "/last")
	if err != nil {
		return sent, err
	}
	return sent, json.Unmarshal(answer, &sent)
}

// hold sets the number of items of the source's lists; 0 for as many as are requested.
func (s stub) hold(ctx context.Context, items int) error {
	_, err := s.ask(ctx, fmt.Sprintf("/hold?items=%d", items))
	return err
}

func (s stub) ask(ctx context.Context, uri string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Address+uri, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	return io.ReadAll(resp.Body)
}
