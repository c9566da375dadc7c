package telemetry

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// instruments makes instruments, and keeps the first error.
type instruments struct {
	meter       metric.Meter
	observables []observable
	err         error
}

func (i *instruments) note(err error) {
	if i.err == nil {
		i.err = err
	}
}

// sets are the options of measurements with an attribute set for each key. They are kept, because a set is expensive to
// make. Keys must be few.
type sets[K comparable, O any] struct {
	attributes func(K) []attribute.KeyValue
	option     func(metric.MeasurementOption) O
	mu         sync.Mutex
	known      atomic.Pointer[map[K][]O] // copied to add one
}

func newSets[K comparable, O any](attributes func(K) []attribute.KeyValue, option func(metric.MeasurementOption) O) *sets[K, O] {
	s := &sets[K, O]{attributes: attributes, option: option}
	s.known.Store(new(map[K][]O))
	return s
}

func (s *sets[K, O]) get(k K) []O {
	if known, ok := (*s.known.Load())[k]; ok {
		return known
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	options := []O{s.option(metric.WithAttributeSet(attribute.NewSet(s.attributes(k)...)))}
	known := map[K][]O{k: options}
	maps.Copy(known, *s.known.Load())
	s.known.Store(&known)
	return options
}

// counter is a counter with attributes that follow from a key.
type counter[K comparable] struct {
	metric.Int64Counter
	sets *sets[K, metric.AddOption]
}

func newCounter[K comparable](i *instruments, name, unit, description string, attributes func(K) []attribute.KeyValue) *counter[K] {
	c, err := i.meter.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(description))
	i.note(err)
	return &counter[K]{c, newSets(attributes, func(o metric.MeasurementOption) metric.AddOption { return o })}
}

func (c *counter[K]) add(k K) { c.Add(context.Background(), 1, c.sets.get(k)...) }

// histogram is a histogram of durations with attributes that follow from a key.
type histogram[K comparable] struct {
	metric.Float64Histogram
	sets *sets[K, metric.RecordOption]
}

func newHistogram[K comparable](i *instruments, name, description string, attributes func(K) []attribute.KeyValue) *histogram[K] {
	h, err := i.meter.Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription(description), metric.WithExplicitBucketBoundaries(durations...))
	i.note(err)
	return &histogram[K]{h, newSets(attributes, func(o metric.MeasurementOption) metric.RecordOption { return o })}
}

func (h *histogram[K]) record(d time.Duration, k K) {
	h.Record(context.Background(), d.Seconds(), h.sets.get(k)...)
}

// observer is told a value and its attributes.
type observer func(value int64, attributes ...attribute.KeyValue)

// observable is an instrument whose values are read when the metrics are.
type observable struct {
	metric.Int64Observable
	read func(State, observer)
}

// gauge makes a gauge whose values are read from the state.
func (i *instruments) gauge(name, unit, description string, read func(State, observer)) {
	g, err := i.meter.Int64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(description))
	i.note(err)
	i.observables = append(i.observables, observable{g, read})
}

// counter makes a counter whose values are read from the state.
func (i *instruments) counter(name, unit, description string, read func(State, observer)) {
	c, err := i.meter.Int64ObservableCounter(name, metric.WithUnit(unit), metric.WithDescription(description))
	i.note(err)
	i.observables = append(i.observables, observable{c, read})
}

// register registers the observable instruments. The state is asked for once each time that the metrics are read.
func (i *instruments) register(state func() State) {
	all := make([]metric.Observable, len(i.observables))
	for n, o := range i.observables {
		all[n] = o.Int64Observable
	}
	_, err := i.meter.RegisterCallback(func(_ context.Context, to metric.Observer) error {
		s := state()
		for _, o := range i.observables {
			o.read(s, func(value int64, attributes ...attribute.KeyValue) {
				to.ObserveInt64(o.Int64Observable, value, metric.WithAttributes(attributes...))
			})
		}
		return nil
	}, all...)
	i.note(err)
}
