// Package faults decides which faults a request to the sandbox gets: errors, delays, lost connections, broken bodies and
// unusual values, as the real API produces them. Package sandbox applies the faults.
//
// A new fault needs a [Kind] with its parameters (rule.go), and a field of [Plan] that [Set.Plan] fills in (plan.go).
// CONTRIBUTING.md lists all steps.
//
// Rules come from a file, from the admin resource at run time ([Set.ServeHTTP]), and for a single request from its header
// (header.go). Random numbers come from a seed, so that the same requests in the same order get the same faults.
package faults

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// Config is a seed and rules: the content of a faults file and the body of a PUT to the admin resource.
type Config struct {
	Seed  uint64 `json:"seed"`
	Rules []Rule `json:"rules"`
}

// Parse parses a configuration. The error names the rule.
func Parse(text []byte) (Config, error) {
	var raw struct {
		Seed  uint64            `json:"seed"`
		Rules []json.RawMessage `json:"rules"`
	}
	if err := decode(text, &raw); err != nil {
		return Config{}, err
	}
	c := Config{Seed: raw.Seed, Rules: make([]Rule, len(raw.Rules))}
	for n, rule := range raw.Rules {
		if err := json.Unmarshal(rule, &c.Rules[n]); err != nil {
			return Config{}, fmt.Errorf("rules[%d]: %w", n, err)
		}
	}
	return c, nil
}

// Set is the active rules. It is safe for concurrent use.
type Set struct {
	mu    sync.Mutex
	seed  uint64
	rules []*active
}

// active is an active rule with its counts.
type active struct {
	Rule
	Matched int `json:"matched"` // requests that the rule matched
	Applied int `json:"applied"` // requests that the rule was applied to
	random  *rand.Rand
}

// NewSet returns a set of the rules of a configuration.
func NewSet(c Config) *Set {
	s := new(Set)
	s.replace(c)
	return s
}

func (s *Set) replace(c Config) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seed, s.rules = c.Seed, make([]*active, len(c.Rules))
	for n, rule := range c.Rules {
		s.rules[n] = newActive(rule, c.Seed, n)
	}
}

// newActive gives each rule a random number generator of its own, so that its decisions do not depend on the requests
// that other rules match.
func newActive(r Rule, seed uint64, n int) *active {
	return &active{Rule: r, random: rand.New(rand.NewPCG(seed, uint64(n)))}
}

// Plan returns the faults of a request: those of the active rules and those that its headers name.
func (s *Set) Plan(r *http.Request, now time.Time) (Plan, error) {
	var p Plan
	own, err := fromHeader(r.Header)
	if err != nil {
		return p, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for n, rule := range own {
		p.add(&rule, now, rand.New(rand.NewPCG(s.seed, uint64(n))))
	}
	for _, rule := range s.rules {
		if rule.applies(r) {
			p.add(&rule.Rule, now, rule.random)
		}
	}
	return p, nil
}

func (a *active) applies(r *http.Request) bool {
	if a.Next > 0 && a.Applied == a.Next || !a.matches(r.Method, r.URL.Path) {
		return false
	}
	a.Matched++
	if a.Share > 0 && a.random.Float64() >= a.Share {
		return false
	}
	a.Applied++
	return true
}
