package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// maxAnswer is the maximum number of bytes read of a response.
const maxAnswer = 16 << 20

// runner runs cases against one server.
type runner struct {
	base    *url.URL
	token   string // empty for none
	sandbox bool   // whether to run the cases specific to the sandbox
	write   bool   // whether to run cases that write
	out     io.Writer

	client  *http.Client
	mark    string            // in the name of every item that the run creates
	fresh   map[string]bool   // ids that no item has
	lists   []string          // paths of the lists that items can be created in
	created map[string]bool   // paths of the lists that a create was sent to
	made    map[string]string // paths of the lists of created items, by item id
	deleted map[string]bool   // created items that were deleted
}

func newRunner(base, token string, sandbox, write bool, out io.Writer) (*runner, error) {
	u, err := url.Parse(strings.TrimSuffix(base, "/"))
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("the base URL has to be like https://graph.microsoft.com/beta")
	}
	return &runner{
		base: u, token: token, sandbox: sandbox, write: write, out: out,
		client: &http.Client{
			Timeout:       30 * time.Second,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		mark:    "conformance " + uuid.NewString(),
		fresh:   make(map[string]bool),
		lists:   []string{"/me/profile/interests"},
		created: make(map[string]bool),
		made:    make(map[string]string),
		deleted: make(map[string]bool),
	}, nil
}

// result is the number of cases by outcome.
type result struct{ passed, failed, skipped int }

// run runs all enabled cases, and deletes what they created.
func (r *runner) run(ctx context.Context, suites []suite) (n result, err error) {
	defer func() { err = errors.Join(err, r.cleanUp(context.WithoutCancel(ctx))) }()
	facets, err := r.describe(ctx)
	if err != nil {
		r.report("FAIL", facets.About+": $metadata describes them", "", err)
		n.failed++
	}
	suites = append(slices.Clone(suites), facets)
	for _, s := range suites {
		for _, c := range s.Cases {
			if err := ctx.Err(); err != nil {
				return n, err
			}
			reason, failure := r.skips(c), error(nil)
			if reason == "" {
				failure = r.runCase(ctx, c)
			}
			verdict := "ok  "
			switch {
			case failure != nil:
				verdict = "FAIL"
				n.failed++
			case reason != "":
				verdict = "skip"
				n.skipped++
			default:
				n.passed++
			}
			r.report(verdict, s.About+": "+c.Name, reason, failure)
		}
	}
	return n, nil
}

func (r *runner) skips(c testCase) string {
	switch {
	case c.Sandbox && !r.sandbox:
		return "the sandbox's own"
	case c.writes() && !r.write:
		return "writes"
	}
	return ""
}

func (r *runner) report(verdict, name, reason string, failure error) {
	line := verdict + " " + name
	if reason != "" {
		line += " (" + reason + ")"
	}
	if failure != nil {
		line += "\n     " + strings.ReplaceAll(failure.Error(), "\n", "\n     ")
	}
	_, _ = fmt.Fprintln(r.out, line)
}

// runCase runs the steps of a case up to the first failure.
func (r *runner) runCase(ctx context.Context, c testCase) error {
	fresh := uuid.NewString()
	r.fresh[fresh] = true
	v := variables{
		"base": r.base.String(), "root": r.base.Scheme + "://" + r.base.Host, "mark": r.mark, "new": fresh,
	}
	for n, s := range c.Steps {
		if err := r.runStep(ctx, s, v); err != nil {
			return fmt.Errorf("step %d, %s %s: %w\n(%s)", n+1, s.Request.method(), s.Request.Path, err, c.Because)
		}
	}
	return nil
}

func (r *runner) runStep(ctx context.Context, s step, v variables) error {
	filled, err := s.Request.fill(v)
	if err != nil {
		return err
	}
	got, err := r.send(ctx, filled)
	if err != nil {
		return err
	}
	return s.Answer.check(got, v)
}

// fill replaces the placeholders of a request.
func (q request) fill(v variables) (request, error) {
	var errs [4]error
	filled := request{Method: q.Method, Headers: make(map[string]string, len(q.Headers))}
	filled.Path, errs[0] = v.fill(q.Path)
	filled.Text, errs[1] = v.fill(q.Text)
	filled.Body, errs[2] = v.fillJSON(q.Body)
	for name, text := range q.Headers {
		filled.Headers[name], errs[3] = v.fill(text)
	}
	return filled, errors.Join(errs[:]...)
}

// received is a received response.
type received struct {
	status int
	header http.Header
	body   []byte
}

// send sends a request if allow permits it.
func (r *runner) send(ctx context.Context, q request) (received, error) {
	if err := r.allow(q); err != nil {
		return received{}, err
	}
	target, err := r.resolve(q.Path)
	if err != nil {
		return received{}, err
	}
	body := q.Body
	if body == nil {
		body = []byte(q.Text)
	}
	request, err := http.NewRequestWithContext(ctx, q.method(), target, bytes.NewReader(body))
	if err != nil {
		return received{}, err
	}
	if q.Body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if r.token != "" {
		request.Header.Set("Authorization", "Bearer "+r.token)
	}
	for name, text := range q.Headers {
		request.Header.Set(name, text)
	}
	r.noteCreates(q)
	got, err := r.exchange(request)
	r.remember(q, got)
	return got, err
}

// resolve returns the URL of a path. It returns an error for a link to another host, which must not get the token.
func (r *runner) resolve(path string) (string, error) {
	if strings.HasPrefix(path, "/") {
		return r.base.String() + escapePath(path), nil
	}
	link, err := url.Parse(path)
	if err != nil || link.Scheme != r.base.Scheme || link.Host != r.base.Host || !strings.HasPrefix(link.Path, r.base.Path+"/") {
		return "", fmt.Errorf("the link %s leads away from %s", path, r.base)
	}
	return path, nil
}

func (r *runner) exchange(request *http.Request) (received, error) {
	response, err := r.client.Do(request)
	if err != nil {
		return received{}, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	return received{response.StatusCode, response.Header, body}, err
}

// check compares a response with the expected one.
func (a answer) check(got received, v variables) error {
	if got.status != a.Status {
		return fmt.Errorf("status is %d; want %d: %s", got.status, a.Status, got.body[:min(len(got.body), 1000)])
	}
	for _, name := range slices.Sorted(maps.Keys(a.Headers)) {
		want, values := a.Headers[name], strings.Join(got.header.Values(name), ", ")
		if !v.match(want, values) {
			return fmt.Errorf("the header %s is %q; want %q", name, values, want)
		}
	}
	if a.Text != nil && !v.match(*a.Text, string(got.body)) {
		return fmt.Errorf("the body is %q; want %q", got.body, *a.Text)
	}
	if a.Body == nil {
		return nil
	}
	want, err := parseJSON(a.Body)
	if err != nil {
		return err
	}
	body, err := parseJSON(got.body)
	if err != nil {
		return fmt.Errorf("the body is not JSON (%w): %.300q", err, got.body)
	}
	if difference := v.compare("body", want, body); difference != "" {
		return errors.New(difference)
	}
	return nil
}
