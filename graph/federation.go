package graph

import (
	"context"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"profileql/graph/model"
	"profileql/internal/jsontape"
	"profileql/internal/profile"
	"profileql/internal/projection"
)

// LoadSubgraph parses a schema, and extends it to a subgraph of Apollo Federation 2. The text gets the directives that
// composition needs, and what is served the fields that gateways use, which are those of federation.graphqls. The entities
// are Profile and the items of all facets; their key is the id. See
// https://www.apollographql.com/docs/graphos/schema-design/federated-schemas/reference/subgraph-spec.
func LoadSubgraph(sdl, fields string) (Schema, error) {
	parsed, err := parseSchema(sdl)
	if err != nil {
		return Schema{}, err
	}
	lines := strings.Split(sdl, "\n")
	addDirective(lines, parsed.Types["PageInfo"], "@shareable") // other subgraphs with connections have the same type
	addDirective(lines, parsed.Types["Profile"], keyDirective)
	members := ""
	for _, itemType := range facetsOf(parsed) {
		addDirective(lines, parsed.Types[itemType], keyDirective)
		members += "extend union _Entity = " + itemType + "\n"
	}
	extended, err := parseSchema(sdl + fields + members)
	return Schema{SDL: linkDirective + strings.Join(lines, "\n"), Parsed: extended}, err
}

const (
	linkDirective = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.0", import: ["@key", "@shareable"])

`
	keyDirective = `@key(fields: "id")`
)

// addDirective adds a directive to the definition of a type in the lines of the schema. An extension would not do for
// @shareable, which holds only for the fields of the same definition.
func addDirective(lines []string, def *ast.Definition, directive string) {
	line := &lines[def.Position.Line-1]
	*line = strings.Replace(*line, " {", " "+directive+" {", 1)
}

// __resolve_entities resolves the field _entities. The cost limits bound the number of representations. gqlgen generates no
// resolvers for the fields of a subgraph, but calls methods with these names.
func (ec *executionContext) __resolve_entities(ctx context.Context, representations []any) []model.Node {
	return resolveAll(ctx, representations, ec.Resolvers.(*Resolver).entity)
}

// __resolve__service resolves the field _service.
func (ec *executionContext) __resolve__service(ctx context.Context) (model.JSON, error) {
	defer profile.DispatcherOf(ctx).End()
	r := ec.Resolvers.(*Resolver)
	return r.plans.of(ctx).AppendFields(nil, func(dst []byte, _ *projection.Field) []byte {
		return jsontape.AppendString(dst, r.sdl)
	}), nil
}

func (r *Resolver) entity(ctx context.Context, representation any) (model.Node, error) {
	defer profile.DispatcherOf(ctx).End()
	id, err := r.parseRepresentation(representation)
	if err != nil {
		return nil, err
	}
	return r.object(ctx, id)
}

// parseRepresentation returns the id in a representation. Other fields than the key are ignored, because no field of an
// entity depends on them.
func (r *Resolver) parseRepresentation(representation any) (globalID, error) {
	object, isObject := representation.(map[string]any)
	typeName, hasType := object["__typename"].(string)
	text, hasID := object["id"].(string)
	switch {
	case !isObject:
		return globalID{}, profile.BadInput("A representation must be an object.")
	case !hasType:
		return globalID{}, profile.BadInput("The representation has no __typename that is a string.")
	case !r.isEntity(typeName):
		return globalID{}, profile.BadInput("The __typename of the representation is neither Profile nor the type of a facet's items.")
	case !hasID:
		return globalID{}, profile.BadInput("The representation of %s has no id that is a string.", typeName)
	}
	id, err := r.parseGlobalID(text)
	if err == nil && r.typeOf(id) != typeName {
		return globalID{}, profile.BadInput("The representation has the __typename %s, and the id of an object of the type %s.", typeName, r.typeOf(id))
	}
	return id, err
}

// isEntity reports whether a type has a key.
func (r *Resolver) isEntity(typeName string) bool {
	for _, f := range r.facets {
		if f.typeName == typeName {
			return true
		}
	}
	return typeName == "Profile"
}

// typeOf returns the type of the object with an id.
func (r *Resolver) typeOf(id globalID) string {
	if id.isProfile() {
		return "Profile"
	}
	return r.facets[id.facet].typeName
}
