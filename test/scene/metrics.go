package scene

import (
	"strconv"
	"strings"
	"testing"
)

// Metrics are the samples of a page in the text format of Prometheus, by their name and labels as on the page.
type Metrics map[string]float64

// ReadMetrics reads a page of metrics. It keeps the samples whose names begin with the prefix.
func ReadMetrics(t testing.TB, page, prefix string) Metrics {
	t.Helper()
	m := make(Metrics)
	for line := range strings.Lines(page) {
		if strings.HasPrefix(line, "#") || !strings.HasPrefix(line, prefix) {
			continue
		}
		series, text, _ := cutLast(strings.TrimSpace(line), " ")
		value, err := strconv.ParseFloat(text, 64)
		if err != nil {
			t.Fatalf("%q is no sample: %v", line, err)
		}
		m[series] = value
	}
	return m
}

func cutLast(s, separator string) (before, after string, found bool) {
	i := strings.LastIndex(s, separator)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(separator):], true
}

// Since returns what has changed since earlier samples: series to differences. A series that was not there was 0.
func (m Metrics) Since(earlier Metrics) Metrics {
	changed := make(Metrics)
	for series, value := range m {
		if difference := value - earlier[series]; difference != 0 {
			changed[series] = difference
		}
	}
	return changed
}

// By returns the sums of the series with this name and with a label such as kind="single", by the values of other labels,
// with a space between them.
func (m Metrics) By(name, with string, labels ...string) map[string]float64 {
	sums := make(map[string]float64)
	for series, value := range m {
		if SeriesName(series) != name || !strings.Contains(series, with) {
			continue
		}
		values := make([]string, len(labels))
		for i, label := range labels {
			_, rest, _ := strings.Cut(series, label+`="`)
			values[i], _, _ = strings.Cut(rest, `"`)
		}
		sums[strings.Join(values, " ")] += value
	}
	return sums
}

// SeriesName returns the name of a series, without its labels.
func SeriesName(series string) string {
	name, _, _ := strings.Cut(series, "{")
	return name
}
