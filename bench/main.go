// Bench measures the cost of ProfileQL compared with a plain reverse proxy:
//
//	go run ./bench
//
// It builds ProfileQL, and starts it, a stub of a source and a reverse proxy as separate processes on loopback
// addresses. It sends the same load through both in alternating rounds, and prints a table. The proxy forwards the
// same request that ProfileQL sends to the source, and has the same garbage collector target. A second table compares
// a merged page with the single pages that it consists of, all of them through ProfileQL. CPU time is that of the
// measured process alone, from /proc, so Linux is required. A run takes about three minutes.
//
// With -check, it fails if a case costs more than 1.25 times its target.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"profileql/test/process"
)

func main() {
	role := flag.String("role", "", "internal: source or proxy, for the processes that bench starts")
	target := flag.String("target", "", "internal: where the proxy sends requests")
	rounds := flag.Int("rounds", 5, "how many alternating rounds each case has")
	only := flag.String("case", "", "run only the cases whose name contains this")
	check := flag.Bool("check", false, "fail if a case costs more than 1.25 times its target")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	switch *role {
	case "source":
		err = serve(newSource())
	case "proxy":
		err = serveProxy(*target)
	default:
		err = run(ctx, os.Stdout, *rounds, *only, *check)
	}
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// testCase is a kind of load.
type testCase struct {
	name    string
	target  float64 // the ratio that ProfileQL is to stay below; 0 for none
	body    string  // of the GraphQL request
	sources int
	callers int
	items   int    // number that each source has; 0 for as many as requested
	part    string // body of the request for a single source, with which a merged page is compared; empty for the proxy
}

// slack is what a ratio may exceed its target by before -check fails: three rounds of a second spread by up to 20 %.
const slack = 1.25

const (
	fiveFields   = `id displayName description createdDateTime categories`
	twelveFields = `id itemId displayName description categories collaborationTags webUrl allowedAudiences ` +
		`inference { confidenceScore userHasVerifiedAccuracy } createdDateTime createdBy { user { id displayName } } lastModifiedDateTime`
)

const update = `{"query": "mutation Update($input: UpdatePersonInterestInput!) { updatePersonInterest(input: $input) { personInterest { ` +
	twelveFields + ` profileSource { name } } } }", "variables": {"input": {"id": "` + itemID + `", "patch": {"displayName": "Chess", ` +
	`"description": "Openings, endgames and everything between", "categories": ["games"], "webUrl": null}}}}`

func page(first int, fields string) string {
	return fmt.Sprintf(`{"query": "query ($first: Int!) { me { interests(first: $first) { edges { cursor node { %s } } pageInfo { hasNextPage endCursor } } } }", "variables": {"first": %d}}`, fields, first)
}

// facetPattern matches the start of a field with arguments.
var facetPattern = regexp.MustCompile(`\n  (\w+)\(\n`)

// wholeProfile returns a request for a page of 20 items of each facet.
func wholeProfile() (string, error) {
	text, err := os.ReadFile("schema.graphqls")
	if err != nil {
		return "", err
	}
	_, profile, _ := strings.Cut(string(text), "\ntype Profile ")
	profile, _, _ = strings.Cut(profile, "\n}")
	var b strings.Builder
	for _, facet := range facetPattern.FindAllStringSubmatch(profile, -1) {
		b.WriteString(" " + facet[1] + " { nodes { ...F } pageInfo { hasNextPage endCursor } failedSources { code } }")
	}
	return fmt.Sprintf(`{"query": "{ me {%s } } fragment F on ItemFacet { id itemId allowedAudiences inference { confidenceScore userHasVerifiedAccuracy } createdDateTime `+
		`createdBy { user { id displayName } } lastModifiedDateTime isSearchable source { type } ... on PersonInterest { displayName description } }"}`, &b), nil
}

func cases() (all []testCase, err error) {
	whole, err := wholeProfile()
	if err != nil {
		return nil, err
	}
	for _, callers := range []int{1, 32, 256} {
		all = append(all, testCase{name: fmt.Sprintf("update, %d callers", callers), target: 2, body: update, sources: 1, callers: callers})
	}
	all = append(all,
		testCase{name: "page of 20, 5 fields", target: 3.5, body: page(20, fiveFields), sources: 1, callers: 32},
		testCase{name: "page of 20, 12 fields", target: 3.5, body: page(20, twelveFields), sources: 1, callers: 32},
		testCase{name: "page of 100, 5 fields", target: 5, body: page(100, fiveFields), sources: 1, callers: 32},
		testCase{name: "page of 100, 12 fields", target: 7, body: page(100, twelveFields), sources: 1, callers: 32})
	for _, callers := range []int{1, 256} {
		all = append(all, testCase{name: fmt.Sprintf("page of 20, 12 fields, %d callers", callers), body: page(20, twelveFields), sources: 1, callers: callers})
	}
	all = append(all, testCase{name: "whole profile, 19 facets of 20 items", target: 6, body: whole, sources: 1, callers: 32})
	for sources := 2; sources <= 4; sources++ {
		all = append(all, testCase{name: fmt.Sprintf("page of 20, 12 fields, %d sources", sources), body: page(20, twelveFields), sources: sources, callers: 32})
	}
	return all, nil
}

func mergedCases() []testCase {
	return []testCase{{
		name: "page of 100, 5 fields, merged from 4 sources of 25 items", target: 1.5, body: page(100, fiveFields), sources: 4, callers: 32,
		items: 25, part: page(25, fiveFields),
	}}
}

func run(ctx context.Context, out io.Writer, rounds int, only string, check bool) error {
	started, err := startServers(ctx)
	if err != nil {
		return err
	}
	defer started.stop()
	selected := func(of []testCase) []testCase {
		return slices.DeleteFunc(of, func(c testCase) bool { return !strings.Contains(c.name, only) })
	}
	all, err := cases()
	if err != nil {
		return err
	}
	above, err := tabulate(ctx, out, started, "proxy", selected(all), rounds)
	if err != nil {
		return err
	}
	aboveMerged, err := tabulate(ctx, out, started, "single pages", selected(mergedCases()), rounds)
	if err != nil {
		return err
	}
	if above = append(above, aboveMerged...); check && len(above) > 0 {
		return fmt.Errorf("more than %g times the target: %s", slack, strings.Join(above, "; "))
	}
	return allocations(ctx, out)
}

// tabulate measures cases, and prints the cost of ProfileQL and of what it is compared with. It returns the cases
// that exceed their targets by more than the slack.
func tabulate(ctx context.Context, out io.Writer, p *servers, beside string, cases []testCase, rounds int) (above []string, err error) {
	if len(cases) == 0 {
		return nil, nil
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintf(table, "case\t%s µs\tProfileQL µs\ttimes\t(min-max)\tp50 ms\tp99 ms\tMB\t\n", beside)
	for _, c := range cases {
		r, err := measure(ctx, p, c, rounds)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		if ratio := median(r.ratios); c.target > 0 && ratio > c.target*slack {
			above = append(above, fmt.Sprintf("%s: %.2f, target %g", c.name, ratio, c.target))
		}
		_, _ = fmt.Fprintf(table, "%s\t%.0f\t%.0f\t%.2f\t(%.2f-%.2f)\t%.2f\t%.2f\t%d\t\n", c.name, median(r.beside), median(r.facade),
			median(r.ratios), slices.Min(r.ratios), slices.Max(r.ratios), r.p50, r.p99, r.memory>>20)
	}
	return above, table.Flush()
}

// result is the result of one case. CPU times are in microseconds: of ProfileQL per request, and of what it is
// compared with for the same amount of data.
type result struct {
	beside, facade, ratios []float64
	p50, p99               float64 // of ProfileQL, in milliseconds
	memory                 int64   // resident memory of ProfileQL at the end, in bytes
}

// roundTime is the approximate duration of one side of a round.
const roundTime = time.Second

func measure(ctx context.Context, p *servers, c testCase, rounds int) (r result, err error) {
	if err := p.source.hold(ctx, c.items); err != nil {
		return r, err
	}
	facade := toFacade(p.facades[c.sources-1], c.body, c.callers)
	beside, each := toFacade(p.facades[0], c.part, c.callers), float64(c.sources)
	if c.part == "" {
		each = 1
		if beside, err = proxied(ctx, p, facade); err != nil {
			return r, err
		}
	}
	var latencies []time.Duration
	for round := range rounds + 1 {
		other, err := beside.run(ctx)
		if err != nil {
			return r, fmt.Errorf("beside it: %w", err)
		}
		other.cpu *= each
		own, err := facade.run(ctx)
		if err != nil {
			return r, fmt.Errorf("ProfileQL: %w", err)
		}
		if round == 0 { // a warm-up, which also determines the number of requests of a round
			continue
		}
		r.beside, r.facade = append(r.beside, other.cpu), append(r.facade, own.cpu)
		r.ratios = append(r.ratios, own.cpu/other.cpu)
		latencies = append(latencies, own.took...)
	}
	slices.Sort(latencies)
	r.p50, r.p99 = quantile(latencies, 0.5), quantile(latencies, 0.99)
	r.memory, err = process.Memory(facade.PID)
	return r, err
}

func toFacade(p *process.Process, body string, callers int) load {
	return load{Process: p, method: "POST", url: p.Address + "/graphql", body: body, callers: callers}
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

func quantile(sorted []time.Duration, q float64) float64 {
	return float64(sorted[int(q*float64(len(sorted)-1))].Microseconds()) / 1000
}

// proxied returns the load that sends through the proxy the request that ProfileQL sends to its source.
func proxied(ctx context.Context, p *servers, facade load) (load, error) {
	if err := facade.send(ctx, facade.client(), 0); err != nil {
		return load{}, fmt.Errorf("ProfileQL: %w", err)
	}
	sent, err := p.source.last(ctx)
	if err != nil {
		return load{}, err
	}
	l := load{Process: p.proxy, method: sent.Method, url: p.proxy.Address + sent.URI, body: sent.Body, callers: facade.callers}
	return l, l.send(ctx, l.client(), 0)
}
