package odata

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"profileql/internal/sandbox/edm"
)

// Options are the query options of a request (OData URL Conventions 4.01, section 5). System query options have their
// full names, such as $select; custom ones their own. Nil means none.
type Options map[string]string

// ParseOptions parses the escaped query of a URL. The error is an [*edm.Error]: an invalid escape, or a repeated
// system query option. [Options.Only] and [ParseQuery] check whether an option is supported by the resource.
//
// net/url's parser does not accept semicolons, which separate options in $expand.
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

// add adds an option. The $ of system query options is optional in beta (Microsoft Graph query parameters), and their
// names are case-insensitive (OData 4.01). Custom options are ignored, but kept for links.
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

// Only returns an [*edm.Error] if there is any system query option but these. Custom options are allowed.
func (o Options) Only(names ...string) error {
	for name := range o {
		if strings.HasPrefix(name, "$") && !slices.Contains(names, name) {
			return edm.Errorf("Query option '%s' is not supported here.", name)
		}
	}
	return nil
}

// encode encodes the options. It writes spaces as %20, which every parser accepts, and does not escape $.
func (o Options) encode() string {
	v := make(url.Values, len(o))
	for name, text := range o {
		v.Set(name, text)
	}
	return strings.NewReplacer("+", "%20", "%24", "$").Replace(v.Encode())
}

// number parses a number of items, with a default for an absent option.
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

// boolean parses a boolean option, which is false if absent.
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
