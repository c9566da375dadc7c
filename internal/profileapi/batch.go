package profileapi

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"profileql/internal/jsontape"
	"profileql/internal/profile"
)

// maxBatch is the maximum number of requests in a batch (learn.microsoft.com/graph/json-batching).
const maxBatch = 20

// batchCapability is the key of $batch in [capabilities].
const batchCapability = "$batch"

// batchPart is a read that is sent in a batch.
type batchPart struct {
	request
	done chan struct{} // closed when the fields below are set

	resp  *response
	terr  *transportError
	alone bool // whether the read must be sent in a request of its own, because the batch has no response for it
}

// fetch sends a GET and reads its response. Reads of the same operation are sent in a batch.
func (c *Client) fetch(ctx context.Context, r request) (resp *response, terr *transportError) {
	d := profile.DispatcherOf(ctx)
	if d == nil {
		return c.send(ctx, r)
	}
	if !c.useBatch || c.capabilities.isUnsupported(batchCapability) {
		d.Wait(func() { resp, terr = c.send(ctx, r) })
		return resp, terr
	}
	p := &batchPart{request: r, done: make(chan struct{})}
	reads, isFirst := d.Join(ctx, c, p, maxBatch)
	switch {
	case len(reads) == 1:
		p.alone = true
	case isFirst:
		c.sendBatch(ctx, d, reads)
	default:
		<-p.done
	}
	if p.alone {
		defer d.Begin(1)
		if len(reads) > 1 && r.step != nil {
			r.step = profile.StepOf(profile.WithReason(ctx, profile.Fallback))
		}
		return c.send(ctx, r)
	}
	return p.resp, p.terr
}

// sendBatch sends reads in a batch, and sets their results.
func (c *Client) sendBatch(ctx context.Context, d *profile.Dispatcher, reads []any) {
	parts := make([]*batchPart, len(reads))
	for i, read := range reads {
		parts[i] = read.(*batchPart)
	}
	defer func() { // after a panic too, because the others wait
		answered := 0
		for _, p := range parts {
			if p.alone = p.resp == nil && p.terr == nil; !p.alone {
				answered++
			}
		}
		d.Begin(answered) // all of them, before the first continues: their next reads are sent together again
		for _, p := range parts {
			close(p.done)
		}
	}()
	resp, terr := c.exchangeBatch(ctx, parts)
	switch {
	case terr != nil && (terr.rejection != nil || ctx.Err() != nil):
		for _, p := range parts {
			p.terr = &transportError{request: p.request, err: terr.err, rejection: terr.rejection}
		}
	case terr != nil:
	case resp.status == http.StatusOK:
		c.setResponses(ctx, parts, resp)
	case resp.status == http.StatusUnauthorized || resp.status == http.StatusTooManyRequests:
		// It concerns each of the reads, and sending them all at once would make it worse.
		for _, p := range parts {
			each := *resp
			each.request, p.resp = p.request, &each
		}
	case isBatchUnsupported(resp.status):
		c.capabilities.markUnsupported(batchCapability)
		resp.step.Learn(learned(batchCapability))
	}
}

// isBatchUnsupported reports whether the status of a batch means that the source has no $batch.
func isBatchUnsupported(status int) bool {
	switch status {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return true
	}
	return false
}

// exchangeBatch sends a batch. It takes at most half of the time that is left, so that the reads can still be sent one by
// one if one of them holds up the others.
func (c *Client) exchangeBatch(ctx context.Context, parts []*batchPart) (*response, *transportError) {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/2)
		defer cancel()
	}
	profile.CountBatch(ctx)
	return c.send(ctx, request{
		method: http.MethodPost, url: c.base.String() + "/$batch", body: c.appendBatch(nil, parts), clientID: parts[0].clientID, parts: len(parts),
		step: profile.StepOf(profile.WithReason(ctx, "")),
	})
}

// appendBatch appends the body of a batch. The id of each request is its index, and its URL is relative to the base URL.
func (c *Client) appendBatch(dst []byte, parts []*batchPart) []byte {
	base := c.base.String()
	dst = append(dst, `{"requests":[`...)
	for i, p := range parts {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(strconv.AppendInt(append(dst, `{"id":"`...), int64(i), 10), `","method":"GET","url":`...)
		dst = jsontape.AppendString(dst, strings.TrimPrefix(p.url, base))
		dst = append(dst, `,"headers":{"Accept":"application/json","client-request-id":`...)
		dst = append(jsontape.AppendString(dst, p.clientID), `}}`...)
	}
	return append(dst, `]}`...)
}

// setResponses sets the responses of the reads that a batch's response has one for.
func (c *Client) setResponses(ctx context.Context, parts []*batchPart, batch *response) {
	if checkJSON(batch) != nil {
		return
	}
	root, err := batch.json()
	if err != nil {
		return
	}
	responses := root.Member("responses")
	for one, ok := responses.First(); ok; ok = one.Next() {
		id, _ := one.Member("id").Text()
		i, err := strconv.Atoi(id)
		if err != nil || i < 0 || i >= len(parts) || parts[i].resp != nil {
			continue
		}
		resp := partResponse(parts[i].request, one.Value)
		if resp == nil {
			continue
		}
		parts[i].resp = resp
		end(c.begin(resp.request, batch.traced), resp, nil)
		profile.CountCall(ctx, requestID(resp, nil), diagnostic(resp))
		if c.observe != nil {
			c.observe(ctx, resp.status, resp.header)
		}
	}
}

// partResponse returns the response to one request of a batch; nil if it is unreadable.
func partResponse(r request, v jsontape.Value) *response {
	if v.Member("status").Kind() != jsontape.Number {
		return nil
	}
	status, err := strconv.Atoi(string(v.Member("status").Raw()))
	if err != nil || status < 100 || status > 599 {
		return nil
	}
	resp := &response{request: r, status: status, header: make(http.Header)}
	headers := v.Member("headers")
	for h, ok := headers.First(); ok && headers.Kind() == jsontape.Object; ok = h.Next() {
		if text, isText := h.Text(); isText {
			resp.header.Set(string(h.Name()), text)
		}
	}
	body := v.Member("body")
	if isNull(body) {
		return resp
	}
	if kind := body.Kind(); (kind == jsontape.Object || kind == jsontape.Array) && resp.header.Get("Content-Type") == "" {
		resp.header.Set("Content-Type", "application/json")
	}
	resp.body, resp.parsed = body.Raw(), body
	if r.maxItems > 0 && len(resp.body) > smallResponse && (&itemCounter{limit: r.maxItems}).count(resp.body) > r.maxItems {
		resp.bodyErr = errTooManyItems
	}
	return resp
}
