package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// cleaning is the maximum duration of the cleanup.
const cleaning = time.Minute

// allow returns an error for a request that could change anything not created by the run. All requests must pass it.
func (r *runner) allow(q request) error {
	if !q.writes() {
		return nil
	}
	if !r.write {
		return errors.New("this run only reads")
	}
	if q.method() == http.MethodPost && q.Path == "/$batch" {
		parts, err := q.parts()
		for _, p := range parts {
			err = errors.Join(err, r.allow(p))
		}
		if err != nil && !r.sandbox { // an invalid batch is assumed to change nothing
			return err
		}
		return nil
	}
	list, id := splitItem(q.Path)
	switch q.method() {
	case http.MethodPost:
		return r.allowCreate(q)
	case http.MethodPatch, http.MethodDelete:
		if r.made[id] == list || r.fresh[id] || r.sandbox {
			return nil
		}
		return fmt.Errorf("%s %s: this run has not made it", q.method(), q.Path)
	}
	if r.sandbox {
		return nil
	}
	return fmt.Errorf("%s is not a method to send to %s", q.method(), q.Path)
}

// allowCreate requires the mark in a created item, so that it can be found again.
func (r *runner) allowCreate(q request) error {
	if r.sandbox || strings.Contains(string(q.Body), r.mark) {
		return nil
	}
	return fmt.Errorf("POST %s: what it creates has no mark", q.Path)
}

// splitItem splits a path into that of a list and an id.
func splitItem(path string) (list, id string) {
	at := strings.LastIndex(path, "/")
	return path[:at], path[at+1:]
}

// noteCreates records the lists that a request may add to, whatever its response.
func (r *runner) noteCreates(q request) {
	parts := []request{q}
	if q.Path == "/$batch" {
		parts, _ = q.parts()
	}
	for _, p := range parts {
		if p.method() == http.MethodPost {
			r.created[p.Path] = true
		}
	}
}

// remember records created and deleted items, including those of a batch.
func (r *runner) remember(q request, got received) {
	switch {
	case q.method() == http.MethodPost && q.Path == "/$batch":
		r.rememberParts(q, got)
	case q.method() == http.MethodPost && got.status == http.StatusCreated:
		r.rememberMade(q.Path, got.body)
	case q.method() == http.MethodDelete && got.status == http.StatusNoContent:
		_, id := splitItem(q.Path)
		r.deleted[id] = true
	}
}

func (r *runner) rememberMade(list string, body []byte) {
	var item struct{ ID string }
	if json.Unmarshal(body, &item) == nil && item.ID != "" {
		r.made[item.ID] = list
	}
}

func (r *runner) rememberParts(q request, got received) {
	var sent struct{ Requests []struct{ ID, URL string } }
	var answers struct {
		Responses []struct {
			ID     string
			Status int
			Body   json.RawMessage
		}
	}
	if json.Unmarshal(q.Body, &sent) != nil || json.Unmarshal(got.body, &answers) != nil {
		return
	}
	for _, a := range answers.Responses {
		for _, p := range sent.Requests {
			if p.ID == a.ID && a.Status == http.StatusCreated {
				r.rememberMade("/"+strings.TrimPrefix(p.URL, "/"), a.Body)
			}
		}
	}
}

// cleanUp deletes what the run has created: known items, and items with its mark whose create response was lost.
func (r *runner) cleanUp(ctx context.Context) error {
	if !r.write {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, cleaning)
	defer cancel()
	var errs []error
	for _, list := range r.lists {
		if !r.created[list] {
			continue
		}
		found, err := r.marked(ctx, list)
		errs = append(errs, err)
		for _, id := range found {
			r.made[id] = list
		}
	}
	for id, list := range r.made {
		if r.deleted[id] {
			continue
		}
		if err := r.deleteMade(ctx, list+"/"+id); err != nil {
			errs = append(errs, fmt.Errorf("%s/%s is left behind: %w", list, id, err))
		}
	}
	return errors.Join(errs...)
}

// marked returns the ids of items with the run's mark. It reads whole lists, since not every server supports filters.
func (r *runner) marked(ctx context.Context, list string) (ids []string, err error) {
	for path := list; path != ""; {
		got, err := r.insist(ctx, request{Path: path})
		if err != nil {
			return ids, err
		}
		var page struct {
			Value []json.RawMessage
			Next  string `json:"@odata.nextLink"`
		}
		if err := json.Unmarshal(got.body, &page); err != nil {
			return ids, err
		}
		for _, text := range page.Value {
			var item struct{ ID string }
			if strings.Contains(string(text), r.mark) && json.Unmarshal(text, &item) == nil {
				ids = append(ids, item.ID)
			}
		}
		path = page.Next
	}
	return ids, nil
}

func (r *runner) deleteMade(ctx context.Context, path string) error {
	_, err := r.insist(ctx, request{Method: http.MethodDelete, Path: path})
	return err
}

// insist retries a request while the server is busy or the network fails. A missing item is not an error.
func (r *runner) insist(ctx context.Context, q request) (got received, err error) {
	for try := range 5 {
		got, err = r.send(ctx, q)
		if err == nil && got.status < http.StatusMultipleChoices || got.status == http.StatusNotFound {
			return got, nil
		}
		if err == nil {
			err = fmt.Errorf("status %d", got.status)
		}
		select {
		case <-time.After(pause(got, try)):
		case <-ctx.Done():
			return got, errors.Join(err, ctx.Err())
		}
	}
	return got, err
}

func pause(got received, try int) time.Duration {
	if seconds, err := strconv.ParseFloat(got.header.Get("Retry-After"), 64); err == nil {
		return time.Duration(seconds * float64(time.Second))
	}
	return time.Duration(100<<try) * time.Millisecond
}
