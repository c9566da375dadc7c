// #region plugin
/** A plugin of GraphQL Code Generator: writes what the cache needs to know of the schema. */
import { isAbstractType, isObjectType } from "graphql";

export const plugin = (schema) => {
  const types = Object.values(schema.getTypeMap()).filter(({ name }) => !name.startsWith("__"));
  const possible = (type) => schema.getPossibleTypes(type).map(({ name }) => name);
  const rules = {
    possibleTypes: Object.fromEntries(types.filter(isAbstractType).map((type) => [type.name, possible(type)])),
    lists: Object.values(schema.getType("Profile").getFields())
      .filter(({ type }) => String(type).endsWith("Connection"))
      .map(({ name, args }) => ({
        name,
        // Everything but first and after makes another list.
        keyArgs: args.map((argument) => argument.name).filter((argument) => argument !== "first" && argument !== "after"),
      })),
    // What has an id that is not a global one.
    embedded: types
      .filter((type) => isObjectType(type) && type.getFields().id && !possible(schema.getType("Node")).includes(type.name))
      .map(({ name }) => name),
  };
  return Object.entries(rules).map(([name, rule]) => `export const ${name} = ${JSON.stringify(rule)};`).join("\n");
};
// #endregion
