package faults

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strings"
)

// Header is the header that injects a fault into the request that has it: Sandbox-Fault: error; status=503;
// retryAfter=2.5. Parameters have the syntax of media type parameters, and the names of the members of a rule.
// Several headers are several faults.
const Header = "Sandbox-Fault"

func fromHeader(h http.Header) ([]Rule, error) {
	var rules []Rule
	for _, text := range h.Values(Header) {
		rule, err := parseHeader(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", Header, err)
		}
		rules = append(rules, rule)
	}
	return rules, nil
}

// parseHeader parses a header by converting it to the JSON form of a rule, so that both are validated in the same
// way.
func parseHeader(text string) (Rule, error) {
	var rule Rule
	_, given, err := mime.ParseMediaType(text)
	if err != nil {
		return rule, err
	}
	name, _, _ := strings.Cut(text, ";")
	members := map[string]any{"fault": strings.TrimSpace(name)}
	for name, value := range given {
		member, err := memberOf(name, value)
		if err != nil {
			return rule, err
		}
		members[spelling(name)] = member
	}
	object, err := json.Marshal(members)
	if err != nil {
		return rule, err
	}
	return rule, json.Unmarshal(object, &rule)
}

// spelling returns a parameter's name as a rule spells it. Names in headers are case-insensitive.
func spelling(name string) string {
	for _, known := range parameters {
		for _, p := range known {
			if strings.EqualFold(p, name) {
				return p
			}
		}
	}
	return name
}

// memberOf converts the text of a parameter to JSON.
func memberOf(name, value string) (any, error) {
	switch spelling(name) {
	case "code", "message":
		return value, nil
	case "properties":
		return strings.Split(value, ","), nil
	}
	if !json.Valid([]byte(value)) {
		return nil, fmt.Errorf("%s is %q, which is neither a number nor true or false", name, value)
	}
	return json.RawMessage(value), nil
}
