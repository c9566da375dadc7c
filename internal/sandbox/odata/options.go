package odata

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"profileql/internal/sandbox/edm"
)

// Options are the query options of one request (OData URL Conventions 4.01, section 5): OData's by their full names, such
// as $select, and others as they are. Nil is none.
type Options map[string]string

// ParseOptions reads the query of a URL, which is still escaped. The error is an [*edm.Error]: an escape is broken, or an
// option of OData's is there twice. Whether an option fits the resource is for [Options.Only] and [ParseQuery] to say.
//
// (net/url's own reader takes no semicolons, which $expand separates options by.)
func ParseOptions(rawQuery string) (Options, error) {
	o := make(Options)
	for part := range strings.SplitSeq(rawQuery, "&") {
		if part == "" {
			continue
		}
		name, text, _ := strings.Cut(part, "=")
		name, nameErr := url.QueryUnescape(name)
		text, textErr := url.QueryUnescape(text)
		if nameErr != nil || textErr != nil {
			return nil, edm.Errorf("The query specified in the URI is not valid.")
		}
		if err := o.add(name, text); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// add takes an option. Beta knows OData's without the $ too (Microsoft Graph query parameters), and OData 4.01 in any
// case. Those that are not OData's are of no interest, but are kept for links.
func (o Options) add(name, text string) error {
	known := []string{"$select", "$filter", "$orderby", "$top", "$skip", "$skiptoken", "$count", "$expand", "$search"}
	if full := "$" + strings.TrimPrefix(strings.ToLower(name), "$"); slices.Contains(known, full) {
		name = full
	}
	if _, twice := o[name]; twice && strings.HasPrefix(name, "$") {
		return edm.Errorf("Query option '%s' was specified more than once, but it must be specified at most once.", name)
	}
	o[name] = text
	return nil
}

// Only returns an [*edm.Error] if there is another option of OData's than these. Of those that are not, there may be any.
func (o Options) Only(names ...string) error {
	for name := range o {
		if strings.HasPrefix(name, "$") && !slices.Contains(names, name) {
			return edm.Errorf("Query option '%s' is not supported here.", name)
		}
	}
	return nil
}

// encode writes blanks as %20, which every reader understands, and leaves the $ as it is.
func (o Options) encode() string {
	v := make(url.Values, len(o))
	for name, text := range o {
		v.Set(name, text)
	}
	return strings.NewReplacer("+", "%20", "%24", "$").Replace(v.Encode())
}

// number reads a count of items; absent is what it is when it is not given.
func (o Options) number(name string, absent int) (int, error) {
	text, ok := o[name]
	if !ok {
		return absent, nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 0 {
		return 0, edm.Errorf("Invalid value '%s' for %s query option found. The %s query option requires a non-negative integer value.",
			text, name, name)
	}
	return int(n), nil
}

// boolean reads an option that is false when it is not given.
func (o Options) boolean(name string) (bool, error) {
	switch o[name] {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	if text, ok := o[name]; ok {
		return false, edm.Errorf("Invalid value '%s' for %s query option found. Valid values are 'false', 'true'.", text, name)
	}
	return false, nil
}
