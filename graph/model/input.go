package model

// InputCheck returns the check of values given for a GraphQL type other than an input object: a scalar, an enum, or a
// list of flags, written as in the schema but for a final "!". It returns nil for any other type. A check returns an
// [*InputError], and takes values as encoding/json (with json.Number) and gqlparser represent them.
func InputCheck(graphQLType string) func(v any) error {
	if check, ok := scalarInputs[graphQLType]; ok {
		return check
	}
	return enumInputs[graphQLType]
}

var scalarInputs = map[string]func(any) error{
	"ID":       func(v any) error { _, err := UnmarshalID(v); return err },
	"String":   func(v any) error { _, err := UnmarshalString(v); return err },
	"Boolean":  func(v any) error { _, err := UnmarshalBoolean(v); return err },
	"Int":      func(v any) error { _, err := UnmarshalInt(v); return err },
	"Float":    func(v any) error { _, err := UnmarshalFloat(v); return err },
	"DateTime": checkInput[DateTime],
}

func checkInput[T any, PT interface {
	*T
	UnmarshalGQL(v any) error
}](v any) error {
	return PT(new(T)).UnmarshalGQL(v)
}
