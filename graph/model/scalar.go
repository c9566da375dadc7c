package model

import (
	"encoding/json"
	"fmt"

	"github.com/99designs/gqlgen/graphql"
)

// MarshalInt writes a GraphQL Int.
func MarshalInt(i int) graphql.Marshaler { return graphql.MarshalInt(i) }

// UnmarshalInt returns the value of a GraphQL Int, such as 3 or 3.0. Its range is already checked.
func UnmarshalInt(v any) (int, error) {
	if n, ok := v.(json.Number); ok {
		f, err := n.Float64()
		return int(f), err
	}
	if n, ok := v.(int64); ok {
		return int(n), nil
	}
	return 0, fmt.Errorf("a %T is no Int", v)
}
