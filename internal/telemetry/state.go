package telemetry

import "go.opentelemetry.io/otel/attribute"

// State is what is read when the metrics are.
type State struct {
	Sources      []SourceState
	Memory       []MemoryState
	DroppedLines int
}

// SourceState is the load of a source.
type SourceState struct {
	Name          string
	InFlight      int64            // requests
	CallersQueued int64            // requests that wait for others of their own caller
	Queued        int64            // requests that wait for others
	Limit         int64            // of requests in flight
	Throttled     int64            // callers that the source has told to wait
	Shed          map[string]int64 // requests that were not sent so far, by reason
	Breaker       string           // the state of the circuit breaker, one of Breakers
	Openings      int64            // of the circuit breaker so far
}

// Breakers are the states of a circuit breaker.
var Breakers = []string{"closed", "half_open", "open"}

// MemoryState is the memory that answers of sources hold or may come to hold.
type MemoryState struct {
	Pool        string
	Used, Limit int64 // bytes
}

// Watch sets the function that returns the state. It is called whenever the metrics are read.
func (m *Metrics) Watch(state func() State) {
	if m != nil {
		m.state.Store(&state)
	}
}

func (m *Metrics) current() State {
	if state := m.state.Load(); state != nil {
		return (*state)()
	}
	return State{}
}

func (m *Metrics) observeOperations(i *instruments) {
	i.gauge("profileql.operations.in_flight", "{operation}", "GraphQL requests that are not answered yet",
		func(_ State, observe observer) { observe(m.inFlight.Load()) })
	// The counter of all errors has no series for a code before the first error. Prometheus sees no increase then, and a
	// single fault should raise an alert.
	i.counter("profileql.internal_errors", "{error}", "Answers with an error that is a fault in ProfileQL",
		func(_ State, observe observer) { observe(m.internalErrors.Load()) })
	lookups := func(c *hitsAndMisses) func(State, observer) {
		return func(_ State, observe observer) {
			observe(c.hits.Load(), attribute.String("result", "hit"))
			observe(c.misses.Load(), attribute.String("result", "miss"))
		}
	}
	i.counter("profileql.document.lookups", "{document}", "Documents that were looked up among the parsed ones", lookups(&m.documents))
	i.counter("profileql.persisted_query.lookups", "{document}", "Documents that were looked up by their hash or id", lookups(&m.persisted))
}

// observeState makes the instruments for the fields of [State].
func observeState(i *instruments) {
	perSource := func(observeSource func(SourceState, observer)) func(State, observer) {
		return func(state State, observe observer) {
			for _, s := range state.Sources {
				name := attribute.String(sourceName, s.Name)
				observeSource(s, func(value int64, attributes ...attribute.KeyValue) { observe(value, append(attributes, name)...) })
			}
		}
	}
	i.gauge("profileql.source.requests.in_flight", "{request}", "Requests to a source whose responses have not been read yet",
		perSource(func(s SourceState, observe observer) { observe(s.InFlight) }))
	i.gauge("profileql.source.requests.limit", "{request}", "Limit of requests to a source that are in flight",
		perSource(func(s SourceState, observe observer) { observe(s.Limit) }))
	i.gauge("profileql.source.requests.queued", "{request}", "Requests that wait for others to a source: of the same caller, or of any",
		perSource(func(s SourceState, observe observer) {
			observe(s.CallersQueued, attribute.String("queue", "caller"))
			observe(s.Queued, attribute.String("queue", "source"))
		}))
	i.counter("profileql.source.requests.shed", "{request}", "Requests that were not sent to a source because of its load",
		perSource(func(s SourceState, observe observer) {
			for reason, n := range s.Shed {
				observe(n, attribute.String("reason", reason))
			}
		}))
	i.gauge("profileql.source.circuit_breaker.state", "", "1 for the state that the circuit breaker of a source is in, 0 for the others",
		perSource(func(s SourceState, observe observer) {
			for _, state := range Breakers {
				var in int64
				if state == s.Breaker {
					in = 1
				}
				observe(in, attribute.String("state", state))
			}
		}))
	i.counter("profileql.source.circuit_breaker.openings", "{opening}", "How often the circuit breaker of a source has opened",
		perSource(func(s SourceState, observe observer) { observe(s.Openings) }))
	i.gauge("profileql.source.throttled_callers", "{caller}", "Callers that a source has told to wait, and whose time is not over",
		perSource(func(s SourceState, observe observer) { observe(s.Throttled) }))

	perPool := func(value func(MemoryState) int64) func(State, observer) {
		return func(state State, observe observer) {
			for _, p := range state.Memory {
				observe(value(p), attribute.String("pool", p.Pool))
			}
		}
	}
	i.gauge("profileql.answer.memory.usage", "By", "Memory that is reserved for responses of sources", perPool(func(p MemoryState) int64 { return p.Used }))
	i.gauge("profileql.answer.memory.limit", "By", "Limit of the memory for responses of sources", perPool(func(p MemoryState) int64 { return p.Limit }))
	i.counter("profileql.log.lines.dropped", "{line}", "Lines of the log that were dropped, because it is not read fast enough",
		func(s State, observe observer) { observe(int64(s.DroppedLines)) })
}
