package instant

import (
	"strings"
	"testing"
	"time"
)

var instants = map[string]bool{
	"2017-01-01T00:00:46.1697867+03:00": true, "2017-01-01T00:00:00Z": true, "2017-01-31T23:59:59Z": true, "2016-02-29T00:00:00Z": true,
	"0001-01-01T00:00:00Z": true, "2020-01-01T00:00:00.123456789012Z": true, "2020-01-01T00:00:00-11:30": true,
	"2017-01-01": false, "2017-01-01T00:00:46,1Z": false, "2017-01-01T1:00:00Z": false, "2017-02-30T00:00:00Z": false, "2017-02-29T00:00:00Z": false,
	"2017-01-01 00:00:00Z": false, "2017-01-01T00:00:00": false, "2017-01-01T25:00:00Z": false, "2017-13-01T00:00:00Z": false, "2017-00-01T00:00:00Z": false,
	"2017-01-00T00:00:00Z": false, "2017-01-01T00:60:00Z": false, "2017-01-01T00:00:60Z": false, "2017-01-01T00:00:00.Z": false, "2017-01-01T00:00:00z": false,
	"2017-01-01T00:00:00Zx": false, "2017-01-01T00:00:00.1": false, "": false, "Z": false, "2017-01-01t00:00:00Z": false, "２017-01-01T00:00:00Z": false,
}

func TestValid(t *testing.T) {
	t.Parallel()
	for text, want := range instants {
		if Valid(text) != want || Valid([]byte(text)) != want {
			t.Errorf("%q: %t", text, !want)
		}
	}
}

func TestValidDate(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"2017-01-31": true, "2016-02-29": true, "0000-01-01": true, "0001-01-01": true, "9999-12-31": true,
		"2017-02-29": false, "2017-02-30": false, "2017-13-01": false, "2017-00-01": false, "2017-01-00": false, "2017-04-31": false,
		"2017-1-31": false, "2017-01-1": false, "2017-01": false, "2017": false, "20170131": false, "2017/01/31": false, "31-01-2017": false,
		"12017-01-01": false, "-0001-01-01": false, "+2017-01-01": false, "2017-01-31Z": false, "2017-01-31T00:00:00Z": false,
		" 2017-01-31": false, "2017-01-31 ": false, "2017-01-31\n": false, "": false, "Date": false, "２017-01-01": false,
	} {
		if ValidDate(text) != want || ValidDate([]byte(text)) != want {
			t.Errorf("%q: %t", text, !want)
		}
	}
}

// FuzzValid holds that the fast path agrees with time.Parse.
func FuzzValid(f *testing.F) {
	for text := range instants {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_, err := time.Parse(time.RFC3339, text)
		want := err == nil && text[len("2006-01-02T15")] == ':' && !strings.Contains(text, ",")
		if Valid(text) != want {
			t.Errorf("%q: %t", text, !want)
		}
	})
}

// FuzzCompare holds that Compare agrees with time.Time.
func FuzzCompare(f *testing.F) {
	for a := range instants {
		for _, b := range []string{"2017-01-01T00:00:00Z", "2017-01-01T00:00:00.10Z", "2020-01-01T00:00:00.1234567890Z"} {
			f.Add(a, b)
		}
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		c, ok := Compare(a, b)
		if ok != (isCommonForm(a) && isCommonForm(b)) {
			t.Errorf("%q and %q: ok is %t", a, b, ok)
		}
		ta, errA := time.Parse(time.RFC3339, a)
		tb, errB := time.Parse(time.RFC3339, b)
		if ok && (errA != nil || errB != nil || c != ta.Compare(tb)) {
			t.Errorf("%q and %q: %d, but %d", a, b, c, ta.Compare(tb))
		}
	})
}
