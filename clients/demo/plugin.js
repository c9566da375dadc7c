/** A plugin of GraphQL Code Generator: writes the result of an introspection, without descriptions. */
import { introspectionFromSchema } from "graphql";

export const plugin = (schema) => ({
  prepend: [`import type { IntrospectionQuery } from "graphql";`],
  content: `export const schema = ${JSON.stringify(introspectionFromSchema(schema, { descriptions: false }))} as unknown as IntrospectionQuery;`,
});
